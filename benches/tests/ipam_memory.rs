//! How much memory an assignment takes, counted by the allocator of the program itself.

use std::alloc::System;

use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use vipcast_benches::ipam::{filled, one_pool, plain};
use vipcast_ipam::Owner;

#[global_allocator]
static GLOBAL: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Bytes for each plain assignment, beside the owner's own key, which the requests hold anyway.
fn bytes_per_assignment(count: usize) -> usize {
    let requests: Vec<_> = (0..count).map(plain).collect();
    let pools = one_pool("10.0.0.0/8");
    let region = Region::new(GLOBAL);
    let allocator = filled(pools, &requests).expect("it fits");
    let change = region.change();
    assert_eq!(allocator.len(), count);
    let bytes = change.bytes_allocated - change.bytes_deallocated;
    println!(
        "{count} assignments: {} bytes each, {} with the handle of the owner",
        bytes / count - size_of::<Owner>(),
        bytes / count
    );
    bytes / count - size_of::<Owner>()
}

#[test]
fn a_plain_assignment_takes_less_than_100_bytes_beside_its_owner() {
    // Just after a table has doubled, and just before.
    for count in [50_000, 100_000, 114_000, 115_000, 230_000] {
        assert!(bytes_per_assignment(count) < 100, "{count} assignments");
    }
}
