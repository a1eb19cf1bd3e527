use std::{
    net::{Ipv4Addr, Ipv6Addr},
    os::fd::AsFd,
};

use vipcast_announcer::os::{
    FrameBatch, FrameKind, PacketSocket, PacketType, SendBatch, Sent, Statistics,
};

use crate::world::{HOST, HOST_MAC, Listener, PEER, PEER_MAC, VIP, World, arp, switch};

fn send(socket: &PacketSocket, frame: &[u8]) {
    assert_eq!(socket.send(frame).unwrap(), Sent::Queued);
}

/// The frame with a VLAN tag after its MACs.
fn tagged(frame: &[u8], tci: u16) -> Vec<u8> {
    let mut tagged = frame[..12].to_vec();
    tagged.extend([0x81, 0x00]);
    tagged.extend(tci.to_be_bytes());
    tagged.extend(&frame[12..]);
    tagged
}

/// A frame that ends a test's list: when it is heard, all before it have been.
fn end_mark() -> Vec<u8> {
    arp(1, PEER, Ipv4Addr::new(10, 0, 0, 250))
}

/// Sends the frames and returns those that passed, without their padding.
fn passed(world: &World, frames: &[Vec<u8>]) -> Vec<(Option<u16>, Vec<u8>)> {
    let host = world.host_socket(FrameKind::Arp);
    let peer = world.peer_socket(FrameKind::Arp);
    frames.iter().for_each(|frame| send(&peer, frame));
    send(&peer, &end_mark());
    let mut listener = Listener::new(&host);
    let mut heard = Vec::new();
    loop {
        let (received, frame) = listener.next();
        if frame == end_mark() {
            return heard;
        }
        heard.push((received.vlan, frame));
    }
}

pub(crate) fn questions_and_answers_are_received_with_what_the_kernel_knows() {
    let world = World::new();
    let host = world.host_socket(FrameKind::Arp);
    let peer = world.peer_socket(FrameKind::Arp);
    let request = arp(1, PEER, VIP);
    let mut reply = arp(2, PEER, VIP);
    reply[..6].copy_from_slice(&HOST_MAC);
    let mut to_others = arp(1, PEER, VIP);
    to_others[..6].copy_from_slice(&[2, 0, 0, 0, 0, 99]);
    for frame in [&to_others, &request, &reply] {
        send(&peer, frame);
    }
    let mut listener = Listener::new(&host);
    for (expected, packet_type) in [(&request, PacketType::Broadcast), (&reply, PacketType::Host)] {
        let (received, frame) = listener.next();
        assert_eq!((&frame, received.packet_type, received.vlan), (expected, packet_type, None));
    }
    assert_eq!(host.recv(&mut [0; 64]).unwrap(), None);
    assert_eq!(host.statistics().unwrap().packets, 2);
    assert_eq!(host.statistics().unwrap(), Statistics::default(), "reading resets");

    // And back.
    reply[..6].copy_from_slice(&PEER_MAC);
    send(&host, &reply);
    assert_eq!(Listener::new(&peer).next().1, reply);
}

pub(crate) fn what_is_no_arp_for_ipv4_does_not_pass() {
    let world = World::new();
    let mut frames = vec![arp(3, PEER, VIP), arp(0, PEER, VIP), arp(1, PEER, VIP)[..41].to_vec()];
    for (offset, value) in [(16, 0x86), (18, 8), (19, 6)] {
        let mut frame = arp(1, PEER, VIP);
        frame[offset] = value;
        frames.push(frame);
    }
    assert_eq!(passed(&world, &frames), []);
}

pub(crate) fn frames_of_an_unknown_vlan_do_not_pass_and_priority_tags_do() {
    let world = World::new();
    let frame = arp(1, PEER, VIP);
    let frames = [5, 0xe005, 0x0fff, 0xe000].map(|tci| tagged(&frame, tci));
    let heard = passed(&world, &frames);
    assert_eq!(heard.len(), 1);
    // Kernels differ in whether they still know the tag.
    assert!(matches!(heard[0].0, None | Some(0xe000)));
    assert_eq!(heard[0].1, frame);
}

