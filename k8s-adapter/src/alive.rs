//! The file of living nodes.

use std::{
    ffi::OsString,
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use vipcast_plan::NodeName;

use crate::folder::{Follow, FollowError, WatchEvent};

/// The nodes that are said to live, in the order of the file. The first of them assigns.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Alive {
    /// The nodes.
    pub nodes: Vec<NodeName>,
    /// Why this is an earlier list and not what the file holds now.
    pub stale: Option<AliveFault>,
}

/// Why a list of living nodes is not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AliveFault {
    /// The file cannot be read.
    #[error("the list of living nodes cannot be read: {why}")]
    Unreadable {
        /// What the system said.
        why: String,
    },
    /// The file names no node: most likely it is being written.
    #[error("the list of living nodes is empty")]
    Empty,
    /// A line is no node's name.
    #[error("line {line} of the list of living nodes is no node's name: {text:?}")]
    NoName {
        /// The line, from 1.
        line: usize,
        /// What it holds.
        text: String,
    },
    /// A writer keeps the file open: what it holds may be half of what is meant.
    #[error(
        "somebody keeps the list of living nodes open for writing: close it, or replace the file by renaming"
    )]
    Open,
    /// The last line has no end: most likely the file is being written.
    #[error(
        "the list of living nodes is unfinished: its last line has no end; replace the file by renaming"
    )]
    Unfinished,
}

impl Alive {
    /// Reads a list: one name a line; blank lines and what follows a `#` do not count.
    ///
    /// # Errors
    ///
    /// When the list is empty or holds what can be no name; and when its last line has no end, and
    /// the file is not known to be complete.
    pub fn parse(text: &str, complete: bool) -> Result<Vec<NodeName>, AliveFault> {
        let mut nodes: Vec<NodeName> = Vec::new();
        for (line, whole) in (1..).zip(text.lines()) {
            let name = whole.split('#').next().unwrap_or_default().trim();
            if name.is_empty() {
                continue;
            }
            if name.contains(|c: char| c.is_whitespace() || c.is_control()) {
                return Err(AliveFault::NoName { line, text: whole.to_owned() });
            }
            let name = NodeName::new(name);
            if !nodes.contains(&name) {
                nodes.push(name);
            }
        }
        if nodes.is_empty() {
            return Err(AliveFault::Empty);
        }
        // `node-1` may be the start of `node-12`.
        if complete || text.ends_with('\n') { Ok(nodes) } else { Err(AliveFault::Unfinished) }
    }

    /// What is known after the file was read: its list, or the one known so far, marked stale.
    #[must_use]
    pub fn next(&self, read: io::Result<Vec<u8>>, complete: bool) -> Self {
        let list = read
            .map_err(|error| AliveFault::Unreadable { why: error.to_string() })
            .and_then(|bytes| Self::parse(&String::from_utf8_lossy(&bytes), complete));
        match list {
            Ok(nodes) => Self { nodes, stale: None },
            Err(fault) => Self { nodes: self.nodes.clone(), stale: Some(fault) },
        }
    }

    /// The node that assigns: the first that lives. `None` while no list was ever read.
    #[must_use]
    pub fn assigner(&self) -> Option<&NodeName> {
        self.nodes.first()
    }
}

/// How often the file is looked at where it gives no events, as network file systems do for what
/// another machine writes.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// How many looks may find nothing but a writer that does nothing, before the list counts as stale.
const IDLE_LOOKS: u32 = 2;

impl Follow {
    /// Follows a file of living nodes on a thread of its own. `deliver` is called there with the
    /// first list, and then with each that differs from the one before.
    ///
    /// # Errors
    ///
    /// When the system gives no watch or no thread.
    pub fn alive(
        file: impl Into<PathBuf>,
        mut deliver: impl FnMut(Alive) + Send + 'static,
    ) -> Result<Self, FollowError> {
        let file: PathBuf = file.into();
        let dir = folder_of(&file);
        let name = file.file_name().and_then(|name| name.to_str()).map(str::to_owned);
        let mut known: Option<Alive> = None;
        let mut writer = Writer::default();
        let mut idle = 0;
        Self::dir(&dir, "alive", LOOK_EVERY, move |events| {
            for event in events {
                writer.note(event, name.as_deref());
            }
            if writer == Writer::Busy {
                idle = if events.is_empty() { idle + 1 } else { 0 };
                if let Some(known) =
                    known.as_mut().filter(|known| idle >= IDLE_LOOKS && known.stale.is_none())
                {
                    known.stale = Some(AliveFault::Open);
                    deliver(known.clone());
                }
                return;
            }
            idle = 0;
            let next =
                known.clone().unwrap_or_default().next(fs::read(&file), writer == Writer::Done);
            writer = Writer::Unknown;
            // What was complete is so until something happens to it.
            let same_list = known.as_ref().is_some_and(|known| {
                next.stale == Some(AliveFault::Unfinished) && known.stale.is_none()
            });
            if known.as_ref() != Some(&next) && !same_list {
                known = Some(next.clone());
                deliver(next);
            }
        })
    }
}

/// What is known of whoever writes the file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Writer {
    /// Nothing: it was never seen, or works on another machine.
    #[default]
    Unknown,
    /// It has the file open.
    Busy,
    /// It closed the file, or renamed it into place.
    Done,
}

impl Writer {
    fn note(&mut self, event: &WatchEvent, file: Option<&str>) {
        match event {
            WatchEvent::Lost => *self = Self::Done,
            WatchEvent::Written(name) if Some(name.as_str()) == file => *self = Self::Busy,
            WatchEvent::Complete(name) if Some(name.as_str()) == file => *self = Self::Done,
            WatchEvent::Gone(name) if Some(name.as_str()) == file => *self = Self::Unknown,
            WatchEvent::Anything if *self != Self::Busy => *self = Self::Done,
            _ => {}
        }
    }
}

/// The folder is watched, not the file: a file that is replaced takes its watch with it.
fn folder_of(file: &Path) -> PathBuf {
    match file.parent() {
        Some(parent) if parent.as_os_str() != OsString::new() => parent.to_owned(),
        _ => PathBuf::from("."),
    }
}

#[cfg(test)]
mod tests;
