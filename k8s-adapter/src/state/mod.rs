//! The state folder: what must outlive a restart.

mod agreed;
mod assignments;
mod disk;
mod folder;
mod life;
mod manifests;

pub use agreed::AgreedFile;
pub use assignments::Assignments;
pub use disk::{Disk, OsDisk};
pub use folder::{StateError, StateFolder, StateLock};

/// A snapshot as it is after a restart.
#[cfg(test)]
pub(crate) fn round_trip(snapshot: &crate::folder::Snapshot) -> crate::folder::Snapshot {
    manifests::from_bytes(&manifests::to_bytes(snapshot)).ok().expect("it was just written")
}
