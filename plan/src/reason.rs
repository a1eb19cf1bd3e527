use alloc::{boxed::Box, string::String, vec::Vec};
use core::{fmt, net::IpAddr};

use crate::{LinkName, LinkRefusal, NodeName};

/// Why a service, an address or a node is left out. Prints as a sentence with its remedy.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Reason {
    /// The pools gave the service no address; the allocator says why.
    NoAddress,
    /// No advertisement covers both the address's pool and the service.
    NoAdvertisement {
        /// The pool of the address.
        pool: String,
    },
    /// The service shares its address, and an advertisement of the pool selects services: the
    /// sharers could end up on different nodes.
    SharedAddressWithServiceSelector {
        /// The advertisement that selects services.
        advertisement: String,
    },
    /// No endpoint of the service is usable.
    NoEndpoint,
    /// The node carries the label `node.kubernetes.io/exclude-from-external-load-balancers`.
    NodeExcluded,
    /// The node's condition `NetworkUnavailable` is true.
    NodeNetworkUnavailable,
    /// No advertisement that covers the address selects the node.
    NodeNotSelected,
    /// The traffic policy is `Local`, and the node has no usable endpoint.
    NoLocalEndpoint,
    /// None of the links that the advertisements name exists on the node.
    LinkMissing {
        /// The links that were named.
        named: Vec<LinkName>,
    },
    /// The link that could carry the address is not used for announcements.
    LinkUnusable {
        /// The link, the first one if there are several.
        link: LinkName,
        /// Why not.
        refusal: LinkRefusal,
    },
    /// The advertisements name an address whose link is to be used, and no route leads there.
    NoLinkReaches {
        /// That address, the first one if there are several.
        destination: IpAddr,
    },
    /// The links that could carry the address are down.
    LinkDown {
        /// Those links.
        links: Vec<LinkName>,
    },
    /// The link that could carry the address is up, but this node cannot speak on it.
    LinkBroken {
        /// The link, the first one if there are several.
        link: LinkName,
        /// What is wrong.
        why: String,
    },
    /// No link of the node is in a network that holds the address, and no advertisement names one.
    NoLinkForAddress {
        /// The address.
        address: IpAddr,
    },
    /// What arrives for the address would be lost on this node.
    DeliveryFailed {
        /// What is wrong.
        why: String,
    },
    /// Another node holds the address.
    HeldBy {
        /// That node.
        node: NodeName,
    },
    /// The node that holds the lease of the address's group does not announce the address itself.
    HolderMayNot {
        /// That node.
        node: NodeName,
        /// The group, as its number and how many there are.
        group: String,
        /// Why it does not, if that is known.
        why: Option<Box<Self>>,
    },
    /// No node holds the address yet.
    NoHolder,
}

impl Reason {
    /// A short name that never changes, for machines.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::NoAddress => "noAddress",
            Self::NoAdvertisement { .. } => "noMatchingAdvertisement",
            Self::SharedAddressWithServiceSelector { .. } => "sharedIPWithServiceSelector",
            Self::NoEndpoint => "noEndpoint",
            Self::NodeExcluded => "nodeExcluded",
            Self::NodeNetworkUnavailable => "nodeNetworkUnavailable",
            Self::NodeNotSelected => "nodeNotSelected",
            Self::NoLocalEndpoint => "noLocalEndpoint",
            Self::LinkMissing { .. } => "linkMissing",
            Self::LinkUnusable { .. } => "linkUnusable",
            Self::NoLinkReaches { .. } => "noLinkReaches",
            Self::LinkDown { .. } => "linkDown",
            Self::LinkBroken { .. } => "linkBroken",
            Self::NoLinkForAddress { .. } => "noLinkForAddress",
            Self::DeliveryFailed { .. } => "deliveryFailed",
            Self::HeldBy { .. } => "notOwner",
            Self::HolderMayNot { .. } => "leaseHolderMayNot",
            Self::NoHolder => "noHolder",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoAddress => f.write_str("the service has no address yet"),
            Self::NoAdvertisement { pool } => write!(
                f,
                "no L2Advertisement covers pool {pool} and this service; add one, or widen its selectors"
            ),
            Self::SharedAddressWithServiceSelector { advertisement } => write!(
                f,
                "the service shares its address while L2Advertisement {advertisement} selects services; \
                 remove its serviceSelectors or the sharing key"
            ),
            Self::NoEndpoint => f.write_str("no endpoint of the service is ready or serving"),
            Self::NodeExcluded => f.write_str(
                "the node is labelled node.kubernetes.io/exclude-from-external-load-balancers",
            ),
            Self::NodeNetworkUnavailable => f.write_str("the node's network is unavailable"),
            Self::NodeNotSelected => {
                f.write_str("no L2Advertisement for this address selects the node")
            }
            Self::NoLocalEndpoint => f.write_str(
                "externalTrafficPolicy is Local and the node has no usable endpoint of the service",
            ),
            Self::LinkMissing { named } => {
                write!(f, "the node has none of the links that are advertised on: {}", List(named))
            }
            Self::LinkUnusable { link, refusal } => {
                write!(f, "nothing is announced on {link}: {refusal}")
            }
            Self::NoLinkReaches { destination } => write!(
                f,
                "can_reach:{destination}: no link of the node has a route to {destination}"
            ),
            Self::LinkDown { links } => write!(f, "the link is down: {}", List(links)),
            Self::LinkBroken { link, why } => {
                write!(f, "the node cannot speak on its link {link}: {why}")
            }
            Self::NoLinkForAddress { address } => write!(
                f,
                "no link of the node is in a network that holds {address}; name the links in an \
                 L2Advertisement to announce it anyway"
            ),
            Self::DeliveryFailed { why } => {
                write!(f, "the node cannot deliver what arrives for the address: {why}")
            }
            Self::HeldBy { node } => write!(f, "node {node} holds the address"),
            Self::HolderMayNot { node, group, why } => {
                write!(f, "the lease of the address's group, {group}, is held by {node}, which ")?;
                match why {
                    Some(why) => write!(f, "does not announce this one: {why}"),
                    None => f.write_str("does not announce this one"),
                }
            }
            Self::NoHolder => f.write_str("no node holds the address yet"),
        }
    }
}

struct List<'a>(&'a [LinkName]);

impl fmt::Display for List<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, name) in self.0.iter().enumerate() {
            let comma = if position == 0 { "" } else { ", " };
            write!(f, "{comma}{name}")?;
        }
        Ok(())
    }
}