pub(crate) fn own_frames_are_not_heard() {
    let world = World::new();
    let host = world.host_socket(FrameKind::Arp);
    let second = world.host_socket(FrameKind::Arp);
    let peer = world.peer_socket(FrameKind::Arp);
    send(&host, &arp(1, HOST, VIP));
    send(&peer, &end_mark());
    for socket in [&host, &second] {
        assert_eq!(Listener::new(socket).next().1, end_mark());
    }
}

fn solicitation(kind: u8, hop_limit: u8, target: &str) -> Vec<u8> {
    let octets = |text: &str| text.parse::<Ipv6Addr>().unwrap().octets();
    let mut frame = HOST_MAC.to_vec();
    frame.extend(PEER_MAC);
    frame.extend([0x86, 0xdd, 0x60, 0, 0, 0, 0, 24, 58, hop_limit]);
    frame.extend(octets("fe80::99"));
    frame.extend(octets("fe80::98"));
    frame.extend([kind, 0, 0, 0, 0, 0, 0, 0]);
    frame.extend(octets(target));
    frame
}

pub(crate) fn solicitations_pass_and_other_ipv6_does_not() {
    let world = World::new();
    let host = world.host_socket(FrameKind::Nd);
    let peer = world.peer_socket(FrameKind::Nd);
    send(&peer, &solicitation(128, 255, "2001:db8::1"));
    send(&peer, &solicitation(135, 64, "2001:db8::2"));
    send(&peer, &tagged(&solicitation(135, 255, "2001:db8::3"), 7));
    send(&peer, &solicitation(135, 255, "2001:db8::4"));
    send(&peer, &solicitation(136, 255, "2001:db8::5"));
    let mut listener = Listener::new(&host);
    // The machines' own neighbour discovery is heard too.
    let mut next = || loop {
        let (_, frame) = listener.next();
        if frame[22..38] == solicitation(0, 0, "::")[22..38] {
            return frame;
        }
    };
    assert_eq!(next(), solicitation(135, 255, "2001:db8::4"));
    assert_eq!(next(), solicitation(136, 255, "2001:db8::5"));
}

pub(crate) fn targets_narrow_the_filter_and_widen_it_again() {
    let world = World::new();
    let host = world.host_socket(FrameKind::Arp);
    let peer = world.peer_socket(FrameKind::Arp);
    let mut listener = Listener::new(&host);

    let pool = "10.0.0.96/28".parse().unwrap();
    host.set_targets(Some(&[pool])).unwrap();
    send(&peer, &arp(1, PEER, HOST));
    send(&peer, &arp(1, PEER, VIP));
    send(&peer, &arp(2, VIP, PEER));
    assert_eq!(listener.next().1, arp(1, PEER, VIP));
    assert_eq!(listener.next().1, arp(2, VIP, PEER));

    host.set_targets(None).unwrap();
    send(&peer, &arp(1, PEER, HOST));
    assert_eq!(listener.next().1, arp(1, PEER, HOST));
}

pub(crate) fn many_frames_are_taken_at_once_in_their_order() {
    let world = World::new();
    let host = world.host_socket(FrameKind::Arp);
    let peer = world.peer_socket(FrameKind::Arp);
    let mut batch = FrameBatch::new();
    assert!(!host.recv_batch(&mut batch).unwrap());
    let question = |number: u8| {
        let mut frame = arp(1, PEER, Ipv4Addr::new(10, 0, 0, number));
        // One tagged, one long, one as it is.
        match number % 3 {
            0 => frame.splice(12..12, [0x81, 0, 0xe0, 0]).for_each(drop),
            1 => frame.resize(60, 0),
            _ => {}
        }
        frame
    };
    for number in 0..40 {
        send(&peer, &question(number));
    }
    let mut taken = Vec::new();
    while taken.len() < 40 {
        if host.recv_batch(&mut batch).unwrap() {
            let frames = batch.frames().map(|(tag, bytes)| (tag, bytes.to_vec()));
            let before = taken.len();
            taken.extend(frames);
            assert!(taken.len() - before <= 32);
        }
    }
    for (number, (tag, bytes)) in (0..).zip(taken) {
        let sent = question(number);
        if number % 3 == 0 {
            // Kernels differ in whether they still know the tag.
            assert!(matches!(tag, None | Some(0xe000)), "{number}: {tag:?}");
            assert_eq!(bytes, arp(1, PEER, Ipv4Addr::new(10, 0, 0, number)), "{number}");
        } else {
            assert_eq!((tag, bytes), (None, sent), "{number}");
        }
    }
    assert!(!host.recv_batch(&mut batch).unwrap());
    assert_eq!(batch.frames().count(), 0);
}

