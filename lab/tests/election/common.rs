use std::{
    error::Error,
    fs,
    net::{IpAddr, Ipv4Addr},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use vipcast_lab::{Cluster, Topology, vipcast};

pub(crate) use vipcast_lab::harness::LIMIT;

/// Heartbeats so slow that no stall of a busy machine is taken for a death: for tests in which a node
/// must keep what it holds.
pub(crate) const STEADY: [&str; 3] = ["--insecure", "--beacon-interval", "1s"];

/// The addresses of the quick start.
pub(crate) const PAGES: [&str; 4] = ["172.18.0.10", "172.18.0.20", "172.18.0.40", "fd18::1:1"];

pub(crate) const VIP: Ipv4Addr = Ipv4Addr::new(172, 18, 0, 10);

/// The quick start's manifests on so many nodes, which elect as `args` say.
pub(crate) fn cluster(name: &str, nodes: u8, args: &[&str]) -> Result<Cluster, Box<dyn Error>> {
    let manifests = Path::new("../examples/quickstart");
    Ok(Cluster::elect(Topology::new(name, nodes)?, &vipcast()?, manifests, args)?)
}

pub(crate) fn page(address: impl Into<IpAddr>) -> String {
    match address.into() {
        IpAddr::V4(address) => format!("http://{address}/"),
        IpAddr::V6(address) => format!("http://[{address}]/"),
    }
}

/// Which node serves each address of the quick start.
pub(crate) fn servers(cluster: &Cluster) -> Result<Vec<String>, Box<dyn Error>> {
    let server = |address: &&str| Ok(cluster.wait_for_page(&page(address.parse::<IpAddr>()?))?);
    PAGES.iter().map(server).collect()
}

/// Waits until `node` has heard all the others.
pub(crate) fn wait_for_all(cluster: &Cluster, node: &str) -> Result<(), Box<dyn Error>> {
    for other in cluster.net.nodes.iter().map(|other| other.name()).filter(|other| *other != node) {
        cluster.process(node).wait_for_line(&format!("{other} is heard on "), LIMIT)?;
    }
    Ok(())
}

/// A key file that only this user can read.
pub(crate) fn key_file(dir: &Path, name: &str, text: &str) -> Result<PathBuf, Box<dyn Error>> {
    let (new, file) = (dir.join(format!("{name}.new")), dir.join(name));
    fs::write(&new, text)?;
    fs::set_permissions(&new, fs::Permissions::from_mode(0o600))?;
    fs::rename(&new, &file)?;
    Ok(file)
}
