//! `lab demo kube`: vipcast in a cluster, told step by step.

use std::{
    error,
    net::IpAddr,
    path::PathBuf,
    process::ExitCode,
    time::{Duration, Instant},
};

use vipcast_lab::{
    enter,
    harness::LIMIT,
    kube::{Installed, NAMESPACE},
};

use super::Teller;

type Outcome<T = ()> = Result<T, Box<dyn error::Error>>;

const USAGE: &str = "usage: lab demo kube --vipcast PROGRAM --root FOLDER";
/// The service of the quick start.
const SERVICE: &str = "nginx";

pub(crate) fn run(args: &[&str]) -> Outcome<ExitCode> {
    let ["--vipcast", program, "--root", root] = *args else {
        eprintln!("{USAGE}");
        return Ok(ExitCode::from(2));
    };
    let (program, root) = (PathBuf::from(program), PathBuf::from(root));
    enter()?;
    let tell = Teller { start: Instant::now() };
    tell.step("starting a cluster with a real control plane; then kubectl apply -k deploy/base");
    let mut cluster = Installed::start("demo", 3, true, &root.join("deploy"), &program)?;
    for pod in cluster.controllers()?.into_iter().chain(cluster.speakers()?) {
        let node = cluster.node_of_pod(NAMESPACE, &pod).unwrap_or_default();
        tell.fact(&format!("{pod} is ready on {node}"));
    }
    tell.step("kubectl create deployment nginx --replicas=3; kubectl apply -f examples/quickstart");
    cluster.create_pages(3)?;
    cluster.plane.kubectl(&root, &["apply", "-f", "examples/quickstart"])?;
    let address = cluster.wait_for_addresses(SERVICE)?.swap_remove(0);
    for line in cluster.plane.kubectl(&root, &["get", "service", SERVICE])?.lines() {
        tell.fact(line);
    }
    fetch(&tell, &cluster, &address)?;

    let first = owner(&cluster, &address)?;
    tell.step(&format!("{first}, which answers for {address}, dies"));
    take_over(&tell, &cluster, &address, &first)?;
    fetch(&tell, &cluster, &address)?;

    tell.step("the API server is killed");
    cluster.plane.stop_server()?;
    fetch(&tell, &cluster, &address)?;
    let second = owner(&cluster, &address)?;
    tell.step(&format!("{second}, which answers for {address} now, dies too"));
    take_over(&tell, &cluster, &address, &second)?;
    fetch(&tell, &cluster, &address)?;
    tell.step("done");
    Ok(ExitCode::SUCCESS)
}

/// The node that the client sends to when it sends to `address`.
fn owner(cluster: &Installed, address: &str) -> Outcome<String> {
    Ok(cluster.net.seen_by_client(address.parse()?)?.name().to_owned())
}

/// Kills the owner, and waits until somebody else is asked.
fn take_over(tell: &Teller, cluster: &Installed, address: &str, owner: &str) -> Outcome {
    let ip: IpAddr = address.parse()?;
    let old = cluster.net.nodes.iter().find(|node| node.name() == owner).ok_or("no such node")?;
    let old = old.mac("eth0")?;
    let start = Instant::now();
    cluster.kill_node(owner)?;
    let moved = move |entry: Option<&vipcast_lab::Neighbour>| {
        entry.and_then(|entry| entry.mac).is_some_and(|mac| mac != old)
    };
    cluster.net.client.wait_for_neighbour(ip, LIMIT, moved)?;
    let time = start.elapsed().as_secs_f64();
    tell.good(&format!("the client's neighbour table has another node after {time:.2} s"));
    Ok(())
}

fn fetch(tell: &Teller, cluster: &Installed, address: &str) -> Outcome {
    let url = format!("http://{address}/");
    let start = Instant::now();
    let page = loop {
        match cluster.net.client.fetch_within(&url, Duration::from_secs(2)) {
            Ok(page) => break page.body.trim().to_owned(),
            Err(error) if start.elapsed() > LIMIT => return Err(error.into()),
            Err(_) => std::thread::sleep(Duration::from_millis(20)),
        }
    };
    let node = owner(cluster, address)?;
    tell.good(&format!("{url}  served by the pod {page}, by way of {node}"));
    Ok(())
}
