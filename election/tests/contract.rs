//! All backends keep the contract of `Machine`.

use std::{net::IpAddr, num::NonZeroU16, ops::Range, time::Duration};

use vipcast_election::{
    Backend, Candidates, Contenders, NodeName, Segment, StaticConfig, StaticElection, Unit,
    beacon::{
        BeaconConfig, BeaconElection, BeaconInput, BeaconSettings, BeaconTransmit, Keyring,
        wire::{Beacon, Entry, LifeId, SegmentTag, TableDigest, Tenure},
    },
    groups::{Group, GroupConfig, GroupCount, GroupElection, GroupInput, GroupRequest},
    lease::{LeaseInput, LeaseRecord, RecordVersion},
};
use vipcast_sans_io::{Instant, Machine};
use vipcast_sim::{
    Rng,
    contract::{self, Report, Subject},
};

const NAMES: [&str; 4] = ["a", "b", "c", "d"];

fn segment() -> Segment {
    Segment::new("lan")
}

fn unit(number: u64) -> Unit {
    let number = u8::try_from(number).unwrap();
    Unit { segment: segment(), address: IpAddr::from([192, 0, 2, number]) }
}

fn some_nodes(mask: u64) -> Vec<NodeName> {
    let chosen = NAMES.iter().enumerate().filter(|(index, _)| mask & (1 << index) != 0);
    chosen.map(|(_, name)| NodeName::new(*name)).collect()
}

/// Which of four nodes may hold which of four units.
fn candidates(masks: u64) -> Candidates {
    let wanted = (0..4).filter(|number| masks >> (16 + number) & 1 == 0);
    wanted
        .map(|number| {
            let nodes = some_nodes(masks >> (4 * number));
            (unit(number), Contenders::equal(nodes, unit(number).address))
        })
        .collect()
}

struct Static;

#[derive(Clone, Debug)]
enum ToStatic {
    Members(u64),
    Candidates(u64),
}

impl Subject for Static {
    type Machine = StaticElection;
    type Stimulus = ToStatic;

    fn build(&self, _: u64, _: Instant) -> StaticElection {
        StaticElection::new(StaticConfig::new(NodeName::new("a")))
    }
    fn stimulus(&self, rng: &mut Rng, _: Instant) -> ToStatic {
        match rng.below(2) {
            0 => ToStatic::Members(rng.next_u64()),
            _ => ToStatic::Candidates(rng.next_u64()),
        }
    }
    fn apply(&self, machine: &mut StaticElection, now: Instant, stimulus: &ToStatic) {
        match stimulus {
            ToStatic::Members(mask) => machine.handle_input(now, &some_nodes(*mask)),
            ToStatic::Candidates(masks) => machine.set_candidates(now, candidates(*masks)),
        }
    }
    fn is_input(&self, stimulus: &ToStatic) -> bool {
        matches!(stimulus, ToStatic::Members(_))
    }
    fn is_stale(
        &self,
        _: &[(Instant, ToStatic)],
        to: &std::convert::Infallible,
        _: &[u8],
        _: Instant,
    ) -> bool {
        match *to {}
    }
    fn longest_step(&self) -> Duration {
        Duration::from_millis(600)
    }
}

struct Beaconing;

#[derive(Clone, Debug)]
enum ToBeacon {
    Datagram(Vec<u8>),
    Answer(u64, Option<&'static str>),
    Link(bool),
    Candidates(u64),
    Drain,
}

impl Beaconing {
    /// A beacon of a friend, which may be late, a replay, of another segment, or in a new life.
    fn beacon(rng: &mut Rng, now: Instant) -> Vec<u8> {
        let name = NodeName::new(NAMES[rng.index(4)]);
        let me = LifeId::of(&NodeName::new("a"), 1);
        let held = |rng: &mut Rng| {
            let tenure = Tenure {
                epoch: vipcast_election::Epoch(rng.below(9)),
                successor: (rng.below(4) == 0).then_some(me),
                moved: Vec::new(),
            };
            Entry { stands: true, held: (rng.below(2) == 0).then_some(tenure) }
        };
        let changes = (0..4).map(|number| (unit(number).address, Some(held(rng)))).collect();
        let beacon = Beacon {
            name,
            segment: SegmentTag::of(&Segment::new(if rng.below(9) == 0 { "other" } else { "lan" })),
            incarnation: 1 + rng.below(2),
            sequence: now.as_micros() + rng.below(3),
            interval: Duration::from_millis(100),
            token_life: Duration::from_millis(170),
            starting: rng.below(5) == 0,
            draining: rng.below(5) == 0,
            weight: NonZeroU16::MIN,
            hardware: vec![[2, 0, 0, 0, 0, 2]],
            hears: if rng.below(3) > 0 { vec![me] } else { Vec::new() },
            digest: TableDigest { count: 4, sum: rng.below(2) },
            probes: if rng.below(3) == 0 { vec![me] } else { Vec::new() },
            sync_wanted: if rng.below(3) == 0 { vec![me] } else { Vec::new() },
            failing: Vec::new(),
            changes,
            sync: None,
        };
        let mut bytes = Vec::new();
        beacon.encode(&Keyring::insecure(), &mut bytes);
        bytes
    }
}

impl Subject for Beaconing {
    type Machine = BeaconElection;
    type Stimulus = ToBeacon;

