use std::{cell::RefCell, collections::BTreeMap, rc::Rc};

use vipcast_ipam::Owner;
use vipcast_plan::intent::Assignment;

use super::*;

/// A disk that loses its power before a chosen step. What was not synced may be there afterwards,
/// or not, or in part: `fate` decides.
#[derive(Clone, Debug, Default)]
struct FragileDisk(Rc<RefCell<Inner>>);

#[derive(Clone, Debug, Default)]
struct Inner {
    /// What is there as long as the power is on.
    now: BTreeMap<PathBuf, Vec<u8>>,
    /// What is there for sure after a crash.
    durable: BTreeMap<PathBuf, Vec<u8>>,
    steps: usize,
    crash_before: Option<usize>,
}

#[derive(Clone, Copy, Debug)]
enum Fate {
    Lost,
    Kept,
    /// Of files that were not synced, half is there; names that were not synced are.
    Torn,
}

impl FragileDisk {
    fn step<T>(&self, change: impl FnOnce(&mut Inner) -> T) -> io::Result<T> {
        let mut inner = self.0.borrow_mut();
        if inner.crash_before == Some(inner.steps) {
            return Err(io::Error::other("power lost"));
        }
        inner.steps += 1;
        Ok(change(&mut inner))
    }

    fn restart(&self, fate: Fate) {
        let mut inner = self.0.borrow_mut();
        let files = match fate {
            Fate::Lost => inner.durable.clone(),
            Fate::Kept => inner.now.clone(),
            Fate::Torn => inner
                .now
                .iter()
                .map(|(path, bytes)| {
                    let synced = inner.durable.values().any(|durable| durable == bytes);
                    let end = if synced { bytes.len() } else { bytes.len() / 2 };
                    (path.clone(), bytes[..end].to_vec())
                })
                .collect(),
        };
        *inner = Inner { now: files.clone(), durable: files, ..Inner::default() };
    }
}

impl Disk for FragileDisk {
    fn read(&self, path: &Path) -> io::Result<Option<Vec<u8>>> {
        Ok(self.0.borrow().now.get(path).cloned())
    }

    fn write(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        self.step(|inner| drop(inner.now.insert(path.to_owned(), bytes.to_vec())))
    }

    fn append(&self, path: &Path, at: u64, bytes: &[u8]) -> io::Result<()> {
        self.step(|inner| {
            let file = inner.now.entry(path.to_owned()).or_default();
            file.truncate(usize::try_from(at).expect("it is short"));
            file.extend(bytes);
        })
    }

    fn sync(&self, path: &Path) -> io::Result<()> {
        self.step(|inner| {
            let bytes = inner.now.get(path).cloned().expect("it was written");
            inner.durable.insert(path.to_owned(), bytes);
        })
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.step(|inner| {
            let bytes = inner.now.remove(from).expect("it is there");
            inner.now.insert(to.to_owned(), bytes);
        })
    }

    fn sync_dir(&self, _: &Path) -> io::Result<()> {
        self.step(|inner| inner.durable = inner.now.clone())
    }
}

fn assignments(revision: u64, addresses: &[(&str, &str)]) -> Assignments {
    let services = addresses.iter().map(|(name, address)| {
        let addresses = vec![(address.parse().unwrap(), "lan".to_owned())];
        (Owner::new("default", *name), Assignment { addresses })
    });
    Assignments { revision, services: services.collect(), probing: false }
}

