use std::{
    collections::BTreeMap,
    io,
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::{
    sync::{mpsc, watch},
    time::{sleep, timeout},
};
use vipcast_election::{
    NodeName, Segment,
    beacon::Keyring,
    register::{Changes, RegisterConfig, RegisterSettings, RegisterTransmit, VoterId},
};

use super::*;
use crate::layer2::NodeSeen;

/// Long enough for a busy machine.
const LIMIT: Duration = Duration::from_secs(60);

/// What a node keeps, and whether its disk works.
#[derive(Clone, Default)]
struct Disk {
    kept: Arc<Mutex<Vec<u8>>>,
    broken: Arc<Mutex<bool>>,
}

impl Ledger for Disk {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.check()?;
        self.kept.lock().unwrap().extend(bytes);
        Ok(())
    }

    fn replace(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.check()?;
        *self.kept.lock().unwrap() = bytes.to_vec();
        Ok(())
    }
}

impl Disk {
    fn check(&self) -> io::Result<()> {
        match *self.broken.lock().unwrap() {
            true => Err(io::Error::other("the disk is full")),
            false => Ok(()),
        }
    }
}

/// Waits until nobody writes to these any more.
async fn put_down(disks: &[Disk]) {
    while disks.iter().any(|disk| Arc::strong_count(&disk.kept) > 1) {
        sleep(Duration::from_millis(1)).await;
    }
}

type Inboxes = Arc<Mutex<BTreeMap<NodeName, mpsc::Sender<Vec<u8>>>>>;

/// Nodes that hear each other, as far as they are on the network.
#[derive(Default)]
struct Net {
    inboxes: Inboxes,
    reports: BTreeMap<String, watch::Sender<Arc<Report>>>,
}

impl Net {
    fn start(&mut self, me: &str, voter: u64, founders: &[&str], disk: &Disk) -> Agreement {
        let me = NodeName::new(me);
        let (sender, inbox) = mpsc::channel(INBOX);
        self.inboxes.lock().unwrap().insert(me.clone(), sender);
        let (inboxes, from) = (Arc::clone(&self.inboxes), me.clone());
        let send = move |_: RegisterTransmit, bytes: &[u8]| {
            let inboxes = inboxes.lock().unwrap();
            if inboxes.contains_key(&from) {
                for (_, inbox) in inboxes.iter().filter(|(name, _)| **name != from) {
                    // Lost.
                    let _ = inbox.try_send(bytes.to_vec());
                }
            }
        };
        let (_, keyring) = watch::channel(Keyring::insecure());
        let wire = Wire { inbox, send: Box::new(send), keyring };
        let settings = RegisterSettings {
            interval: Duration::from_millis(50),
            life: Duration::from_millis(300),
            skew: Duration::from_millis(50),
            ..RegisterSettings::default()
        };
        let founders = founders.iter().map(|name| NodeName::new(*name));
        let config = RegisterConfig::new(me.clone(), founders, settings).unwrap();
        let (told, reports) = watch::channel(Arc::default());
        self.reports.insert(me.to_string(), told);
        let kept = disk.kept.lock().unwrap().clone();
        let patience = Patience {
            history: Duration::from_secs(1),
            silence: Duration::from_secs(1),
            ..Patience::default()
        };
        let voter = VoterId(voter);
        Agreement::over(config, patience, voter, &kept, disk.clone(), wire, reports).unwrap()
    }

    /// Takes a node off the network.
    fn cut(&mut self, node: &str) -> mpsc::Sender<Vec<u8>> {
        self.inboxes.lock().unwrap().remove(&NodeName::new(node)).unwrap()
    }

    /// Whose beacons a node hears.
    fn hears(&self, me: &str, others: &[&str]) {
        let there = NodeSeen { there: true, mutual: true, starting: false, draining: false };
        let mut report = Report::default();
        for other in others {
            report.nodes.insert((Segment::new("lan"), NodeName::new(*other)), there);
        }
        self.reports[me].send_replace(Arc::new(report));
    }
}

