//! Who asked? Kubernetes and MetalLB manifests in, addresses and status out.
#![forbid(unsafe_code)]

mod admission;
mod alive;
mod consistency;
mod diagnostic;
mod document;
pub mod folder;
pub mod kinds;
mod manifest;
mod paths;
mod positions;
mod problem;
mod reader;
pub mod state;
pub mod translate;

pub use alive::{Alive, AliveFault};
pub use diagnostic::{Diagnostic, Place, Severity};
pub use manifest::Manifest;
pub use paths::default_state_dir;
pub use problem::{Problem, SelectorFault, StaleReason};
pub use reader::FileContent;
pub use translate::{Options, Translation, translate, validate};
