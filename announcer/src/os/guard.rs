use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, Ipv4Addr},
};

use rustix::net::netlink::NETFILTER;

use super::{
    netlink::{NetlinkError, NetlinkSocket, Snapshot},
    nftables::{Batch, Expression, Hook, MetaKey, Verdict, table_exists},
};

const TABLE: &str = "vipcast";
const SET: &str = "vips";
const INPUT: &str = "input";
const OUTPUT: &str = "output";

// An ARP packet for IPv4 on Ethernet, from its own start (RFC 826).
const LENGTHS_AND_OPERATION: u32 = 4;
const SENDER: u32 = 14;
const TARGET: u32 = 24;
/// A MAC of 6 bytes, an address of 4, a request.
const REQUEST: [u8; 4] = [6, 4, 0, 1];

/// Keeps the kernel's own ARP from speaking for service addresses that are local to this node.
///
/// Linux answers ARP for every local address on every link, so each node with a service address on
/// `lo` (or on `kube-ipvs0`) would claim it. The guard is the nftables table `arp vipcast`:
///
/// - *input*: requests for a service address are dropped before the kernel's ARP sees them. A
///   [`PacketSocket`](super::PacketSocket) still does;
/// - *output*: a request that the kernel sends *from* a service address gets the link's own address as
///   its sender, or it would tell the neighbours a lie. The frames of a packet socket do not pass
///   here.
///
/// It does the work of the sysctls `arp_ignore` and `arp_announce`, for these addresses alone. IPv6
/// needs none of it. The table lives in the kernel and outlasts this process, also a killed one, so
/// there is no gap before the next start; take addresses off `lo` first and [`remove`](Self::remove)
/// the guard last. `nft list table arp vipcast` shows it. Needs `CAP_NET_ADMIN`.
#[derive(Debug)]
pub struct Guard {
    socket: NetlinkSocket,
    sources: BTreeMap<u32, Ipv4Addr>,
    vips: BTreeSet<Ipv4Addr>,
}

/// The guard was not changed. Where it stood, it stands as it was.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GuardError {
    /// This process may not change nftables.
    #[error("the kernel guard needs CAP_NET_ADMIN: run as root, or grant the capability")]
    NotPermitted,
    /// This kernel has no nftables for ARP.
    #[error(
        "this kernel has no nftables for ARP (CONFIG_NF_TABLES_ARP): load it, or set \
         net.ipv4.conf.all.arp_ignore=1 and arp_announce=2 instead of the guard"
    )]
    Unsupported,
    /// The exchange with the kernel failed.
    #[error("the kernel guard could not be changed: {0}")]
    Netlink(#[source] NetlinkError),
}

impl Guard {
    /// Installs the guard in one step, in place of any table of the same name: one that a killed
    /// process left is thus repaired.
    ///
    /// `sources` has the node's own address for each link index, as [`sources`](Self::sources) finds
    /// them; `vips` the addresses to be silent about. After a crash, pass what is still on `lo` too.
    ///
    /// # Errors
    /// [`GuardError`]; nothing changed.
    pub fn install(
        sources: BTreeMap<u32, Ipv4Addr>,
        vips: BTreeSet<Ipv4Addr>,
    ) -> Result<Self, GuardError> {
        let mut guard = Self { socket: open()?, sources, vips };
        guard.repair()?;
        Ok(guard)
    }

    /// The own address of each link: its first IPv4 address that is none of `vips`. Requests from a
    /// service address over a link without one are sent as they are.
    #[must_use]
    pub fn sources(snapshot: &Snapshot, vips: &BTreeSet<Ipv4Addr>) -> BTreeMap<u32, Ipv4Addr> {
        let links = snapshot.links.values().filter(|link| !link.loopback && !link.noarp);
        let own = links.filter_map(|link| {
            let mut addresses =
                link.addresses.iter().filter_map(|address| match address.net.addr() {
                    IpAddr::V4(ip) => Some(ip),
                    IpAddr::V6(_) => None,
                });
            Some((link.index, addresses.find(|ip| !vips.contains(ip))?))
        });
        own.collect()
    }

    /// Makes these the addresses to be silent about, in one step. No-op when nothing changes. A table
    /// that someone has deleted is put in place again. The usual limits of a socket allow some 20,000
    /// addresses.
    ///
    /// # Errors
    /// [`GuardError`]; nothing changed.
    pub fn set_vips(&mut self, vips: &BTreeSet<Ipv4Addr>) -> Result<(), GuardError> {
        if *vips == self.vips {
            return Ok(());
        }
        let mut batch = Batch::new(TABLE);
        batch.flush_set(SET);
        batch.add_elements(SET, &octets(vips));
        let before = std::mem::replace(&mut self.vips, vips.clone());
        let outcome = match batch.commit(&mut self.socket) {
            Err(error) if error.errno() == Some(libc::ENOENT) => self.repair(),
            outcome => outcome.map_err(GuardError::from),
        };
        outcome.inspect_err(|_| self.vips = before)
    }

