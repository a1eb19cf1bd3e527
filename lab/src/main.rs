//! `lab`: can this machine run labs, what does one look like from inside, and what does vipcast do
//! in one?

#![forbid(unsafe_code)]
#![allow(clippy::disallowed_methods, reason = "real time is told to a person here")]

mod demo;
#[cfg(feature = "kube")]
mod kube_race;

use std::{
    env, error,
    io::IsTerminal,
    process::{Command, ExitCode},
};

use vipcast_lab::{Topology, enter, race};

const USAGE: &str = "\
usage: lab check            build a network, fetch a page through it, say whether labs work here
       lab shell [HOST]     build the network and open a shell on a host: node-a to node-c,
                            client (the default), router, outside-client
       lab demo --manifests FOLDER [--vipcast PROGRAM] [--keep]
                            three nodes that run vipcast, a client, a takeover
       lab demo bgp [--announce PROGRAM]
                            two nodes that announce by BGP, a BIRD between them and a client
       lab demo kube --vipcast PROGRAM --root FOLDER
                            the same in a cluster with a real control plane (feature `kube`)
       lab race failover    measure vipcast beside its rivals; `lab race` says how
       lab race bgp         the same for BGP speakers
       lab race respond     measure what an answer to an ARP question costs
       lab race kube        the controller before a real API server (feature `kube`)";

fn main() -> ExitCode {
    let args: Vec<String> = env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let done = match args[..] {
        ["check"] => check(),
        ["shell"] => shell("client"),
        ["shell", host] => shell(host),
        ["demo", "bgp", ref options @ ..] => match demo::bgp::Options::parse(options) {
            Some(options) => demo::bgp::run(&options),
            None => return usage(),
        },
        #[cfg(feature = "kube")]
        ["demo", "kube", ref options @ ..] => demo::kube::run(options),
        ["demo", ref options @ ..] => match demo::Options::parse(options) {
            Some(options) => demo::run(&options),
            None => return usage(),
        },
        ["race", "failover", ref options @ ..] => failover(options),
        ["race", "bgp", ref options @ ..] => bgp_race(options),
        ["race", "respond", ref options @ ..] => respond(options),
        #[cfg(feature = "kube")]
        ["race", "kube", ref options @ ..] => kube_race::run(options),
        ["race", ..] => {
            eprintln!("{}\n{}\n{}", race::USAGE, race::bgp::USAGE, race::respond::USAGE);
            return ExitCode::from(2);
        }
        ["--help" | "-h" | "help"] => {
            println!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        _ => return usage(),
    };
    done.unwrap_or_else(|error| {
        eprintln!("error: {error}");
        ExitCode::FAILURE
    })
}

fn usage() -> ExitCode {
    eprintln!("{USAGE}");
    ExitCode::from(2)
}

fn check() -> Result<ExitCode, Box<dyn error::Error>> {
    let entered = enter()?;
    let net = Topology::new("check", 1)?;
    let _server = net.nodes[0].serve_name(80)?;
    for url in ["http://172.18.1.1/", "http://[fd18::1]/"] {
        let page = net.outside_client.fetch(url)?;
        println!("{url} from outside: {} {}", page.status, page.body.trim());
    }
    let who = if entered.root { "root" } else { "an ordinary user, in a user namespace" };
    println!("labs work here; started by {who}");
    Ok(ExitCode::SUCCESS)
}

fn failover(options: &[&str]) -> Result<ExitCode, Box<dyn error::Error>> {
    let options =
        race::Options::parse(options).map_err(|what| format!("{what}\n{}", race::USAGE))?;
    enter()?;
    race::failover(&options)?;
    Ok(ExitCode::SUCCESS)
}

fn bgp_race(options: &[&str]) -> Result<ExitCode, Box<dyn error::Error>> {
    let usage = race::bgp::USAGE;
    let options = race::bgp::Options::parse(options).map_err(|what| format!("{what}\n{usage}"))?;
    enter()?;
    race::bgp::race(&options)?;
    Ok(ExitCode::SUCCESS)
}

fn respond(options: &[&str]) -> Result<ExitCode, Box<dyn error::Error>> {
    let options = race::respond::Options::parse(options)
        .map_err(|what| format!("{what}\n{}", race::respond::USAGE))?;
    enter()?;
    println!("{}", race::respond::respond(&options)?);
    Ok(ExitCode::SUCCESS)
}

fn shell(name: &str) -> Result<ExitCode, Box<dyn error::Error>> {
    enter()?;
    let net = Topology::new("shell", 3)?;
    let _servers =
        net.nodes.iter().map(|node| node.serve_name(80)).collect::<Result<Vec<_>, _>>()?;
    let host = net.lab.host(name).ok_or_else(|| format!("no host {name}\n{USAGE}"))?;
    if std::io::stdin().is_terminal() {
        println!("{name}: node-a is 172.18.1.1 and fd18::1, each node serves its name on port 80");
    }
    let program = env::var_os("SHELL").unwrap_or_else(|| "/bin/sh".into());
    let status = host.run(move || Command::new(program).status())??;
    Ok(ExitCode::from(u8::try_from(status.code().unwrap_or(1)).unwrap_or(1)))
}
