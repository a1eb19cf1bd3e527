//! Who takes part.

use std::{net::Ipv4Addr, path::PathBuf, time::Duration};

use crate::{Process, Result, error::LabError, notation::parse_net};

use super::world::World;

mod keepalived;
mod memberlist;
mod vipcast;

pub(super) use vipcast::{Settings as VipcastSettings, start as start_vipcast};

/// A program, with its settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Contender {
    /// keepalived: VRRP version 3, with this time between its advertisements.
    Keepalived {
        /// `advert_int`.
        advert: Duration,
    },
    /// HashiCorp's memberlist as MetalLB uses it, with a small ARP responder beside it.
    Memberlist,
    /// `vipcast run` with the beacon backend.
    Vipcast {
        /// How often a beacon is sent; three missing ones are a death.
        interval: Duration,
        /// Whether a node that misses one beacon asks at once.
        burst: bool,
    },
}

/// Where the programs are.
#[derive(Debug, Clone, Default)]
pub struct Programs {
    /// Our own; one beside the lab's program is found by itself.
    pub vipcast: Option<PathBuf>,
    /// The small owner of addresses around memberlist, built of `lab/rivals/memberlist`.
    pub memberlist: Option<PathBuf>,
}

impl Contender {
    /// All of them, in the order of the tables.
    pub const ALL: [Self; 7] = [
        Self::Keepalived { advert: Duration::from_secs(1) },
        Self::Keepalived { advert: Duration::from_millis(100) },
        Self::Keepalived { advert: Duration::from_millis(30) },
        Self::Memberlist,
        Self::Vipcast { interval: Duration::from_millis(100), burst: true },
        Self::Vipcast { interval: Duration::from_millis(100), burst: false },
        Self::Vipcast { interval: Duration::from_millis(30), burst: false },
    ];

    /// Its name in files and on the command line.
    pub fn name(self) -> String {
        match self {
            Self::Keepalived { advert } => format!("keepalived-{advert:?}"),
            Self::Memberlist => "memberlist".to_owned(),
            Self::Vipcast { interval, burst: true } => format!("vipcast-{interval:?}-burst"),
            Self::Vipcast { interval, burst: false } => format!("vipcast-{interval:?}"),
        }
    }

    /// How often it says that it lives: a fault comes at any time of such a period.
    pub(super) const fn period(self) -> Duration {
        match self {
            Self::Keepalived { advert } => advert,
            Self::Memberlist => Duration::from_secs(1),
            Self::Vipcast { interval, .. } => interval,
        }
    }

    /// How long to watch for a takeover, twice as long as its worst one.
    pub(super) fn patience(self) -> Duration {
        match self {
            Self::Keepalived { advert } => (advert * 8).max(Duration::from_secs(3)),
            Self::Memberlist => Duration::from_secs(14),
            Self::Vipcast { .. } => Duration::from_secs(3),
        }
    }

    /// How long to watch for the end of a double ownership after a cut is healed.
    pub(super) const fn healing_patience(self) -> Duration {
        match self {
            // It tries to join those it lost once a minute.
            Self::Memberlist => Duration::from_secs(75),
            Self::Keepalived { .. } | Self::Vipcast { .. } => Duration::from_secs(10),
        }
    }

    /// The election's packets, in nftables' words.
    pub(super) fn packets(self) -> Vec<String> {
        match self {
            Self::Keepalived { .. } => vec!["ip protocol 112".to_owned()],
            Self::Memberlist => ports(memberlist::PORT),
            Self::Vipcast { .. } => ports(vipcast::PORT),
        }
    }

    /// Starts it on the nodes `which`, to own these addresses. It is ready, if alone among them, to be
    /// settled.
    pub(super) fn start(
        self,
        world: &World,
        programs: &Programs,
        which: &[usize],
        addresses: &[Ipv4Addr],
    ) -> Result<Vec<Process>> {
        match self {
            Self::Keepalived { advert } => keepalived::start(world, advert, which, addresses),
            Self::Memberlist => {
                let program = programs.memberlist.as_ref();
                let program = program.ok_or_else(|| LabError::Topology {
                    what: "memberlist takes part: name its program with --memberlist".to_owned(),
                })?;
                memberlist::start(world, program, which, addresses)
            }
            Self::Vipcast { interval, burst } => {
                let program = programs.vipcast.clone().map_or_else(crate::vipcast, Ok)?;
                let settings = VipcastSettings { interval, burst, pace: None };
                start_vipcast(world, &program, &settings, which, addresses)
            }
        }
    }
}

/// A port's packets in both directions, over TCP and UDP.
fn ports(port: u16) -> Vec<String> {
    ["dport", "sport"].map(|way| format!("meta l4proto {{ tcp, udp }} th {way} {port}")).into()
}

/// Puts the addresses on `lo` and keeps the kernel from answering for them, as kube-proxy does: then
/// every node delivers, and the contender alone says who is to.
fn deliver_everywhere(world: &World, addresses: &[Ipv4Addr]) -> Result<()> {
    for node in &world.net.nodes {
        for (setting, value) in [("arp_ignore", "1"), ("arp_announce", "2")] {
            node.set_sysctl(&format!("net.ipv4.conf.all.{setting}"), value)?;
        }
        for address in addresses {
            node.add_address("lo", parse_net(&format!("{address}/32"))?)?;
        }
    }
    Ok(())
}
