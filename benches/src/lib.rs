//! What the benchmarks share: worlds of a size, made the same way each time from a seed.

pub mod bgp;
pub mod ipam;
