use std::{cell::RefCell, rc::Rc};

use super::*;
use crate::folder::FileStamp;

mod edits;

/// A folder in memory. Renaming and writing are seen at once; events are the test's business.
#[derive(Clone, Debug, Default)]
struct World(Rc<RefCell<Inner>>);

#[derive(Debug, Default)]
struct Inner {
    gone: bool,
    inode: u64,
    files: BTreeMap<String, Vec<u8>>,
    unreadable: BTreeSet<String>,
}

impl Files for World {
    fn list(&self) -> io::Result<Listing> {
        let inner = self.0.borrow();
        if inner.gone {
            return Err(io::ErrorKind::NotFound.into());
        }
        let identity = FolderIdentity { device: 1, inode: inner.inode };
        let names = inner.files.keys().filter(|name| is_manifest_name(name));
        let files = names.map(|name| {
            let length = inner.files[name].len().try_into().unwrap();
            (name.clone(), FileStamp { length, ..FileStamp::default() })
        });
        Ok(Listing { identity, files: files.collect() })
    }

    fn read(&self, name: &str) -> io::Result<Vec<u8>> {
        let inner = self.0.borrow();
        if inner.unreadable.contains(name) {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        inner.files.get(name).cloned().ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

/// A world and its follower, with a clock that only this harness moves.
struct Harness {
    world: World,
    follower: Follower<World>,
    now: Instant,
}

impl Harness {
    fn new(files: &[(&str, &str)]) -> Self {
        let world = World::default();
        for (name, text) in files {
            world.0.borrow_mut().files.insert((*name).to_owned(), text.as_bytes().to_vec());
        }
        Self::over(world, Snapshot::default())
    }

    fn over(world: World, before: Snapshot) -> Self {
        let timing = Timing::default();
        let follower = Follower::new(world.clone(), Options::default(), before, timing);
        let mut harness = Self { world, follower, now: Instant::ZERO };
        harness.settle();
        harness
    }

    /// Lets time pass until nothing more is due soon.
    fn settle(&mut self) {
        let end = self.now + Duration::from_millis(600);
        while let Some(at) = self.follower.poll_timeout().filter(|at| *at <= end) {
            self.now = self.now.max(at);
            self.follower.handle_timeout(self.now);
        }
        self.now = end;
    }

    fn event(&mut self, event: FileEvent) {
        self.follower.handle_event(self.now, event);
    }

    fn begin(&mut self, name: &str, text: &str) {
        self.world.0.borrow_mut().files.insert(name.to_owned(), text.as_bytes().to_vec());
        self.event(FileEvent::Writing(name.to_owned()));
    }

    fn end(&mut self, name: &str, text: &str) {
        self.begin(name, text);
        self.event(FileEvent::Complete(name.to_owned()));
    }

    fn delete(&mut self, name: &str) {
        self.world.0.borrow_mut().files.remove(name);
        self.event(FileEvent::Gone(name.to_owned()));
    }

    fn rename(&mut self, from: &str, to: &str) {
        let bytes = self.world.0.borrow_mut().files.remove(from);
        if let Some(bytes) = bytes {
            self.world.0.borrow_mut().files.insert(to.to_owned(), bytes);
            self.event(FileEvent::Gone(from.to_owned()));
            self.event(FileEvent::Complete(to.to_owned()));
        }
    }

    fn keys(&self) -> Vec<String> {
        let manifests = &self.follower.snapshot().manifests;
        manifests.iter().map(|manifest| manifest.key.to_string()).collect()
    }

    fn stale(&self) -> Vec<(String, StaleReason)> {
        let stale = &self.follower.snapshot().stale;
        stale.iter().map(|(key, why)| (key.to_string(), *why)).collect()
    }

    fn codes(&self) -> Vec<&'static str> {
        let diagnostics = &self.follower.snapshot().diagnostics;
        diagnostics.iter().map(|diagnostic| diagnostic.problem.code()).collect()
    }
}

fn service(name: &str, ip: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Service\nmetadata: {{name: {name}}}\n\
         spec: {{type: LoadBalancer, loadBalancerIP: {ip}}}\n"
    )
}

fn pool(name: &str, range: &str) -> String {
    format!(
        "apiVersion: metallb.io/v1beta1\nkind: IPAddressPool\nmetadata: {{name: {name}}}\n\
         spec: {{addresses: [{range}]}}\n"
    )
}

#[test]
fn edits_are_followed_and_a_deleted_manifest_is_gone() {
    let mut harness = Harness::new(&[("a.yaml", &service("a", "10.0.0.1"))]);
    assert_eq!(harness.keys(), ["Service default/a"]);
    harness.end("b.yaml", &service("b", "10.0.0.2"));
    harness.settle();
    assert_eq!(harness.keys(), ["Service default/a", "Service default/b"]);
    harness.delete("a.yaml");
    harness.settle();
    assert_eq!(harness.keys(), ["Service default/b"]);
    harness.rename("b.yaml", "c.yml");
    harness.settle();
    assert_eq!(harness.keys(), ["Service default/b"]);
    harness.rename("c.yml", "c.bak");
    harness.world.0.borrow_mut().files.clear();
    harness.settle();
    assert_eq!(harness.keys(), Vec::<String>::new());
}

#[test]
fn nothing_is_delivered_while_nothing_changes() {
    let mut harness = Harness::new(&[("a.yaml", &service("a", "10.0.0.1"))]);
    harness.end("a.yaml", &service("a", "10.0.0.1"));
    harness.event(FileEvent::Anything);
    harness.now += Duration::from_secs(5);
    assert_eq!(harness.follower.handle_timeout(harness.now), None);
    assert_eq!(harness.follower.poll_timeout(), None);
}

#[test]
fn a_change_that_gave_no_event_is_seen_when_somebody_looks() {
    let mut harness = Harness::new(&[("a.yaml", &service("a", "10.0.0.1"))]);
    harness.follower.look(harness.now);
    assert_eq!(harness.follower.poll_timeout(), None);
    let longer = service("a-longer-name", "10.0.0.1");
    harness.world.0.borrow_mut().files.insert("a.yaml".to_owned(), longer.into_bytes());
    harness.follower.look(harness.now);
    harness.settle();
    assert_eq!(harness.keys(), ["Service default/a-longer-name"]);
}

#[test]
fn reading_waits_for_quiet_but_not_for_ever() {
    let mut harness = Harness::new(&[]);
    let start = harness.now;
    let mut delivered = None;
    while delivered.is_none() {
        harness.end("a.yaml", &service("a", "10.0.0.1"));
        delivered = harness.follower.handle_timeout(harness.now);
        harness.now += Duration::from_millis(20);
        assert!(harness.now - start < Duration::from_secs(2), "never read");
    }
    let waited = harness.now - start;
    assert!(waited >= Duration::from_millis(500), "{waited:?}");
}

#[test]
fn a_file_that_is_being_written_keeps_what_it_held() {
    let text = format!("{}---\n{}", service("a", "10.0.0.1"), service("b", "10.0.0.2"));
    let mut harness = Harness::new(&[("a.yaml", &text)]);
    let before = harness.follower.snapshot().clone();
    for end in (0..text.len()).filter(|end| text.is_char_boundary(*end)) {
        harness.begin("a.yaml", &text[..end]);
        // Something else happens in the folder meanwhile.
        harness.event(FileEvent::Anything);
        harness.settle();
        assert_eq!(*harness.follower.snapshot(), before, "after {end} bytes");
    }
    harness.end("a.yaml", &service("a", "10.0.0.9"));
    harness.settle();
    assert_eq!(harness.keys(), ["Service default/a"]);
}

#[test]
fn a_file_left_half_written_keeps_what_may_be_cut_off() {
    let text = format!("{}---\n{}", service("a", "10.0.0.1"), service("b", "10.0.0.2"));
    let mut harness = Harness::new(&[("a.yaml", &text)]);
    // Closed in the middle of the second object: `spec: {type: LoadBal`.
    harness.end("a.yaml", &text[..text.len() - 30]);
    harness.settle();
    assert_eq!(harness.keys(), ["Service default/a", "Service default/b"]);
    assert_eq!(harness.stale(), [("Service default/b".to_owned(), StaleReason::Invalid)]);
}

#[test]
fn a_bad_object_keeps_its_last_valid_state_and_stops_nothing_else() {
    let text =
        |first: &str, second: &str| format!("{}---\n{}", service("a", first), service("b", second));
    let mut harness = Harness::new(&[("s.yaml", &text("10.0.0.1", "10.0.0.2"))]);
    harness.end("s.yaml", &text("10.0.0.999", "10.0.0.3"));
    harness.settle();
    assert_eq!(harness.stale(), [("Service default/a".to_owned(), StaleReason::Invalid)]);
    assert_eq!(harness.codes(), ["stale", "notAnAddress"]);
    let translation = harness.follower.snapshot().translate(&Options::default());
    let addresses: Vec<_> = translation
        .intent
        .services
        .values()
        .map(|service| service.request.addresses[0].to_string())
        .collect();
    assert_eq!(addresses, ["10.0.0.1", "10.0.0.3"]);
}

#[test]
fn a_manifest_that_stands_twice_keeps_what_was_served() {
    let mut harness = Harness::new(&[("a.yaml", &service("a", "10.0.0.1"))]);
    harness.end("copy.yaml", &service("a", "10.0.0.2"));
    harness.settle();
    assert_eq!(harness.stale(), [("Service default/a".to_owned(), StaleReason::Duplicate)]);
    let twins: Vec<_> = harness
        .follower
        .snapshot()
        .diagnostics
        .iter()
        .filter(|diagnostic| diagnostic.is_error())
        .map(Diagnostic::to_string)
        .collect();
    assert_eq!(
        twins,
        [
            "a.yaml:1:1: error: Service default/a: the same object also stands at copy.yaml:1:1; \
             remove one of the two",
            "copy.yaml:1:1: error: Service default/a: the same object also stands at a.yaml:1:1; \
             remove one of the two",
        ]
    );
    harness.delete("a.yaml");
    harness.settle();
    assert_eq!(harness.keys(), ["Service default/a"]);
    assert!(harness.stale().is_empty());

    let fresh = Harness::over(World::default(), Snapshot::default());
    assert!(fresh.keys().is_empty());
}

#[test]
fn a_pool_that_grows_into_another_is_refused_and_the_other_stays() {
    let mut harness = Harness::new(&[
        ("a.yaml", &pool("a", "10.0.0.0/28")),
        ("b.yaml", &pool("b", "10.0.0.16/28")),
    ]);
    harness.end("a.yaml", &pool("a", "10.0.0.0/24"));
    harness.settle();
    assert_eq!(harness.stale(), [("IPAddressPool a".to_owned(), StaleReason::Invalid)]);
    let translation = harness.follower.snapshot().translate(&Options::default());
    let ranges: Vec<_> =
        translation.intent.pools.iter().map(|p| p.ranges()[0].to_string()).collect();
    assert_eq!(ranges, ["10.0.0.0/28", "10.0.0.16/28"]);
    // Two pools that exchange their ranges in one edit are no conflict.
    harness.end("a.yaml", &pool("a", "10.0.0.16/28"));
    harness.end("b.yaml", &pool("b", "10.0.0.0/28"));
    harness.settle();
    assert!(harness.stale().is_empty());
}

#[test]
fn a_namespace_that_changes_file_by_file_withdraws_nothing() {
    let within = |text: String, namespace: &str| {
        text.replace("metadata: {", &format!("metadata: {{namespace: {namespace}, "))
    };
    let (a, b) = (pool("a", "10.0.0.0/28"), pool("b", "10.0.0.16/28"));
    let mut harness = Harness::new(&[
        ("a.yaml", &within(a.clone(), "metallb-system")),
        ("b.yaml", &within(b.clone(), "metallb-system")),
    ]);
    harness.end("a.yaml", &within(a, "elsewhere"));
    harness.settle();
    let both = ["IPAddressPool metallb-system/a", "IPAddressPool metallb-system/b"];
    assert_eq!(harness.keys(), both);
    assert!(harness.codes().contains(&"mixedNamespaces"));
    harness.end("b.yaml", &within(b, "elsewhere"));
    harness.settle();
    assert_eq!(harness.keys(), ["IPAddressPool elsewhere/a", "IPAddressPool elsewhere/b"]);
    assert!(harness.stale().is_empty());
}

#[test]
fn a_folder_that_vanishes_keeps_everything_and_says_so() {
    let mut harness = Harness::new(&[("a.yaml", &service("a", "10.0.0.1"))]);
    harness.world.0.borrow_mut().gone = true;
    harness.event(FileEvent::Gone("a.yaml".to_owned()));
    harness.event(FileEvent::Lost);
    harness.settle();
    assert_eq!(harness.stale(), [("Service default/a".to_owned(), StaleReason::FolderUnreadable)]);
    assert_eq!(harness.codes(), ["unreadable", "stale"]);
    assert!(harness.follower.poll_timeout().is_some(), "it is tried again");

    // An empty folder in its place, as an unmounted volume leaves: still nothing is withdrawn.
    {
        let mut inner = harness.world.0.borrow_mut();
        (inner.gone, inner.inode) = (false, 2);
        inner.files.clear();
    }
    harness.now += Duration::from_secs(2);
    harness.settle();
    assert_eq!(harness.keys(), ["Service default/a"]);

    harness.end("b.yaml", &service("b", "10.0.0.2"));
    harness.settle();
    assert_eq!(harness.keys(), ["Service default/b"]);
    assert!(harness.stale().is_empty());
}

#[test]
fn a_file_that_cannot_be_read_keeps_its_objects() {
    let mut harness = Harness::new(&[("a.yaml", &service("a", "10.0.0.1"))]);
    harness.world.0.borrow_mut().unreadable.insert("a.yaml".to_owned());
    harness.event(FileEvent::Anything);
    harness.settle();
    assert_eq!(harness.stale(), [("Service default/a".to_owned(), StaleReason::FileUnreadable)]);
    harness.world.0.borrow_mut().unreadable.clear();
    harness.world.0.borrow_mut().files.insert("a.yaml".to_owned(), vec![0xff, 0xfe]);
    harness.event(FileEvent::Complete("a.yaml".to_owned()));
    harness.settle();
    assert_eq!(harness.stale(), [("Service default/a".to_owned(), StaleReason::FileUnreadable)]);
}

#[test]
fn junk_in_another_file_holds_nothing_back() {
    let mut harness =
        Harness::new(&[("a.yaml", &service("a", "10.0.0.1")), ("junk.yaml", "kind: [")]);
    harness.delete("a.yaml");
    harness.settle();
    assert!(harness.keys().is_empty());
}

#[test]
fn a_notice_about_an_unknown_kind_is_given_once() {
    let text = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\n";
    let harness = Harness::new(&[("a.yaml", text), ("b.yaml", text)]);
    assert_eq!(harness.codes(), ["unknownKind"]);
}
