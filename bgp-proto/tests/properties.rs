//! Random lives in virtual time: what holds whatever happens.

mod common;

use std::{collections::BTreeMap, net::IpAddr, time::Duration};

use common::{net::Net, node::*};
use ipnet::IpNet;
use proptest::{collection::vec, prelude::*};
use vipcast_bgp_proto::{
    Announcement, Asn, HoldTime, Peer, PeerConfig, RouterId,
    fsm::{State, Timer},
    wire::{Attributes, CeaseSubcode, Community, Family, Notification},
};

#[derive(Clone, Debug)]
enum Turn {
    Wait(u16),
    Start(usize),
    Stop(usize),
    HandOver(usize),
    BfdDown(usize),
    Reset(usize),
    Crash(usize),
    Cut,
    Blackhole(bool),
    Refuse(bool),
    Stick(usize),
    Unstick(usize),
    Latency(u16),
    Segment(usize),
}

fn turn() -> impl Strategy<Value = Turn> {
    let side = 0..2_usize;
    prop_oneof![
        8 => (1..30_000_u16).prop_map(Turn::Wait),
        2 => side.clone().prop_map(Turn::Start),
        1 => side.clone().prop_map(Turn::Stop),
        1 => side.clone().prop_map(Turn::HandOver),
        1 => side.clone().prop_map(Turn::BfdDown),
        1 => side.clone().prop_map(Turn::Reset),
        1 => side.clone().prop_map(Turn::Crash),
        2 => Just(Turn::Cut),
        1 => any::<bool>().prop_map(Turn::Blackhole),
        1 => any::<bool>().prop_map(Turn::Refuse),
        1 => side.clone().prop_map(Turn::Stick),
        1 => side.prop_map(Turn::Unstick),
        1 => (0..2_000_u16).prop_map(Turn::Latency),
        1 => (1..64_usize).prop_map(Turn::Segment),
    ]
}

/// Two settings each for hold time, DelayOpen, dialing and graceful restart.
fn config(local: u32, remote: u32, bits: u8) -> PeerConfig {
    let mut config = PeerConfig::new(Asn(local), Asn(remote));
    if bits & 1 != 0 {
        config.hold_time = HoldTime::from_secs(9).unwrap();
    }
    if bits & 6 == 6 {
        config.hold_time = HoldTime::NEVER;
    }
    if bits & 8 != 0 {
        config.delay_open = Some(Duration::from_secs(3));
    }
    config.passive = bits & 48 == 48;
    if bits & 64 != 0 {
        config.graceful_restart = Some(vipcast_bgp_proto::RestartConfig::default());
    }
    config
}

