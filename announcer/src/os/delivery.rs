use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    thread,
    time::Duration,
};

use ipnet::IpNet;
use netlink_packet_core::Emitable;
use netlink_packet_route::{
    AddressFamily,
    address::{
        AddressAttribute, AddressFlags, AddressHeader, AddressMessage, AddressProtocol,
        AddressScope, CacheInfo,
    },
};

use super::netlink::{
    LinkAddress, NetlinkError, NetlinkSocket, RouteLookup, Snapshot,
    address::{RTM_DELADDR, RTM_NEWADDR, addresses},
    message::{CREATE, EXCLUSIVE},
    socket::ROUTE,
};

/// Marks an address as ours (`IFA_PROTO`): 0x76, the letter v. `ip address` shows `proto 0x76`.
pub const ADDRESS_PROTOCOL: u8 = 0x76;
/// Marks an IPv4 address as ours where the kernel (before 5.18) does not keep [`ADDRESS_PROTOCOL`].
pub const ADDRESS_LABEL: &str = "lo:vipcast";

/// The loopback link has this index in every network namespace.
const LOOPBACK: u32 = 1;

/// How often, and how far apart, it is looked whether the kernel takes packets for new addresses: for
/// a second in all.
const MOST_LOOKS: u32 = 1_000;
const BETWEEN_LOOKS: Duration = Duration::from_millis(1);

/// Service addresses on `lo`, so that a local server that listens on all addresses serves them.
///
/// Each is a /32 or /128, tagged as ours, and made such that the kernel does not pick it as the source
/// of the node's own traffic: IPv4 with the scope of a host, IPv6 deprecated. What is tagged and not
/// wanted is an orphan of a killed run. An address that someone else has put on this machine is left
/// alone.
///
/// Put the [`Guard`](super::Guard) in place first. All addresses of this value are removed when it is
/// dropped. Needs `CAP_NET_ADMIN`.
///
/// ```no_run
/// use vipcast_announcer::os::LocalDelivery;
///
/// let mut delivery = LocalDelivery::open()?;
/// for orphan in delivery.sweep()? {
///     println!("{orphan} was left over and is removed");
/// }
/// delivery.add("192.0.2.10".parse()?)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct LocalDelivery {
    socket: NetlinkSocket,
    routes: RouteLookup,
    delivered: BTreeSet<IpAddr>,
    /// Set by us or by a killed run, and not yet known to be taken by the kernel.
    fresh: BTreeSet<IpAddr>,
}

/// What became of an address that was to be added; it is delivered either way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Added {
    /// It was not there.
    Added,
    /// It was there with our tag: added before, or an orphan that is adopted.
    AlreadyOurs,
}

/// An address was not delivered; nothing changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DeliveryError {
    /// Somebody else has configured the address on this machine.
    #[error(
        "{address} is already on {link} by someone else's hand and is left alone: remove it there, \
         or take it out of the pool"
    )]
    ForeignAddress {
        /// The address.
        address: IpAddr,
        /// The name of the link that has it.
        link: String,
    },
    /// `lo` is down, so nothing on it is reachable.
    #[error("lo is down: switch it on (ip link set lo up)")]
    LoopbackDown,
    /// This process may not change addresses.
    #[error("setting addresses needs CAP_NET_ADMIN: run as root, or grant the capability")]
    NotPermitted,
    /// The kernel has IPv6 switched off, on `lo` or altogether.
    #[error("{address} cannot be set: IPv6 is switched off (net.ipv6.conf.lo.disable_ipv6)")]
    NoIpv6 {
        /// The address.
        address: IpAddr,
    },
    /// The exchange with the kernel failed.
    #[error("the address could not be changed: {0}")]
    Netlink(#[source] NetlinkError),
}

impl LocalDelivery {
    /// Begins with no address delivered; what is on `lo` stays as it is.
    ///
    /// # Errors
    /// [`DeliveryError::Netlink`] when no socket can be had.
    pub fn open() -> Result<Self, DeliveryError> {
        let socket = NetlinkSocket::open(ROUTE, 0).map_err(NetlinkError::Socket)?;
        let routes = RouteLookup::open().map_err(NetlinkError::Socket)?;
        Ok(Self { socket, routes, delivered: BTreeSet::new(), fresh: BTreeSet::new() })
    }

    /// Delivers one address. For many, [`add_all`](Self::add_all) reads the machine's addresses once.
    ///
    /// # Errors
    /// [`DeliveryError`].
    pub fn add(&mut self, address: IpAddr) -> Result<Added, DeliveryError> {
        let present = self.present()?;
        let added = self.add_to(&present, address)?;
        self.settle();
        Ok(added)
    }

