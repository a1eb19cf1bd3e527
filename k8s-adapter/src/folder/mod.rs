//! A folder of manifests, read once or followed.

mod files;
mod follow;
mod follower;
mod snapshot;
mod watch;

pub use files::{DirFiles, FileStamp, Files, FolderIdentity, Listing};
pub use follow::{Follow, FollowError};
pub use follower::{FileEvent, Follower, Timing};
pub use snapshot::Snapshot;
pub(crate) use watch::{Watch, WatchEvent};

use std::path::Path;

use crate::Options;
use vipcast_sans_io::Instant;

/// Reads a folder once, without any earlier state.
///
/// What cannot be read is among the diagnostics of the answer, the folder itself included.
#[must_use]
pub fn read(dir: &Path, options: &Options) -> Snapshot {
    let mut follower =
        Follower::new(DirFiles::new(dir), options.clone(), Snapshot::default(), Timing::default());
    follower.scan(Instant::ZERO).unwrap_or_default()
}