async fn until(agreement: &Agreement, what: impl FnMut(&Arc<Agreed>) -> bool) -> Arc<Agreed> {
    let mut views = agreement.views();
    let found = timeout(LIMIT, views.wait_for(what)).await;
    found.expect("never came").expect("it ended").clone()
}

fn change(key: &str, value: &str) -> Changes {
    [(key.into(), Some(value.into()))].into()
}

#[tokio::test]
async fn three_agree_and_one_that_lost_its_memory_is_admitted_anew() {
    let mut net = Net::default();
    let disks = [Disk::default(), Disk::default(), Disk::default()];
    let names = ["a", "b", "c"];
    let all: Vec<_> =
        (0..3).map(|i| net.start(names[i], i as u64 + 1, &names, &disks[i])).collect();
    let leader = until(&all[0], |view| view.standing.leads()).await;
    assert_eq!(leader.standing.leader(), Some(&NodeName::new("a")));
    let version = leader.document.version();
    all[0].propose(version, change("web", "192.0.2.1")).await.unwrap();
    for agreement in &all {
        until(agreement, |view| view.document.get(b"web") == Some(b"192.0.2.1")).await;
    }
    assert_eq!(
        all[1].propose(version, change("web", "192.0.2.2")).await,
        Err(ChangeError::Standing(Standing::Follows { leader: NodeName::new("a") }))
    );
    assert_eq!(all[0].propose(version, change("web", "192.0.2.2")).await, Err(ChangeError::Stale));

    // What it kept is gone; its name is that of a member.
    let [a, b, c] = <[Agreement; 3]>::try_from(all).unwrap();
    drop(c);
    let c = net.start("c", 9, &names, &Disk::default());
    until(&c, |view| view.document.get(b"web").is_some()).await;
    let member =
        |view: &Arc<Agreed>| view.document.members().get(&NodeName::new("c")) == Some(&VoterId(9));
    until(&a, |view| member(view) && view.behind.is_empty()).await;
    until(&b, member).await;
}

#[tokio::test]
async fn what_cannot_be_written_is_not_agreed_and_said() {
    let mut net = Net::default();
    let disk = Disk::default();
    *disk.broken.lock().unwrap() = true;
    let agreement = net.start("a", 1, &["a"], &disk);
    let view = until(&agreement, |view| view.standing.name() == "unwritten").await;
    assert!(view.standing.to_string().contains("the disk is full"), "{}", view.standing);
    let refused = agreement.propose(0, change("web", "192.0.2.1")).await;
    assert!(matches!(refused, Err(ChangeError::Standing(_))), "{refused:?}");
    *disk.broken.lock().unwrap() = false;
    let view = until(&agreement, |view| view.standing.leads()).await;
    agreement.propose(view.document.version(), change("web", "192.0.2.1")).await.unwrap();
    until(&agreement, |view| view.document.get(b"web").is_some()).await;
    drop(agreement);
    // It is there again: at once, or, if it was not yet noted that it is agreed, when a leads again.
    let agreement = net.start("a", 2, &["a"], &disk);
    until(&agreement, |view| view.document.get(b"web").is_some()).await;
}

#[tokio::test]
async fn why_nobody_assigns_is_said_by_name() {
    let mut net = Net::default();
    let disks = [Disk::default(), Disk::default()];
    let a = net.start("a", 1, &["a", "b"], &disks[0]);
    let waiting = until(&a, |view| view.standing.name() == "founding").await;
    assert!(waiting.standing.to_string().contains("not heard as one that begins: b"));
    let b = net.start("b", 2, &["a", "b"], &disks[1]);
    until(&a, |view| view.standing.leads()).await;
    until(&b, |view| view.standing.name() == "follows").await;
    // Neither hears the other any more.
    net.inboxes.lock().unwrap().clear();
    let alone = until(&a, |view| view.standing.name() == "noMajority").await;
    let text = alone.standing.to_string();
    assert!(
        text.contains("2 of the 2 members must agree, and here are only a; silent: b"),
        "{text}"
    );
}

