//! One node among peers whose messages are made by hand: it believes them as far as they fit together.

use alloc::vec::Vec;

use vipcast_sans_io::{Instant, Machine};

use super::super::{
    document::{Changes, Document, user_key},
    message::{Lead, Message, Status, Want},
    *,
};
use crate::{
    NodeName,
    beacon::{AuthMode, Key, KeyId, Keyring},
};

const NOW: Instant = Instant::from_millis(10_000);
/// Who has led so far.
const PEER: VoterId = VoterId(1);
const OTHER: VoterId = VoterId(3);

fn keyring() -> Keyring {
    let key = Key::new(&[7; 32]).unwrap();
    Keyring::new(AuthMode::Enforce, KeyId(1), [(KeyId(1), key)]).unwrap()
}

fn stamp(sequence: u64) -> Stamp {
    Stamp { ballot: Ballot { round: 1, voter: PEER }, sequence }
}

/// What the services have: each of these an address.
fn document(addresses: &[(&str, &str)]) -> Document {
    let mut document = Document::new();
    document.set_member(&NodeName::new("a"), Some(PEER));
    document.set_member(&NodeName::new("b"), Some(VoterId(2)));
    document.set_member(&NodeName::new("c"), Some(OTHER));
    for (service, address) in addresses {
        document.set(user_key(service.as_bytes()), Some(address.bytes().collect()));
    }
    document
}

/// A beat of a peer that has this document, it says, and says that it is agreed.
fn beat(tick: u64, sequence: u64, document: &Document, delta: Option<(Stamp, Changes)>) -> Message {
    let status = Status {
        promised: stamp(0).ballot,
        accepted: stamp(sequence),
        committed: stamp(sequence),
        digest: document.digest(),
    };
    Message { lead: Some(Lead::Accept { tick }), delta, ..message("a", PEER, status) }
}

/// That a node has this, and no more.
fn message(name: &str, voter: VoterId, status: Status) -> Message {
    Message {
        name: NodeName::new(name),
        voter,
        history: Some(HistoryId(5)),
        to: None,
        status,
        lead: None,
        delta: None,
        echo: None,
        willing: false,
        want: None,
        sums: None,
        part: None,
        founding: None,
    }
}

fn hear(node: &mut Register, message: &Message) {
    hear_at(NOW, node, message);
}

fn hear_at(now: Instant, node: &mut Register, message: &Message) {
    let mut bytes = Vec::new();
    message.encode(&keyring(), &mut bytes);
    node.handle_datagram(now, &bytes).unwrap();
    keep(now, node);
}

fn keep(now: Instant, node: &mut Register) {
    while let Some(persist) = node.poll_persist() {
        node.persisted(now, persist.ticket);
    }
}

fn said(node: &mut Register) -> Vec<Message> {
    said_at(NOW, node)
}

/// What the node says now.
fn said_at(now: Instant, node: &mut Register) -> Vec<Message> {
    let (mut said, mut bytes) = (Vec::new(), Vec::new());
    while node.poll_transmit(now, &mut bytes).is_some() {
        said.push(Message::decode(&bytes, &keyring()).unwrap());
    }
    said
}

/// A member that has accepted this from the peer, as agreed.
fn follower(document: &Document) -> Register {
    let names = ["a", "b", "c"].map(NodeName::new);
    let config = RegisterConfig::new(names[1].clone(), names, RegisterSettings::default()).unwrap();
    let mut node = Register::new(NOW, VoterId(2), config, keyring());
    keep(NOW, &mut node);
    let all = Document::new().changes_to(document);
    hear(&mut node, &beat(1, 1, document, Some((Stamp::NONE, all))));
    assert_eq!((node.document(), node.stamp(), node.counters().deltas), (document, stamp(1), 1));
    said(&mut node);
    node
}

