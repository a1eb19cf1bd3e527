//! A folder on a real disk, watched by the real inotify.

use std::{
    fs::{self, File},
    io::Write as _,
    os::unix::fs::symlink,
    path::Path,
    sync::{
        LazyLock,
        mpsc::{Receiver, RecvTimeoutError, channel},
    },
    time::Duration,
};

use vipcast_k8s_adapter::{
    Options, StaleReason,
    folder::{Follow, Snapshot, Timing},
    state::StateFolder,
};
use vipcast_sans_io::Instant;

const SERVICE: &str =
    "apiVersion: v1\nkind: Service\nmetadata: {name: NAME}\nspec: {type: LoadBalancer}\n";

fn service(name: &str) -> String {
    SERVICE.replace("NAME", name)
}

/// Time since the first call.
#[expect(clippy::disallowed_methods, reason = "a test has no other clock")]
fn now() -> Instant {
    static START: LazyLock<std::time::Instant> = LazyLock::new(std::time::Instant::now);
    let elapsed = std::time::Instant::now().duration_since(*START);
    Instant::ZERO + elapsed
}

/// Long enough for a busy machine; what is waited for takes milliseconds.
const LIMIT: Duration = Duration::from_secs(120);

struct Followed {
    snapshots: Receiver<Snapshot>,
    _follow: Follow,
}

const TIMING: Timing = Timing {
    settle: Duration::from_millis(20),
    patience: Duration::from_millis(200),
    retry: Duration::from_millis(50),
    look_every: Duration::from_secs(60),
};

impl Followed {
    fn new(dir: &Path, before: Snapshot) -> Self {
        let (send, snapshots) = channel();
        let deliver = move |snapshot| drop(send.send(snapshot));
        let follow =
            Follow::manifests(dir, Options::default(), before, TIMING, now, deliver).unwrap();
        Self { snapshots, _follow: follow }
    }

    /// Waits until the objects are these.
    fn until(&self, names: &[&str]) -> Snapshot {
        loop {
            let snapshot = match self.snapshots.recv_timeout(LIMIT) {
                Ok(snapshot) => snapshot,
                Err(error) => panic!("{names:?} never came: {error}"),
            };
            if served(&snapshot) == names {
                return snapshot;
            }
        }
    }

    /// Nothing changes, for long enough that it would have been seen.
    fn quiet(&self) {
        match self.snapshots.recv_timeout(TIMING.patience * 2) {
            Err(RecvTimeoutError::Timeout) => {}
            other => panic!("{other:?}"),
        }
    }
}

fn served(snapshot: &Snapshot) -> Vec<&str> {
    snapshot.manifests.iter().map(|manifest| manifest.key.name.as_str()).collect()
}

#[test]
fn files_come_change_move_and_go() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name);
    let followed = Followed::new(dir.path(), Snapshot::default());
    followed.until(&[]);
    fs::write(path("a.yaml"), service("a")).unwrap();
    followed.until(&["a"]);
    fs::write(path("a.yaml"), service("b")).unwrap();
    followed.until(&["b"]);
    // As editors do it: write beside, rename over.
    fs::write(path(".a.yaml.swp"), service("c")).unwrap();
    fs::rename(path(".a.yaml.swp"), path("a.yaml")).unwrap();
    followed.until(&["c"]);
    fs::rename(path("a.yaml"), path("z.json")).unwrap();
    assert_eq!(&*followed.until(&["c"]).manifests[0].place.file, "z.json");
    fs::write(path("notes.txt"), service("d")).unwrap();
    followed.quiet();
    fs::remove_file(path("z.json")).unwrap();
    followed.until(&[]);
}

#[test]
fn every_prefix_of_the_quick_start_left_open_withdraws_nothing() {
    let quickstart = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/quickstart"));
    let dir = tempfile::tempdir().unwrap();
    let text: String = ["metallb.yaml", "services.yaml"]
        .map(|name| fs::read_to_string(quickstart.join(name)).unwrap() + "---\n")
        .concat();
    let path = dir.path().join("quickstart.yaml");
    fs::write(&path, &text).unwrap();
    let followed = Followed::new(dir.path(), Snapshot::default());
    let all = ["first-pool", "example", "nginx", "nginx-fixed"];
    followed.until(&all);

    // The writer opens the file anew, which empties it, and writes byte by byte.
    let mut writer = File::create(&path).unwrap();
    for byte in text.as_bytes() {
        writer.write_all(&[*byte]).unwrap();
        if let Ok(snapshot) = followed.snapshots.try_recv() {
            panic!("{:?}", served(&snapshot));
        }
    }
    // Something else happens, so that the folder is read while the writer still has its file open.
    fs::write(dir.path().join("other.yaml"), service("other")).unwrap();
    followed.until(&["first-pool", "example", "nginx", "nginx-fixed", "other"]);
    drop(writer);
    followed.quiet();
}

