//! Many addresses on the node that dies: how long until the last of them is announced elsewhere.

use std::{
    net::IpAddr,
    path::Path,
    thread,
    time::{Duration, Instant},
};

use serde::Serialize;

use super::{
    Form, Options,
    asker::Asker,
    contender::{VipcastSettings, start_vipcast},
    judge::first_claims,
    run::{MOST_STALL, stall},
    table::{Spread, grid},
    world::{LIMIT, NEWCOMER, World},
};
use crate::{Mac, Process, Result, error::LabError};

/// How many runs of each row.
const RUNS: usize = 5;
/// How often a run may be made, for those that do not count.
const ATTEMPTS: usize = 3;
/// How long the last address may take at the default pace.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often it is looked whether something has happened.
const GLANCE: Duration = Duration::from_millis(100);
/// More announcements in a second than any takeover has.
const OPEN_PACE: u32 = 100_000;

/// A row: so many addresses at that pace.
#[derive(Debug, Serialize)]
struct Row {
    addresses: u16,
    pace: &'static str,
    runs: usize,
    first_ms: Spread,
    last_ms: Spread,
    /// Entries in the client's neighbour table that still named the dead node at the end.
    stale_entries: Spread,
}

/// Measures, and shows.
pub(super) fn measure(options: &Options) -> Result<String> {
    let program = options.programs.vipcast.clone().map_or_else(crate::vipcast, Ok)?;
    let runs = options.runs.unwrap_or(RUNS);
    let mut rows = Vec::new();
    for &addresses in &options.addresses {
        for (pace, setting) in [("default", None), ("open", Some(OPEN_PACE))] {
            let mut moves = Vec::new();
            for _ in 0..runs * ATTEMPTS {
                // Who is held up for longer than its tokens live has lost them before the death.
                let Some(moved) = takeover(&program, addresses, setting)? else {
                    eprintln!("{addresses} addresses, {pace} pace: moved before: does not count");
                    continue;
                };
                let Moved { first, last, stall, .. } = moved;
                let counts = stall <= MOST_STALL;
                eprintln!(
                    "{addresses} addresses, {pace} pace: first after {first:.0?}, last after \
                     {last:.0?}; held up for {stall:.0?}{}",
                    if counts { "" } else { ": does not count" }
                );
                if counts {
                    moves.push(moved);
                }
                if moves.len() == runs {
                    break;
                }
            }
            let spread = |time: fn(&Moved) -> Duration| {
                Spread::of(moves.iter().map(|moved| time(moved).as_secs_f64() * 1e3))
            };
            let stale = Spread::of(moves.iter().map(|moved| moved.stale_entries as f64));
            let times = (spread(|m| m.first), spread(|m| m.last));
            if let ((Some(first_ms), Some(last_ms)), Some(stale_entries)) = (times, stale) {
                let runs = moves.len();
                rows.push(Row { addresses, pace, runs, first_ms, last_ms, stale_entries });
            }
        }
    }
    Ok(show(&rows, options.form))
}

/// How one takeover went.
struct Moved {
    first: Duration,
    last: Duration,
    stale_entries: usize,
    stall: Duration,
}

/// One node takes all addresses before the others come; then it dies. None if it did not keep them until
/// then.
fn takeover(program: &Path, count: u16, pace: Option<u32>) -> Result<Option<Moved>> {
    let mut world = World::new()?;
    let addresses = world.fresh_addresses(count);
    world.clean(&[])?;
    let settings = VipcastSettings { interval: Duration::from_millis(100), burst: true, pace };
    let capture = world.net.lab.capture(&world.net.lan)?;
    let macs = world.net.nodes.iter().map(|node| node.mac("eth0")).collect::<Result<Vec<_>>>()?;
    // When each address was first claimed by one of these nodes.
    let seen = |nodes: &[usize], since: Instant| {
        let macs: Vec<Mac> = nodes.iter().map(|node| macs[*node]).collect();
        let claims = first_claims(&capture.frames(), &macs, since);
        addresses.iter().filter_map(|address| claims.get(address).copied()).collect::<Vec<_>>()
    };
    let all_seen = |nodes: &[usize], since: Instant| {
        let start = Instant::now();
        loop {
            thread::sleep(GLANCE);
            let times = seen(nodes, since);
            if times.len() == addresses.len() {
                return Ok(times);
            }
            if start.elapsed() > PATIENCE {
                let what = format!("{} addresses at {nodes:?}: {}", addresses.len(), times.len());
                return Err(LabError::Timeout { what, waited: PATIENCE });
            }
        }
    };

    let start = Instant::now();
    let mut processes: Vec<Process> = start_vipcast(&world, program, &settings, &[0], &addresses)?;
    all_seen(&[0], start)?;
    processes.extend(start_vipcast(&world, program, &settings, &[1, 2], &addresses)?);
    for address in &addresses {
        // Its answer is not needed: the client's kernel knows the owner then.
        let page = world.net.client.fetch_within(&format!("http://{address}/"), LIMIT)?;
        if page.body.trim() != world.net.nodes[0].name() {
            return Ok(None);
        }
    }
    // The others have started, and what they had to announce is announced.
    thread::sleep(Duration::from_secs(2));

    if !seen(&[1, 2], start).is_empty() {
        return Ok(None);
    }
    let asker = Asker::start(&world.newcomer, NEWCOMER, addresses[0])?;
    let fault = Instant::now();
    world.net.nodes[0].port.cut()?;
    processes[0].signal_group(rustix::process::Signal::KILL)?;
    let mut times = all_seen(&[1, 2], fault)?;
    times.sort_unstable();
    let stall = stall(&asker.stop(), fault);
    let after = |at: Option<&Instant>| at.map_or(Duration::ZERO, |at| at.duration_since(fault));
    let known = world.net.client.neighbours()?;
    let stale = known.iter().filter(|entry| entry.mac == Some(macs[0]));
    let ours = |address: &IpAddr| addresses.iter().any(|ours| IpAddr::V4(*ours) == *address);
    let stale_entries = stale.filter(|entry| ours(&entry.address)).count();
    Ok(Some(Moved { first: after(times.first()), last: after(times.last()), stale_entries, stall }))
}

fn show(rows: &[Row], form: Form) -> String {
    if form == Form::Json {
        // Numbers and names: nothing of it can fail.
        return serde_json::to_string_pretty(rows).unwrap_or_default() + "\n";
    }
    let headings =
        ["addresses", "pace", "runs", "first moved ms", "last moved ms", "stale at the client"];
    let line = |row: &Row| {
        let spreads = [&row.first_ms, &row.last_ms, &row.stale_entries].map(Spread::show);
        let [addresses, runs] = [row.addresses.to_string(), row.runs.to_string()];
        [vec![addresses, row.pace.to_owned(), runs], spreads.into()].concat()
    };
    let rows: Vec<_> = rows.iter().map(line).collect();
    grid(&headings, &rows, form == Form::Markdown)
}