    /// Follows a change of the links' own addresses, in one step; counters begin anew. No-op when
    /// nothing changes.
    ///
    /// # Errors
    /// [`GuardError`]; nothing changed.
    pub fn set_sources(&mut self, sources: &BTreeMap<u32, Ipv4Addr>) -> Result<(), GuardError> {
        if *sources == self.sources {
            return Ok(());
        }
        let before = std::mem::replace(&mut self.sources, sources.clone());
        self.repair().inspect_err(|_| self.sources = before)
    }

    /// Whether the table is still there: a `nft flush ruleset` of a firewall takes it away too. What
    /// is in the table is not looked at.
    ///
    /// # Errors
    /// [`GuardError`].
    pub fn is_installed(&mut self) -> Result<bool, GuardError> {
        Ok(table_exists(&mut self.socket, TABLE)?)
    }

    /// Whether a table of this name is there, by whoever's hand.
    ///
    /// # Errors
    /// [`GuardError`].
    pub fn is_left() -> Result<bool, GuardError> {
        Ok(table_exists(&mut open()?, TABLE)?)
    }

    /// Puts the whole table in place anew, in one step.
    ///
    /// # Errors
    /// [`GuardError`]; nothing changed.
    pub fn repair(&mut self) -> Result<(), GuardError> {
        let mut batch = Batch::new(TABLE);
        // To delete is an error where there is nothing, to add is none where there is something.
        batch.add_table();
        batch.delete_table();
        batch.add_table();
        batch.add_ipv4_set(SET);
        batch.add_elements(SET, &octets(&self.vips));
        batch.add_chain(INPUT, Hook::Input);
        batch.add_rule(
            INPUT,
            &[
                Expression::Load { offset: LENGTHS_AND_OPERATION, len: 4 },
                Expression::Equals(&REQUEST),
                Expression::Load { offset: TARGET, len: 4 },
                Expression::InSet(SET),
                Expression::Counter,
                Expression::Verdict(Verdict::Drop),
            ],
        );
        batch.add_chain(OUTPUT, Hook::Output);
        for (link, own) in &self.sources {
            batch.add_rule(
                OUTPUT,
                &[
                    Expression::Meta(MetaKey::OutputIndex),
                    Expression::Equals(&link.to_ne_bytes()),
                    Expression::Load { offset: LENGTHS_AND_OPERATION, len: 4 },
                    Expression::Equals(&REQUEST),
                    Expression::Load { offset: SENDER, len: 4 },
                    Expression::InSet(SET),
                    Expression::Constant(&own.octets()),
                    Expression::Store { offset: SENDER, len: 4 },
                    Expression::Counter,
                ],
            );
        }
        batch.commit(&mut self.socket).map_err(|error| match error.errno() {
            // Nothing that the batch refers to is missing, so it is a part of the kernel.
            Some(libc::ENOENT) => GuardError::Unsupported,
            _ => error.into(),
        })
    }

    /// Takes the guard away, whoever installed it, if it is there: the last step of a clean exit.
    ///
    /// # Errors
    /// [`GuardError`]; nothing changed.
    pub fn remove() -> Result<(), GuardError> {
        let mut batch = Batch::new(TABLE);
        batch.add_table();
        batch.delete_table();
        Ok(batch.commit(&mut open()?)?)
    }
}

impl From<NetlinkError> for GuardError {
    fn from(error: NetlinkError) -> Self {
        match error.errno() {
            Some(libc::EPERM) => Self::NotPermitted,
            Some(libc::EOPNOTSUPP | libc::EAFNOSUPPORT) => Self::Unsupported,
            _ => Self::Netlink(error),
        }
    }
}

fn open() -> Result<NetlinkSocket, GuardError> {
    NetlinkSocket::open(Some(NETFILTER), 0).map_err(|error| match error.raw_os_error() {
        Some(libc::EPROTONOSUPPORT) => GuardError::Unsupported,
        _ => GuardError::Netlink(NetlinkError::Socket(error)),
    })
}

fn octets(vips: &BTreeSet<Ipv4Addr>) -> Vec<[u8; 4]> {
    vips.iter().map(Ipv4Addr::octets).collect()
}
