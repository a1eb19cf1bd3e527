//! One run of a cell.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    thread,
    time::{Duration, Instant},
};

use rustix::process::Signal;

use super::{
    Cell, Contender, Fault, Figures, Programs, Record,
    asker::{self, Asker},
    judge::{self, Sighting},
    priority,
    sieve::Sieve,
    world::{LIMIT, NEWCOMER, SERVED, World},
};
use crate::{
    Capture, Captured, Mac, Probe, ProbeReport, Probing, Process, Result, error::LabError,
};

/// How long one node alone must have served before it fails.
const SETTLED: Duration = Duration::from_millis(700);
/// How long it goes on after the client is served by another node.
const AFTERWARDS: Duration = Duration::from_millis(700);
/// How often it is looked whether something has happened.
const GLANCE: Duration = Duration::from_millis(100);
/// How long a node is watched for stale frames after it went on.
const AWAKE: Duration = Duration::from_secs(1);
/// A machine that holds the harness up for longer holds up daemons too: such a run tells nothing.
pub(super) const MOST_STALL: Duration = Duration::from_millis(50);

/// Makes one run in a network of its own, for tests.
///
/// # Errors
/// As what the kernel refuses; a contender that does not come to own the address.
pub fn once(cell: Cell, programs: &Programs) -> Result<Record> {
    let mut world = World::new()?;
    run(&mut world, programs, cell, 0)
}

/// Makes one run, the `number`th of its cell.
pub(super) fn run(
    world: &mut World,
    programs: &Programs,
    cell: Cell,
    number: usize,
) -> Result<Record> {
    let addresses = world.fresh_addresses(1);
    world.clean(&addresses)?;
    let everybody: Vec<usize> = (0..world.net.nodes.len()).collect();
    let made =
        cell.contender.start(world, programs, &everybody, &addresses).and_then(|processes| {
            let scene = Scene::set(world, addresses[0], processes)?;
            scene.play(cell, number)
        });
    let cleaned = world.clean(&addresses);
    let (figures, void) = made?;
    cleaned?;
    let address = addresses[0].to_string();
    let figures = Some(figures);
    Ok(Record { cell: cell.to_string(), address, load: priority::load(), void, figures })
}

/// A run under way: all that watches and is watched.
struct Scene<'a> {
    world: &'a World,
    address: Ipv4Addr,
    macs: Vec<Mac>,
    newcomer: Mac,
    processes: Vec<Process>,
    capture: Capture,
    probing: Probing,
    asker: Asker,
}

/// What was done to the owner, and when.
struct Deed<'a> {
    owner: usize,
    /// When it began; where a cut is healed, when it ended.
    fault: Instant,
    /// When the daemon went on.
    resumed: Option<Instant>,
    _sieve: Option<Sieve<'a>>,
}

impl<'a> Scene<'a> {
    fn set(world: &'a World, address: Ipv4Addr, processes: Vec<Process>) -> Result<Self> {
        let capture = world.net.lab.capture(&world.net.lan)?;
        let macs = world.net.nodes.iter().map(|node| node.mac("eth0")).collect::<Result<_>>()?;
        let target = SocketAddr::new(IpAddr::V4(address), SERVED);
        let probing = Probe::udp(target).start(&world.net.client)?;
        let asker = Asker::start(&world.newcomer, NEWCOMER, address)?;
        let newcomer = world.newcomer.mac("eth0")?;
        Ok(Self { world, address, macs, newcomer, processes, capture, probing, asker })
    }

    fn play(self, cell: Cell, number: usize) -> Result<(Figures, Option<String>)> {
        let owner = self.settled()?;
        self.probing.wait_for_answers(100, LIMIT)?;
        // At any time of the period; runs are spread over it by the golden section.
        let phase = (number as f64 * 0.618_034).fract();
        thread::sleep(cell.contender.period().mul_f64(phase));

        let deed = self.inflict(cell, owner)?;
        self.watch(cell, &deed)?;

        let end = Instant::now();
        let report = self.probing.stop();
        let asked = self.asker.stop();
        let caught = self.capture.stop()?;
        let muted = (cell.fault == Fault::Muted).then_some((owner, deed.fault));
        let all = judge::sightings(&caught.frames, self.address, &self.macs, muted);
        let stall = stall(&asked, deed.fault);
        let void = void(&caught, stall);
        Ok((figures(&all, &report, &deed, self.newcomer, stall, end), void))
    }

    /// The frames so far, judged.
    fn sightings(&self) -> Vec<Sighting> {
        judge::sightings(&self.capture.frames(), self.address, &self.macs, None)
    }

    /// Waits until one node has owned the address alone for a while.
    fn settled(&self) -> Result<usize> {
        let start = Instant::now();
        loop {
            thread::sleep(GLANCE);
            if let Some(since) = Instant::now().checked_sub(SETTLED)
                && since > start
                && let Some(owner) = judge::sole_owner(&self.sightings(), self.newcomer, since)
            {
                return Ok(owner);
            }
            if start.elapsed() > LIMIT {
                let said: String = self.processes.iter().map(Process::output).collect();
                let what = format!("a sole owner of {}; the nodes said:\n{said}", self.address);
                return Err(LabError::Timeout { what, waited: LIMIT });
            }
        }
    }