    /// Delivers addresses and says of each what became of it. The kernel's list of addresses is slow
    /// when long (10,000 take seconds), and a busy kernel may take its time to deliver a new IPv6
    /// address (it is waited for, for a second at most): do not call it on the layer 2 thread.
    ///
    /// # Errors
    /// [`DeliveryError`] when the machine's addresses cannot be read; nothing changed.
    #[expect(clippy::type_complexity, reason = "a list of outcomes, each beside its address")]
    pub fn add_all(
        &mut self,
        wanted: &BTreeSet<IpAddr>,
    ) -> Result<Vec<(IpAddr, Result<Added, DeliveryError>)>, DeliveryError> {
        let present = self.present()?;
        let outcomes: Vec<_> =
            wanted.iter().map(|address| (*address, self.add_to(&present, *address))).collect();
        self.settle();
        Ok(outcomes)
    }

    /// Takes an address off `lo` if it is there with our tag, and says whether it was.
    ///
    /// # Errors
    /// [`DeliveryError`].
    pub fn remove(&mut self, address: IpAddr) -> Result<bool, DeliveryError> {
        let ours =
            self.delivered.contains(&address) || self.orphans_and_delivered()?.contains(&address);
        let removed = ours && self.delete(address)?;
        self.delivered.remove(&address);
        Ok(removed)
    }

    /// Addresses on `lo` that have our tag and are not delivered by this value: a killed run left
    /// them. Hold the [`InstanceLock`](super::InstanceLock), or they may belong to one that lives.
    ///
    /// # Errors
    /// [`DeliveryError::Netlink`].
    pub fn orphans(&mut self) -> Result<BTreeSet<IpAddr>, DeliveryError> {
        let tagged = self.orphans_and_delivered()?;
        Ok(tagged.difference(&self.delivered).copied().collect())
    }

    /// Removes all [`orphans`](Self::orphans), and returns those that it removed.
    ///
    /// # Errors
    /// [`DeliveryError`]; some may be removed already.
    pub fn sweep(&mut self) -> Result<Vec<IpAddr>, DeliveryError> {
        let mut swept = Vec::new();
        for orphan in self.orphans()? {
            if self.delete(orphan)? {
                swept.push(orphan);
            }
        }
        Ok(swept)
    }

    /// Takes all delivered addresses off `lo`: the step before the guard's removal on a clean exit.
    ///
    /// # Errors
    /// The first [`DeliveryError`]; the other addresses are removed all the same.
    pub fn clear(&mut self) -> Result<(), DeliveryError> {
        let mut outcome = Ok(());
        for address in std::mem::take(&mut self.delivered) {
            if let Err(error) = self.delete(address) {
                self.delivered.insert(address);
                outcome = outcome.and(Err(error));
            }
        }
        outcome
    }

    /// The addresses that this value delivers.
    #[must_use]
    pub const fn delivered(&self) -> &BTreeSet<IpAddr> {
        &self.delivered
    }

    fn add_to(&mut self, present: &Present, address: IpAddr) -> Result<Added, DeliveryError> {
        if let Some(link) = present.foreign.get(&address) {
            return Err(DeliveryError::ForeignAddress { address, link: link.clone() });
        }
        let mut outcome = Added::AlreadyOurs;
        if !present.tagged.contains(&address) {
            let request = encode(&new_address(address));
            match self.socket.request(RTM_NEWADDR, CREATE | EXCLUSIVE, &request) {
                Ok(()) => outcome = Added::Added,
                Err(error) => return Err(self.refused(address, error)),
            }
        }
        let new = self.delivered.insert(address) || outcome == Added::Added;
        if new && address.is_ipv6() {
            self.fresh.insert(address);
        }
        Ok(outcome)
    }

    /// Waits until the kernel takes packets for new addresses. Of IPv6 it says that one is set, and
    /// makes its local route in a worker of its own, later. Until then a route that refuses is in
    /// place, and clients that are answered by ND are told that there is no way.
    fn settle(&mut self) {
        for _ in 0..MOST_LOOKS {
            while let Some(&address) = self.fresh.first() {
                if matches!(self.routes.local(address), Ok(None)) {
                    break;
                }
                self.fresh.remove(&address);
            }
            if self.fresh.is_empty() {
                return;
            }
            thread::sleep(BETWEEN_LOOKS);
        }
        // An administrator's rules may hide the route from such a question.
        self.fresh.clear();
    }