/// That it has nothing of the peer's third state, and asks for the sums of it.
fn not_taken(node: &mut Register, before: &Document) {
    assert_eq!((node.document(), node.stamp()), (before, stamp(1)));
    let said = said(node);
    assert!(said.iter().all(|message| message.status.accepted == stamp(1)), "{said:?}");
    let wants: Vec<&Want> = said.iter().filter_map(|message| message.want.as_ref()).collect();
    assert_eq!(wants, [&Want { stamp: stamp(3), part: None }]);
    assert_eq!(node.counters().deltas, 1);
}

#[test]
fn a_difference_that_does_not_lead_to_what_the_peer_says_it_has_is_not_taken() {
    let before = document(&[("web", "192.0.2.1")]);
    let mut node = follower(&before);
    let (told, has) = (
        document(&[("web", "192.0.2.1"), ("dns", "192.0.2.1")]),
        document(&[("web", "192.0.2.1"), ("dns", "192.0.2.2")]),
    );
    let delta = (stamp(1), before.changes_to(&told));
    hear(&mut node, &beat(2, 3, &has, Some(delta)));
    not_taken(&mut node, &before);
}

/// Also where it would have led to what the peer says it has: what the node has is not what it was
/// made to.
#[test]
fn a_difference_to_a_state_that_the_node_does_not_have_is_not_applied() {
    let before = document(&[("web", "192.0.2.1")]);
    let mut node = follower(&before);
    let has = document(&[("web", "192.0.2.1"), ("dns", "192.0.2.2")]);
    let changes = before.changes_to(&has);
    for (tick, other) in [(2, Stamp::NONE), (3, stamp(2)), (4, stamp(3))] {
        hear(&mut node, &beat(tick, 3, &has, Some((other, changes.clone()))));
        if tick == 2 {
            not_taken(&mut node, &before);
        }
        assert_eq!((node.document(), node.stamp()), (&before, stamp(1)), "made to {other:?}");
    }
    hear(&mut node, &beat(5, 3, &has, Some((stamp(1), changes))));
    assert_eq!((node.document(), node.stamp(), node.counters().deltas), (&has, stamp(3), 2));
}

/// What the last leader had agreed may be known to nobody else as agreed: it is when a majority has it
/// under the new one. Who leads before that would go by an old document.
#[test]
fn a_node_leads_when_a_majority_has_accepted_what_it_leads_with_and_not_when_it_only_follows() {
    let before = document(&[("web", "192.0.2.1")]);
    let mut node = follower(&before);
    let agreed = document(&[("web", "192.0.2.1"), ("dns", "192.0.2.2")]);
    let mut last = beat(2, 2, &agreed, Some((stamp(1), before.changes_to(&agreed))));
    last.status.committed = stamp(1);
    hear(&mut node, &last);
    assert_eq!(node.document(), &before, "it does not know yet that this was agreed");

    // The leader falls silent, and the third node, which has not heard of the change, helps.
    let mut status = Status {
        promised: stamp(0).ballot,
        accepted: stamp(1),
        committed: stamp(1),
        digest: before.digest(),
    };
    let (mut now, mut accepted) = (NOW, None);
    while accepted.is_none() {
        now = node.poll_timeout().unwrap();
        node.handle_timeout(now);
        keep(now, &mut node);
        assert!(now < NOW + core::time::Duration::from_secs(30), "it does not come to lead");
        for asked in said_at(now, &mut node) {
            let mut answer = message("c", OTHER, status);
            match asked.lead {
                Some(Lead::Ask) => answer.willing = true,
                Some(Lead::Prepare) => status.promised = asked.status.promised,
                Some(Lead::Accept { tick }) => {
                    accepted = Some(asked.status);
                    answer.echo = Some(tick);
                }
                None => continue,
            }
            answer.status = status;
            hear_at(now, &mut node, &answer);
        }
    }
    // It follows, and is still copying.
    assert_eq!((node.leads(now), node.document()), (None, &before));
    let mut copied = message("c", OTHER, Status { committed: stamp(1), ..accepted.unwrap() });
    copied.echo = Some(1);
    hear_at(now, &mut node, &copied);
    assert!(node.leads(now).is_some());
    assert_eq!(node.document(), &agreed);
}