    fn inflict(&self, cell: Cell, owner: usize) -> Result<Deed<'a>> {
        let (world, process) = (self.world, &self.processes[owner]);
        let node = &world.net.nodes[owner];
        let mut sieve = None;
        let mut resumed = None;
        let mut fault = Instant::now();
        match cell.fault {
            Fault::Unplug => node.port.unplug()?,
            Fault::Cut => node.port.cut()?,
            Fault::Death => {
                node.port.cut()?;
                process.signal_group(Signal::KILL)?;
            }
            Fault::CutOut => node.port.cut_out()?,
            Fault::CutIn => node.port.cut_in()?,
            Fault::Stop | Fault::LongStop => {
                process.signal_group(Signal::STOP)?;
                thread::sleep(cell.fault.stopped_for().unwrap_or_default());
                resumed = Some(Instant::now());
                process.signal_group(Signal::CONT)?;
            }
            Fault::Kill => process.signal_group(Signal::KILL)?,
            Fault::Drain => process.terminate()?,
            Fault::Beacons | Fault::Muted => {
                sieve = Some(match cell.fault {
                    Fault::Muted => Sieve::arp_of(node, self.address)?,
                    _ => Sieve::packets(node, &cell.contender.packets())?,
                });
                // It takes a program to get there.
                fault = Instant::now();
            }
            Fault::Heal => {
                node.port.cut()?;
                let name = node.name();
                self.probing.wait_for_answer_not_by(name, cell.contender.patience())?;
                thread::sleep(AFTERWARDS);
                fault = Instant::now();
                node.port.heal()?;
            }
        }
        Ok(Deed { owner, fault, resumed, _sieve: sieve })
    }

    /// Waits until the run is over.
    fn watch(&self, cell: Cell, deed: &Deed<'_>) -> Result<()> {
        let Cell { contender, fault } = cell;
        if fault == Fault::Heal {
            self.wait_for_one_owner(contender);
        } else if fault.severs() {
            let old = self.world.net.nodes[deed.owner].name();
            // That nobody takes over is a finding.
            match self.probing.wait_for_answer_not_by(old, contender.patience()) {
                Err(LabError::Timeout { .. }) => {}
                other => drop(other?),
            }
            thread::sleep(AFTERWARDS);
        } else {
            thread::sleep(contender.patience());
        }
        Ok(())
    }

    /// After a contact: watches until only one node has spoken as the owner for two seconds.
    fn wait_for_one_owner(&self, contender: Contender) {
        const QUIET: Duration = Duration::from_secs(2);
        let start = Instant::now();
        while start.elapsed() < contender.healing_patience() {
            thread::sleep(GLANCE);
            let now = Instant::now();
            let since = now.checked_sub(QUIET).filter(|since| *since >= start);
            if since.is_some_and(|since| judge::owners(&self.sightings(), since, now) == 1) {
                return;
            }
        }
    }
}

/// How far the harness was held up after the fault.
pub(super) fn stall(asked: &[Instant], fault: Instant) -> Duration {
    let after = asked.iter().skip_while(|at| **at < fault);
    let gaps = after.clone().zip(after.skip(1)).map(|(one, next)| next.duration_since(*one));
    gaps.max().unwrap_or_default().saturating_sub(asker::EVERY)
}

/// Why a run does not count.
fn void(caught: &Captured, stall: Duration) -> Option<String> {
    if caught.dropped > 0 {
        return Some(format!("the capture lost {} frames", caught.dropped));
    }
    (stall > MOST_STALL).then(|| format!("the machine held the harness up for {stall:.0?}"))
}

fn figures(
    all: &[Sighting],
    report: &ProbeReport,
    deed: &Deed<'_>,
    newcomer: Mac,
    stall: Duration,
    end: Instant,
) -> Figures {
    let after = report.samples.iter().filter(|sample| sample.sent_at >= deed.fault);
    let lost = after.filter(|sample| sample.answer.is_none()).count();
    let mut arrivals: Vec<_> =
        report.samples.iter().filter_map(|s| Some(s.answer.as_ref()?.at)).collect();
    arrivals.sort_unstable();
    let (outage, recovered) = judge::longest_gap(&arrivals, deed.fault, end);
    let asked = judge::answers_to(all, newcomer);
    let (unanswered, newcomer_recovered) = judge::longest_gap(&asked, deed.fault, end);
    let other = all.iter().find(|s| s.at >= deed.fault && s.node != deed.owner);
    let stale = deed.resumed.and_then(|resumed| {
        other.filter(|other| other.at < resumed)?;
        let awake = all.iter().filter(|s| s.at >= resumed && s.at < resumed + AWAKE);
        Some(awake.filter(|s| s.arp && s.node == deed.owner).count())
    });
    let late = end.checked_sub(GLANCE).unwrap_or(end);
    Figures {
        outage: millis(outage),
        recovered,
        lost,
        newcomer: millis(unanswered),
        newcomer_recovered,
        moved: other.map(|other| millis(other.at.duration_since(deed.fault))),
        two_owners: millis(judge::shared(all, deed.fault, end)),
        two_owners_at_end: judge::owners(all, late, end) > 1,
        stale,
        stall: millis(stall),
    }
}

/// To a hundredth.
fn millis(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e5).round() / 1e2
}
