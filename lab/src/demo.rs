//! `lab demo`: three nodes, a client, a takeover, told step by step.

use std::{
    error, fs,
    net::{IpAddr, SocketAddr},
    path::PathBuf,
    process::{Command, ExitCode},
    time::Instant,
};

use std::os::unix::process::CommandExt;

use anstream::println;
use anstyle::{AnsiColor, Style};
use vipcast_lab::{Cluster, Probe, Topology, enter, harness::LIMIT};

pub(crate) mod bgp;
#[cfg(feature = "kube")]
pub(crate) mod kube;

type Outcome<T = ()> = Result<T, Box<dyn error::Error>>;

/// The first address of the pool, the one that a service asks for, and a pair of both families.
const PAGES: [&str; 4] = ["172.18.0.10", "172.18.0.20", "172.18.0.40", "fd18::1:1"];

/// How many probes are answered before the cut.
const BEFORE: usize = 200;

/// What `lab demo` was asked.
#[derive(Debug, Default)]
pub(crate) struct Options {
    vipcast: Option<PathBuf>,
    manifests: Option<PathBuf>,
    keep: bool,
}

impl Options {
    /// Reads `--vipcast PROGRAM --manifests FOLDER [--keep]`; `None` if it is anything else.
    pub(crate) fn parse(args: &[&str]) -> Option<Self> {
        let mut options = Self::default();
        let mut args = args.iter();
        while let Some(&flag) = args.next() {
            match flag {
                "--keep" => options.keep = true,
                "--vipcast" => options.vipcast = Some(args.next()?.into()),
                "--manifests" => options.manifests = Some(args.next()?.into()),
                _ => return None,
            }
        }
        Some(options)
    }
}

/// Tells what happens, with the time since the start.
struct Teller {
    start: Instant,
}

impl Teller {
    fn step(&self, text: &str) {
        let bold = Style::new().bold();
        let time = self.start.elapsed().as_secs_f64();
        println!("{bold}{time:6.2} s  {text}{bold:#}");
    }

    fn fact(&self, text: &str) {
        println!("          {text}");
    }

    fn good(&self, text: &str) {
        let green = Style::new().fg_color(Some(AnsiColor::Green.into()));
        println!("          {green}{text}{green:#}");
    }
}

pub(crate) fn run(options: &Options) -> Outcome<ExitCode> {
    enter()?;
    let tell = Teller { start: Instant::now() };
    tell.step("building a LAN: three nodes, a client, a router");
    let net = Topology::new("demo", 3)?;
    for node in &net.nodes {
        tell.fact(&format!("{}  {}  {}", node.name(), node.ipv4, node.mac("eth0")?));
    }

    let manifests = options.manifests.clone().ok_or("--manifests FOLDER is missing")?;
    tell.step(&format!(
        "starting vipcast on each node, with the manifests of {}",
        manifests.display()
    ));
    let program = options.vipcast.clone().map_or_else(vipcast_lab::vipcast, Ok)?;
    let program = fs::canonicalize(&program).map_err(|e| format!("{}: {e}", program.display()))?;
    let cluster = Cluster::elect(net, &program, &manifests, &["--insecure"])?;

    tell.step("the client fetches the pages");
    for address in PAGES {
        fetch(&tell, &cluster, address)?;
    }
    tell.step("who holds what");
    for address in PAGES {
        let node = cluster.net.seen_by_client(address.parse()?)?;
        tell.fact(&format!("{address}  {}", node.name()));
    }
    take_over(&tell, &cluster, "172.18.0.10")?;
    for address in PAGES {
        fetch(&tell, &cluster, address)?;
    }
    tell.step("done");
    if options.keep {
        keep(&tell, &cluster)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Cuts the owner of an address off, and sees another node take over.
fn take_over(tell: &Teller, cluster: &Cluster, address: &str) -> Outcome {
    let ip: IpAddr = address.parse()?;
    let owner = cluster.net.seen_by_client(ip)?;
    let name = owner.name().to_owned();
    let probing = Probe::udp(SocketAddr::new(ip, 80)).start(&cluster.net.client)?;
    probing.wait_for_answer_by(&name, LIMIT)?;
    probing.wait_for_answers(BEFORE, LIMIT)?;

    tell.step(&format!("{name} is cut off, silently: its carrier stays up"));
    owner.port.cut()?;
    let successor = probing.wait_for_answer_not_by(&name, LIMIT)?;
    let report = probing.stop();

    tell.step(&format!("{successor} has taken over {address}"));
    neighbour(tell, cluster, address)?;
    let outage = report.longest_outage().and_then(|outage| Some((outage, outage.duration()?)));
    let (outage, time) =
        outage.ok_or_else(|| format!("the cut was not felt, or did not end: {report}"))?;
    tell.good(&format!(
        "outage {:.1} ms, {} probes lost (one each ms); nobody told the others: they missed its heartbeats",
        time.as_secs_f64() * 1e3,
        outage.lost
    ));
    Ok(())
}

fn fetch(tell: &Teller, cluster: &Cluster, address: &str) -> Outcome {
    let url = match address.parse()? {
        IpAddr::V4(ip) => format!("http://{ip}/"),
        IpAddr::V6(ip) => format!("http://[{ip}]/"),
    };
    let body = cluster.wait_for_page(&url)?;
    tell.good(&format!("{url}  served by {body}"));
    neighbour(tell, cluster, address)
}

/// What the client's kernel believes, and that it is the node which serves.
fn neighbour(tell: &Teller, cluster: &Cluster, address: &str) -> Outcome {
    let ip: IpAddr = address.parse()?;
    let entry = cluster.net.client.neighbour(ip)?.ok_or("the client has no neighbour entry")?;
    let mac = entry.mac.ok_or("the client's neighbour entry has no MAC address")?;
    let node = cluster.net.node_of(mac)?;
    tell.fact(&format!("client's neighbour table: {address} is at {mac} ({})", node.name()));
    Ok(())
}

/// Leaves everything running until the user ends it.
fn keep(tell: &Teller, cluster: &Cluster) -> Outcome {
    let mut idle = Command::new("sleep");
    idle.arg0("vipcast-demo-client").arg("infinity");
    let _client = cluster.net.client.spawn(idle)?;
    tell.step("the lab stays up until you press Ctrl-C; from another terminal:");
    let enter = "nsenter --user --preserve-credentials --net --target";
    for (who, what) in [("the client", "vipcast-demo-client"), ("node-a", "node node-a")] {
        tell.fact(&format!("{who}:  {enter} $(pgrep -of '{what}') bash"));
    }
    tell.fact("as root, leave out --user --preserve-credentials");
    tell.fact(&format!("edit the manifests:  {}", cluster.manifests.display()));
    loop {
        std::thread::park();
    }
}
