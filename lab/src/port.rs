//! Where a host meets a switch, and what can go wrong there.

use std::{sync::Arc, time::Duration};

use netlink_packet_route::link::{BridgePortState, InfoBridgePort};
use rtnetlink::{Handle, MulticastGroup};

use crate::{
    bridge::Bridge,
    error::{LabError, Result},
    host::Host,
    netlink::{self, Veth},
    notation::check_ifname,
    port_record::PortRecord,
};

/// How long the kernel may take to bring a port up. It needs milliseconds.
const SETTLE: Duration = Duration::from_secs(10);

/// The cable between a host's interface and a bridge. Clones are the same cable.
///
/// | fault | the host's carrier | frames |
/// |---|---|---|
/// | [`unplug`](Self::unplug) | lost | none |
/// | [`cut`](Self::cut) | stays | dropped both ways, silently |
/// | [`cut_in`](Self::cut_in) | stays | nothing reaches the host; it is still heard |
/// | [`cut_out`](Self::cut_out) | stays | nothing of the host is heard; it still hears |
///
/// [`heal`](Self::heal) undoes all of them. Faults are settings of the bridge's port: no packet
/// filter is needed.
#[derive(Debug, Clone)]
pub struct Port {
    host: Host,
    bridge: Bridge,
    ifname: String,
    record: Arc<PortRecord>,
}

impl Port {
    pub(crate) fn connect(host: &Host, bridge: &Bridge, ifname: &str) -> Result<Self> {
        check_ifname(ifname)?;
        // The host's name, as far as it fits, then a number that tells two cables apart.
        let number = bridge.next_cable();
        let short: String = host.name().chars().filter(char::is_ascii_alphanumeric).collect();
        let here = format!("{:.10}-{number}", short);
        let action = format!("connect {ifname} of {} to {}", host.name(), bridge.name());
        let veth = Veth {
            here: here.clone(),
            master: bridge.index(),
            there: ifname.to_owned(),
            namespace: host.namespace().raw_fd(),
            mac: host.next_mac(),
        };
        let index = bridge.namespace().netlink(async move |netlink| {
            netlink::add_veth(&netlink, &veth).await.map_err(LabError::netlink(action))?;
            Ok(netlink::link(&netlink, &veth.here).await?.index)
        })?;
        let port = Self {
            host: host.clone(),
            bridge: bridge.clone(),
            ifname: ifname.to_owned(),
            record: Arc::new(PortRecord::new(index, host.name(), here)),
        };
        bridge.add_port(Arc::clone(&port.record));
        let name = port.ifname.clone();
        host.namespace().netlink(async move |netlink| {
            let index = netlink::link(&netlink, &name).await?.index;
            let up = netlink::set_up(&netlink, index, true).await;
            up.map_err(LabError::netlink(format!("set {name} up")))
        })?;
        port.wait_until_forwarding()?;
        Ok(port)
    }

    /// The host at this end.
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// The switch at the other end.
    pub fn bridge(&self) -> &Bridge {
        &self.bridge
    }

    /// The interface's name in the host.
    pub fn ifname(&self) -> &str {
        &self.ifname
    }

    pub(crate) fn record(&self) -> &Arc<PortRecord> {
        &self.record
    }

    /// Pulls the cable: when this returns, the host's kernel sees no carrier.
    pub fn unplug(&self) -> Result<()> {
        self.set_link(false)?;
        self.host.wait_for_carrier(&self.ifname, false, SETTLE)
    }

    /// Drops every frame in both directions. The host's carrier stays, and nothing tells it, nor
    /// the others: the bridge still takes this port for the way to the host. The cut ends early if
    /// the host itself sets its interface down and up.
    pub fn cut(&self) -> Result<()> {
        let action = format!("cut {self}");
        let index = self.record.index;
        self.drop_from_now(|| {
            self.bridge.namespace().netlink(async move |netlink| {
                netlink::disable_port(&netlink, index).await.map_err(LabError::netlink(action))
            })
        })
    }

