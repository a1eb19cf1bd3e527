use std::collections::BTreeMap;

use netlink_packet_core::{Emitable, Parseable};
use netlink_packet_route::link::{
    LinkAttribute, LinkFlags, LinkInfo, LinkLayerType, LinkMessage, State,
};

use super::{
    LinkAddress, NetlinkError, NetlinkSocket, address::addresses, message::RawMessage,
    socket::ROUTE,
};

pub(super) const RTM_NEWLINK: u16 = 16;
const RTM_GETLINK: u16 = 18;

/// A network link (interface) and its addresses.
///
/// Two snapshots of a link are equal if nothing happened in between that matters here: a carrier that
/// was lost and came back makes them differ.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Link {
    /// The kernel's number of the link, never reused while the link exists.
    pub index: u32,
    /// The name, which may change.
    pub name: String,
    /// The MAC address; only Ethernet links have one.
    pub mac: Option<[u8; 6]>,
    /// Switched on, with a carrier, ready to pass frames.
    pub up: bool,
    /// It is `lo`.
    pub loopback: bool,
    /// It can send to all.
    pub broadcast: bool,
    /// It can send to groups.
    pub multicast: bool,
    /// No neighbour protocol runs on it.
    pub noarp: bool,
    /// The bond, bridge, team or VRF that it is a member of, by index.
    pub master: Option<u32>,
    /// What kind of virtual link it is: `veth`, `bond`, `bridge`, `vlan`, …; hardware has none.
    pub kind: Option<String>,
    /// The longest frame without its header, in bytes.
    pub mtu: u32,
    /// How often its carrier came or went since the link was made.
    pub carrier_changes: u32,
    /// Its addresses of both families, in the kernel's order.
    pub addresses: Vec<LinkAddress>,
}

/// The links of a network namespace at one time.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Snapshot {
    /// By index.
    pub links: BTreeMap<u32, Link>,
    /// Links that the kernel described in a way that this program cannot read. They are missing above,
    /// which is worth a warning.
    pub unreadable: usize,
}

#[cfg(test)]
impl Link {
    /// An Ethernet link without any address.
    pub(crate) fn named(name: &str, index: u32) -> Self {
        Self {
            index,
            name: name.into(),
            mac: Some([2, 0, 0, 0, 0, 1]),
            up: true,
            loopback: false,
            broadcast: true,
            multicast: true,
            noarp: false,
            master: None,
            kind: None,
            mtu: 1_500,
            carrier_changes: 0,
            addresses: Vec::new(),
        }
    }
}

impl Snapshot {
    /// Reads all links and addresses; a few hundred microseconds on a usual machine.
    ///
    /// # Errors
    /// [`NetlinkError`]; needs no privilege.
    pub fn read() -> Result<Self, NetlinkError> {
        let mut socket = NetlinkSocket::open(ROUTE, 0).map_err(NetlinkError::Socket)?;
        Self::read_from(&mut socket)
    }

    pub(in crate::os) fn read_from(socket: &mut NetlinkSocket) -> Result<Self, NetlinkError> {
        let mut payload = [0; 16];
        LinkMessage::default().emit(&mut payload);
        let mut snapshot = Self::default();
        for link in socket.dump(RTM_GETLINK, &payload, |message| Some(decode(message)))? {
            match link {
                Some(link) => _ = snapshot.links.insert(link.index, link),
                None => snapshot.unreadable += 1,
            }
        }
        for (index, address) in addresses(socket)? {
            // A link may have appeared since; the watch will tell.
            if let Some(link) = snapshot.links.get_mut(&index) {
                link.addresses.push(address);
            }
        }
        Ok(snapshot)
    }

    /// The link of this name.
    #[must_use]
    pub fn by_name(&self, name: &str) -> Option<&Link> {
        self.links.values().find(|link| link.name == name)
    }
}

fn decode(message: RawMessage<'_>) -> Option<Link> {
    if message.kind != RTM_NEWLINK {
        return None;
    }
    let LinkMessage { header, attributes, .. } = LinkMessage::parse(message.payload).ok()?;
    let ready = LinkFlags::Up | LinkFlags::Running | LinkFlags::LowerUp;
    let mut link = Link {
        index: header.index,
        name: String::new(),
        mac: None,
        up: header.flags.contains(ready),
        loopback: header.flags.contains(LinkFlags::Loopback),
        broadcast: header.flags.contains(LinkFlags::Broadcast),
        multicast: header.flags.contains(LinkFlags::Multicast),
        noarp: header.flags.contains(LinkFlags::Noarp),
        master: None,
        kind: None,
        mtu: 0,
        carrier_changes: 0,
        addresses: Vec::new(),
    };
    let mut unknown = false;
    for attribute in attributes {
        match attribute {
            LinkAttribute::IfName(name) => link.name = name,
            LinkAttribute::Address(bytes) if header.link_layer_type == LinkLayerType::Ether => {
                link.mac = bytes.try_into().ok();
            }
            LinkAttribute::OperState(state) => unknown = state == State::Unknown,
            LinkAttribute::Controller(index) => link.master = Some(index),
            LinkAttribute::Mtu(mtu) => link.mtu = mtu,
            LinkAttribute::CarrierChanges(count) => link.carrier_changes = count,
            LinkAttribute::LinkInfo(infos) => {
                link.kind = infos.into_iter().find_map(|info| match info {
                    LinkInfo::Kind(kind) => Some(kind.to_string()),
                    _ => None,
                });
            }
            _ => {}
        }
    }
    // A driver that never speaks of a carrier leaves the state unknown for good. Where one has spoken,
    // the kernel is about to start the queue, and drops what is sent until then.
    link.up &= !(unknown && link.carrier_changes > 0);
    (!link.name.is_empty()).then_some(link)
}
