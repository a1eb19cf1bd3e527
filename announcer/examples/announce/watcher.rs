use std::{
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    time::Duration,
};

use tokio::{sync::mpsc, time::sleep};

/// What an edit changes: device, inode, length, time of the last change.
type Stamp = (u64, u64, u64, i64, i64);

/// How often it looks. An edit counts once it was seen twice, so that no half of it does.
const INTERVAL: Duration = Duration::from_millis(50);

/// Says when a file was edited, in place or by a rename, and has settled. Edits from now on count.
pub(crate) fn watch(path: PathBuf) -> mpsc::Receiver<()> {
    let (sender, edits) = mpsc::channel(1);
    let mut known = stamp(&path);
    tokio::spawn(async move {
        let mut before = known;
        while !sender.is_closed() {
            sleep(INTERVAL).await;
            let now = stamp(&path);
            if now != known && now == before {
                known = now;
                // Full means that the news is waiting already.
                let _ = sender.try_send(());
            }
            before = now;
        }
    });
    edits
}

fn stamp(path: &Path) -> Option<Stamp> {
    let meta = fs::metadata(path).ok()?;
    Some((meta.dev(), meta.ino(), meta.len(), meta.mtime(), meta.mtime_nsec()))
}
