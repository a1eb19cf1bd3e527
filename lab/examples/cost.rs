//! What nodes that share many addresses cost at rest.
//!
//! `cargo build --release -p vipcast`, then as any user, in `lab/`:
//! `VIPCAST_BIN=../target/release/vipcast cargo run --release -p vipcast-lab --example cost 10 200`

#![allow(clippy::disallowed_methods, reason = "real time is measured")]

use std::{env, error::Error, fmt::Write as _, fs, thread, time::Duration};

use vipcast_lab::{Cluster, Process, Topology, enter, vipcast};

/// How long is measured.
const SPAN: Duration = Duration::from_secs(20);
/// What has to be announced and learned is, by then.
const SETTLE: Duration = Duration::from_secs(15);

fn main() -> Result<(), Box<dyn Error>> {
    enter()?;
    let mut args = env::args().skip(1).map(|arg| arg.parse::<u8>());
    let nodes = args.next().transpose()?.unwrap_or(10);
    let addresses = args.next().transpose()?.unwrap_or(200);
    let manifests = tempfile::tempdir()?;
    fs::write(manifests.path().join("all.yaml"), services(addresses)?)?;
    let net = Topology::new("cost", nodes)?;
    let cluster = Cluster::elect(net, &vipcast()?, manifests.path(), &["--insecure"])?;
    for number in 1..=addresses {
        cluster.wait_for_page(&format!("http://172.18.0.{number}/"))?;
    }
    thread::sleep(SETTLE);

    let names: Vec<&str> = cluster.net.nodes.iter().map(|node| node.name()).collect();
    let before = look(&cluster)?;
    thread::sleep(SPAN);
    let after = look(&cluster)?;
    println!("{nodes} nodes, {addresses} addresses, {SPAN:?} at rest; a second:");
    for ((name, before), after) in names.iter().zip(before).zip(after) {
        let rate = |count: fn(&Seen) -> u64| (count(&after) - count(&before)) / SPAN.as_secs();
        println!(
            "{name}: {} octets in {} frames sent, {} octets in {} received, {:.1} ms of processor \
             time; {:.1} MiB resident",
            rate(|seen| seen.sent.0),
            rate(|seen| seen.sent.1),
            rate(|seen| seen.received.0),
            rate(|seen| seen.received.1),
            (after.worked - before.worked).as_secs_f64() * 1e3 / SPAN.as_secs_f64(),
            after.resident as f64 / 1024.0,
        );
    }
    Ok(())
}

/// What a node has done since its start.
struct Seen {
    /// Octets and frames.
    sent: (u64, u64),
    received: (u64, u64),
    worked: Duration,
    /// KiB.
    resident: u64,
}

fn look(cluster: &Cluster) -> Result<Vec<Seen>, Box<dyn Error>> {
    let nodes = cluster.net.nodes.iter();
    let look = |node: &vipcast_lab::Node| {
        let counted = node.run(|| fs::read_to_string("/proc/thread-self/net/dev"))??;
        let line = counted.lines().find_map(|line| line.trim().strip_prefix("eth0:"));
        let counts: Vec<u64> =
            line.ok_or("no eth0")?.split_whitespace().map(str::parse).collect::<Result<_, _>>()?;
        let &[octets_in, frames_in, _, _, _, _, _, _, octets_out, frames_out, ..] = &counts[..]
        else {
            return Err("a short line".into());
        };
        let process = cluster.process(node.name());
        Ok(Seen {
            sent: (octets_out, frames_out),
            received: (octets_in, frames_in),
            worked: worked(process)?,
            resident: resident(process)?,
        })
    };
    nodes.map(look).collect()
}

/// The processor time of all its threads.
fn worked(process: &Process) -> Result<Duration, Box<dyn Error>> {
    let mut nanos = 0;
    for thread in fs::read_dir(format!("/proc/{}/task", process.id()))? {
        let text = fs::read_to_string(thread?.path().join("schedstat"))?;
        nanos += text.split(' ').next().ok_or("a short schedstat")?.parse::<u64>()?;
    }
    Ok(Duration::from_nanos(nanos))
}

fn resident(process: &Process) -> Result<u64, Box<dyn Error>> {
    let status = fs::read_to_string(format!("/proc/{}/status", process.id()))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS")?;
    Ok(line.trim_end_matches("kB").trim().parse()?)
}

/// A pool, its announcement, and a service for each of its addresses.
fn services(count: u8) -> Result<String, std::fmt::Error> {
    let mut text = format!(
        "apiVersion: metallb.io/v1beta1\nkind: IPAddressPool\nmetadata: {{name: all, namespace: \
         metallb-system}}\nspec: {{addresses: [172.18.0.1-172.18.0.{count}]}}\n---\napiVersion: \
         metallb.io/v1beta1\nkind: L2Advertisement\nmetadata: {{name: all, namespace: \
         metallb-system}}\nspec: {{ipAddressPools: [all]}}\n"
    );
    for number in 1..=count {
        write!(
            text,
            "---\napiVersion: v1\nkind: Service\nmetadata: {{name: s{number}, namespace: \
             default}}\nspec:\n  type: LoadBalancer\n  selector: {{app: s{number}}}\n  ports: \
             [{{name: http, port: 80, targetPort: 80}}]\n"
        )?;
    }
    Ok(text)
}