#[test]
fn a_crash_at_any_step_leaves_the_old_or_the_new_state_whole() {
    let old = assignments(1, &[("a", "10.0.0.1"), ("b", "10.0.0.2")]);
    let new = assignments(2, &[("b", "10.0.0.2"), ("c", "10.0.0.1"), ("d", "10.0.0.3")]);
    let mut seen = std::collections::BTreeSet::new();
    for crash_before in 0..=4 {
        for fate in [Fate::Lost, Fate::Kept, Fate::Torn] {
            let disk = FragileDisk::default();
            let folder = StateFolder::on_disk("/state", "node-1", disk.clone());
            let mut written = Assignments { revision: 0, ..old.clone() };
            folder.store_unlocked(&mut written).unwrap();
            assert_eq!(written, old);

            {
                let mut inner = disk.0.borrow_mut();
                (inner.steps, inner.crash_before) = (0, Some(crash_before));
            }
            let mut next = Assignments { revision: 1, ..new.clone() };
            let result = folder.store_unlocked(&mut next);
            assert_eq!(result.is_ok(), crash_before == 4, "there are four steps");
            disk.restart(fate);

            let found = folder.load().unwrap();
            assert!(found == old || found == new, "{crash_before} {fate:?}: {found:?}");
            if result.is_ok() {
                assert_eq!(found, new, "what was promised is there");
            }
            seen.insert(found.revision);
            // The next write works, whatever lies around.
            let mut after = found;
            folder.store_unlocked(&mut after).unwrap();
        }
    }
    assert_eq!(seen.len(), 2, "both states were seen, so that the crashes were real");
}

fn open() -> (tempfile::TempDir, StateFolder) {
    let dir = tempfile::tempdir().unwrap();
    let folder = StateFolder::open(dir.path().join("state"), "node-1").unwrap();
    (dir, folder)
}

