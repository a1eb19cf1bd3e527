//! Switches.

use std::{
    fs,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use rtnetlink::LinkBridge;

use crate::{
    error::{LabError, Result},
    lock::lock,
    namespace::Namespace,
    netlink,
    notation::check_ifname,
    port_record::PortRecord,
    sysctl,
};

/// How a bridge treats what it learns and what it multicasts.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct BridgeOptions {
    /// How long it remembers behind which port a MAC lives. Whole hundredths of a second. 300 s.
    pub ageing: Duration,
    /// Whether it sends multicast only to ports that asked for it. On, as in the kernel; without a
    /// querier on the network groups are then flooded all the same.
    pub multicast_snooping: bool,
    /// Whether it asks for group members itself, as a router does, and so snooping takes effect: one
    /// second after its first question, which is the least that the kernel waits. Off.
    pub multicast_querier: bool,
}

impl Default for BridgeOptions {
    fn default() -> Self {
        Self {
            ageing: Duration::from_secs(300),
            multicast_snooping: true,
            multicast_querier: false,
        }
    }
}

impl BridgeOptions {
    /// Sets how long a MAC is remembered.
    #[must_use]
    pub fn ageing(self, ageing: Duration) -> Self {
        Self { ageing, ..self }
    }

    /// Sends multicast only where it was asked for, or everywhere.
    #[must_use]
    pub fn multicast_snooping(self, multicast_snooping: bool) -> Self {
        Self { multicast_snooping, ..self }
    }

    /// Asks for group members, or leaves that to a router.
    #[must_use]
    pub fn multicast_querier(self, multicast_querier: bool) -> Self {
        Self { multicast_querier, ..self }
    }
}

/// How long members may take to answer, and how long a new querier floods: 1 s, in hundredths.
const QUERY_RESPONSE: u64 = 100;

/// A switch in a namespace of its own: nothing but its ports is there, so that a capture on it sees
/// what its hosts send and nothing else. Clones are the same switch.
#[derive(Debug, Clone)]
pub struct Bridge(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    namespace: Namespace,
    index: u32,
    ports: Mutex<Vec<Arc<PortRecord>>>,
    /// How many cables were laid to it, or begun to be.
    cables: AtomicUsize,
}

impl Bridge {
    pub(crate) fn new(name: &str, options: &BridgeOptions) -> Result<Self> {
        check_ifname(name)?;
        let namespace = Namespace::new(name)?;
        // A switch has nothing to say: no router solicitation, no multicast report. A querier needs
        // an address to ask from.
        let settings = if options.multicast_querier { sysctl::QUERIER } else { sysctl::NO_IPV6 };
        namespace.ask(|_| sysctl::write_all(settings))??;
        let link = LinkBridge::new(name)
            .ageing_time(u32::try_from(options.ageing.as_millis() / 10).unwrap_or(u32::MAX))
            .mcast_snooping(options.multicast_snooping)
            .mcast_querier(options.multicast_querier)
            .mcast_query_response_interval(QUERY_RESPONSE)
            .build();
        let ifname = name.to_owned();
        let index = namespace.netlink(async move |netlink| {
            let made = netlink.link().add(link).execute().await;
            made.map_err(LabError::netlink(format!("create the bridge {ifname}")))?;
            Ok(netlink::link(&netlink, &ifname).await?.index)
        })?;
        Ok(Self(Arc::new(Inner {
            namespace,
            index,
            ports: Mutex::default(),
            cables: AtomicUsize::new(0),
        })))
    }

    /// The name given to [`Lab::add_bridge`](crate::Lab::add_bridge).
    pub fn name(&self) -> &str {
        self.0.namespace.name()
    }

    /// Its settings, as the kernel has them.
    pub fn options(&self) -> Result<BridgeOptions> {
        let read = |file: &str| {
            let path = format!("/sys/class/net/{}/bridge/{file}", self.name());
            let action = format!("read {path}");
            let text = self.0.namespace.ask(move |_| fs::read_to_string(path))?;
            let text = text.map_err(LabError::io(action))?;
            let wanted = "a number";
            text.trim().parse().map_err(|_| LabError::Unparsable { text, wanted })
        };
        let ageing: u64 = read("ageing_time")?;
        Ok(BridgeOptions {
            ageing: Duration::from_millis(ageing * 10),
            multicast_snooping: read("multicast_snooping")? != 0,
            multicast_querier: read("multicast_querier")? != 0,
        })
    }

    pub(crate) fn index(&self) -> u32 {
        self.0.index
    }

    pub(crate) fn namespace(&self) -> &Namespace {
        &self.0.namespace
    }

    /// A number that no other cable to this bridge has.
    pub(crate) fn next_cable(&self) -> usize {
        self.0.cables.fetch_add(1, Ordering::Relaxed)
    }

    pub(crate) fn ports(&self) -> Vec<Arc<PortRecord>> {
        lock(&self.0.ports).clone()
    }

    pub(crate) fn add_port(&self, port: Arc<PortRecord>) {
        lock(&self.0.ports).push(port);
    }
}