#[test]
fn a_mounted_config_map_is_swapped_whole() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name);
    fs::create_dir(path("..1")).unwrap();
    fs::write(path("..1/a.yaml"), service("a")).unwrap();
    symlink("..1", path("..data")).unwrap();
    symlink("..data/a.yaml", path("a.yaml")).unwrap();
    let followed = Followed::new(dir.path(), Snapshot::default());
    followed.until(&["a"]);

    fs::create_dir(path("..2")).unwrap();
    fs::write(path("..2/a.yaml"), service("b")).unwrap();
    symlink("..2", path("..data_tmp")).unwrap();
    fs::rename(path("..data_tmp"), path("..data")).unwrap();
    fs::remove_dir_all(path("..1")).unwrap();
    assert!(followed.until(&["b"]).stale.is_empty());
}

#[test]
fn a_folder_that_vanishes_and_returns_withdraws_nothing_meanwhile() {
    let dir = tempfile::tempdir().unwrap();
    let (folder, away) = (dir.path().join("manifests"), dir.path().join("away"));
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("a.yaml"), service("a")).unwrap();
    let followed = Followed::new(&folder, Snapshot::default());
    followed.until(&["a"]);

    fs::rename(&folder, &away).unwrap();
    let stale = followed.until(&["a"]);
    assert_eq!(stale.stale.values().collect::<Vec<_>>(), [&StaleReason::FolderUnreadable]);
    // Another folder at the same path, first without any manifest.
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("b.yaml"), service("b")).unwrap();
    let mut snapshot = followed.until(&["b"]);
    assert!(snapshot.stale.is_empty());
    // And it is followed.
    fs::write(folder.join("c.yaml"), service("c")).unwrap();
    snapshot = followed.until(&["b", "c"]);
    fs::remove_file(folder.join("b.yaml")).unwrap();
    assert_ne!(followed.until(&["c"]), snapshot);
}

#[test]
fn what_was_served_is_served_after_a_restart_without_the_folder() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("manifests");
    let state = StateFolder::open(dir.path().join("state"), "node-1").unwrap();
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("a.yaml"), service("a")).unwrap();
    let first = Followed::new(&folder, state.load_manifests().unwrap());
    state.store_manifests(&first.until(&["a"])).unwrap();
    drop(first);

    fs::remove_dir_all(&folder).unwrap();
    let second = Followed::new(&folder, state.load_manifests().unwrap());
    let served = second.until(&["a"]);
    assert_eq!(served.stale.values().collect::<Vec<_>>(), [&StaleReason::FolderUnreadable]);
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("b.yaml"), service("b")).unwrap();
    second.until(&["b"]);
}

#[test]
fn a_deletion_while_nobody_looked_counts_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("manifests");
    let state = StateFolder::open(dir.path().join("state"), "node-1").unwrap();
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("a.yaml"), service("a")).unwrap();
    let first = Followed::new(&folder, Snapshot::default());
    state.store_manifests(&first.until(&["a"])).unwrap();
    drop(first);
    fs::remove_file(folder.join("a.yaml")).unwrap();
    Followed::new(&folder, state.load_manifests().unwrap()).until(&[]);
}

#[test]
fn written_assignments_reach_the_other_nodes() {
    use vipcast_k8s_adapter::state::Assignments;
    let dir = tempfile::tempdir().unwrap();
    let state = |node: &str| StateFolder::open(dir.path(), node).unwrap();
    let (send, seen) = channel();
    let follow = state("node-2").follow_assignments(move |read| drop(send.send(read))).unwrap();
    let next = || seen.recv_timeout(LIMIT).expect("it is told");
    assert_eq!(next().unwrap().revision, 0);
    let first = state("node-1");
    let lock = first.try_lock().unwrap().unwrap();
    let mut assignments = Assignments::default();
    for revision in 1..=3 {
        first.store(&lock, &mut assignments).unwrap();
        assert_eq!(next().unwrap().revision, revision);
    }
    fs::write(dir.path().join("assignments.json"), "{").unwrap();
    assert!(next().is_err());
    drop(follow);
}

#[test]
fn a_list_that_a_writer_keeps_open_is_kept_and_said_to_be_stale() {
    use std::io::Write;
    use vipcast_k8s_adapter::{Alive, AliveFault};
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("alive");
    fs::write(&file, "a\n").unwrap();
    let (send, seen) = channel();
    let follow = Follow::alive(&file, move |alive| drop(send.send(alive))).unwrap();
    let next = || -> Alive { seen.recv_timeout(LIMIT).expect("it is told") };
    assert_eq!(next().nodes.len(), 1);
    let mut open = fs::OpenOptions::new().append(true).open(&file).unwrap();
    open.write_all(b"b\n").unwrap();
    let stale = next();
    assert_eq!((stale.nodes.len(), stale.stale), (1, Some(AliveFault::Open)));
    drop(open);
    let whole = next();
    assert_eq!((whole.nodes.len(), whole.stale), (2, None));
    drop(follow);
}
