use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    time::Duration,
};

use vipcast_sans_io::Instant;

use super::{Files, FolderIdentity, Listing, Snapshot, files::is_manifest_name};
use crate::{
    Diagnostic, FileContent, Options, Place, Problem, Severity, StaleReason,
    admission::{Admitted, ReadFile, admit},
};

/// What happened in a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FileEvent {
    /// A file was created or written to, and its writer still has it open.
    Writing(String),
    /// A file is complete: its writer closed it, or it was renamed to this name.
    Complete(String),
    /// A file was deleted or renamed away.
    Gone(String),
    /// Anything may have changed: links were swapped, permissions changed.
    Anything,
    /// Events were lost, or another folder may stand there: what is known of open files is void.
    Lost,
}

/// How a folder is followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// How long nothing must happen before the folder is read. Short: it only has to cover the
    /// pause between the steps of one edit, such as writing a file and renaming it.
    pub settle: Duration,
    /// How long reading waits at most while something goes on happening.
    pub patience: Duration,
    /// How soon a folder that cannot be read is tried again.
    pub retry: Duration,
    /// How often the folder is looked at although nothing was heard of it.
    pub look_every: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            settle: Duration::from_millis(50),
            patience: Duration::from_millis(500),
            retry: Duration::from_secs(1),
            look_every: Duration::from_secs(5),
        }
    }
}

/// Decides what a folder asks for while it changes. It does no waiting of its own: events and the
/// time come in, and it reads by [`Files`].
///
/// ```text
///            event                      settled, or out of patience
///   quiet ───────────► unsettled ─────────────────────────────────────► scan ──► quiet
///                       ▲     │ event                                     │
///                       └─────┘                     the folder is gone    ▼
///                                                         retry ◄──── unreadable
/// ```
///
/// - A file counts when its writer closed it or renamed it into place; until then what was read of
///   it before stands.
/// - What cannot be parsed or is refused leaves the last valid state of its object in place.
/// - What is missing goes, but only if the folder is still there afterwards, and is still the same
///   one or holds a manifest: the empty mount point of a lost volume withdraws nothing.
#[derive(Debug)]
pub struct Follower<F> {
    files: F,
    options: Options,
    timing: Timing,
    /// What was served last, also across restarts.
    current: Snapshot,
    announced: bool,
    /// What was read last of each file.
    read: BTreeMap<String, ReadFile>,
    /// What the folder looked like when it was read last.
    listing: Option<Listing>,
    /// The files that somebody is writing to.
    open: BTreeSet<String>,
    settled_at: Option<Instant>,
    scan_by: Option<Instant>,
}

impl<F: Files> Follower<F> {
    /// Starts from what was served before, if anything was. The first scan is due at once.
    pub fn new(files: F, options: Options, before: Snapshot, timing: Timing) -> Self {
        Self {
            files,
            options,
            timing,
            current: before,
            announced: false,
            read: BTreeMap::new(),
            listing: None,
            open: BTreeSet::new(),
            settled_at: Some(Instant::ZERO),
            scan_by: Some(Instant::ZERO),
        }
    }

    /// What is served.
    pub const fn snapshot(&self) -> &Snapshot {
        &self.current
    }

    /// Takes note of an event.
    pub fn handle_event(&mut self, now: Instant, event: FileEvent) {
        match event {
            FileEvent::Writing(name) if is_manifest_name(&name) => {
                self.open.insert(name);
                return;
            }
            FileEvent::Complete(name) | FileEvent::Gone(name) if is_manifest_name(&name) => {
                self.open.remove(&name);
            }
            FileEvent::Anything => {}
            FileEvent::Lost => self.open.clear(),
            _ => return,
        }
        self.settled_at = Some(now + self.timing.settle);
        let latest = now + self.timing.patience;
        self.scan_by = Some(self.scan_by.map_or(latest, |by| by.min(latest)));
    }

    /// Looks whether the folder is as it was when it was read. For changes that give no events, as
    /// those that another machine makes on a network file system.
    pub fn look(&mut self, now: Instant) {
        let same = match (self.files.list(), &self.listing) {
            (Ok(now), Some(before)) => now == *before,
            // What cannot be read is tried again anyway.
            (Err(_), None) => true,
            _ => false,
        };
        if !same && self.settled_at.is_none() {
            self.handle_event(now, FileEvent::Anything);
        }
    }

