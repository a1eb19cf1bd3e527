use std::{
    net::Ipv4Addr,
    process::{Command, Output},
    thread,
    time::{Duration, Instant},
};

use vipcast_lab::{Cluster, harness::TestResult, vipcast};

use crate::common::{LIMIT, STEADY, VIP, cluster, page, wait_for_all};

fn ask(cluster: &Cluster, node: &str, args: &[&str]) -> Result<Output, Box<dyn std::error::Error>> {
    let mut command = Command::new(vipcast()?);
    command.arg("who-has").args(args).args(["--node", node, "--state"]);
    Ok(command.arg(cluster.own_state(node)).output()?)
}

/// Waits until a node says this of an address: it hears of things a little later than others. All that
/// it said.
pub(crate) fn wait_until_told(
    cluster: &Cluster,
    node: &str,
    address: Ipv4Addr,
    wanted: &str,
) -> Result<String, Box<dyn std::error::Error>> {
    let start = Instant::now();
    loop {
        let answer = ask(cluster, node, &[&address.to_string(), "-o", "json"])?;
        let text = String::from_utf8(answer.stdout)?;
        if answer.status.success() && text.contains(wanted) {
            return Ok(text);
        }
        if start.elapsed() > LIMIT {
            return Err(format!("{node} says of {address}: {text}").into());
        }
        thread::sleep(Duration::from_millis(50));
    }
}

pub(crate) fn who_has() -> TestResult {
    let cluster = cluster("who has", 3, &STEADY)?;
    let owner = cluster.wait_for_page(&page(VIP))?;
    let other = cluster.net.nodes.iter().map(|node| node.name()).find(|name| *name != owner);
    let other = other.ok_or("no other")?;
    wait_for_all(&cluster, other)?;
    let heard = format!("gateway 172.18.255.254 on eth0 has learned {VIP}");
    cluster.process(&owner).wait_for_line(&heard, LIMIT)?;

    let there = ask(&cluster, &owner, &[&VIP.to_string()])?;
    let text = String::from_utf8(there.stdout)?;
    assert!(there.status.success(), "{text}");
    assert!(
        text.contains(&format!("{VIP} on 172.18.0.0/16: held by {owner} (this node)")),
        "{text}"
    );
    assert!(text.contains("its lease ends in "), "{text}");
    assert!(text.contains("announced on eth0"), "{text}");
    assert!(text.contains("gateway 172.18.255.254 on eth0: knows it"), "{text}");

    let elsewhere = format!("\"holder\":\"{owner}\",\"here\":false");
    let text = wait_until_told(&cluster, other, VIP, &elsewhere)?;
    assert!(text.contains("\"epoch\":"), "{text}");

    let nobody = ask(&cluster, &owner, &["172.18.0.99"])?;
    let text = String::from_utf8(nobody.stdout)?;
    assert_eq!(nobody.status.code(), Some(1));
    assert!(text.contains("nobody holds 172.18.0.99"), "{text}");

    cluster.process(&owner).terminate()?;
    cluster.process(&owner).wait(LIMIT)?;
    let gone = ask(&cluster, &owner, &[&VIP.to_string()])?;
    let text = String::from_utf8(gone.stderr)?;
    assert_eq!(gone.status.code(), Some(1));
    assert!(text.contains("no vipcast runs here"), "{text}");
    Ok(())
}