    fn build(&self, _: u64, now: Instant) -> BeaconElection {
        let config = BeaconConfig::new(NodeName::new("a"), 1, BeaconSettings::default()).unwrap();
        let mut election = BeaconElection::new(config, Keyring::insecure());
        election.set_link(now, &segment(), true);
        election.set_candidates(now, candidates(0xffff));
        election
    }
    fn stimulus(&self, rng: &mut Rng, now: Instant) -> ToBeacon {
        match rng.below(16) {
            0 => ToBeacon::Candidates(rng.next_u64()),
            1 => ToBeacon::Link(rng.below(3) > 0),
            2 => ToBeacon::Answer(
                rng.below(4),
                rng.pick(&NAMES).copied().filter(|_| !now.as_micros().is_multiple_of(3)),
            ),
            3 => ToBeacon::Datagram((0..rng.below(90)).map(|_| rng.next_u64() as u8).collect()),
            4 if rng.below(12) == 0 => ToBeacon::Drain,
            _ => ToBeacon::Datagram(Self::beacon(rng, now)),
        }
    }
    fn apply(&self, machine: &mut BeaconElection, now: Instant, stimulus: &ToBeacon) {
        let segment = &segment();
        match stimulus {
            ToBeacon::Datagram(bytes) => {
                machine.handle_input(now, BeaconInput::Datagram { segment, bytes });
            }
            ToBeacon::Answer(number, by) => {
                let by = by.map(NodeName::new);
                let (unit, by) = (&unit(*number), by.as_ref());
                machine.handle_input(now, BeaconInput::Answer { unit, by });
            }
            ToBeacon::Link(up) => {
                machine.handle_input(now, BeaconInput::Link { segment, up: *up });
            }
            ToBeacon::Candidates(masks) => machine.set_candidates(now, candidates(*masks)),
            ToBeacon::Drain => machine.drain(now),
        }
    }
    fn is_input(&self, stimulus: &ToBeacon) -> bool {
        !matches!(stimulus, ToBeacon::Candidates(_) | ToBeacon::Drain)
    }
    /// Nothing is said where there is no link.
    fn is_stale(
        &self,
        history: &[(Instant, ToBeacon)],
        _: &BeaconTransmit,
        _: &[u8],
        _: Instant,
    ) -> bool {
        let link = history.iter().rev().find_map(|(_, stimulus)| match stimulus {
            ToBeacon::Link(up) => Some(*up),
            _ => None,
        });
        link == Some(false)
    }
    fn footprint(&self, machine: &BeaconElection) -> usize {
        machine.footprint()
    }
    fn queue_limit(&self) -> usize {
        256
    }
    fn longest_step(&self) -> Duration {
        Duration::from_millis(600)
    }
    fn seeds(&self) -> Range<u64> {
        0..48
    }
}

struct Grouped;

/// A backend whose last write can be answered.
struct WithStore {
    election: GroupElection,
    asked: Option<(Group, u64)>,
}

impl Machine for WithStore {
    type Input<'a> = ToGroups;
    type Transmit = GroupRequest;
    type Event = vipcast_election::Event;

    fn handle_input(&mut self, now: Instant, input: ToGroups) {
        match input {
            ToGroups::Input(input) => self.election.handle_input(now, input),
            ToGroups::Answer(answer) => {
                let Some((group, number)) = self.asked.take() else {
                    return self.election.handle_timeout(now);
                };
                let answer = match answer {
                    0 => LeaseInput::Refused { number },
                    1 => LeaseInput::Failed { number },
                    _ => {
                        let version = RecordVersion::new(format!("{now:?}"));
                        LeaseInput::Written { number, version }
                    }
                };
                self.election.handle_input(now, GroupInput::Answer(group, answer));
            }
            ToGroups::Candidates(masks) => self.election.set_candidates(now, candidates(masks)),
            ToGroups::Drain => self.election.drain(now),
        }
    }
    fn handle_timeout(&mut self, now: Instant) {
        self.election.handle_timeout(now);
    }
    fn poll_transmit(&mut self, now: Instant, buf: &mut Vec<u8>) -> Option<GroupRequest> {
        let request = self.election.poll_transmit(now, buf)?;
        if let GroupRequest::Write { group, number, .. } = request {
            self.asked = Some((group, number));
        }
        Some(request)
    }
    fn poll_event(&mut self) -> Option<vipcast_election::Event> {
        self.election.poll_event()
    }
    fn poll_timeout(&self) -> Option<Instant> {
        self.election.poll_timeout()
    }
}

#[derive(Clone, Debug)]
enum ToGroups {
    Input(GroupInput),
    /// To the last write; most are accepted.
    Answer(u64),
    Candidates(u64),
    Drain,
}

impl Grouped {
    const COUNT: u16 = 3;

