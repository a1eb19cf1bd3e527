//! Machines.

use std::{
    net::IpAddr,
    process::Command,
    sync::{
        Arc, Mutex, Weak,
        atomic::{AtomicU16, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

use ipnet::IpNet;
use rtnetlink::MulticastGroup;

use crate::{
    error::{LabError, Result},
    lock::lock,
    mac::Mac,
    namespace::Namespace,
    neighbour::Neighbour,
    netlink,
    notation::parse_net,
    process::{Process, Running},
    sysctl,
};

/// A machine of the lab: a network namespace with a host name, and what runs in it. Clones are the
/// same machine.
#[derive(Debug, Clone)]
pub struct Host(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    namespace: Namespace,
    number: u16,
    interfaces: AtomicU16,
    processes: Mutex<Vec<Weak<Running>>>,
}

impl Host {
    pub(crate) fn new(name: &str, number: u16) -> Result<Self> {
        let namespace = Namespace::new(name)?;
        namespace.ask(|_| sysctl::write_all(sysctl::HOST))??;
        namespace.netlink(async |netlink| {
            let lo = netlink::link(&netlink, "lo").await?;
            let up = netlink::set_up(&netlink, lo.index, true).await;
            up.map_err(LabError::netlink("set lo up"))
        })?;
        Ok(Self(Arc::new(Inner {
            namespace,
            number,
            interfaces: AtomicU16::new(0),
            processes: Mutex::default(),
        })))
    }

    /// The name given to [`Lab::add_host`](crate::Lab::add_host).
    pub fn name(&self) -> &str {
        self.0.namespace.name()
    }

    pub(crate) fn namespace(&self) -> &Namespace {
        &self.0.namespace
    }

    /// The MAC of its next interface: readable in a trace, the same in every run.
    pub(crate) fn next_mac(&self) -> Mac {
        let [high, low] = self.0.number.to_be_bytes();
        let interface = self.0.interfaces.fetch_add(1, Ordering::Relaxed);
        let [above_255, interface] = interface.to_be_bytes();
        Mac([2, 0, above_255, high, low, interface])
    }

    /// Runs `work` on a thread inside the machine, waits for it and returns its result: open
    /// sockets there, and they stay there. A panic in `work` comes through.
    ///
    /// ```no_run
    /// # fn f(host: &vipcast_lab::Host) -> Result<(), Box<dyn std::error::Error>> {
    /// let socket = host.run(|| std::net::UdpSocket::bind("0.0.0.0:0"))??;
    /// # Ok(()) }
    /// ```
    pub fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
        self.0.namespace.run(work)
    }

    /// Starts a thread inside the machine, and does not wait for it.
    pub fn start<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<JoinHandle<T>> {
        self.0.namespace.start("thread", work)
    }

    /// Starts a program on the machine. Its input is empty, its output is read line by line; it is
    /// killed when the [`Process`] or the lab is dropped.
    pub fn spawn(&self, command: Command) -> Result<Process> {
        Ok(self.hold(Process::spawn(&self.0.namespace, command)?))
    }

    /// As [`spawn`](Self::spawn), from a thread that does `before` first.
    #[cfg(feature = "kube")]
    pub(crate) fn spawn_after(
        &self,
        command: Command,
        before: impl FnOnce() -> std::io::Result<()> + Send + 'static,
    ) -> Result<Process> {
        Ok(self.hold(Process::spawn_after(&self.0.namespace, command, before)?))
    }

    /// Sees to it that the lab ends it.
    fn hold(&self, process: Process) -> Process {
        let mut processes = lock(&self.0.processes);
        processes.retain(|running| running.strong_count() > 0);
        processes.push(process.downgrade());
        drop(processes);
        process
    }

    /// Kills whatever was spawned here and still runs.
    pub(crate) fn end_processes(&self) {
        for running in lock(&self.0.processes).drain(..).filter_map(|running| running.upgrade()) {
            running.end();
        }
    }

    /// Sets a kernel setting of this machine, as `net.ipv4.ip_forward`.
    pub fn set_sysctl(&self, name: &str, value: &str) -> Result<()> {
        let (name, value) = (name.to_owned(), value.to_owned());
        self.0.namespace.ask(move |_| sysctl::write(&name, &value))?
    }

    /// Reads a kernel setting of this machine.
    pub fn sysctl(&self, name: &str) -> Result<String> {
        let name = name.to_owned();
        self.0.namespace.ask(move |_| sysctl::read(&name))?
    }

    /// Makes it pass packets on, IPv4 and IPv6.
    pub fn forward(&self) -> Result<()> {
        self.0.namespace.ask(|_| sysctl::write_all(sysctl::ROUTER))?
    }

    /// Adds an address to an interface; `lo` works too. IPv6 without duplicate address detection.
    pub fn add_address(&self, ifname: &str, net: IpNet) -> Result<()> {
        let action = format!("add {net} to {ifname} of {}", self.name());
        self.on_link(ifname, async move |netlink, index| {
            netlink::add_address(&netlink, index, net).await.map_err(LabError::netlink(action))
        })
    }

    /// Removes an address; one that is not there is no error.
    pub fn delete_address(&self, ifname: &str, net: IpNet) -> Result<()> {
        let action = format!("delete {net} from {ifname} of {}", self.name());
        self.on_link(ifname, async move |netlink, index| {
            netlink::delete_address(&netlink, index, net).await.map_err(LabError::netlink(action))
        })
    }

    /// All addresses of an interface, link-local ones included.
    pub fn addresses(&self, ifname: &str) -> Result<Vec<IpNet>> {
        let action = format!("list the addresses of {}", self.name());
        self.on_link(ifname, async move |netlink, index| {
            netlink::addresses(&netlink, Some(index)).await.map_err(LabError::netlink(action))
        })
    }

    /// Waits until an interface has an address, or has it no more: any program may have set it.
    ///
    /// # Errors
    /// [`LabError::Timeout`].
    pub fn wait_for_address(
        &self,
        ifname: &str,
        net: IpNet,
        present: bool,
        limit: Duration,
    ) -> Result<()> {
        let what = format!("{net} on {ifname} of {}: present {present}", self.name());
        let ifname = ifname.to_owned();
        let ipv4 = net.addr().is_ipv4();
        let group = if ipv4 { MulticastGroup::Ipv4Ifaddr } else { MulticastGroup::Ipv6Ifaddr };
        self.0.namespace.watch(group, limit, what, async move |netlink| {
            let index = netlink::link(netlink, &ifname).await?.index;
            let all = netlink::addresses(netlink, Some(index)).await;
            let all = all.map_err(LabError::netlink("list addresses"))?;
            Ok((all.contains(&net) == present).then_some(()))
        })
    }

    /// Adds or replaces a route: `host.add_route("0.0.0.0/0", "10.0.0.254")`.
    pub fn add_route(&self, destination: &str, gateway: &str) -> Result<()> {
        let net = parse_net(destination)?;
        let via: IpAddr = gateway.parse().map_err(|_| LabError::Unparsable {
            text: gateway.to_owned(),
            wanted: "the address of a gateway",
        })?;
        let action = format!("route {net} via {via} on {}", self.name());
        self.0.namespace.netlink(async move |netlink| {
            netlink::add_route(&netlink, net, via).await.map_err(LabError::netlink(action))
        })
    }

    /// The link address of an interface.
    pub fn mac(&self, ifname: &str) -> Result<Mac> {
        let mac = self.link(ifname)?.mac;
        mac.ok_or_else(|| LabError::Topology { what: format!("{ifname} has no MAC") })
    }

    /// Whether the interface is up and sees a carrier, as the machine's own kernel says.
    pub fn carrier(&self, ifname: &str) -> Result<bool> {
        let link = self.link(ifname)?;
        Ok(link.up && link.carrier)
    }

    fn link(&self, ifname: &str) -> Result<netlink::LinkView> {
        let ifname = ifname.to_owned();
        self.0.namespace.netlink(async move |netlink| netlink::link(&netlink, &ifname).await)
    }

    /// Waits until the interface sees a carrier, or sees none.
    ///
    /// # Errors
    /// [`LabError::Timeout`].
    pub fn wait_for_carrier(&self, ifname: &str, carrier: bool, limit: Duration) -> Result<()> {
        let what = format!("{ifname} of {}: carrier {carrier}", self.name());
        let ifname = ifname.to_owned();
        self.0.namespace.watch(MulticastGroup::Link, limit, what, async move |netlink| {
            let link = netlink::link(netlink, &ifname).await?;
            Ok((link.carrier == carrier).then_some(()))
        })
    }

    /// What the machine's kernel knows about a neighbour: its ARP or ND cache entry.
    pub fn neighbour(&self, address: IpAddr) -> Result<Option<Neighbour>> {
        Ok(self.neighbours()?.into_iter().find(|neighbour| neighbour.address == address))
    }

    /// The whole neighbour table, both families.
    pub fn neighbours(&self) -> Result<Vec<Neighbour>> {
        self.0.namespace.netlink(async |netlink| {
            let all = netlink::neighbours(&netlink).await;
            let all = all.map_err(LabError::netlink("read the neighbour table"))?;
            Ok(all.iter().filter_map(Neighbour::from_message).collect())
        })
    }

    /// Waits until the cache entry of `address` is as `wanted` says, without sending anything: the
    /// kernel tells when an entry changes. `None` is an entry that does not exist. That it begins to
    /// ask, the kernel tells nobody: [`Incomplete`](crate::NeighbourState::Incomplete) may be missed.
    ///
    /// # Errors
    /// [`LabError::Timeout`].
    pub fn wait_for_neighbour(
        &self,
        address: IpAddr,
        limit: Duration,
        wanted: impl Fn(Option<&Neighbour>) -> bool + Send + 'static,
    ) -> Result<Option<Neighbour>> {
        let what = format!("the neighbour {address} of {}", self.name());
        self.0.namespace.watch(MulticastGroup::Neigh, limit, what, async move |netlink| {
            let all = netlink::neighbours(netlink).await;
            let all = all.map_err(LabError::netlink("read the neighbour table"))?;
            let found = all
                .iter()
                .filter_map(Neighbour::from_message)
                .find(|neighbour| neighbour.address == address);
            Ok(wanted(found.as_ref()).then_some(found))
        })
    }

    /// Forgets every neighbour, so that the next packet asks again.
    pub fn flush_neighbours(&self) -> Result<()> {
        self.0.namespace.netlink(async |netlink| {
            let flushed = netlink::flush_neighbours(&netlink).await;
            flushed.map_err(LabError::netlink("flush the neighbour table"))
        })
    }

    /// Runs a netlink conversation about one interface.
    fn on_link<T, F, W>(&self, ifname: &str, work: W) -> Result<T>
    where
        T: Send + 'static,
        F: Future<Output = Result<T>>,
        W: FnOnce(rtnetlink::Handle, u32) -> F + Send + 'static,
    {
        let ifname = ifname.to_owned();
        self.0.namespace.netlink(async move |netlink| {
            let index = netlink::link(&netlink, &ifname).await?.index;
            work(netlink, index).await
        })
    }
}
