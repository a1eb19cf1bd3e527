//! `lab demo bgp`: two nodes announce one address by BGP, BIRD shares the traffic between them, and
//! one of them dies.

use std::{
    collections::BTreeMap,
    fs,
    path::PathBuf,
    process::{Command, ExitCode},
    time::{Duration, Instant},
};

use vipcast_lab::{Bird, Node, Process, Topology, enter, example, harness::LIMIT};

use super::{Outcome, Teller};

/// The address that both nodes serve, in both families.
const VIP: [&str; 2] = ["203.0.113.10", "2001:db8::10"];
const ROUTER: &str = "172.18.255.254";
/// How many pages are fetched to see who serves them: each by a connection of its own, and so by a way
/// of its own.
const FETCHES: usize = 16;
/// How often they are fetched anew when one does not come.
const TRIES: usize = 3;

/// What `lab demo bgp` was asked.
#[derive(Debug, Default)]
pub(crate) struct Options {
    announce: Option<PathBuf>,
}

impl Options {
    /// Reads `[--announce PROGRAM]`; `None` if it is anything else.
    pub(crate) fn parse(args: &[&str]) -> Option<Self> {
        match args {
            [] => Some(Self::default()),
            ["--announce", program] => Some(Self { announce: Some(program.into()) }),
            _ => None,
        }
    }
}

pub(crate) fn run(options: &Options) -> Outcome<ExitCode> {
    enter()?;
    let tell = Teller { start: Instant::now() };
    let program = options.announce.clone().map_or_else(|| example("announce"), Ok)?;
    let program = fs::canonicalize(&program).map_err(|e| format!("{}: {e}", program.display()))?;

    tell.step("building a LAN: two nodes, a router, and a client behind it");
    let net = Topology::new("demo-bgp", 2)?;
    for node in &net.nodes {
        tell.fact(&format!("{}  {}  {}", node.name(), node.ipv4, node.ipv6));
    }
    tell.step(&format!("each node serves {} and {} on its loopback", VIP[0], VIP[1]));
    let mut servers = Vec::new();
    for node in &net.nodes {
        node.add_address("lo", format!("{}/32", VIP[0]).parse()?)?;
        node.add_address("lo", format!("{}/128", VIP[1]).parse()?)?;
        servers.push(node.serve_name(80)?);
    }

    tell.step(
        "BIRD on the router: a session with each node, equal paths side by side in its kernel",
    );
    for family in ["ipv4", "ipv6"] {
        // By ports too, or all connections of a client would take one way.
        net.router.set_sysctl(&format!("net.{family}.fib_multipath_hash_policy"), "1")?;
    }
    let bird = Bird::start(&net.lab, &net.router, &config(&net.nodes))?;
    tell.step("`announce` on each node tells BIRD of both");
    let announcing = net
        .nodes
        .iter()
        .map(|node| announce(&net, node, &program))
        .collect::<Result<Vec<_>, _>>()?;
    for (node, announce) in net.nodes.iter().zip(&announcing) {
        for pattern in ["established", "announced"] {
            let line = announce.wait_for_line(pattern, LIMIT)?;
            tell.fact(&format!("{}  {}", node.name(), line.text));
        }
    }
    wait_for_paths(&bird, 2)?;
    show_routes(&tell, &bird)?;

    tell.step(&format!("the client fetches {FETCHES} pages of each family through the router"));
    served_by(&tell, &net, 2)?;

    let [_, dead] = &net.nodes[..] else { return Err("the demo has two nodes".into()) };
    tell.step(&format!("{} dies, silently: its carrier stays up", dead.name()));
    dead.port.cut()?;
    let cut = Instant::now();
    wait_for_paths(&bird, 1)?;
    let time = cut.elapsed().as_secs_f64();
    tell.fact(&format!(
        "after {time:.1} s BIRD has given it up: the hold time is 3 s (BFD is faster)"
    ));
    show_routes(&tell, &bird)?;
    tell.step("the client fetches again");
    served_by(&tell, &net, 1)?;

    tell.step(&format!("{} comes back", dead.name()));
    dead.port.heal()?;
    let healed = Instant::now();
    wait_for_paths(&bird, 2)?;
    tell.good(&format!("both paths are there after {:.1} s", healed.elapsed().as_secs_f64()));
    served_by(&tell, &net, 2)?;

    tell.step("node-a is stopped: it marks its routes, waits for the traffic to move, says Cease");
    announcing[0].terminate()?;
    announcing[0].wait(LIMIT)?;
    wait_for_paths(&bird, 1)?;
    let state = bird.ask("show protocols node_a")?;
    tell.fact(state.lines().find(|line| line.starts_with("node_a")).unwrap_or_default());
    served_by(&tell, &net, 1)?;
    tell.step("done");
    Ok(ExitCode::SUCCESS)
}

