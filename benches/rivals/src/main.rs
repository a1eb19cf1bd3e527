//! Reads and writes the same UPDATEs with several codecs, in one process, in turns, and tells nanoseconds and allocations.
//!
//! Everybody reads the whole message and folds every prefix into the same sum. Ours gives the verdict of RFC 7606 besides;
//! of the others only rustbgpd-wire does. zettabgp is given the message without its header.

use std::{
    alloc::System,
    fmt::Write,
    hint::black_box,
    time::{Duration, Instant},
};

use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use vipcast_benches::bgp::{self, Message};

mod rivals;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Turns that everybody takes, and calls in each.
const TURNS: usize = 400;

/// Something to measure: its name, and what it does once.
type Entry<'a> = (&'static str, Box<dyn FnMut() -> u64 + 'a>);

fn main() {
    let mut report = String::new();
    for message in &bgp::messages() {
        race("decode", message, decoders(message), &mut report);
    }
    for message in &bgp::messages() {
        race("encode", message, encoders(message), &mut report);
    }
    println!("{report}");
}

fn decoders(message: &Message) -> Vec<Entry<'_>> {
    let context = bgp::context();
    let mut entries: Vec<Entry<'_>> =
        vec![("vipcast", Box::new(move || bgp::decode(black_box(&message.bytes), &context)))];
    entries.extend(rivals::decoders(message));
    entries
}

fn encoders(message: &Message) -> Vec<Entry<'_>> {
    let ipv4 = message.is_ipv4();
    let attributes = bgp::attributes(ipv4);
    let mut block = Vec::new();
    attributes.encode(true, &mut block).expect("fits");
    let mut kept = Vec::new();
    for prefix in &message.prefixes {
        bgp::put_prefix(&mut kept, *prefix);
    }
    let prefixes = bgp::Prefixes::of(message);
    let (mut to, mut to_too) = (bgp::Buffers::default(), bgp::Buffers::default());
    let mut entries: Vec<Entry<'_>> = vec![
        (
            "vipcast",
            Box::new(move || {
                bgp::encode(ipv4, &attributes, black_box(&prefixes), &mut to);
                check(&to.message, message)
            }),
        ),
        (
            "vipcast, prefixes kept",
            Box::new(move || {
                bgp::encode_kept(ipv4, &block, black_box(&kept), &mut to_too);
                check(&to_too.message, message)
            }),
        ),
    ];
    entries.extend(rivals::encoders(message));
    entries
}

/// What was written is as long as it should be; that it is right is looked at once, before the race.
fn check(written: &[u8], message: &Message) -> u64 {
    black_box(written);
    u64::from(written.len() == message.bytes.len())
}

/// Measures in turns, so that a disturbance falls on everybody.
fn race(what: &str, message: &Message, mut entries: Vec<Entry<'_>>, report: &mut String) {
    let context = bgp::context();
    let expected = if what == "decode" { bgp::decode(&message.bytes, &context) } else { 1 };
    let calls = if message.prefixes.len() < 10 { 200 } else { 16 };
    let mut times = vec![Vec::with_capacity(TURNS); entries.len()];
    for _ in 0..TURNS {
        for ((_, run), times) in entries.iter_mut().zip(&mut times) {
            let start = Instant::now();
            for _ in 0..calls {
                black_box(run());
            }
            times.push(start.elapsed() / calls);
        }
    }
    let count = message.prefixes.len();
    let _ = writeln!(
        report,
        "{what} {}: {} octets, {count} prefixes",
        message.name,
        message.bytes.len()
    );
    for ((name, run), times) in entries.iter_mut().zip(&mut times) {
        let region = Region::new(ALLOCATOR);
        let sum = run();
        let allocations = region.change().allocations;
        assert_eq!(sum, expected, "{name} sees something else in {}", message.name);
        times.sort_unstable();
        let each = |time: Duration| time.as_nanos() as f64 / count as f64;
        let at = |percent: usize| times[times.len() * percent / 100];
        let _ = writeln!(
            report,
            "  {name:24} {:7} ns, {:6.2} ns a prefix (median {:6.2}, p90 {:6.2}), \
             {allocations} allocations",
            at(0).as_nanos(),
            each(at(0)),
            each(at(50)),
            each(at(90)),
        );
    }
}
