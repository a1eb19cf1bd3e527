//! Who asked? Kubernetes and MetalLB manifests in, addresses and status out.
#![forbid(unsafe_code)]

mod consistency;
mod diagnostic;
mod document;
pub mod kinds;
mod manifest;
mod positions;
mod problem;
mod reader;
pub mod translate;

pub use diagnostic::{Diagnostic, Place, Severity};
pub use manifest::Manifest;
pub use problem::{Problem, SelectorFault, StaleReason};
pub use reader::FileContent;
pub use translate::{Options, Translation, translate, validate};
