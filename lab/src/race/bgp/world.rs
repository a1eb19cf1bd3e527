use std::net::Ipv4Addr;

use crate::{Host, Lab, Port, Result, error::LabError};

/// Three machines on one switch.
#[derive(Debug)]
pub(super) struct World {
    pub(super) lab: Lab,
    pub(super) sender: Host,
    pub(super) receiver: Host,
    /// Tells GoBGP what it is to send.
    pub(super) feeder: Host,
    pub(super) receiver_port: Port,
    /// Of sender, receiver and feeder.
    pub(super) addresses: [Ipv4Addr; 3],
}

impl World {
    pub(super) fn new() -> Result<Self> {
        let lab = Lab::new("bgp race")?;
        let lan = lab.add_bridge("lan")?;
        let addresses = [1, 2, 3].map(|n| Ipv4Addr::new(192, 168, 7, n));
        let join = |name, address: Ipv4Addr| {
            let host = lab.add_host(name)?;
            let port = lab.connect(&host, &lan, "eth0", &[&format!("{address}/24")])?;
            Ok::<_, LabError>((host, port))
        };
        let (sender, _) = join("sender", addresses[0])?;
        let (receiver, receiver_port) = join("receiver", addresses[1])?;
        let (feeder, _) = join("feeder", addresses[2])?;
        Ok(Self { lab, sender, receiver, feeder, receiver_port, addresses })
    }
}
