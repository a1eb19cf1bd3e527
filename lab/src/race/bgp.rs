//! The BGP race: how long a router waits for 100,000 prefixes, from `announce`, BIRD, GoBGP, and a
//! sender that does nothing but hand packed octets to TCP.
//!
//! It measures; it is no test. All prefixes are /32s with one set of attributes. The time runs from the
//! moment in which the receiver's KEEPALIVE allows UPDATEs, until
//!
//! - the raw receiver has read the last prefix ([`Receiver::Raw`]): the time of the sender; or
//! - BIRD says that it has imported the last one ([`Receiver::Bird`]): what a router sees.
//!
//! The senders take turns, round by round, on a fresh network each. The raw sender is the bound: it
//! packed its UPDATEs before, and knows nothing of sessions. Every finished run is a line of a file. The
//! raw receiver checks that what came is what was to come.

mod contender;
mod receiver;
mod record;
mod run;
mod speaker;
mod table;
mod wire;
mod world;

use std::path::PathBuf;

pub use contender::Sender;
pub use receiver::Receiver;
pub use record::Run;
pub use run::race;

/// What to race.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Options {
    /// The program `announce`.
    pub announce: PathBuf,
    /// How many prefixes.
    pub routes: u32,
    /// How many runs of each sender before each receiver.
    pub rounds: usize,
    /// Where runs are noted, a JSON object a line.
    pub file: PathBuf,
}

/// How to ask for it.
pub const USAGE: &str =
    "usage: lab race bgp --announce PROGRAM --file FILE [--routes N] [--rounds N]";

impl Options {
    /// Reads the command line behind `race bgp`.
    ///
    /// # Errors
    /// A sentence on what is wrong.
    pub fn parse(args: &[&str]) -> Result<Self, String> {
        let mut options =
            Self { announce: PathBuf::new(), routes: 100_000, rounds: 7, file: PathBuf::new() };
        let mut args = args.iter();
        while let Some(&flag) = args.next() {
            let value = *args.next().ok_or_else(|| format!("{flag} what?"))?;
            let number = || value.parse().map_err(|_| format!("{flag}: {value} is no number"));
            match flag {
                "--announce" => options.announce = value.into(),
                "--file" => options.file = value.into(),
                "--routes" => options.routes = number()?,
                "--rounds" => options.rounds = number()? as usize,
                other => return Err(format!("what is {other}?")),
            }
        }
        let missing = [("--announce", &options.announce), ("--file", &options.file)];
        match missing.iter().find(|(_, path)| path.as_os_str().is_empty()) {
            Some((flag, _)) => Err(format!("{flag} is needed")),
            None if !(1..=4_000_000).contains(&options.routes) => {
                Err("--routes: 1 to 4,000,000".to_owned())
            }
            None => Ok(options),
        }
    }
}
