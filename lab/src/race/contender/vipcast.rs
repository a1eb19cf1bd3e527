//! `vipcast run` with the beacon backend.

use std::{
    fmt::Write,
    fs,
    net::Ipv4Addr,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use crate::{Process, Result, error::LabError};

use super::super::world::{LIMIT, World};

/// Where its nodes meet here.
pub(super) const PORT: u16 = 7977;

/// How it runs.
#[derive(Debug, Clone)]
pub(in super::super) struct Settings {
    /// Between two beacons.
    pub(in super::super) interval: Duration,
    /// Whether one missing beacon makes it ask.
    pub(in super::super) burst: bool,
    /// Announcements in a second; its default if none.
    pub(in super::super) pace: Option<u32>,
}

pub(in super::super) fn start(
    world: &World,
    program: &Path,
    settings: &Settings,
    which: &[usize],
    addresses: &[Ipv4Addr],
) -> Result<Vec<Process>> {
    let manifests = world.dir().join("manifests");
    fs::create_dir_all(&manifests)
        .and_then(|()| fs::write(manifests.join("race.yaml"), manifest(addresses)))
        .map_err(LabError::io("write the manifests"))?;
    let processes = which.iter().map(|&index| {
        let node = &world.net.nodes[index];
        let state: PathBuf = world.dir().join(format!("state-{}", node.name()));
        let mut command = Command::new(program);
        command.arg("run").arg("--manifests").arg(&manifests).arg("--state").arg(state);
        // Each service asks for its address, so that nodes need not agree first.
        command.args(["--node", node.name(), "--deliver", "local", "--insecure", "--shared-state"]);
        command.args(["--election", "beacon", "--beacon-port", &PORT.to_string()]);
        command.arg("--beacon-interval").arg(format!("{}ms", settings.interval.as_millis()));
        if !settings.burst {
            command.arg("--no-burst-probe");
        }
        if let Some(pace) = settings.pace {
            command.args(["--pace", &pace.to_string()]);
        }
        node.spawn(command)
    });
    let processes = processes.collect::<Result<Vec<_>>>()?;
    for process in &processes {
        process.wait_for_line("running as", LIMIT)?;
    }
    Ok(processes)
}

/// A pool, and a service for each address that asks for it by number.
fn manifest(addresses: &[Ipv4Addr]) -> String {
    let mut text = "\
apiVersion: metallb.io/v1beta1
kind: IPAddressPool
metadata: { name: race, namespace: metallb-system }
spec: { addresses: [172.18.0.0/20] }
---
apiVersion: metallb.io/v1beta1
kind: L2Advertisement
metadata: { name: race, namespace: metallb-system }
spec: { ipAddressPools: [race] }
"
    .to_owned();
    for (number, address) in addresses.iter().enumerate() {
        // Writing to a string cannot fail.
        let _ = write!(
            text,
            "---\napiVersion: v1\nkind: Service\nmetadata: {{ name: race-{number}, namespace: default \
             }}\nspec: {{ type: LoadBalancer, loadBalancerIP: {address}, ports: [{{ port: 80 }}] }}\n"
        );
    }
    text
}