#[tokio::test]
async fn where_nobody_is_named_a_node_founds_alone_if_it_hears_nobody() {
    let mut net = Net::default();
    let a = net.start("a", 1, &[], &Disk::default());
    let b = net.start("b", 2, &[], &Disk::default());
    net.hears("b", &["x"]);
    let view = until(&b, |view| view.standing.name() == "nobodyNamed").await;
    assert!(view.standing.to_string().contains("(x): give all nodes the same --founders"));
    until(&a, |view| view.standing.leads()).await;
    // A history is there now, and b has it too, though without a vote.
    let follows = Standing::Follows { leader: NodeName::new("a") };
    until(&b, |view| view.standing == follows).await;
}

fn has_member(view: &Arc<Agreed>, name: &str) -> bool {
    view.document.members().contains_key(&NodeName::new(name))
}

#[tokio::test]
async fn who_is_named_later_is_admitted_and_who_is_named_no_more_is_dismissed_when_it_is_gone() {
    let mut net = Net::default();
    let disks = [Disk::default(), Disk::default(), Disk::default()];
    let a = net.start("a", 1, &["a", "b"], &disks[0]);
    let b = net.start("b", 2, &["a", "b"], &disks[1]);
    until(&a, |view| view.standing.leads()).await;
    until(&b, |view| view.document.members().len() == 2).await;
    drop((a, b));
    put_down(&disks).await;

    // All are started anew with a list of three.
    let all = ["a", "b", "c"];
    let a = net.start("a", 11, &all, &disks[0]);
    let b = net.start("b", 12, &all, &disks[1]);
    let c = net.start("c", 3, &all, &disks[2]);
    for agreement in [&a, &b, &c] {
        until(agreement, |view| has_member(view, "c")).await;
    }
    until(&c, |view| view.votes).await;
    drop((a, b, c));
    put_down(&disks).await;

    // And with a list of two: the third is not named, but there.
    let a = net.start("a", 21, &["a", "b"], &disks[0]);
    let b = net.start("b", 22, &["a", "b"], &disks[1]);
    let c = net.start("c", 23, &["a", "b"], &disks[2]);
    for me in all {
        net.hears(me, &all);
    }
    let view = until(&a, |view| view.standing.leads() && view.behind.is_empty()).await;
    assert!(has_member(&view, "c"));
    a.propose(view.document.version(), change("web", "192.0.2.1")).await.unwrap();
    until(&c, |view| view.document.get(b"web").is_some()).await;
    drop(c);
    for me in ["a", "b"] {
        net.hears(me, &["a", "b"]);
    }
    until(&a, |view| !has_member(view, "c")).await;
    until(&b, |view| !has_member(view, "c") && view.document.get(b"web").is_some()).await;
}

#[tokio::test]
async fn two_histories_are_told_by_both_sides_until_one_is_gone() {
    let mut net = Net::default();
    let a = net.start("a", 1, &["a"], &Disk::default());
    until(&a, |view| view.standing.leads()).await;
    let inbox = net.cut("a");
    let b = net.start("b", 2, &["b"], &Disk::default());
    until(&b, |view| view.standing.leads()).await;
    net.inboxes.lock().unwrap().insert(NodeName::new("a"), inbox);
    for agreement in [&a, &b] {
        let view = until(agreement, |view| view.standing == Standing::OtherHistory).await;
        let refused = agreement.propose(view.document.version(), change("web", "x")).await;
        assert_eq!(refused, Err(ChangeError::Standing(Standing::OtherHistory)));
    }
    drop(b);
    until(&a, |view| view.standing.leads()).await;
}
