//! Which packet changes an entry of the kernel's neighbour table, in which state of it: what our
//! announcements and questions build upon.

use std::{
    cell::Cell,
    net::IpAddr,
    time::{Duration, Instant},
};

use vipcast_lab::{Capture, Lab, Mac, Neighbour, NeighbourState, harness::TestResult};

use crate::{
    wire::{Arp, Nd, OVERRIDE, SOLICITED},
    world::{LIMIT, Result, ip},
};

const OLD: Mac = Mac([2, 0, 0, 0, 0xee, 0xaa]);
const NEW: Mac = Mac([2, 0, 0, 0, 0xee, 0xbb]);

/// What becomes of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Then {
    /// There is none, or one without a hardware address, as before.
    Nothing,
    /// It stays, unless for its state.
    Old(NeighbourState),
    /// It has the new hardware address.
    New(NeighbourState),
}

use NeighbourState::{Reachable, Stale};

/// What an entry is before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Before {
    Missing,
    Incomplete,
    /// Reachable, and changed within the last second (`locktime`).
    Fresh,
    /// Reachable for a while.
    Reachable,
    Stale,
}

/// For so long after a change the kernel believes no other (`net.ipv4.neigh.eth0.locktime`).
const LOCKTIME: Duration = Duration::from_secs(1);

/// A host that learns, and one that speaks, on one cable's bridge.
struct Pair {
    learner: vipcast_lab::Host,
    speaker: vipcast_lab::Host,
    capture: Capture,
    /// How often it was waited.
    waits: Cell<u8>,
    _lab: Lab,
}

impl Pair {
    fn new(name: &str) -> Result<Self> {
        let lab = Lab::new(name)?;
        let lan = lab.add_bridge("lan")?;
        let (learner, speaker) = (lab.add_host("learner")?, lab.add_host("speaker")?);
        lab.connect(&learner, &lan, "eth0", &["172.18.1.1/16", "fd18::1/64"])?;
        lab.connect(&speaker, &lan, "eth0", &["172.18.1.2/16", "fd18::2/64"])?;
        let capture = lab.capture(&lan)?;
        Ok(Self { learner, speaker, capture, waits: Cell::new(0), _lab: lab })
    }

    fn set(&self, address: IpAddr, before: Before) -> Result<()> {
        let state = match before {
            Before::Missing => return Ok(()),
            Before::Incomplete => {
                return ip(
                    &self.learner,
                    &format!("neigh replace {address} dev eth0 nud incomplete"),
                );
            }
            Before::Fresh | Before::Reachable => "reachable",
            Before::Stale => "stale",
        };
        let words = format!("neigh replace {address} lladdr {OLD} dev eth0 nud {state}");
        ip(&self.learner, &words)
    }

    fn say(&self, frame: &[u8]) -> Result<()> {
        Ok(self.speaker.send_frame("eth0", frame)?)
    }

    /// Frames are taken in their order: once this question is answered, all before it were.
    fn wait(&self) -> Result<()> {
        // The answer to an earlier one tells nothing.
        self.waits.set(self.waits.get() + 1);
        let asker = [172, 18, 9, self.waits.get()].into();
        let question = Arp::question(self.speaker.mac("eth0")?, asker, [172, 18, 1, 1].into());
        self.say(&question.bytes())?;
        let answered = |frame: &vipcast_lab::Frame| {
            frame.arp().is_some_and(|arp| arp.is_reply() && arp.tpa == asker)
        };
        self.capture.wait_for("the last answer", LIMIT, answered)?;
        Ok(())
    }

    fn found(&self, address: IpAddr) -> Result<Then> {
        Ok(match self.learner.neighbour(address)? {
            Some(Neighbour { mac: Some(mac), state, .. }) if mac == NEW => Then::New(state),
            Some(Neighbour { mac: Some(_), state, .. }) => Then::Old(state),
            _ => Then::Nothing,
        })
    }
}

