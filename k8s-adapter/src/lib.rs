//! Who asked? Kubernetes and MetalLB manifests in, addresses and status out.
#![forbid(unsafe_code)]

mod admission;
mod alive;
pub mod assigner;
mod check;
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
mod standalone;
pub mod state;
pub mod translate;

pub use alive::{Alive, AliveFault};
pub use check::check;
pub use diagnostic::{Diagnostic, Place, Severity};
pub use manifest::Manifest;
pub use paths::default_state_dir;
pub use problem::{Problem, SelectorFault, StaleReason};
pub use reader::FileContent;
pub use standalone::{Standalone, StandaloneConfig, StandaloneError, StandaloneEvent};
pub use translate::{Options, Translation, translate, validate};
