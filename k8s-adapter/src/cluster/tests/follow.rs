//! Following objects through what servers and networks do to a watch.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use serde_json::json;
use tokio::{
    sync::{mpsc, watch},
    time::timeout,
};

use super::{
    server::{Asked, Fault, Server},
    world::service,
};
use crate::{
    cluster::watch::{Change, Target, Timing, follow},
    kinds::Kind,
};

struct Following {
    changes: mpsc::Receiver<Change>,
    epochs: watch::Sender<u64>,
}

impl Following {
    fn start(server: &Server) -> Self {
        let ms = Duration::from_millis;
        let timing = Timing {
            watch: Duration::from_secs(60),
            silence: ms(600),
            page: Duration::from_secs(10),
            retry: ms(20),
            patience: ms(100),
        };
        let (epochs, orders) = watch::channel(0);
        let (sender, changes) = mpsc::channel(64);
        let mut target = Target::new(Kind::Service, None);
        target.fields = Some(Target::LOAD_BALANCERS);
        tokio::spawn(follow(server.client(), target, timing, orders, sender));
        Self { changes, epochs }
    }

    async fn next(&mut self) -> Change {
        let change = timeout(Duration::from_secs(60), self.changes.recv()).await;
        change.expect("nothing in a minute").expect("the end")
    }

    /// The names of the next list, and the order that it follows.
    async fn list(&mut self) -> (Vec<String>, u64) {
        loop {
            if let Change::Reset { objects, epoch, .. } = self.next().await {
                return (objects.into_iter().map(|object| object.key.name).collect(), epoch);
            }
        }
    }

    /// The name of the next object that is new or has changed.
    async fn applied(&mut self) -> String {
        loop {
            if let Change::Applied(object) = self.next().await {
                return object.key.name;
            }
        }
    }
}

/// Does `fault` to the first watch.
fn first_watch(server: &Server, fault: Fault) {
    let count = AtomicU32::new(0);
    server.script(move |asked: &Asked| {
        (asked.is_watch() && count.fetch_add(1, Ordering::Relaxed) == 0).then(|| fault.clone())
    });
}

#[tokio::test]
async fn lists_then_watches_and_never_asks_for_what_an_old_store_cannot_do() {
    let server = Server::start().await;
    server.put("services", service("a"));
    let mut following = Following::start(&server);
    assert_eq!(following.list().await, (vec!["a".to_owned()], 0));
    server.put("services", service("b"));
    assert_eq!(following.applied().await, "b");
    // Streaming lists hang for ever where the store cannot tell its progress.
    assert!(server.asked().iter().all(|asked| !asked.query.contains("sendInitialEvents=true")));
    assert!(server.asked().iter().all(|asked| asked.query.contains("spec.type")));
}

#[tokio::test]
async fn a_version_that_the_server_forgot_means_a_list_whichever_way_it_says_so() {
    for answer in [None, Some(Fault::Status(410, None))] {
        let server = Server::start().await;
        server.put("services", service("a"));
        match answer {
            Some(fault) => first_watch(&server, fault),
            None => {
                let compacting = server.clone();
                let count = AtomicU32::new(0);
                server.script(move |asked| {
                    if asked.is_watch() && count.fetch_add(1, Ordering::Relaxed) == 0 {
                        let server = compacting.clone();
                        std::thread::spawn(move || server.compact());
                        return Some(Fault::Slow(Duration::from_millis(200)));
                    }
                    None
                });
            }
        }
        let mut following = Following::start(&server);
        following.list().await;
        let (names, _) = following.list().await;
        assert_eq!(names, ["a"]);
        server.put("services", service("b"));
        assert_eq!(following.applied().await, "b");
    }
}

#[tokio::test]
async fn a_stream_that_ends_in_the_middle_of_a_line_loses_nothing() {
    let server = Server::start().await;
    let half = json!({"type": "ADDED", "object": service("half")}).to_string();
    first_watch(&server, Fault::Script(vec![half[..half.len() / 2].to_owned()]));
    let mut following = Following::start(&server);
    following.list().await;
    server.put("services", service("whole"));
    assert_eq!(following.applied().await, "whole");
}