/// What is sent about an address to the learner, and what becomes of an entry in each state.
type Row<A> = (&'static str, fn(A, Mac) -> Vec<u8>, [Then; 5]);

/// The same with a frame for each column, which is about an address of its own.
type BuiltRow = (&'static str, Vec<Vec<u8>>, [Then; 5]);

/// The states in the order of the columns.
const COLUMNS: [Before; 5] =
    [Before::Missing, Before::Incomplete, Before::Fresh, Before::Reachable, Before::Stale];

fn check(pair: &Pair, rows: &[BuiltRow], address: impl Fn(usize, usize) -> IpAddr) -> TestResult {
    let all =
        || rows.iter().enumerate().flat_map(|(row, _)| (0..COLUMNS.len()).map(move |at| (row, at)));
    // Those that are to be old, first.
    for (row, at) in all().filter(|(_, at)| COLUMNS[*at] != Before::Fresh) {
        pair.set(address(row, at), COLUMNS[at])?;
    }
    std::thread::sleep(Duration::from_millis(1_200));
    let mut wrong = Vec::new();
    for (row, at) in all() {
        let address = address(row, at);
        if COLUMNS[at] != Before::Fresh {
            pair.say(&rows[row].1[at])?;
            continue;
        }
        // On a busy machine an entry may be old by the time that the frame comes: then once more.
        for _ in 0..20 {
            let start = Instant::now();
            pair.set(address, COLUMNS[at])?;
            pair.say(&rows[row].1[at])?;
            pair.wait()?;
            if start.elapsed() < LOCKTIME {
                break;
            }
        }
    }
    pair.wait()?;
    for (row, at) in all() {
        let (what, _, expected) = &rows[row];
        let found = pair.found(address(row, at))?;
        if found != expected[at] {
            wrong.push(format!("{what}, {:?}: {found:?}, not {:?}", COLUMNS[at], expected[at]));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    Ok(())
}

fn table<A: Copy + Into<IpAddr>>(
    rows: &[Row<A>],
    learner: Mac,
    address: impl Fn(usize, usize) -> A,
) -> Vec<BuiltRow> {
    let built = rows.iter().enumerate().map(|(row, (what, build, then))| {
        (*what, (0..COLUMNS.len()).map(|at| build(address(row, at), learner)).collect(), *then)
    });
    built.collect()
}

const NO: Then = Then::Nothing;
const MOVED: Then = Then::New(Stale);
const PROVEN: Then = Then::New(Reachable);
/// It answers by the entry that it has just made, and so begins to doubt it.
const ASKED: Then = Then::New(NeighbourState::Delay);

/// The learner's own address; its hardware address is not looked at by whoever receives.
const LEARNER: [u8; 4] = [172, 18, 1, 1];

fn gratuitous(vip: std::net::Ipv4Addr) -> Arp {
    Arp::question(NEW, vip, vip)
}

pub(crate) fn arp_table() -> TestResult {
    use std::net::Ipv4Addr;
    let kept = Then::Old(Reachable);
    let rows: [Row<Ipv4Addr>; 9] = [
        ("announcement", |vip, _| gratuitous(vip).bytes(), [NO, MOVED, MOVED, MOVED, MOVED]),
        (
            "reply to all, target all ones",
            |vip, _| Arp { operation: 2, tha: Mac::BROADCAST, ..gratuitous(vip) }.bytes(),
            [NO, MOVED, kept, MOVED, MOVED],
        ),
        (
            "reply to all, target its sender",
            |vip, _| Arp { operation: 2, tha: NEW, ..gratuitous(vip) }.bytes(),
            [NO, MOVED, MOVED, MOVED, MOVED],
        ),
        (
            "reply to the learner, unasked",
            |vip, learner| {
                let reply =
                    Arp { operation: 2, tha: learner, tpa: LEARNER.into(), ..gratuitous(vip) };
                Arp { destination: learner, ..reply }.bytes()
            },
            [NO, PROVEN, kept, PROVEN, PROVEN],
        ),
        (
            "question for the learner alone",
            |vip, learner| {
                Arp { destination: learner, tpa: LEARNER.into(), ..gratuitous(vip) }.bytes()
            },
            [MOVED, MOVED, MOVED, MOVED, MOVED],
        ),
        (
            "question for the learner",
            |vip, _| Arp { tpa: LEARNER.into(), ..gratuitous(vip) }.bytes(),
            [MOVED, MOVED, MOVED, MOVED, MOVED],
        ),
        (
            "probe",
            |vip, _| Arp { spa: Ipv4Addr::UNSPECIFIED, tpa: vip, ..gratuitous(vip) }.bytes(),
            [NO, NO, kept, kept, Then::Old(Stale)],
        ),
        (
            "question for another",
            |vip, _| Arp { tpa: [172, 18, 1, 99].into(), ..gratuitous(vip) }.bytes(),
            [NO, MOVED, kept, MOVED, MOVED],
        ),
        (
            "reply between others",
            |vip, _| {
                let tpa = [172, 18, 1, 99].into();
                Arp { operation: 2, tha: OLD, tpa, ..gratuitous(vip) }.bytes()
            },
            [NO, MOVED, kept, MOVED, MOVED],
        ),
    ];
    let address = |row: usize, at: usize| Ipv4Addr::new(172, 18, row as u8 + 10, at as u8 + 1);
    let pair = Pair::new("arp table")?;
    let rows = table(&rows, pair.learner.mac("eth0")?, address);
    check(&pair, &rows, |row, at| address(row, at).into())?;

    // A host that drops gratuitous ARP believes a question that it is asked itself, and answers.
    let pair = Pair::new("strict arp table")?;
    pair.learner.set_sysctl("net.ipv4.conf.eth0.drop_gratuitous_arp", "1")?;
    for (number, (what, moves)) in
        [("announcement", false), ("reply", false), ("question", true)].into_iter().enumerate()
    {
        let vip = Ipv4Addr::new(172, 18, 20, number as u8 + 1);
        pair.set(vip.into(), Before::Stale)?;
        let frame = match what {
            "announcement" => gratuitous(vip),
            "reply" => Arp { operation: 2, tha: NEW, ..gratuitous(vip) },
            _ => Arp { tpa: LEARNER.into(), ..gratuitous(vip) },
        };
        pair.say(&frame.bytes())?;
        pair.wait()?;
        let expected = if moves { MOVED } else { Then::Old(Stale) };
        assert_eq!(pair.found(vip.into())?, expected, "{what}");
        if moves {
            let answered = |frame: &vipcast_lab::Frame| {
                frame.arp().is_some_and(|arp| arp.is_reply() && arp.tpa == vip)
            };
            pair.capture.wait_for("the answer to the question", LIMIT, answered)?;
        }
    }
    Ok(())
}

pub(crate) fn ndp_table() -> TestResult {
    use std::net::Ipv6Addr;
    const LEARNER6: Ipv6Addr = Ipv6Addr::new(0xfd18, 0, 0, 0, 0, 0, 0, 1);
    let (kept, doubted) = (Then::Old(Reachable), Then::Old(Stale));
    // NDP has no `locktime`: fresh is as good as old.
    let rows: [Row<Ipv6Addr>; 7] = [
        (
            "advertisement to all, overriding",
            |vip, _| Nd::advertisement(NEW, vip, OVERRIDE).bytes(),
            [NO, MOVED, MOVED, MOVED, MOVED],
        ),
        (
            "advertisement to all, not overriding",
            |vip, _| Nd::advertisement(NEW, vip, 0).bytes(),
            [NO, MOVED, doubted, doubted, doubted],
        ),
        (
            "advertisement to all routers",
            |vip, _| {
                let to = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 2);
                let destination = crate::wire::group_mac(to);
                Nd { to, destination, ..Nd::advertisement(NEW, vip, OVERRIDE) }.bytes()
            },
            [NO, NO, kept, kept, doubted],
        ),
        (
            "answer, overriding",
            |vip, _| {
                let flags = SOLICITED | OVERRIDE;
                Nd { to: LEARNER6, ..Nd::advertisement(NEW, vip, flags) }.bytes()
            },
            [NO, PROVEN, PROVEN, PROVEN, PROVEN],
        ),
        (
            "answer, not overriding",
            |vip, _| Nd { to: LEARNER6, ..Nd::advertisement(NEW, vip, SOLICITED) }.bytes(),
            [NO, PROVEN, doubted, doubted, doubted],
        ),
        (
            "answer that a router may have forwarded",
            |vip, _| {
                let answer = Nd::advertisement(NEW, vip, SOLICITED | OVERRIDE);
                Nd { to: LEARNER6, hop_limit: 64, ..answer }.bytes()
            },
            [NO, NO, kept, kept, doubted],
        ),
        (
            "question for the learner",
            |vip, _| Nd::question(NEW, vip, LEARNER6).bytes(),
            [ASKED, ASKED, ASKED, ASKED, ASKED],
        ),
    ];
    let address = |row: usize, at: usize| {
        Ipv6Addr::new(0xfd18, 0, 0, 0, 0, 0, row as u16 + 0x10, at as u16 + 1)
    };
    let pair = Pair::new("ndp table")?;
    let rows = table(&rows, pair.learner.mac("eth0")?, address);
    check(&pair, &rows, |row, at| address(row, at).into())
}

/// A router may make an entry of an advertisement that it did not ask for (RFC 9131): of any, or of one
/// from an address of its own network.
pub(crate) fn untracked_table() -> TestResult {
    use std::net::Ipv6Addr;
    const ELSEWHERE: Ipv6Addr = Ipv6Addr::new(0xfd19, 0, 0, 0, 0, 0, 0, 2);
    let to_routers = |vip, from| {
        let to = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 2);
        let destination = crate::wire::group_mac(to);
        Nd { to, destination, from, ..Nd::advertisement(NEW, vip, 0) }.bytes()
    };
    let to_all = |vip, from| Nd { from, ..Nd::advertisement(NEW, vip, OVERRIDE) }.bytes();
    type Build = fn(Ipv6Addr, Ipv6Addr) -> Vec<u8>;
    let frames: [(&str, Build); 2] = [("to all", to_all), ("to all routers", to_routers)];

    let pair = Pair::new("untracked table")?;
    for (sysctl, forwarding, from_here, from_elsewhere) in [
        ("0", true, NO, NO),
        ("1", true, MOVED, MOVED),
        ("2", true, MOVED, NO),
        ("1", false, NO, NO),
    ] {
        let forwards = if forwarding { "1" } else { "0" };
        pair.learner.set_sysctl("net.ipv6.conf.eth0.forwarding", forwards)?;
        pair.learner.set_sysctl("net.ipv6.conf.eth0.accept_untracked_na", sysctl)?;
        pair.learner.flush_neighbours()?;
        for (number, (what, build)) in frames.iter().enumerate() {
            for (elsewhere, expected) in [(false, from_here), (true, from_elsewhere)] {
                let host = 0x100 + 2 * number as u16 + u16::from(elsewhere);
                let vip = Ipv6Addr::new(0xfd18, 0, 0, 0, 0, 0, 0, host);
                pair.say(&build(vip, if elsewhere { ELSEWHERE } else { vip }))?;
                pair.wait()?;
                let found = pair.found(vip.into())?;
                let case = format!("{sysctl}, forwarding {forwarding}, {what}, {elsewhere}");
                assert_eq!(found, expected, "{case}");
            }
        }
    }
    Ok(())
}
