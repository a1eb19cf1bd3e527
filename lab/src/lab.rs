//! A lab: hosts and bridges that come and go together.

use std::{env, path::Path, sync::Mutex};

use tempfile::TempDir;

use crate::{
    bridge::{Bridge, BridgeOptions},
    enter::ROOM,
    error::{LabError, Result},
    host::Host,
    lock::lock,
    notation::parse_net,
    port::Port,
};

/// A small network of its own. Dropping it ends its processes; its namespaces go once no [`Host`],
/// [`Bridge`] or [`Port`] of it is held any more, nor anything that works in one.
///
/// Any number of labs live side by side, in one process or in several: their names never clash,
/// because nothing of a lab has a name outside of it.
///
/// ```no_run
/// use vipcast_lab::Lab;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # vipcast_lab::enter()?;
/// let lab = Lab::new("two hosts")?;
/// let lan = lab.add_bridge("lan")?;
/// let a = lab.add_host("a")?;
/// let b = lab.add_host("b")?;
/// lab.connect(&a, &lan, "eth0", &["10.0.0.1/24", "fd00::1/64"])?;
/// lab.connect(&b, &lan, "eth0", &["10.0.0.2/24", "fd00::2/64"])?;
/// let _server = b.serve_name(80)?;
/// assert_eq!(a.fetch("http://10.0.0.2/")?.body.trim(), "b");
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Lab {
    name: String,
    dir: TempDir,
    hosts: Mutex<Vec<Host>>,
    bridges: Mutex<Vec<Bridge>>,
}

impl Lab {
    /// An empty lab. The name is for people: two labs may have the same.
    pub fn new(name: &str) -> Result<Self> {
        let mut builder = tempfile::Builder::new();
        builder.prefix("lab-");
        let dir = match env::var_os("VIPCAST_LAB_KEEP") {
            Some(parent) => builder.disable_cleanup(true).tempdir_in(parent),
            None => builder.tempdir_in(ROOM),
        };
        let dir = dir.map_err(LabError::io("create the lab's folder"))?;
        Ok(Self { name: name.to_owned(), dir, hosts: Mutex::default(), bridges: Mutex::default() })
    }

    /// The name given to [`Lab::new`].
    pub fn name(&self) -> &str {
        &self.name
    }

    /// A folder for the lab's files: captures, manifests, state. It is in memory, seen by programs
    /// of the lab only, and goes with the lab; unless the variable `VIPCAST_LAB_KEEP` names a folder
    /// in which to put and keep it.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Adds a machine: a network namespace with its loopback up and nothing else.
    ///
    /// # Errors
    /// A name that is taken, or a kernel that refuses the namespace.
    pub fn add_host(&self, name: &str) -> Result<Host> {
        let mut hosts = lock(&self.hosts);
        if hosts.iter().any(|host| host.name() == name) {
            return Err(taken(name));
        }
        let number = u16::try_from(hosts.len() + 1)
            .map_err(|_| LabError::Topology { what: "a lab holds 65535 hosts".to_owned() })?;
        let host = Host::new(name, number)?;
        hosts.push(host.clone());
        Ok(host)
    }

    /// Adds a switch with the usual settings.
    ///
    /// # Errors
    /// A name that is taken or cannot name an interface.
    pub fn add_bridge(&self, name: &str) -> Result<Bridge> {
        self.add_bridge_with(name, &BridgeOptions::default())
    }

    /// Adds a switch. It has a namespace of its own, and no address.
    ///
    /// # Errors
    /// A name that is taken or cannot name an interface.
    pub fn add_bridge_with(&self, name: &str, options: &BridgeOptions) -> Result<Bridge> {
        let mut bridges = lock(&self.bridges);
        if bridges.iter().any(|bridge| bridge.name() == name) {
            return Err(taken(name));
        }
        let bridge = Bridge::new(name, options)?;
        bridges.push(bridge.clone());
        Ok(bridge)
    }

    /// Lays a cable: `ifname` appears in `host` with these addresses, and is up and forwarding when
    /// this returns.
    ///
    /// # Errors
    /// A bad interface name or address (each needs its prefix length), or what the kernel refuses.
    pub fn connect(
        &self,
        host: &Host,
        bridge: &Bridge,
        ifname: &str,
        addresses: &[&str],
    ) -> Result<Port> {
        let addresses = addresses.iter().map(|text| parse_net(text)).collect::<Result<Vec<_>>>()?;
        let port = Port::connect(host, bridge, ifname)?;
        for net in addresses {
            host.add_address(ifname, net)?;
        }
        Ok(port)
    }

    /// The host of that name.
    pub fn host(&self, name: &str) -> Option<Host> {
        lock(&self.hosts).iter().find(|host| host.name() == name).cloned()
    }

    /// All hosts, in the order in which they were added.
    pub fn hosts(&self) -> Vec<Host> {
        lock(&self.hosts).clone()
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        for host in lock(&self.hosts).iter() {
            host.end_processes();
        }
    }
}

fn taken(name: &str) -> LabError {
    LabError::Topology { what: format!("the lab has a {name} already") }
}