    fn refused(&self, address: IpAddr, error: NetlinkError) -> DeliveryError {
        match error.errno() {
            // Added by someone since we looked; on lo, for elsewhere it would be no obstacle.
            Some(libc::EEXIST) => DeliveryError::ForeignAddress { address, link: "lo".into() },
            Some(libc::EACCES | libc::EOPNOTSUPP | libc::ENODEV) if address.is_ipv6() => {
                DeliveryError::NoIpv6 { address }
            }
            _ => error.into(),
        }
    }

    /// Deletes one of ours; `false` when it was gone already.
    fn delete(&mut self, address: IpAddr) -> Result<bool, DeliveryError> {
        self.fresh.remove(&address);
        match self.socket.request(RTM_DELADDR, 0, &encode(&tagged_address(address))) {
            Ok(()) => Ok(true),
            Err(error) if error.errno() == Some(libc::EADDRNOTAVAIL) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    fn orphans_and_delivered(&mut self) -> Result<BTreeSet<IpAddr>, DeliveryError> {
        let all = addresses(&mut self.socket)?;
        Ok(all.iter().filter(|(link, address)| is_ours(*link, address)).map(key).collect())
    }

    fn present(&mut self) -> Result<Present, DeliveryError> {
        let snapshot = Snapshot::read_from(&mut self.socket)?;
        let mut present = Present::default();
        for link in snapshot.links.values() {
            if link.index == LOOPBACK && !link.up {
                return Err(DeliveryError::LoopbackDown);
            }
            for address in &link.addresses {
                if is_ours(link.index, address) {
                    present.tagged.insert(address.net.addr());
                } else {
                    present.foreign.insert(address.net.addr(), link.name.clone());
                }
            }
        }
        Ok(present)
    }
}

impl Drop for LocalDelivery {
    fn drop(&mut self) {
        // What cannot be removed now is an orphan with our tag, and swept by the next run.
        let _ = self.clear();
    }
}

impl From<NetlinkError> for DeliveryError {
    fn from(error: NetlinkError) -> Self {
        match error.errno() {
            Some(libc::EPERM) => Self::NotPermitted,
            _ => Self::Netlink(error),
        }
    }
}

/// The addresses of this machine: with our tag, and of others with their links' names.
#[derive(Debug, Default)]
struct Present {
    tagged: BTreeSet<IpAddr>,
    foreign: BTreeMap<IpAddr, String>,
}

fn is_ours(link: u32, address: &LinkAddress) -> bool {
    let tagged =
        address.protocol == ADDRESS_PROTOCOL || address.label.as_deref() == Some(ADDRESS_LABEL);
    link == LOOPBACK && tagged && address.net == IpNet::from(address.net.addr())
}

fn key((_, address): &(u32, LinkAddress)) -> IpAddr {
    address.net.addr()
}

/// What names an address of ours to the kernel.
fn tagged_address(address: IpAddr) -> AddressMessage {
    let mut message = AddressMessage::default();
    message.header = AddressHeader {
        family: if address.is_ipv6() { AddressFamily::Inet6 } else { AddressFamily::Inet },
        prefix_len: IpNet::from(address).prefix_len(),
        index: LOOPBACK,
        ..AddressHeader::default()
    };
    message.attributes = vec![AddressAttribute::Local(address), AddressAttribute::Address(address)];
    if address.is_ipv4() {
        message.attributes.push(AddressAttribute::Label(ADDRESS_LABEL.into()));
    }
    message
}

/// The same with all that a new address needs.
fn new_address(address: IpAddr) -> AddressMessage {
    let mut message = tagged_address(address);
    message.attributes.push(AddressAttribute::Protocol(AddressProtocol::Other(ADDRESS_PROTOCOL)));
    if address.is_ipv4() {
        message.header.scope = AddressScope::Host;
    } else {
        // Duplicate detection has no sense on lo. Deprecated: valid for ever, preferred for 0 seconds.
        message.attributes.push(AddressAttribute::Flags(AddressFlags::Nodad));
        let mut lifetime = CacheInfo::default();
        (lifetime.ifa_preferred, lifetime.ifa_valid) = (0, u32::MAX);
        message.attributes.push(AddressAttribute::CacheInfo(lifetime));
    }
    message
}

fn encode(message: &AddressMessage) -> Vec<u8> {
    let mut bytes = vec![0; message.buffer_len()];
    message.emit(&mut bytes);
    bytes
}
