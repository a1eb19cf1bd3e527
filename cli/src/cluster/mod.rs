//! The commands that talk to a Kubernetes cluster.

mod args;
pub(crate) mod controller;
pub(crate) mod crds;
mod log;
pub(crate) mod speaker;
mod stop;
