use std::{fs, path::Path};

use vipcast_lab::{Cluster, Topology, harness::TestResult, vipcast};

use crate::common::{LIMIT, STEADY, VIP, page};

/// An address for the second LAN of a node.
const SECOND: &str = "
apiVersion: metallb.io/v1beta1
kind: IPAddressPool
metadata: {name: second-lan, namespace: metallb-system}
spec: {addresses: [10.9.0.100/32], autoAssign: false}
---
apiVersion: metallb.io/v1beta1
kind: L2Advertisement
metadata: {name: second-lan, namespace: metallb-system}
spec: {ipAddressPools: [second-lan]}
---
apiVersion: v1
kind: Service
metadata:
  name: on-second
  namespace: default
  annotations: {metallb.io/address-pool: second-lan}
spec: {type: LoadBalancer, ports: [{port: 80}]}
";

/// Every node is on two LANs, by two links.
pub(crate) fn only_the_cut_segment_moves() -> TestResult {
    let net = Topology::new("two links", 2)?;
    let second = net.lab.add_bridge("second")?;
    let mut ports = Vec::new();
    for (node, number) in net.nodes.iter().zip(1..) {
        ports.push(net.lab.connect(
            &node.host,
            &second,
            "eth1",
            &[&format!("10.9.0.{number}/24")],
        )?);
    }
    net.lab.connect(&net.client.host, &second, "eth1", &["10.9.0.200/24"])?;
    let manifests = tempfile::tempdir()?;
    for file in fs::read_dir(Path::new("../examples/quickstart"))? {
        let file = file?;
        fs::copy(file.path(), manifests.path().join(file.file_name()))?;
    }
    fs::write(manifests.path().join("second.yaml"), SECOND)?;
    let cluster = Cluster::elect(net, &vipcast()?, manifests.path(), &STEADY)?;

    for (node, other) in [("node-a", "node-b"), ("node-b", "node-a")] {
        let heard = format!("{other} is heard on 10.9.0.0/24");
        cluster.process(node).wait_for_line(&heard, LIMIT)?;
    }
    let second_vip = page("10.9.0.100".parse::<std::net::IpAddr>()?);
    let (on_first, on_second) =
        (cluster.wait_for_page(&page(VIP))?, cluster.wait_for_page(&second_vip)?);
    let position = cluster.net.nodes.iter().position(|node| node.name() == on_second);
    ports[position.ok_or("nobody")?].cut()?;
    let other = cluster.net.nodes.iter().map(|node| node.name()).find(|name| *name != on_second);
    let other = other.ok_or("no other")?;
    cluster
        .process(other)
        .wait_for_line(&format!("{on_second} is silent on 10.9.0.0/24"), LIMIT)?;
    assert_eq!(cluster.wait_for_page(&second_vip)?, other);
    cluster.net.client.flush_neighbours()?;
    assert_eq!(cluster.wait_for_page(&page(VIP))?, on_first);
    for node in [&*on_second, other] {
        let said = cluster.process(node).output();
        assert!(!said.contains("is silent on 172.18.0.0/16"), "{said}");
        assert!(!said.contains("silent about 172.18.0"), "{said}");
    }
    Ok(())
}
