use std::{
    fs::{self, File, OpenOptions},
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use rustix::fs::{FlockOperation, flock};

use super::{Assignments, Disk, OsDisk, assignments::Unreadable, disk::replace, manifests};
use crate::folder::{Follow, FollowError, Snapshot};

#[cfg(feature = "cluster")]
mod announced;

/// What can be wrong with the state folder. Nothing was changed by the operation that says so.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StateError {
    /// The system refused.
    #[error("cannot {what} {}: {source}", path.display())]
    Io {
        /// What was tried: `read`, `write`, `create`, `lock`.
        what: &'static str,
        /// On which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file is truncated or not what was written. It is left as it is.
    #[error("{} is corrupt ({why}); restore it from a copy, or start with --accept-lost-state", path.display())]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// A later version of the program wrote the file. It is left as it is.
    #[error("{} has format {found}, and {newest} is the newest known here; upgrade this node", path.display())]
    TooNew {
        /// The file.
        path: PathBuf,
        /// Its format.
        found: u32,
        /// The newest that is known.
        newest: u32,
    },
    /// Somebody else wrote in between.
    #[error("the assignments were at revision {expected} and are at {found} now; read them again")]
    Conflict {
        /// The revision that the write was made from.
        expected: u64,
        /// The revision that is there.
        found: u64,
    },
}

/// The folder in which the nodes keep what must outlive a restart. They may share one.
///
/// ```text
/// assignments.json            who was given which addresses; written by the holder of the lock alone
/// assigner.lock               held by the one node that assigns
/// manifests.NODE.json         the objects that this node served last
/// agreed.NODE                 what this node has promised and accepted, where nodes agree
/// life.NODE                   how often it has started: a number that only rises
/// *.corrupt-N                 what could not be read, set aside
/// ```
#[derive(Clone, Debug)]
pub struct StateFolder<D = OsDisk> {
    dir: PathBuf,
    node: String,
    disk: D,
}

/// The right to assign. It ends when it is dropped, or with the process.
#[derive(Debug)]
pub struct StateLock {
    _file: File,
}

const ASSIGNMENTS: &str = "assignments.json";
const LOCK: &str = "assigner.lock";

/// How often a shared folder is looked at where it gives no events, as network file systems do for
/// what another machine writes.
const LOOK_EVERY: Duration = Duration::from_secs(1);

impl StateFolder {
    /// Opens the folder for the node `node`, and creates it if need be.
    ///
    /// # Errors
    ///
    /// When it cannot be created.
    pub fn open(dir: impl Into<PathBuf>, node: &str) -> Result<Self, StateError> {
        let dir = dir.into();
        fs::create_dir_all(&dir).map_err(|source| StateError::Io {
            what: "create",
            path: dir.clone(),
            source,
        })?;
        Ok(Self { dir, node: node.to_owned(), disk: OsDisk })
    }

    /// Takes the lock that the one node which assigns holds; `None` if another process has it.
    ///
    /// # Errors
    ///
    /// When the lock file cannot be opened or the file system knows no locks.
    pub fn try_lock(&self) -> Result<Option<StateLock>, StateError> {
        let path = self.dir.join(LOCK);
        let io = |source| StateError::Io { what: "lock", path: path.clone(), source };
        let open =
            OpenOptions::new().create(true).truncate(false).read(true).write(true).open(&path);
        let file = open.map_err(io)?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Some(StateLock { _file: file })),
            Err(rustix::io::Errno::WOULDBLOCK) => Ok(None),
            Err(error) => Err(io(error.into())),
        }
    }

    /// Calls `deliver`, on a thread of its own, with what is written in the folder: at the start,
    /// and whenever that changes. An error is delivered once, and changes nothing of what is known.
    ///
    /// # Errors
    ///
    /// When the system gives no watch or no thread.
    pub fn follow_assignments(
        &self,
        mut deliver: impl FnMut(Result<Assignments, StateError>) + Send + 'static,
    ) -> Result<Follow, FollowError> {
        let folder = self.clone();
        let mut last: Option<Result<Assignments, String>> = None;
        Follow::dir(&self.dir, "state", LOOK_EVERY, move |_| {
            let now = folder.load();
            let seen = match &now {
                Ok(assignments) => Ok(assignments.clone()),
                Err(error) => Err(error.to_string()),
            };
            if last.as_ref() != Some(&seen) {
                last = Some(seen);
                deliver(now);
            }
        })
    }
}

impl<D: Disk> StateFolder<D> {
    /// A folder on another disk than the system's, for tests.
    pub fn on_disk(dir: impl Into<PathBuf>, node: &str, disk: D) -> Self {
        Self { dir: dir.into(), node: node.to_owned(), disk }
    }

    pub(super) const fn disk(&self) -> &D {
        &self.disk
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.dir
    }

    /// What was assigned; nothing where nothing was ever written.
    ///
    /// # Errors
    ///
    /// When the file cannot be read, is corrupt, or is of a later version. Then who holds what is
    /// not known, and nothing must be assigned that somebody might hold.
    pub fn load(&self) -> Result<Assignments, StateError> {
        let path = self.dir.join(ASSIGNMENTS);
        match self.read(&path)? {
            Some(bytes) => Assignments::from_bytes(&bytes).map_err(|error| error.at(path)),
            None => Ok(Assignments::default()),
        }
    }

