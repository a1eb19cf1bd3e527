//! `announce`: tells routers of the prefixes in a file. `--help` says how.

mod options;
mod routes;
mod teller;
mod watcher;

use std::{process::ExitCode, sync::Arc, time::Duration};

use clap::Parser;
use tokio::signal::unix::{Signal, SignalKind, signal};
use vipcast_announcer::bgp::{Bgp, BgpConfig, RouteChange};

use options::Options;
use routes::Routes;
use teller::Teller;

#[tokio::main]
async fn main() -> ExitCode {
    match run(&Options::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(options: &Options) -> anyhow::Result<()> {
    let mut stops = Stops::new()?;
    let neighbors = options.neighbors()?;
    // Before it is read, so that no edit in between is missed.
    let mut edits = watcher::watch(options.routes.clone());
    let mut routes = Routes::read(&options.routes)?;

    let mut config = BgpConfig::new(options.router_id);
    config.listen.clone_from(&options.listen);
    config.seed ^= u64::from(std::process::id()) << 32;
    let bgp = Bgp::start(config)?;
    for address in bgp.listening() {
        say(format_args!("listening on {address}"));
    }
    bgp.change(routes.since(&Routes::default())).await?;
    let mut teller = Teller::new(&neighbors);
    for neighbor in neighbors {
        bgp.add_peer(neighbor).await?;
    }

    let mut reports = bgp.reports();
    let mut leaving = false;
    loop {
        teller.tell(&reports.borrow_and_update().clone(), &routes);
        tokio::select! {
            changed = reports.changed() => if changed.is_err() { break },
            () = stops.next() => {
                let wait = if leaving { Duration::ZERO } else { options.drain };
                leaving = true;
                say(format_args!("leaving: routers have {wait:?} to move the traffic"));
                bgp.drain(wait).await?;
            }
            Some(()) = edits.recv(), if options.follow && !leaving => {
                match Routes::read(&options.routes) {
                    Ok(edited) => {
                        let changes = edited.since(&routes);
                        routes = edited;
                        tell_changes(&changes);
                        bgp.change(changes).await?;
                    }
                    Err(error) => say(format_args!("{error:#}; what was announced stays")),
                }
            }
        }
    }
    bgp.ended().await;
    say(format_args!("left"));
    Ok(())
}

fn tell_changes(changes: &[RouteChange]) {
    let announced = |change: &&RouteChange| matches!(change, RouteChange::Announce(..));
    let announced = changes.iter().filter(announced).count();
    let withdrawn = changes.len() - announced;
    say(format_args!("the file has changed: {announced} to announce, {withdrawn} to withdraw"));
}

/// Prints a line. Nobody may be left to read it: that is no reason to leave the routers.
fn say(line: std::fmt::Arguments<'_>) {
    use std::io::Write;
    let _ = writeln!(std::io::stdout(), "{line}");
}

/// SIGTERM and SIGINT.
struct Stops {
    terminate: Signal,
    interrupt: Signal,
}

impl Stops {
    fn new() -> std::io::Result<Self> {
        let terminate = signal(SignalKind::terminate())?;
        Ok(Self { terminate, interrupt: signal(SignalKind::interrupt())? })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// Attributes that many prefixes share are stored once.
type Shared = Arc<vipcast_announcer::bgp::proto::Announcement>;