/// A session with each node, and equal paths merged into the kernel's table.
fn config(nodes: &[Node]) -> String {
    let kernel = ["ipv4", "ipv6"].map(|family| {
        format!("protocol kernel {{ merge paths on; {family} {{ export all; }}; }}\n")
    });
    let sessions = nodes.iter().map(|node| {
        format!(
            "protocol bgp {} {{ local {ROUTER} as 65000; neighbor {} as 65001; passive on;\n\
             hold time 3; error wait time 1, 1; connect delay time 1;\n\
             ipv4 {{ import all; export none; }}; ipv6 {{ import all; export none; }}; }}\n",
            protocol(node),
            node.ipv4
        )
    });
    let sessions: String = sessions.collect();
    format!("router id {ROUTER};\n{}{sessions}", kernel.concat())
}

/// BIRD's name for a node: it takes no dashes.
fn protocol(node: &Node) -> String {
    node.name().replace('-', "_")
}

fn announce(net: &Topology, node: &Node, program: &PathBuf) -> Outcome<Process> {
    let routes = net.lab.dir().join(format!("routes-{}", node.name()));
    fs::write(&routes, format!("{}/32\n{}/128\n", VIP[0], VIP[1]))?;
    let mut command = Command::new(program);
    command.args(["--peer", &format!("{ROUTER}:179"), "--local-as", "65001", "--peer-as", "65000"]);
    command.args(["--router-id", &node.ipv4.to_string(), "--next-hop", &node.ipv6.to_string()]);
    command.args(["--hold-time", "3", "--drain", "1", "--routes"]).arg(routes);
    Ok(node.spawn(command)?)
}

/// Waits until BIRD has so many paths to the address, in both families.
fn wait_for_paths(bird: &Bird, count: usize) -> Outcome {
    for (vip, length) in VIP.iter().zip([32, 128]) {
        let question = format!("show route {vip}/{length}");
        let paths = |said: &str| said.matches(" [node_").count();
        bird.wait_for(&question, &format!("{count} paths"), LIMIT, |said| paths(said) == count)?;
    }
    Ok(())
}

fn show_routes(tell: &Teller, bird: &Bird) -> Outcome {
    for (vip, length) in VIP.iter().zip([32, 128]) {
        let said = bird.ask(&format!("show route {vip}/{length}"))?;
        for line in said.lines().filter(|line| line.contains("[node_") || line.contains("via")) {
            tell.fact(&format!("birdc: {}", line.replace('\t', "    ")));
        }
    }
    Ok(())
}

/// Fetches pages until so many nodes have served some, and tells who has.
fn served_by(tell: &Teller, net: &Topology, nodes: usize) -> Outcome {
    for vip in VIP {
        let host = if vip.contains(':') { format!("[{vip}]") } else { vip.to_owned() };
        let url = format!("http://{host}/");
        // The kernel may have the new routes a little later than BIRD.
        let mut tries = (0..TRIES).map(|_| fetch_all(net, &url, nodes));
        let served = tries.find(|tried| tried.as_ref().is_ok_and(|served| served.len() == nodes));
        let served = served.ok_or_else(|| format!("{url} is not served by {nodes} nodes"))??;
        let who: Vec<_> = served.iter().map(|(name, count)| format!("{name} {count}")).collect();
        tell.good(&format!("{url}  served by {}", who.join(", ")));
    }
    Ok(())
}

/// Who has served how many of [`FETCHES`] pages, or more until so many nodes have served one.
fn fetch_all(net: &Topology, url: &str, nodes: usize) -> Outcome<BTreeMap<String, usize>> {
    let mut served = BTreeMap::<String, usize>::new();
    for round in 0..4 * FETCHES {
        if round >= FETCHES && served.len() >= nodes {
            break;
        }
        let page = net.outside_client.fetch_within(url, Duration::from_secs(1))?;
        *served.entry(page.body.trim().to_owned()).or_default() += 1;
    }
    Ok(served)
}