pub(crate) fn many_frames_are_sent_at_once_in_their_order() {
    let world = World::new();
    let host = world.host_socket(FrameKind::Arp);
    let peer = world.peer_socket(FrameKind::Arp);
    let question = |number: u8| {
        let mut frame = arp(1, PEER, Ipv4Addr::new(10, 0, 0, number));
        frame.resize(42 + usize::from(number % 3), 0);
        frame
    };
    let mut batch = SendBatch::new();
    assert_eq!(peer.send_batch(&mut batch).unwrap(), Sent::Queued, "nothing to send");
    let mut listener = Listener::new(&host);
    for numbers in [0..32_u8, 32..33, 33..40] {
        for number in numbers.clone() {
            assert!(batch.push(&question(number)));
        }
        assert_eq!(batch.len(), numbers.len());
        assert!(batch.frames().eq(numbers.clone().map(question)));
        assert_eq!(peer.send_batch(&mut batch).unwrap(), Sent::Queued);
        assert!(batch.is_empty());
        for number in numbers {
            assert_eq!(listener.next().1, question(number));
        }
    }
    for _ in 0..32 {
        assert!(batch.push(&question(1)));
    }
    assert!(!batch.push(&question(2)), "no more than one call sends");

    // A frame that is too long is refused, and those after it are not kept.
    batch.clear();
    for frame in [question(1), vec![0; 4_000], question(2)] {
        assert!(batch.push(&frame));
    }
    assert!(peer.send_batch(&mut batch).is_err());
    assert!(batch.is_empty());
    assert_eq!(listener.next().1, question(1));
}

pub(crate) fn frames_that_find_the_queue_full_are_counted() {
    let world = World::new();
    let host = world.host_socket(FrameKind::Arp);
    let peer = world.peer_socket(FrameKind::Arp);
    let sent = 5_000;
    for _ in 0..sent {
        send(&peer, &arp(1, PEER, Ipv4Addr::new(10, 0, 0, 250)));
    }
    // Delivery over a veth pair ends with the receiver's softirq: wait for the last frame counted.
    let (mut passed, mut dropped) = (0, 0);
    while passed + dropped < sent {
        let statistics = host.statistics().unwrap();
        (passed, dropped) = (passed + statistics.packets, dropped + statistics.drops);
        std::thread::yield_now();
    }
    assert!(dropped > 0, "a ring of 1,024 does not hold {sent} frames");
    let mut buffer = [0; 64];
    let mut waiting = 0;
    while host.recv(&mut buffer).unwrap().is_some() {
        waiting += 1;
    }
    assert_eq!(waiting, passed);
}

pub(crate) fn a_link_that_goes_down_and_up_is_heard_again() {
    let world = World::new();
    let host = world.host_socket(FrameKind::Arp);
    let peer = world.peer_socket(FrameKind::Arp);
    switch("host0", false);
    let error = host.recv(&mut [0; 64]).unwrap_err();
    assert_eq!(error.raw_os_error(), Some(libc::ENETDOWN));
    assert_eq!(host.send(&arp(1, HOST, VIP)).unwrap_err().raw_os_error(), Some(libc::ENETDOWN));
    switch("host0", true);
    world.wait_for_peer();
    send(&peer, &arp(1, PEER, VIP));
    assert_eq!(Listener::new(&host).next_request().target, VIP);
}

pub(crate) fn a_missing_link_is_an_error() {
    let _world = World::new();
    let error = PacketSocket::open(4_711, FrameKind::Arp).unwrap_err();
    assert_eq!(error.raw_os_error(), Some(libc::ENODEV));
    let socket = PacketSocket::open(1, FrameKind::Arp).unwrap();
    let flags = rustix::io::fcntl_getfd(socket.as_fd()).unwrap();
    assert!(flags.contains(rustix::io::FdFlags::CLOEXEC));
}