    /// Writes what is assigned, as one step: after a crash at any moment either the old or the new
    /// assignments are there, whole. On success `assignments` has its new revision.
    ///
    /// # Errors
    ///
    /// When somebody wrote since `assignments.revision` was read, or the system refuses. Then
    /// nothing new must be announced: it would not survive a restart.
    pub fn store(&self, lock: &StateLock, assignments: &mut Assignments) -> Result<(), StateError> {
        let _ = lock;
        self.store_unlocked(assignments)
    }

    pub(super) fn store_unlocked(&self, assignments: &mut Assignments) -> Result<(), StateError> {
        let found = self.load()?.revision;
        if found != assignments.revision {
            return Err(StateError::Conflict { expected: assignments.revision, found });
        }
        let next = Assignments { revision: found + 1, ..assignments.clone() };
        self.write(ASSIGNMENTS, &next.to_bytes(&self.node))?;
        assignments.revision = next.revision;
        Ok(())
    }

    /// Makes a new beginning after [`load`](Self::load) said that the assignments are corrupt: keeps
    /// a copy of the file for people to look at, and puts in its place what of it can still be read
    /// and what `known` has besides. Says where the copy is.
    ///
    /// `probing` is to be true unless somebody vouches that nothing else is held by anybody.
    ///
    /// # Errors
    ///
    /// When the system refuses. The corrupt file then still stands.
    pub fn recover(
        &self,
        lock: &StateLock,
        known: &Assignments,
        probing: bool,
    ) -> Result<(PathBuf, Assignments), StateError> {
        let _ = lock;
        let path = self.dir.join(ASSIGNMENTS);
        let bytes = self.read(&path)?.unwrap_or_default();
        let copy = self.copy_aside(ASSIGNMENTS, &bytes)?;
        let mut begun = Assignments { probing, ..Assignments::salvage(&bytes) };
        begun.merge(&known.services);
        begun.revision = begun.revision.max(known.revision) + 1;
        self.write(ASSIGNMENTS, &begun.to_bytes(&self.node))?;
        Ok((copy, begun))
    }

    /// What this node served last, so that it can go on while its folder cannot be read. A file
    /// that is corrupt is set aside, and counts as none.
    ///
    /// # Errors
    ///
    /// When the file cannot be read, or is of a later version. Where it was corrupt the error says
    /// so, and the next call finds none.
    pub fn load_manifests(&self) -> Result<Snapshot, StateError> {
        let name = self.manifests_name();
        let path = self.dir.join(&name);
        let Some(bytes) = self.read(&path)? else { return Ok(Snapshot::default()) };
        manifests::from_bytes(&bytes).map_err(|error| {
            let error = error.at(path);
            if matches!(error, StateError::Corrupt { .. }) {
                // What cannot be moved is overwritten by the next snapshot.
                let _ = self.set_aside(&name, &bytes);
            }
            error
        })
    }

    /// Writes down what this node serves.
    ///
    /// # Errors
    ///
    /// When the system refuses. The earlier file stays.
    pub fn store_manifests(&self, snapshot: &Snapshot) -> Result<(), StateError> {
        let name = self.manifests_name();
        let bytes = manifests::to_bytes(snapshot);
        if self.read(&self.dir.join(&name))?.is_some_and(|same| same == bytes) {
            return Ok(());
        }
        self.write(&name, &bytes)
    }

    fn manifests_name(&self) -> String {
        format!("{}.json", self.own_name("manifests"))
    }

    /// A file of this node's own. Its name may hold anything; a file name may not.
    pub(super) fn own_name(&self, what: &str) -> String {
        let plain = |c: char| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '_' };
        format!("{what}.{}", self.node.chars().map(plain).collect::<String>())
    }

    /// Keeps the bytes of a corrupt file under another name.
    pub(super) fn copy_aside(&self, name: &str, bytes: &[u8]) -> Result<PathBuf, StateError> {
        for number in 1_u32.. {
            let aside = format!("{name}.corrupt-{number}");
            let path = self.dir.join(&aside);
            match self.read(&path)? {
                Some(same) if same == bytes => return Ok(path),
                Some(_) => {}
                None => return self.write(&aside, bytes).map(|()| path),
            }
        }
        let source = io::Error::other("there are too many corrupt files; remove some");
        Err(StateError::Io { what: "set aside", path: self.dir.join(name), source })
    }

    /// Keeps a corrupt file, and empties its place.
    fn set_aside(&self, name: &str, bytes: &[u8]) -> Result<PathBuf, StateError> {
        let aside = self.copy_aside(name, bytes)?;
        self.write(name, &manifests::to_bytes(&Snapshot::default()))?;
        Ok(aside)
    }

    pub(super) fn read(&self, path: &Path) -> Result<Option<Vec<u8>>, StateError> {
        self.disk.read(path).map_err(|source| StateError::Io {
            what: "read",
            path: path.to_owned(),
            source,
        })
    }

    pub(super) fn write(&self, name: &str, bytes: &[u8]) -> Result<(), StateError> {
        replace(&self.disk, &self.dir, name, bytes).map_err(|source| StateError::Io {
            what: "write",
            path: self.dir.join(name),
            source,
        })
    }
}

impl Unreadable {
    fn at(self, path: PathBuf) -> StateError {
        match self {
            Self::Corrupt(why) => StateError::Corrupt { path, why },
            Self::TooNew { found, newest } => StateError::TooNew { path, found, newest },
        }
    }
}

#[cfg(test)]
mod tests;