    /// Mostly one of ours, now and then one of another count.
    fn group(rng: &mut Rng) -> Group {
        let of = if rng.below(12) == 0 { 5 } else { Self::COUNT };
        Group { of, number: rng.below(u64::from(of)) as u16 }
    }
    /// Held by anybody, given up, or only just made.
    fn record(rng: &mut Rng) -> (LeaseRecord, RecordVersion) {
        let holder = rng.pick(&NAMES).filter(|name| !name.starts_with('d'));
        let record = LeaseRecord {
            holder: holder.map(|name| NodeName::new(*name)),
            duration: Duration::from_secs(rng.below(3)),
            transitions: rng.below(5) as u32,
        };
        (record, RecordVersion::new(rng.below(6).to_string()))
    }
    /// Nearly always ours.
    fn charter(rng: &mut Rng) -> Option<u16> {
        let others = [None, Some(5), Some(0)];
        if rng.below(6) == 0 { others[rng.index(3)] } else { Some(Self::COUNT) }
    }
}

impl Subject for Grouped {
    type Machine = WithStore;
    type Stimulus = ToGroups;

    fn build(&self, seed: u64, now: Instant) -> WithStore {
        let count = GroupCount::new(Self::COUNT).unwrap();
        let [retry, hold, duration] = [200, 1_000, 1_500].map(Duration::from_millis);
        let config = GroupConfig::new(NodeName::new("a"), count, seed);
        let mut election = GroupElection::new(config.with_times(duration, hold, retry).unwrap());
        election.set_candidates(now, candidates(0xffff));
        let charter = Some(Self::COUNT);
        let listed = GroupInput::Listed { number: None, charter, records: [].into() };
        election.handle_input(now, listed);
        WithStore { election, asked: None }
    }
    fn stimulus(&self, rng: &mut Rng, _: Instant) -> ToGroups {
        let input = match rng.below(16) {
            0 => return ToGroups::Candidates(rng.next_u64()),
            1 if rng.below(12) == 0 => return ToGroups::Drain,
            2 => GroupInput::Charter(Self::charter(rng)),
            3 => GroupInput::Listed {
                number: (rng.below(2) == 0).then(|| rng.below(9)),
                charter: Self::charter(rng),
                records: (0..rng.below(4)).map(|_| (Self::group(rng), Self::record(rng))).collect(),
            },
            4 => {
                let record = (rng.below(5) > 0).then(|| Self::record(rng));
                GroupInput::Record(Self::group(rng), record)
            }
            // To a request that was not made.
            5 => GroupInput::Answer(Self::group(rng), LeaseInput::Refused { number: rng.below(9) }),
            _ => return ToGroups::Answer(rng.below(8)),
        };
        ToGroups::Input(input)
    }
    fn apply(&self, machine: &mut WithStore, now: Instant, stimulus: &ToGroups) {
        machine.handle_input(now, stimulus.clone());
    }
    fn is_input(&self, stimulus: &ToGroups) -> bool {
        matches!(stimulus, ToGroups::Input(_) | ToGroups::Answer(_))
    }
    /// Who drains gives up, and takes nothing.
    fn is_stale(
        &self,
        history: &[(Instant, ToGroups)],
        request: &GroupRequest,
        _: &[u8],
        _: Instant,
    ) -> bool {
        let drains = history.iter().any(|(_, stimulus)| matches!(stimulus, ToGroups::Drain));
        let takes = match request {
            GroupRequest::Found { .. } => true,
            GroupRequest::Write { record, .. } => record.holder.is_some(),
            GroupRequest::List { .. } => false,
        };
        drains && takes
    }
    /// Among them what found each mistake that this test has found.
    fn seeds(&self) -> Range<u64> {
        815..865
    }
    fn longest_step(&self) -> Duration {
        Duration::from_millis(600)
    }
}

/// The kit met what it is to judge, unless the environment asks for a few seeds only.
fn judge(report: &Report, usual: u64) {
    println!("{report}");
    if report.seeds < usual {
        return;
    }
    assert!(report.events > 100 && report.timeouts > 100, "{report}");
    assert!(report.early_timeouts > 100 && report.due_inputs > 100, "{report}");
    assert!(report.flooded > 10_000, "{report}");
}

#[test]
fn the_static_backend_keeps_the_contract() {
    let report = contract::check(&Static).unwrap_or_else(|violation| panic!("{violation}"));
    judge(&report, 32);
    assert!(report.seeds < 32 || report.most_queued > 0, "{report}");
}

#[test]
fn the_beacon_backend_keeps_the_contract() {
    let report = contract::check(&Beaconing).unwrap_or_else(|violation| panic!("{violation}"));
    judge(&report, 48);
    let met = report.transmits > 1_000 && report.late_pending > 10 && report.most_queued > 0;
    assert!(report.seeds < 48 || met, "{report}");
}

#[test]
fn the_backend_of_groups_keeps_the_contract() {
    let report = contract::check(&Grouped).unwrap_or_else(|violation| panic!("{violation}"));
    judge(&report, 50);
    assert!(report.seeds < 50 || report.transmits > 200 && report.late_pending > 10, "{report}");
}
