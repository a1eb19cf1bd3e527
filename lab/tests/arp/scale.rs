//! Many addresses on one node: what goes first, and how long it takes.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    thread,
    time::{Duration, Instant},
};

use vipcast_lab::{Captured, harness::TestResult};

use crate::world::{GATEWAY, Lan, Result, ip};

const LONG: Duration = Duration::from_secs(240);
/// Frames that a run of the default pace may send at once, and in a second.
const DEFAULT: (f64, f64) = (20.0, 200.0);

/// Who is asked: of very many, a gateway that is not there. One that learns so many addresses fills the
/// table of neighbours that all namespaces share.
const fn gateway(count: u32) -> Ipv4Addr {
    if count > 1_000 { Ipv4Addr::new(172, 18, 255, 253) } else { GATEWAY }
}

fn addresses(count: u32) -> impl Iterator<Item = Ipv4Addr> {
    let first = Ipv4Addr::new(172, 18, 64, 0).to_bits();
    (first..first + count).map(Ipv4Addr::from_bits)
}

/// What was said about each address first, and that no repeat comes before; the time from the first
/// to the last of them.
fn first_round(caught: &Captured, count: u32) -> Result<Duration> {
    let wanted: BTreeSet<Ipv4Addr> = addresses(count).collect();
    let mut said: BTreeMap<(Ipv4Addr, bool), Instant> = BTreeMap::new();
    let mut repeated = None;
    for (frame, arp) in caught.arps().filter(|(_, arp)| wanted.contains(&arp.spa)) {
        let question = arp.is_request() && arp.tpa == gateway(count);
        let announcement = arp.is_request() && arp.tpa == arp.spa;
        let first = (question || announcement) && !said.contains_key(&(arp.spa, question));
        if first {
            if let Some(what) = repeated {
                return Err(format!("{arp:?} came after the repeat {what:?}").into());
            }
            said.insert((arp.spa, question), frame.at);
        } else {
            repeated = repeated.or(Some(arp));
        }
    }
    assert_eq!(said.len(), 2 * count as usize, "an announcement and a question for each");
    let (first, last) = (said.values().min(), said.values().max());
    Ok(last.zip(first).map_or(Duration::ZERO, |(last, first)| last.duration_since(*first)))
}

/// As [`first_round`], of a node that a busy machine did not pause for longer than a token lives: one
/// that was begins anew.
fn run(count: u32, pace: Option<u32>) -> Result<Duration> {
    const RUNS: u32 = 6;
    for _ in 0..RUNS {
        if let Some(took) = undisturbed(count, pace)? {
            return Ok(took);
        }
    }
    Err(format!("the node was paused in each of {RUNS} runs: this machine is too busy").into())
}

fn undisturbed(count: u32, pace: Option<u32>) -> Result<Option<Duration>> {
    let lan = Lan::new("scale", 1)?;
    lan.serve(addresses(count).map(IpAddr::from))?;
    ip(&lan.net.nodes[0], &format!("route replace default via {}", gateway(count)))?;
    let capture = lan.net.lab.capture(&lan.net.lan)?;
    let pace = pace.map(|pace| pace.to_string());
    let flags: Vec<&str> = pace.iter().flat_map(|pace| ["--pace", pace]).collect();
    let node = lan.run("node-a", &flags)?;
    let last = addresses(count).last().ok_or("none")?;
    // The plan may put any of them last on the wire.
    let left = std::sync::Mutex::new(addresses(count).collect::<BTreeSet<_>>());
    capture.wait_for(&format!("the announcements up to {last}"), LONG, |frame| {
        let Some(arp) = frame.arp().filter(|arp| arp.is_request() && arp.spa == arp.tpa) else {
            return false;
        };
        let mut left = left.lock().unwrap();
        left.remove(&arp.spa);
        left.is_empty()
    })?;
    let said = Lan::end(&node)?;
    let caught = capture.stop()?;
    if said.contains("this node was paused") {
        return Ok(None);
    }
    assert_eq!(caught.dropped, 0, "the capture lost frames: this run shows nothing");
    first_round(&caught, count).map(Some)
}

/// What takes longer at the default pace is left to a run that `VIPCAST_LAB_LONG` asks for.
const MOST_PATIENCE: f64 = 30.0;

pub(crate) fn announce(count: u32) -> TestResult {
    let (burst, rate) = DEFAULT;
    let expected = ((2.0 * f64::from(count) - burst) / rate).max(0.0);
    if expected < MOST_PATIENCE || std::env::var_os("VIPCAST_LAB_LONG").is_some() {
        let took = run(count, None)?.as_secs_f64();
        println!("{count} addresses, default pace: {took:.2} s, expected {expected:.2} s");
        assert!(took >= expected * 0.99 - 0.01, "faster than the pace: {took} s");
    }
    let took = run(count, Some(1_000_000))?;
    println!("{count} addresses, open pace: {:.3} s, target for 1,000: 1.0 s", took.as_secs_f64());
    Ok(())
}

/// Questions for an IPv6 address come to its group: each has to be joined.
pub(crate) fn groups() -> TestResult {
    const COUNT: u16 = 10_000;
    let lan = Lan::new("groups", 1)?;
    let all = (0..COUNT).map(|n| Ipv6Addr::new(0xfd18, 0, 0, 0, 0, 0, 1, n));
    lan.serve(all.clone().map(IpAddr::from))?;
    // Its questions to a gateway would fill the table of neighbours that all namespaces share.
    ip(&lan.net.nodes[0], "-6 route del default")?;
    let node = lan.run("node-a", &["--pace", "1000000"])?;
    let joined = || lan.net.nodes[0].run(|| fs::read_to_string("/proc/thread-self/net/igmp6"));
    let wanted: BTreeSet<String> = all
        .map(|address| {
            let [.., low] = address.segments();
            format!("ff0200000000000000000001ff01{low:04x}")
        })
        .collect();
    let missing = |text: &str| {
        let joined: BTreeSet<&str> = text.split_whitespace().collect();
        wanted.iter().filter(|group| !joined.contains(group.as_str())).count()
    };
    // Of 10,000 lines the program may lose some: nobody who reads slowly holds it up.
    let start = Instant::now();
    while missing(&joined()??) > 0 {
        assert!(start.elapsed() < LONG, "{} groups are not joined", missing(&joined()??));
        thread::sleep(Duration::from_millis(200));
    }
    assert!(!node.output().contains("cannot be joined"), "{}", node.output());
    Lan::end(&node)?;
    assert_eq!(missing(&joined()??), usize::from(COUNT), "they are left in the end");
    Ok(())
}
