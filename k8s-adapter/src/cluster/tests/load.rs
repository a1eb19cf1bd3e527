//! How many writes are under way at once.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use hyper::Method;
use tokio::sync::Notify;

use super::{
    server::{Fault, Server},
    world::{Controller, a_while, addresses, eventually, pool, service},
};

const COUNT: usize = 60;

/// Writes that are held back, all but the first, which is answered as `first` says.
struct Held {
    server: Server,
    count: Arc<AtomicUsize>,
    gate: Arc<Notify>,
}

async fn held(first: Option<Fault>) -> Held {
    let server = Server::start().await;
    server.put("ipaddresspools", pool("lan", "192.0.2.1-192.0.2.250"));
    for number in 0..COUNT {
        server.put("services", service(&format!("s{number:02}")));
    }
    let (count, gate) = (Arc::new(AtomicUsize::new(0)), Arc::new(Notify::new()));
    let (counter, held_back) = (Arc::clone(&count), Arc::clone(&gate));
    let mut first = first;
    server.script(move |asked| {
        if asked.method != Method::PATCH || !asked.path.contains("/services/") {
            return None;
        }
        if let Some(fault) = first.take() {
            return Some(fault);
        }
        counter.fetch_add(1, Ordering::Relaxed);
        Some(Fault::Late(Arc::clone(&held_back)))
    });
    Held { server, count, gate }
}

impl Held {
    fn count(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    async fn let_all_through(self) {
        self.server.no_script();
        self.gate.notify_waiters();
        let served = |n| !addresses(&self.server, &format!("s{n:02}")).is_empty();
        eventually("addresses", || (0..COUNT).all(served)).await;
    }
}

#[tokio::test]
async fn sixteen_are_under_way_at_once_from_the_first_moment() {
    let held = held(None).await;
    let _controller = Controller::start(&held.server, "a");
    eventually("sixteen", || held.count() == 16).await;
    a_while().await;
    assert_eq!(held.count(), 16);
    held.let_all_through().await;
}

#[tokio::test]
async fn a_server_that_has_too_much_to_do_gets_half_as_many() {
    // Of the first sixteen one is refused. Once the others are answered, half as many follow.
    let held = held(Some(Fault::Status(429, None))).await;
    let _controller = Controller::start(&held.server, "a");
    eventually("the first", || held.count() == 15).await;
    a_while().await;
    held.gate.notify_waiters();
    eventually("the next", || held.count() >= 15 + 8).await;
    a_while().await;
    let next = held.count() - 15;
    assert!((8..=9).contains(&next), "{next} at once; each window of answers adds one");
    held.let_all_through().await;
}

#[tokio::test]
async fn a_watch_that_is_cut_while_much_is_written_halves_it_too() {
    let held = held(None).await;
    let _controller = Controller::start(&held.server, "a");
    eventually("the first", || held.count() == 16).await;
    let of_services = |server: &Server| {
        let asked = server.asked().into_iter().filter(|asked| asked.path.ends_with("/services"));
        let (watches, lists): (Vec<_>, Vec<_>) = asked.partition(|asked| asked.is_watch());
        (watches.len(), lists.len())
    };
    let (watches, lists) = of_services(&held.server);
    held.server.cut_watches();
    // It watches again, from where it was, and lists nothing anew: that would make it worse.
    eventually("a watch", || of_services(&held.server).0 > watches).await;
    a_while().await;
    assert_eq!(of_services(&held.server), (watches + 1, lists));
    held.gate.notify_waiters();
    eventually("the next", || held.count() >= 16 + 8).await;
    a_while().await;
    let next = held.count() - 16;
    assert!((8..=9).contains(&next), "{next} at once; each window of answers adds one");
    held.let_all_through().await;
}