fn check(peer: &Peer, stopped: bool) -> Result<(), TestCaseError> {
    let connections: Vec<_> = peer.connections().collect();
    prop_assert!(connections.len() <= 2);
    let established = connections.iter().filter(|(_, state)| *state == State::Established);
    prop_assert!(established.count() <= 1, "two established: {connections:?}");
    if let Some(session) = peer.session() {
        let hold = peer.deadline(Timer::Hold);
        prop_assert_eq!(hold.is_none(), session.hold_time.is_zero());
        prop_assert!(connections.iter().any(|(_, state)| *state == State::Established));
    }
    if stopped {
        prop_assert_eq!(peer.state(), State::Idle, "stopped, and not idle");
        prop_assert_eq!(connections.len(), 0);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    #[test]
    fn two_peers_keep_their_promises_under_random_events(
        turns in vec(turn(), 1..40),
        bits in any::<[u8; 2]>(),
        ids in (1..4_u32, 1..4_u32),
        seed in any::<u64>(),
    ) {
        let build = |side: usize, seed| {
            let (local, remote, id) = [(65001, 65002, ids.0), (65002, 65001, ids.1)][side];
            Peer::new(config(local, remote, bits[side]), RouterId::new(id).unwrap(), seed)
        };
        let mut net = Net::new([build(0, seed), build(1, seed ^ 1)]);
        let mut stopped = [true; 2];
        for (count, turn) in turns.iter().enumerate() {
            let now = net.now;
            match *turn {
                Turn::Wait(millis) => net.run(Duration::from_millis(millis.into())),
                Turn::Start(side) => {
                    net.nodes[side].start(now);
                    stopped[side] = false;
                }
                Turn::Stop(side) => {
                    net.nodes[side].stop(now);
                    stopped[side] = true;
                }
                Turn::HandOver(side) => {
                    net.nodes[side].hand_over(now);
                    stopped[side] = true;
                }
                Turn::BfdDown(side) => net.nodes[side].bfd_down(now),
                Turn::Reset(side) => {
                    let told = Notification::cease(CeaseSubcode::ADMINISTRATIVE_RESET);
                    net.nodes[side].reset(now, told);
                }
                Turn::Crash(side) => {
                    net.crash(side, build(side, seed ^ count as u64));
                    stopped[side] = true;
                }
                Turn::Cut => net.cut(),
                Turn::Blackhole(on) => net.blackhole = on,
                Turn::Refuse(on) => net.refusing = on,
                Turn::Stick(side) => net.stuck[side] = true,
                Turn::Unstick(side) => net.unstick(side),
                Turn::Latency(millis) => net.latency = Duration::from_millis(millis.into()),
                Turn::Segment(octets) => net.segment = octets,
            }
            net.flush();
            for (peer, stopped) in net.nodes.iter().zip(stopped) {
                check(peer, stopped)?;
            }
            prop_assert_eq!(net.answered_notifications, 0);
        }

        // In a sound world, two that want each other find each other.
        (net.blackhole, net.refusing, net.segment) = (false, false, usize::MAX);
        net.latency = Duration::from_millis(1);
        for side in 0..2 {
            net.unstick(side);
            let now = net.now;
            net.nodes[side].start(now);
        }
        let dialing = net.nodes.iter().any(|peer| !peer.config().passive);
        // Without hold time a session that one side has lost unseen may last for ever.
        let mortal = bits.iter().all(|bits| bits & 6 != 6);
        if dialing && mortal {
            net.run(Duration::from_secs(1500));
            for peer in &net.nodes {
                prop_assert_eq!(peer.state(), State::Established);
                check(peer, false)?;
            }
        }
    }
}

#[derive(Clone, Debug)]
enum Change {
    Announce(u8, u8, u8),
    Withdraw(u8, u8),
    Many(u8, u8),
    Wait(u8),
    Cut,
    Stick,
    Unstick,
    Refresh(bool),
    Shutdown(bool),
    Segment(usize),
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        6 => (0..40_u8, 0..3_u8, 0..4_u8).prop_map(|(n, path, set)| Change::Announce(n, path, set)),
        4 => (0..40_u8, 0..3_u8).prop_map(|(n, path)| Change::Withdraw(n, path)),
        1 => (0..4_u8, 0..3_u8).prop_map(|(set, path)| Change::Many(set, path)),
        4 => (1..100_u8).prop_map(Change::Wait),
        1 => Just(Change::Cut),
        1 => Just(Change::Stick),
        2 => Just(Change::Unstick),
        1 => any::<bool>().prop_map(Change::Refresh),
        1 => any::<bool>().prop_map(Change::Shutdown),
        1 => (1..200_usize).prop_map(Change::Segment),
    ]
}

/// Even numbers are IPv4 of three lengths, odd ones IPv6.
fn prefix(number: u8) -> IpNet {
    let text = match number % 4 {
        0 => format!("10.0.{number}.1/32"),
        2 => format!("10.{number}.0.0/{}", 16 + number % 8),
        1 => format!("2001:db8::{number:x}/128"),
        _ => format!("2001:db8:{number:x}::/48"),
    };
    text.parse().unwrap()
}

