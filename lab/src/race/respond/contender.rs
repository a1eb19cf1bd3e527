use std::{fmt::Write, fs, net::Ipv4Addr, path::Path};

use serde::{Deserialize, Serialize};

use super::{CONTENDERS_PROCESSOR, LIMIT, Options, pinned};
use crate::{Process, Result, Topology, error::LabError, notation::parse_net};

/// Who answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Contender {
    /// Questions and no answers: what there is to pay without us.
    Nobody,
    /// `vipcast run`, whole, with all its checks.
    Vipcast,
    /// A blocking recv and a send in C.
    Plain,
    /// A loop over the library that MetalLB uses.
    Go,
    /// The kernel, with the addresses on `lo`. It answers in the asker's own system call.
    Kernel,
}

impl Contender {
    pub(super) const ALL: [Self; 5] =
        [Self::Nobody, Self::Vipcast, Self::Plain, Self::Go, Self::Kernel];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Nobody => "nobody",
            Self::Vipcast => "vipcast",
            Self::Plain => "recv and send in C",
            Self::Go => "mdlayher/arp in Go",
            Self::Kernel => "the kernel",
        }
    }

    pub(super) const fn takes_part(self, options: &Options) -> bool {
        match self {
            Self::Nobody | Self::Vipcast | Self::Kernel => true,
            Self::Plain => options.plain.is_some(),
            Self::Go => options.go.is_some(),
        }
    }

    /// Starts it on the node, for these addresses; the kernel and nobody have no process.
    pub(super) fn start(
        self,
        options: &Options,
        net: &Topology,
        first: Ipv4Addr,
        count: u32,
    ) -> Result<Option<Process>> {
        let node = &net.nodes[0];
        let addresses = (first.to_bits()..).take(count as usize).map(Ipv4Addr::from_bits);
        let program = match self {
            Self::Nobody => return Ok(None),
            Self::Kernel => {
                for address in addresses {
                    node.add_address("lo", parse_net(&format!("{address}/32"))?)?;
                }
                return Ok(None);
            }
            Self::Vipcast => return vipcast(options, net, addresses).map(Some),
            Self::Plain => options.plain.as_deref(),
            Self::Go => options.go.as_deref(),
        };
        let mut command = pinned(program.unwrap_or_else(|| Path::new("")), CONTENDERS_PROCESSOR);
        command.args(["eth0", &first.to_string(), &count.to_string()]);
        let process = node.spawn(command)?;
        process.wait_for_line("ready", LIMIT)?;
        Ok(Some(process))
    }
}

const POOL: &str = "\
apiVersion: metallb.io/v1beta1
kind: IPAddressPool
metadata: {name: all, namespace: metallb-system}
spec: {addresses: [172.18.64.0/18]}
---
apiVersion: metallb.io/v1beta1
kind: L2Advertisement
metadata: {name: all, namespace: metallb-system}
";

fn vipcast(
    options: &Options,
    net: &Topology,
    addresses: impl Iterator<Item = Ipv4Addr>,
) -> Result<Process> {
    let mut text = POOL.to_owned();
    let mut last = None;
    for (number, address) in addresses.enumerate() {
        last = Some(address);
        // Writing to a string does not fail.
        let _ = write!(
            text,
            "---\napiVersion: v1\nkind: Service\nmetadata:\n  name: s{number}\n  \
             namespace: default\n  annotations: {{metallb.io/loadBalancerIPs: '{address}'}}\n\
             spec:\n  type: LoadBalancer\n  ports: [{{port: 80}}]\n"
        );
    }
    let (manifests, state) = (net.lab.dir().join("manifests"), net.lab.dir().join("state"));
    fs::create_dir_all(&manifests).map_err(LabError::io("make the folder of manifests"))?;
    fs::write(manifests.join("all.yaml"), text).map_err(LabError::io("write the manifests"))?;
    let program = options.vipcast.clone().map_or_else(crate::vipcast, Ok)?;
    let mut command = pinned(&program, CONTENDERS_PROCESSOR);
    command.arg("run").arg("--manifests").arg(manifests).arg("--state").arg(state);
    command.args(["--node", "node-a", "--pace", "1000000"]);
    let process = net.nodes[0].spawn(command)?;
    if let Some(address) = last {
        process.wait_for_line(&format!("announcing {address} on eth0"), LIMIT)?;
        process.wait_for_line(&format!("has learned {address}"), LIMIT)?;
    }
    Ok(process)
}
