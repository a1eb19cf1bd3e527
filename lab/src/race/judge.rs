//! What the frames on the bridge say about who owned the address.

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr},
    time::{Duration, Instant},
};

use crate::{Direction, Frame, Mac};

#[cfg(test)]
mod tests;

/// A frame in which a node speaks as the owner of the address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sighting {
    pub(super) at: Instant,
    /// Its place among the nodes.
    pub(super) node: usize,
    /// Whether it is ARP; else it is an answer to a probe.
    pub(super) arp: bool,
    /// Whom it was sent to.
    to: Mac,
}

/// Sightings of one node that are no further apart belong to one time of ownership: it is some of the
/// newcomer's questions.
const HELD: Duration = Duration::from_millis(60);

/// All sightings of an address, in order. What a cut has swallowed is none, and from `muted` on no ARP of
/// that node is one: a filter swallows it after the capture has seen it.
pub(super) fn sightings(
    frames: &[Frame],
    address: Ipv4Addr,
    nodes: &[Mac],
    muted: Option<(usize, Instant)>,
) -> Vec<Sighting> {
    let sighting = |frame: &Frame| {
        if !frame.delivered || frame.direction != Direction::Sent {
            return None;
        }
        let node = nodes.iter().position(|mac| *mac == frame.source())?;
        let arp = match frame.arp() {
            Some(arp) if arp.spa == address => true,
            Some(_) => return None,
            None if frame.ip()?.0 == IpAddr::V4(address) => false,
            None => return None,
        };
        let swallowed = muted.is_some_and(|(who, from)| arp && node == who && frame.at >= from);
        let sighting = Sighting { at: frame.at, node, arp, to: frame.destination() };
        (!swallowed).then_some(sighting)
    };
    let mut all: Vec<_> = frames.iter().filter_map(sighting).collect();
    all.sort_by_key(|sighting| sighting.at);
    all
}

/// The one node that owned the address from `since` on and answered the newcomer all that time; none if
/// there were two, or none, or long silences.
pub(super) fn sole_owner(all: &[Sighting], newcomer: Mac, since: Instant) -> Option<usize> {
    let recent = all.iter().filter(|sighting| sighting.at >= since);
    let answers: Vec<_> =
        recent.clone().filter(|sighting| sighting.arp && sighting.to == newcomer).collect();
    let owner = answers.first()?.node;
    let steady = answers.windows(2).all(|pair| pair[1].at.duration_since(pair[0].at) < HELD);
    let alone = recent.into_iter().all(|sighting| sighting.node == owner);
    (alone && steady && answers.len() >= 20).then_some(owner)
}

/// For how long between `from` and `to` two nodes or more owned the address.
pub(super) fn shared(all: &[Sighting], from: Instant, to: Instant) -> Duration {
    let mut edges: Vec<(Instant, i32)> = Vec::new();
    for (begin, end) in spans(all) {
        let (begin, end) = (begin.clamp(from, to), end.clamp(from, to));
        edges.extend([(begin, 1), (end, -1)]);
    }
    edges.sort_unstable();
    let mut owners = 0;
    let mut shared = Duration::ZERO;
    let mut since = from;
    for (at, change) in edges {
        if owners > 1 {
            shared += at.duration_since(since);
        }
        owners += change;
        since = at;
    }
    shared
}

/// How many nodes were seen as owners between `from` and `to`.
pub(super) fn owners(all: &[Sighting], from: Instant, to: Instant) -> usize {
    let within = all.iter().filter(|sighting| sighting.at >= from && sighting.at <= to);
    let mut nodes: Vec<_> = within.map(|sighting| sighting.node).collect();
    nodes.sort_unstable();
    nodes.dedup();
    nodes.len()
}

/// Each time of ownership of each node.
fn spans(all: &[Sighting]) -> Vec<(Instant, Instant)> {
    let mut spans: Vec<(usize, Instant, Instant)> = Vec::new();
    for sighting in all {
        let open = spans.iter_mut().rev().find(|(node, _, _)| *node == sighting.node);
        match open {
            Some((_, _, end)) if sighting.at.duration_since(*end) <= HELD => *end = sighting.at,
            _ => spans.push((sighting.node, sighting.at, sighting.at)),
        }
    }
    spans.into_iter().map(|(_, begin, end)| (begin, end)).collect()
}

/// The longest time between two of these moments, from the last one at or before `from` on until `to`,
/// and whether it was over by then. Moments are in order.
pub(super) fn longest_gap(moments: &[Instant], from: Instant, to: Instant) -> (Duration, bool) {
    let before = moments.iter().rev().find(|at| **at <= from).copied().unwrap_or(from);
    let within = moments.iter().copied().filter(|at| *at > from && *at < to);
    let edges: Vec<_> = std::iter::once(before).chain(within).collect();
    let closed = edges.windows(2).map(|pair| pair[1].duration_since(pair[0])).max();
    let last = edges.last().map_or(Duration::ZERO, |last| to.saturating_duration_since(*last));
    let closed = closed.unwrap_or_default();
    // At the end there is always some time since the last one.
    if last > HELD && last > closed { (last, false) } else { (closed, true) }
}

/// When the newcomer was answered.
pub(super) fn answers_to(all: &[Sighting], newcomer: Mac) -> Vec<Instant> {
    let answers = all.iter().filter(|sighting| sighting.arp && sighting.to == newcomer);
    answers.map(|sighting| sighting.at).collect()
}

/// When each address was first claimed by ARP of one of these nodes, from `since` on.
pub(super) fn first_claims(
    frames: &[Frame],
    nodes: &[Mac],
    since: Instant,
) -> BTreeMap<Ipv4Addr, Instant> {
    let mut claims = BTreeMap::new();
    for frame in frames.iter().filter(|frame| frame.delivered && frame.at >= since) {
        if let Some(arp) = frame.arp().filter(|arp| nodes.contains(&arp.eth_src)) {
            claims.entry(arp.spa).or_insert(frame.at);
        }
    }
    claims
}