/// Set 3 is for nobody.
fn set(number: u8) -> Announcement {
    let mut announcement = Announcement::new(Attributes {
        communities: vec![Community::new(65001, number.into())],
        ..Attributes::default()
    });
    if number == 3 {
        announcement.audience = vipcast_bgp_proto::Audience::Only([].into());
    }
    announcement
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    /// Over a transport that is slow, full and cut, the router ends up with exactly what is announced.
    #[test]
    fn a_router_converges_to_the_table(
        changes in vec(change(), 1..80), add_path in any::<bool>(), extended in any::<bool>(),
    ) {
        let mut ours = PeerConfig::new(Asn(65001), Asn(65002));
        ours.next_hop_v6 = Some("2001:db8::1".parse::<IpAddr>().unwrap().into());
        ours.add_path_send = add_path;
        ours.extended_messages = extended;
        let mut theirs = PeerConfig::new(Asn(65002), Asn(65001));
        theirs.add_path_receive = true;
        let mut world = world(ours, theirs);
        let mut table: BTreeMap<(IpNet, u32), u8> = BTreeMap::new();
        let mut shutdown = false;
        for change in changes {
            match change {
                Change::Announce(n, path, number) => {
                    table.insert((prefix(n), path.into()), number);
                    world.speaker().announce_path(prefix(n), path.into(), &set(number));
                }
                Change::Withdraw(n, path) => {
                    table.remove(&(prefix(n), path.into()));
                    world.speaker().withdraw_path(prefix(n), path.into());
                }
                Change::Many(number, path) => {
                    for n in 0..40 {
                        table.insert((prefix(n), path.into()), number);
                        world.speaker().announce_path(prefix(n), path.into(), &set(number));
                    }
                }
                Change::Wait(millis) => world.run(Duration::from_millis(u64::from(millis) * 20)),
                Change::Cut => world.cut(),
                Change::Stick => world.stuck[0] = true,
                Change::Unstick => world.unstick(0),
                Change::Refresh(v4) => {
                    let family = if v4 { Family::IPV4_UNICAST } else { Family::IPV6_UNICAST };
                    refresh(&mut world, family);
                }
                Change::Shutdown(on) => {
                    shutdown = on;
                    let peer = world.peer_id();
                    world.speaker().set_graceful_shutdown(peer, on);
                }
                Change::Segment(octets) => world.segment = octets,
            }
            world.flush();
            prop_assert!(world.speaker().pending_changes() <= 240);
        }
        world.unstick(0);
        world.run(Duration::from_secs(300));
        prop_assert_eq!(world.router().peer.state(), State::Established);
        prop_assert_eq!(world.speaker().pending_changes(), 0);

        let mut expected: BTreeMap<(IpNet, u32), Vec<Community>> = BTreeMap::new();
        for ((prefix, path), number) in table {
            if number == 3 {
                continue;
            }
            let mut communities = vec![Community::new(65001, number.into())];
            if shutdown {
                communities.push(Community::GRACEFUL_SHUTDOWN);
            }
            let path = if add_path { path } else { 0 };
            expected.entry((prefix, path)).or_insert(communities);
        }
        let known: BTreeMap<_, _> = world
            .router()
            .rib
            .iter()
            .map(|(key, (attributes, _))| (*key, attributes.communities.clone()))
            .collect();
        prop_assert_eq!(known, expected);
    }

    /// The limit is never passed, and never unused while something waits for it.
    #[test]
    fn a_send_limit_is_kept_and_used(changes in vec(change(), 1..60), limit in 1..30_usize) {
        let mut ours = PeerConfig::new(Asn(65001), Asn(65002));
        ours.next_hop_v6 = Some("2001:db8::1".parse::<IpAddr>().unwrap().into());
        ours.send_limit = Some(limit);
        let mut world = world(ours, PeerConfig::new(Asn(65002), Asn(65001)));
        let mut table: BTreeMap<IpNet, u8> = BTreeMap::new();
        for change in changes {
            match change {
                Change::Announce(n, _, number) => {
                    table.insert(prefix(n), number);
                    world.speaker().announce(prefix(n), &set(number));
                }
                Change::Withdraw(n, _) => {
                    table.remove(&prefix(n));
                    world.speaker().withdraw(prefix(n));
                }
                Change::Wait(millis) => world.run(Duration::from_millis(u64::from(millis) * 20)),
                Change::Cut => world.cut(),
                Change::Stick => world.stuck[0] = true,
                Change::Unstick => world.unstick(0),
                _ => {}
            }
            world.flush();
            prop_assert!(world.router().rib.len() <= limit);
        }
        world.unstick(0);
        world.run(Duration::from_secs(300));
        let permitted = table.values().filter(|number| **number != 3).count();
        prop_assert_eq!(world.router().rib.len(), permitted.min(limit));
    }
}

/// The router asks for a family again, if there is a session.
fn refresh(world: &mut World, family: Family) {
    let mut bytes = Vec::new();
    vipcast_bgp_proto::wire::RouteRefresh {
        family,
        subtype: vipcast_bgp_proto::wire::RefreshSubtype::REQUEST,
    }
    .encode(&mut bytes);
    let (now, peer) = (world.now, world.peer_id());
    let speaker = world.speaker();
    if let Some(connection) = speaker.peer(peer).unwrap().established() {
        let input = vipcast_bgp_proto::PeerInput::Received { connection, bytes: &bytes };
        vipcast_bgp_proto::Machine::handle_input(speaker, now, (peer, input));
    }
}