    /// When [`handle_timeout`](Self::handle_timeout) has something to do.
    pub fn poll_timeout(&self) -> Option<Instant> {
        Some(self.settled_at?.min(self.scan_by?))
    }

    /// Reads the folder if that is due, and gives what is asked for now if that has changed.
    pub fn handle_timeout(&mut self, now: Instant) -> Option<Snapshot> {
        if self.poll_timeout()? > now {
            return None;
        }
        self.scan(now)
    }

    /// Reads the folder at once.
    pub(super) fn scan(&mut self, now: Instant) -> Option<Snapshot> {
        (self.settled_at, self.scan_by) = (None, None);
        let next = match self.read_folder() {
            Ok(folder) => {
                let admitted = admit(&self.current.admitted(), &self.read, &self.options);
                Snapshot::new(admitted, Some(folder))
            }
            Err(error) => {
                self.listing = None;
                let retry = now + self.timing.retry;
                (self.settled_at, self.scan_by) = (Some(retry), Some(retry));
                self.all_stale(&error)
            }
        };
        if self.announced && next == self.current {
            return None;
        }
        self.announced = true;
        self.current = next;
        Some(self.current.clone())
    }

    /// Reads what is complete. On error nothing that was read before is given up.
    fn read_folder(&mut self) -> io::Result<FolderIdentity> {
        let listing = self.files.list()?;
        self.believe(&listing)?;
        let mut read = BTreeMap::new();
        for name in listing.files.keys() {
            let before = self.read.get(name);
            if self.open.contains(name) {
                read.extend(before.map(|before| (name.clone(), before.clone())));
                continue;
            }
            let now = match (self.files.read(name), before) {
                (Ok(bytes), Some(before)) if before.bytes.as_ref() == Some(&bytes) => {
                    before.clone()
                }
                (Ok(bytes), _) => ReadFile { content: parse(name, &bytes), bytes: Some(bytes) },
                (Err(error), _) => {
                    let why = error.to_string();
                    let content = FileContent::unreadable(name, Problem::Unreadable { why });
                    ReadFile { bytes: None, content }
                }
            };
            read.insert(name.clone(), now);
        }
        // Files that vanish together with their folder were not deleted.
        let after = self.files.list()?;
        if after.identity != listing.identity {
            return Err(io::Error::other("it was replaced while it was read"));
        }
        self.believe(&after)?;
        self.read = read;
        let identity = listing.identity;
        self.listing = Some(listing);
        Ok(identity)
    }

    /// Another folder in the place of the one that was read, and not one manifest in it: the volume
    /// is not mounted, or somebody is about to fill it.
    fn believe(&self, listing: &Listing) -> io::Result<()> {
        let known = self.current.folder.is_some_and(|known| known == listing.identity);
        if !known && listing.files.is_empty() && !self.current.manifests.is_empty() {
            return Err(io::Error::other("it is another folder than before, without any manifest"));
        }
        Ok(())
    }

    fn all_stale(&self, error: &io::Error) -> Snapshot {
        let mut admitted = Admitted { diagnostics: Vec::new(), ..self.current.admitted() };
        for (_, reason) in admitted.objects.values_mut() {
            *reason = Some(StaleReason::FolderUnreadable);
        }
        let mut say = |severity, problem| {
            let place = Place::file(".");
            let diagnostic = Diagnostic { severity, place, object: None, field: None, problem };
            admitted.diagnostics.push(diagnostic);
        };
        say(Severity::Error, Problem::Unreadable { why: error.to_string() });
        if !self.current.manifests.is_empty() {
            let why = StaleReason::FolderUnreadable;
            say(Severity::Warning, Problem::Stale { why });
        }
        Snapshot::new(admitted, self.current.folder)
    }
}

fn parse(name: &str, bytes: &[u8]) -> FileContent {
    match std::str::from_utf8(bytes) {
        Ok(text) => FileContent::read(name, text),
        Err(_) => FileContent::unreadable(name, Problem::NotText),
    }
}

#[cfg(test)]
mod tests;