    /// Drops what is sent to the host; what it sends still arrives. On a bridge with
    /// [`multicast_querier`](crate::BridgeOptions::multicast_querier), groups that the host joined
    /// still reach it.
    pub fn cut_in(&self) -> Result<()> {
        // The bridge forgets where the host is, does not learn it again, and floods past it.
        self.set_port(vec![
            InfoBridgePort::Learning(false),
            InfoBridgePort::UnicastFlood(false),
            InfoBridgePort::MulticastFlood(false),
            InfoBridgePort::BroadcastFlood(false),
            InfoBridgePort::Flush,
        ])
    }

    /// Drops what the host sends; what is sent to it still arrives (flooded, as to a host that has
    /// been silent for long). Needs Linux 5.18.
    ///
    /// # Errors
    /// [`LabError::Topology`] where the kernel is older.
    pub fn cut_out(&self) -> Result<()> {
        // A locked port accepts only senders known behind it, and the bridge is to know none.
        self.drop_from_now(|| {
            self.set_port(vec![
                InfoBridgePort::Learning(false),
                InfoBridgePort::Locked(true),
                InfoBridgePort::Flush,
            ])
        })?;
        let index = self.record.index;
        let locked = self.bridge.namespace().netlink(async move |netlink| {
            let port = netlink::port(&netlink, index).await?;
            Ok(port.settings.contains(&InfoBridgePort::Locked(true)))
        })?;
        if locked {
            return Ok(());
        }
        self.heal()?;
        let what = "this kernel has no locked bridge ports: one-way cuts need Linux 5.18";
        Err(LabError::Topology { what: what.to_owned() })
    }

    /// Undoes every fault. When this returns, frames pass.
    pub fn heal(&self) -> Result<()> {
        self.record.end_drop();
        self.set_port(vec![
            InfoBridgePort::Learning(true),
            InfoBridgePort::UnicastFlood(true),
            InfoBridgePort::MulticastFlood(true),
            InfoBridgePort::BroadcastFlood(true),
            InfoBridgePort::Locked(false),
        ])?;
        self.set_link(true)?;
        self.wait_until_forwarding()?;
        self.host.wait_for_carrier(&self.ifname, true, SETTLE)
    }

    /// Makes a cut. It is noted first, since a capture judges frames while the kernel is at it.
    fn drop_from_now(&self, cut: impl FnOnce() -> Result<()>) -> Result<()> {
        let noted = self.record.begin_drop();
        let made = cut();
        if made.is_err() && noted {
            self.record.end_drop();
        }
        made
    }

    fn set_link(&self, up: bool) -> Result<()> {
        let action = format!("{} {self}", if up { "plug in" } else { "unplug" });
        let index = self.record.index;
        self.bridge.namespace().netlink(async move |netlink| {
            netlink::set_up(&netlink, index, up).await.map_err(LabError::netlink(action))
        })
    }

    fn set_port(&self, settings: Vec<InfoBridgePort>) -> Result<()> {
        let action = format!("change the port of {self}");
        let index = self.record.index;
        self.bridge.namespace().netlink(async move |netlink| {
            let set = netlink::set_port(&netlink, index, &settings).await;
            set.map_err(LabError::netlink(action))
        })
    }

    fn wait_until_forwarding(&self) -> Result<()> {
        let what = format!("{self} to forward");
        let index = self.record.index;
        let check = async move |netlink: &Handle| {
            let port = netlink::port(netlink, index).await?;
            // Before that, late news of the carrier would open a port that was cut meanwhile.
            if !port.running {
                return Ok(None);
            }
            let forwarding = InfoBridgePort::State(BridgePortState::Forwarding);
            if port.settings.contains(&forwarding) {
                return Ok(Some(()));
            }
            let opened = netlink::set_port(netlink, index, &[forwarding]).await;
            opened.map(Some).map_err(LabError::netlink("open a bridge port"))
        };
        self.bridge.namespace().watch(MulticastGroup::Link, SETTLE, what, check)
    }
}

impl std::fmt::Display for Port {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} of {} on {}", self.ifname, self.host.name(), self.bridge.name())
    }
}