#[tokio::test]
async fn a_stream_that_says_nothing_any_more_is_given_up() {
    let server = Server::start().await;
    first_watch(&server, Fault::Silence);
    let mut following = Following::start(&server);
    following.list().await;
    server.put("services", service("unheard"));
    assert_eq!(following.applied().await, "unheard");
}

#[tokio::test]
async fn events_out_of_order_mean_a_list() {
    let server = Server::start().await;
    let at = |name: &str, version: &str| {
        let mut object = service(name);
        object["metadata"]["resourceVersion"] = json!(version);
        format!("{}\n", json!({"type": "ADDED", "object": object}))
    };
    first_watch(&server, Fault::Script(vec![at("late", "120"), at("early", "110")]));
    server.put("services", service("a"));
    let mut following = Following::start(&server);
    following.list().await;
    assert_eq!(following.applied().await, "late");
    let (names, _) = following.list().await;
    assert_eq!(names, ["a"], "what the server has, not what came out of order");
}

#[tokio::test]
async fn a_server_that_counts_anew_is_noticed_by_its_bookmarks() {
    let server = Server::start().await;
    server.put("services", service("a"));
    let bookmark = json!({"type": "BOOKMARK", "object": {
        "kind": "Service", "apiVersion": "v1", "metadata": {"resourceVersion": "12"},
    }});
    first_watch(&server, Fault::Script(vec![format!("{bookmark}\n")]));
    let mut following = Following::start(&server);
    following.list().await;
    server.count_anew(12);
    following.list().await;
    server.put("services", service("b"));
    assert_eq!(following.applied().await, "b");
}

#[tokio::test]
async fn a_server_that_never_had_the_version_that_we_know_is_listed_anew() {
    let server = Server::start().await;
    server.put("services", service("a"));
    first_watch(&server, Fault::Says(504, "Too large resource version: 101, current: 12"));
    let mut following = Following::start(&server);
    following.list().await;
    server.count_anew(12);
    following.list().await;
    server.put("services", service("b"));
    assert_eq!(following.applied().await, "b");
}

#[tokio::test]
async fn failures_are_told_once_and_a_list_is_made_after_some_of_them() {
    let server = Server::start().await;
    let failing = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&failing);
    server.script(move |asked| {
        (asked.is_watch() && count.fetch_add(1, Ordering::Relaxed) < 3)
            .then_some(Fault::Status(500, None))
    });
    let mut following = Following::start(&server);
    following.list().await;
    let Change::Trouble(Kind::Service, Some(why)) = following.next().await else { panic!() };
    assert!(why.contains("500"), "{why}");
    following.list().await;
    assert_eq!(failing.load(Ordering::Relaxed), 3, "by then");
}

#[tokio::test]
async fn an_order_to_list_anew_is_followed_at_once() {
    let server = Server::start().await;
    let mut following = Following::start(&server);
    assert_eq!(following.list().await.1, 0);
    following.epochs.send_replace(7);
    assert_eq!(following.list().await.1, 7);
}

#[tokio::test]
async fn a_kind_that_the_cluster_does_not_have_is_told_with_what_to_do() {
    let server = Server::start().await;
    server.script(|asked| {
        asked.path.ends_with("/ipaddresspools").then_some(Fault::Status(404, None))
    });
    let (_epochs, orders) = watch::channel(0);
    let (sender, mut changes) = mpsc::channel(8);
    let target = Target::new(Kind::IpAddressPool, Some("metallb-system"));
    tokio::spawn(follow(server.client(), target, Timing::default(), orders, sender));
    let Some(Change::Trouble(_, Some(why))) = changes.recv().await else { panic!() };
    assert!(why.contains("vipcast crds | kubectl apply"), "{why}");
}
