//! The netlink requests of a lab, one function each; they run inside the namespace they concern.

use std::net::IpAddr;

use futures_util::TryStreamExt;
use ipnet::IpNet;
use netlink_packet_core::{DefaultNla, ErrorMessage};
use netlink_packet_route::{
    AddressFamily,
    address::{AddressAttribute, AddressFlags, AddressMessage},
    link::{
        BridgePortState, InfoBridgePort, InfoData, InfoPortData, InfoVeth, LinkAttribute,
        LinkFlags, LinkInfo, LinkMessage, LinkProtoInfoBridge,
    },
    neighbour::{NeighbourAddress, NeighbourAttribute, NeighbourMessage, NeighbourState},
};
use nix::errno::Errno;
use rtnetlink::{Error, Handle, LinkBridgePort, LinkUnspec, LinkVeth, RouteMessageBuilder};

use crate::{
    error::{LabError, Result},
    mac::Mac,
};

/// The kernel's number of a bridge port's state among its settings.
const IFLA_BRPORT_STATE: u16 = 1;

/// One interface as the kernel shows it.
#[derive(Debug, Clone)]
pub(crate) struct LinkView {
    pub(crate) index: u32,
    pub(crate) mac: Option<Mac>,
    pub(crate) up: bool,
    pub(crate) carrier: bool,
}

pub(crate) async fn link(netlink: &Handle, name: &str) -> Result<LinkView> {
    let found = netlink.link().get().match_name(name.to_owned()).execute().try_next().await;
    let message = found.map_err(LabError::netlink(format!("look up {name}")))?;
    let message = message.ok_or_else(|| LabError::Topology { what: format!("no link {name}") })?;
    Ok(view(&message))
}

fn view(message: &LinkMessage) -> LinkView {
    let flags = message.header.flags;
    let mac = message.attributes.iter().find_map(|attribute| match attribute {
        LinkAttribute::Address(bytes) => Mac::from_slice(bytes),
        _ => None,
    });
    LinkView {
        index: message.header.index,
        mac,
        up: flags.contains(LinkFlags::Up),
        carrier: flags.contains(LinkFlags::LowerUp),
    }
}

pub(crate) async fn set_up(netlink: &Handle, index: u32, up: bool) -> Result<(), Error> {
    let message = LinkUnspec::new_with_index(index);
    let message = if up { message.up() } else { message.down() };
    netlink.link().set(message.build()).execute().await
}

/// A veth pair: one end here, under a bridge, the other one born in the namespace `there`.
pub(crate) struct Veth {
    pub(crate) here: String,
    pub(crate) master: u32,
    pub(crate) there: String,
    pub(crate) namespace: i32,
    pub(crate) mac: Mac,
}

pub(crate) async fn add_veth(netlink: &Handle, veth: &Veth) -> Result<(), Error> {
    let peer = LinkUnspec::new_with_name(&veth.there)
        .append_extra_attribute(LinkAttribute::NetNsFd(veth.namespace))
        .append_extra_attribute(LinkAttribute::Address(veth.mac.0.to_vec()))
        .build();
    let message = LinkVeth::new(&veth.here, &veth.there)
        .set_info_data(InfoData::Veth(InfoVeth::Peer(peer)))
        .append_extra_attribute(LinkAttribute::Controller(veth.master))
        .up();
    netlink.link().add(message.build()).execute().await
}

/// Changes settings of the bridge port `index`.
pub(crate) async fn set_port(
    netlink: &Handle,
    index: u32,
    settings: &[InfoBridgePort],
) -> Result<(), Error> {
    let message = settings.iter().fold(LinkBridgePort::new(index), |message, setting| {
        message.append_info_data(setting.clone())
    });
    netlink.link().set_port(message.build()).execute().await
}

/// Closes the bridge port `index` for good. It goes to the bridge itself, unlike
/// [`set_port`]: a change by that one looks like news of the carrier, and opens the port again.
pub(crate) async fn disable_port(netlink: &Handle, index: u32) -> Result<(), Error> {
    let disabled = DefaultNla::new(IFLA_BRPORT_STATE, vec![BridgePortState::Disabled.into()]);
    let settings = vec![LinkProtoInfoBridge::Other(disabled)];
    let mut message = LinkUnspec::new_with_index(index)
        .append_extra_attribute(LinkAttribute::ProtoInfoBridge(settings))
        .build();
    message.header.interface_family = AddressFamily::Bridge;
    netlink.link().set(message).execute().await
}

/// Adds an address; an IPv6 one may be used at once, without duplicate address detection.
pub(crate) async fn add_address(netlink: &Handle, index: u32, net: IpNet) -> Result<(), Error> {
    let mut request = netlink.address().add(index, net.addr(), net.prefix_len());
    if net.addr().is_ipv6() {
        let flags = AddressAttribute::Flags(AddressFlags::Nodad);
        request.message_mut().attributes.push(flags);
    }
    request.execute().await
}

