//! Who sends.

use std::{fmt, fmt::Write as _, fs, process::Command, time::Duration};

use serde::{Deserialize, Serialize};

use super::{
    Options,
    speaker::{dial, send},
    wire::prefix,
    world::World,
};
use crate::{Bird, Gobgp, Process, Result, error::LabError};

/// A sender.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Sender {
    /// Octets that were packed before, handed to TCP at once.
    Raw,
    /// Our example.
    Announce,
    /// BIRD 2, with static routes.
    Bird,
    /// GoBGP, with routes that another speaker told it before.
    Gobgp,
}

/// A sender that runs.
#[derive(Debug)]
pub(super) enum Sending {
    Raw,
    Announce(Process),
    Bird(Bird),
    Gobgp(Gobgp),
}

/// GoBGP takes some time to learn its routes.
const LIMIT: Duration = Duration::from_secs(60);

impl Sender {
    /// All, the bound first.
    pub const ALL: [Self; 4] = [Self::Raw, Self::Announce, Self::Bird, Self::Gobgp];

    /// Whether it waits for the receiver to dial: what it is to send must be there before.
    pub(super) fn is_dialed(self) -> bool {
        self == Self::Gobgp
    }

    /// Starts it. The receiver is there already, unless it is to dial.
    pub(super) fn start(self, world: &World, options: &Options) -> Result<Sending> {
        let routes = options.routes;
        let (us, them) = (world.addresses[0], world.addresses[1]);
        Ok(match self {
            Self::Raw => {
                world.sender.start(move || {
                    // It ends when the receiver closes.
                    let _ = dial(them).and_then(|stream| send(stream, 65001, us, routes));
                })?;
                Sending::Raw
            }
            Self::Announce => {
                let file = world.lab.dir().join("routes");
                let lines = (0..routes).map(|n| format!("{}/32\n", address(n)));
                write(&file, &lines.collect::<String>())?;
                let mut command = Command::new(&options.announce);
                command.args(["--local-as", "65001", "--peer-as", "65002", "--hold-time", "240"]);
                command.args(["--router-id", &us.to_string(), "--peer", &format!("{them}:179")]);
                command.arg("--routes").arg(file);
                Sending::Announce(world.sender.spawn(command)?)
            }
            Self::Bird => {
                let mut config = format!(
                    "router id {us};\n\
                     protocol bgp receiver {{ local {us} as 65001; neighbor {them} as 65002;\n\
                     hold time 240; connect delay time 1; connect retry time 1;\n\
                     ipv4 {{ import none; export all; next hop self; }}; }}\n\
                     protocol static {{ ipv4;\n"
                );
                for n in 0..routes {
                    // A string takes it.
                    let _ = writeln!(config, "route {}/32 blackhole;", address(n));
                }
                config.push_str("}\n");
                Sending::Bird(Bird::start(&world.lab, &world.sender, &config)?)
            }
            Self::Gobgp => self.start_gobgp(world, routes)?,
        })
    }

    fn start_gobgp(self, world: &World, routes: u32) -> Result<Sending> {
        let [us, them, feeder] = world.addresses;
        let mut config = format!("[global.config]\nas = 65001\nrouter-id = \"{us}\"\n");
        for (neighbor, asn) in [(them, 65002), (feeder, 65003)] {
            let _ = write!(
                config,
                "[[neighbors]]\n[neighbors.config]\nneighbor-address = \"{neighbor}\"\n\
                 peer-as = {asn}\n[neighbors.transport.config]\npassive-mode = true\n\
                 [neighbors.timers.config]\nhold-time = 240\n"
            );
        }
        let gobgp = Gobgp::start(&world.lab, &world.sender, &config)?;
        world.feeder.start(move || {
            let _ = dial(us).and_then(|stream| send(stream, 65003, feeder, routes));
        })?;
        let all = format!("Destination: {routes}, ");
        gobgp.wait_for("global rib summary", "all are there", LIMIT, |said| said.contains(&all))?;
        Ok(Sending::Gobgp(gobgp))
    }
}

impl Sending {
    /// The process, for what it has cost; the raw sender has none of its own.
    pub(super) fn process(&self) -> Option<&Process> {
        match self {
            Self::Raw => None,
            Self::Announce(process) => Some(process),
            Self::Bird(bird) => Some(bird.process()),
            Self::Gobgp(gobgp) => Some(gobgp.process()),
        }
    }
}

impl fmt::Display for Sender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Raw => "raw",
            Self::Announce => "announce",
            Self::Bird => "BIRD",
            Self::Gobgp => "GoBGP",
        })
    }
}

fn address(number: u32) -> std::net::Ipv4Addr {
    std::net::Ipv4Addr::from_bits(prefix(number))
}

fn write(file: &std::path::Path, text: &str) -> Result<()> {
    fs::write(file, text).map_err(LabError::io(format!("write {}", file.display())))
}
