//! Highest-random-weight placement: which node for which address, agreed without a word.
//!
//! Every node computes the same order from the same members. When a node goes, only its own
//! addresses move; when one joins, it takes only what it is first for.
//!
//! The hash is that of MetalLB, so that both place alike: nodes are ordered by their score, the
//! highest first, and equal ones by the SHA-256 digest of `node#address`, the lowest first. The
//! address is written as in RFC 5952. What this cannot do is stand beside a MetalLB that elects by
//! its own gossip: each side sees only its own members.

use alloc::{string::ToString, vec::Vec};
use core::net::IpAddr;

use sha2::{Digest, Sha256};

use crate::NodeName;

/// All `nodes`, the preferred holder of `address` first.
#[must_use]
pub fn order<'a>(
    nodes: impl IntoIterator<Item = (&'a NodeName, u32)>,
    address: IpAddr,
) -> Vec<&'a NodeName> {
    let mut ranked: Vec<_> =
        nodes.into_iter().map(|(node, score)| (rank(node, score, address), node)).collect();
    ranked.sort();
    ranked.into_iter().map(|(_, node)| node).collect()
}

/// The preferred holder of `address`; `None` without nodes.
#[must_use]
pub fn first<'a>(
    nodes: impl IntoIterator<Item = (&'a NodeName, u32)>,
    address: IpAddr,
) -> Option<&'a NodeName> {
    nodes.into_iter().min_by_key(|(node, score)| rank(node, *score, address)).map(|(node, _)| node)
}

fn rank(node: &NodeName, score: u32, address: IpAddr) -> (core::cmp::Reverse<u32>, [u8; 32]) {
    let mut hash = Sha256::new();
    hash.update(node.as_str());
    hash.update("#");
    hash.update(address.to_canonical().to_string());
    (core::cmp::Reverse(score), hash.finalize().into())
}

#[cfg(test)]
mod tests;