#[test]
fn what_is_written_is_read_again_and_people_can_read_it() {
    let (_dir, folder) = open();
    assert_eq!(folder.load().unwrap(), Assignments::default());
    let lock = folder.try_lock().unwrap().unwrap();
    let mut written = assignments(0, &[("nginx", "172.18.0.10")]);
    folder.store(&lock, &mut written).unwrap();
    assert_eq!(written.revision, 1);
    assert_eq!(folder.load().unwrap(), written);
    let text = fs::read_to_string(folder.path().join("assignments.json")).unwrap();
    assert!(text.contains("\"default/nginx\""), "{text}");
    assert!(text.contains("\"172.18.0.10\""), "{text}");
    assert!(text.contains("\"writtenBy\": \"node-1\""), "{text}");
    let names: Vec<_> =
        fs::read_dir(folder.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(names.len(), 2, "no temporary file stays: {names:?}");
}

#[test]
fn one_holds_the_lock_until_it_lets_go() {
    let (_dir, folder) = open();
    let lock = folder.try_lock().unwrap().unwrap();
    assert!(folder.try_lock().unwrap().is_none());
    drop(lock);
    assert!(folder.try_lock().unwrap().is_some());
}

#[test]
fn a_write_from_an_old_revision_is_refused() {
    let (_dir, folder) = open();
    let lock = folder.try_lock().unwrap().unwrap();
    let mut first = assignments(0, &[("a", "10.0.0.1")]);
    let mut second = assignments(0, &[("a", "10.0.0.2")]);
    folder.store(&lock, &mut first).unwrap();
    let refused = folder.store(&lock, &mut second);
    assert!(matches!(refused, Err(StateError::Conflict { expected: 0, found: 1 })), "{refused:?}");
    assert_eq!(folder.load().unwrap(), first);
}

#[test]
fn every_truncation_and_a_later_format_are_noticed_and_touched_by_nobody() {
    let (_dir, folder) = open();
    let path = folder.path().join("assignments.json");
    let bytes = assignments(7, &[("a", "10.0.0.1")]).to_bytes("node-1");
    // Without its last newline and brace it is not JSON any more.
    for end in 0..bytes.len() - 2 {
        fs::write(&path, &bytes[..end]).unwrap();
        let read = folder.load();
        assert!(matches!(read, Err(StateError::Corrupt { .. })), "{end}: {read:?}");
        assert_eq!(fs::read(&path).unwrap(), bytes[..end]);
    }
    fs::write(&path, br#"{"format": 2, "future": true}"#).unwrap();
    assert!(matches!(folder.load(), Err(StateError::TooNew { found: 2, newest: 1, .. })));
    fs::write(&path, br#"{"format": 1, "revision": 1, "services": {"nobody": []}}"#).unwrap();
    assert!(matches!(folder.load(), Err(StateError::Corrupt { .. })));
}

#[test]
fn corrupt_files_are_kept_all_of_them_and_what_can_be_read_is_saved() {
    let (_dir, folder) = open();
    let lock = folder.try_lock().unwrap().unwrap();
    let path = folder.path().join("assignments.json");
    let whole = assignments(7, &[("a", "10.0.0.1"), ("b", "10.0.0.2"), ("c", "10.0.0.3")]);
    let mut bytes = whole.to_bytes("node-1");
    bytes.truncate(bytes.len() - 30);
    for (number, junk) in (1..).zip([&b"junk"[..], &bytes, b"", b"junk"]) {
        fs::write(&path, junk).unwrap();
        let known = assignments(8, &[("d", "10.0.0.4"), ("e", "10.0.0.1")]);
        let (copy, begun) = folder.recover(&lock, &known, true).unwrap();
        // The same junk a second time needs no second copy.
        let number = if number == 4 { 1 } else { number };
        assert_eq!(copy, folder.path().join(format!("assignments.json.corrupt-{number}")));
        assert_eq!(fs::read(copy).unwrap(), junk);
        assert_eq!((begun.revision, begun.probing), (9, true));
        assert_eq!(folder.load().unwrap(), begun);
        let names: Vec<_> = begun.services.keys().map(Owner::name).collect();
        // What the file says goes before what is remembered; nothing is double.
        let wanted: &[&str] = if number == 2 { &["a", "b", "d"] } else { &["d", "e"] };
        assert_eq!(names, wanted);
    }
}

#[test]
fn a_crash_while_recovering_never_leaves_an_empty_state_that_looks_whole() {
    for crash_before in 0..=8 {
        for fate in [Fate::Lost, Fate::Kept, Fate::Torn] {
            let disk = FragileDisk::default();
            let folder = StateFolder::on_disk("/state", "node-1", disk.clone());
            let path = PathBuf::from("/state/assignments.json");
            {
                let mut inner = disk.0.borrow_mut();
                inner.now.insert(path.clone(), b"{ junk".to_vec());
                inner.durable = inner.now.clone();
                inner.crash_before = Some(crash_before);
            }
            let dir = tempfile::tempdir().unwrap();
            let lock =
                StateFolder::open(dir.path(), "node-1").unwrap().try_lock().unwrap().unwrap();
            let known = assignments(3, &[("a", "10.0.0.1")]);
            let done = folder.recover(&lock, &known, true).is_ok();
            disk.restart(fate);
            match folder.load() {
                Err(StateError::Corrupt { .. }) => assert!(!done),
                Ok(found) => assert!(found.probing && found.services.len() == 1, "{found:?}"),
                Err(other) => panic!("{other}"),
            }
        }
    }
}

#[test]
fn what_was_served_is_known_after_a_restart_with_its_places() {
    let (_dir, folder) = open();
    let manifests = tempfile::tempdir().unwrap();
    let list = "apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: Namespace\n  metadata:\n    \
                name: a\n- {apiVersion: v1, kind: Namespace, metadata: {name: b}}\n";
    fs::write(manifests.path().join("list.yaml"), list).unwrap();
    let served = crate::folder::read(manifests.path(), &crate::Options::default());
    assert_eq!(served.manifests.len(), 2);
    assert_eq!(folder.load_manifests().unwrap(), Snapshot::default());
    folder.store_manifests(&served).unwrap();
    assert_eq!(folder.load_manifests().unwrap(), served);

    fs::write(folder.path().join("manifests.node-1.json"), "{").unwrap();
    assert!(matches!(folder.load_manifests(), Err(StateError::Corrupt { .. })));
    assert_eq!(folder.load_manifests().unwrap(), Snapshot::default());
    assert!(folder.path().join("manifests.node-1.json.corrupt-1").exists());
}
