//! The state folder: what must outlive a restart.

mod assignments;
mod disk;
mod folder;
mod manifests;

pub use assignments::Assignments;
pub use disk::{Disk, OsDisk};
pub use folder::{StateError, StateFolder, StateLock};