pub(crate) async fn delete_address(netlink: &Handle, index: u32, net: IpNet) -> Result<(), Error> {
    let all: Vec<_> =
        netlink.address().get().set_link_index_filter(index).execute().try_collect().await?;
    for message in all {
        if address(&message) == Some(net) {
            match netlink.address().del(message).execute().await {
                // Somebody else was faster.
                Err(Error::NetlinkError(error)) if is(&error, Errno::EADDRNOTAVAIL) => {}
                other => other?,
            }
        }
    }
    Ok(())
}

fn is(error: &ErrorMessage, errno: Errno) -> bool {
    error.raw_code() == -(errno as i32)
}

/// The addresses of an interface, or of all.
pub(crate) async fn addresses(netlink: &Handle, index: Option<u32>) -> Result<Vec<IpNet>, Error> {
    let mut request = netlink.address().get();
    if let Some(index) = index {
        request = request.set_link_index_filter(index);
    }
    let all: Vec<_> = request.execute().try_collect().await?;
    Ok(all.iter().filter_map(address).collect())
}

fn address(message: &AddressMessage) -> Option<IpNet> {
    let find = |wanted: fn(&AddressAttribute) -> Option<IpAddr>| {
        message.attributes.iter().find_map(wanted)
    };
    // On a point-to-point link `Address` is the far end; `Local` is ours wherever it is given.
    let local = find(|attribute| match attribute {
        AddressAttribute::Local(address) => Some(*address),
        _ => None,
    });
    let plain = || {
        find(|attribute| match attribute {
            AddressAttribute::Address(address) => Some(*address),
            _ => None,
        })
    };
    IpNet::new(local.or_else(plain)?, message.header.prefix_len).ok()
}

/// Adds or replaces a route.
pub(crate) async fn add_route(
    netlink: &Handle,
    destination: IpNet,
    gateway: IpAddr,
) -> Result<(), Error> {
    let invalid = |error| Error::NamespaceError(format!("{error}"));
    let message = RouteMessageBuilder::<IpAddr>::new()
        .destination_prefix(destination.network(), destination.prefix_len())
        .map_err(invalid)?
        .gateway(gateway)
        .map_err(invalid)?
        .build();
    netlink.route().add(message).replace().execute().await
}

/// The whole neighbour table, both families.
pub(crate) async fn neighbours(netlink: &Handle) -> Result<Vec<NeighbourMessage>, Error> {
    netlink.neighbours().get().execute().try_collect().await
}

pub(crate) fn neighbour_address(message: &NeighbourMessage) -> Option<IpAddr> {
    message.attributes.iter().find_map(|attribute| match attribute {
        NeighbourAttribute::Destination(NeighbourAddress::Inet(address)) => Some((*address).into()),
        NeighbourAttribute::Destination(NeighbourAddress::Inet6(address)) => {
            Some((*address).into())
        }
        _ => None,
    })
}

pub(crate) fn neighbour_mac(message: &NeighbourMessage) -> Option<Mac> {
    message.attributes.iter().find_map(|attribute| match attribute {
        NeighbourAttribute::LinkLayerAddress(bytes) => Mac::from_slice(bytes),
        _ => None,
    })
}

/// Deletes all entries but those set by hand.
pub(crate) async fn flush_neighbours(netlink: &Handle) -> Result<(), Error> {
    for message in neighbours(netlink).await? {
        if matches!(message.header.state, NeighbourState::Permanent | NeighbourState::Noarp) {
            continue;
        }
        match netlink.neighbours().del(message).execute().await {
            // It went away by itself in the meantime.
            Err(Error::NetlinkError(error)) if is(&error, Errno::ENOENT) => {}
            other => other?,
        }
    }
    Ok(())
}

/// A bridge port as the kernel shows it.
pub(crate) struct PortView {
    /// Whether the kernel is done with the news of its carrier.
    pub(crate) running: bool,
    /// Empty if it is no bridge port.
    pub(crate) settings: Vec<InfoBridgePort>,
}

pub(crate) async fn port(netlink: &Handle, index: u32) -> Result<PortView> {
    let found = netlink.link().get().match_index(index).execute().try_next().await;
    let message = found.map_err(LabError::netlink("look up a bridge port"))?.unwrap_or_default();
    let running = message.header.flags.contains(LinkFlags::Running);
    let infos = message.attributes.into_iter().find_map(|attribute| match attribute {
        LinkAttribute::LinkInfo(infos) => Some(infos),
        _ => None,
    });
    let settings = infos.into_iter().flatten().find_map(|info| match info {
        LinkInfo::PortData(InfoPortData::BridgePort(settings)) => Some(settings),
        _ => None,
    });
    Ok(PortView { running, settings: settings.unwrap_or_default() })
}
