use std::{fs, pin::pin, process::ExitCode, sync::Arc};

use anyhow::{Context, Result, bail};
use tokio::{
    runtime,
    signal::unix::{SignalKind, signal},
    sync::mpsc,
};
use vipcast_announcer::{
    Event, Node, NodeConfig,
    agreement::Agreement,
    layer2::{Counters, SocketCounters},
};
use vipcast_election::beacon::BeaconCounters;
use vipcast_k8s_adapter::{
    Standalone, StandaloneConfig, agree, assigner::LostState, default_state_dir, feed,
    state::StateFolder,
};
use vipcast_plan::{Reason, Withheld};

use crate::{
    args::RunArgs,
    elect::{self, Elected},
    keys,
    line::Line,
    options::{GUARD_SWEPT, node_name},
    printer::Printer,
    who_has,
};

pub(crate) fn run(args: &RunArgs) -> Result<ExitCode> {
    // What must be quick is on the layer 2 thread. Two workers, so that a slow disk under one task
    // does not hold up the other.
    let runtime = runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let mut printer = Printer::start(args.output)?;
    let served = runtime.block_on(serve(args, &mut printer));
    printer.finish();
    // A thread that waits for a dead disk must not keep the process.
    runtime.shutdown_background();
    served?;
    Ok(ExitCode::SUCCESS)
}

async fn serve(args: &RunArgs, printer: &mut Printer) -> Result<()> {
    let mut stop = pin!(stop_signal()?);
    let mut config = config(args, printer)?;
    let (node_name, state) = (config.node.clone(), config.state.clone());
    let mut node_config = NodeConfig::new(node_name.clone());
    node_config.deliver = args.deliver.into();
    args.layer2.apply(&mut node_config);
    let elected = elect::configure(
        &args.election,
        args.alive.is_some(),
        &state,
        &node_name,
        &mut node_config.layer2,
        |text| printer.print(Line::new("lifeFault", text)),
    )?;
    config.elected = elected.by_beacons();
    let agreed = elect::agreed(&args.election, &elected, &node_name)?;
    let (feed, intents, members) = feed();
    let node = Node::start(node_config, intents, members)?;
    for address in node.swept() {
        let text = format!("swept {address}: it was left on this machine by a killed run");
        printer.print(Line::new("swept", text).with("address", address.to_string()));
    }
    if node.swept_guard() {
        printer.print(Line::new("guardSwept", GUARD_SWEPT));
    }

    if let Some(register) = &agreed {
        let (agreement, set_aside) =
            agree(&StateFolder::open(&state, node_name.as_str())?, register, &node)?;
        if let Some(path) = set_aside {
            let text = format!(
                "what was agreed was damaged here: it is set aside as {}, and this node begins anew, \
                 without a vote until a majority has admitted it",
                path.display()
            );
            printer.print(Line::new("agreedSetAside", text).with("path", path.to_string_lossy()));
        }
        config.agreement = Some(agreement);
    }
    let agreement = config.agreement.as_ref().map(Agreement::views);
    let socket =
        args.socket.clone().unwrap_or_else(|| who_has::default_path(&state, node_name.as_str()));
    let (line, mut lines) = mpsc::channel(16);
    let started = Standalone::start(config, feed, Arc::new(node.prober()));
    let followed = tokio::select! {
        started = started => match started {
            Ok(standalone) => {
                let running = format!(
                    "running as {node_name}; manifests in {}, state in {}",
                    args.manifests.display(),
                    state.display()
                );
                let running = Line::new("running", running).with("node", node_name.as_str());
                printer.print(running);
                // The state folder is there by now.
                let server = who_has::Server::start(&socket, node_name.as_str(), &node, agreement);
                let _server = server.map_err(|error| {
                    let text = format!("{}: {error}: nobody can ask who has what", socket.display());
                    printer.print(Line::new("socketFault", text));
                });
                if let (Some(file), Elected::Beacon(keyring)) = (&args.election.key_file, &elected) {
                    let (file, keyring) = (file.clone(), keyring.clone());
                    tokio::spawn(keys::follow(file, keyring, node.control(), line));
                }
                follow(&node, standalone, &mut lines, &mut stop, printer).await
            }
            Err(error) => Err(error.into()),
        },
        () = &mut stop => Ok(()),
    };

    let stopping = match elected.by_beacons() {
        true => "stopping: handing over, then silent",
        false => "stopping: silent from now on",
    };
    printer.print(Line::new("stopping", stopping));
    let control = node.control();
    let stopped = node.stop().await.context("not everything that was set could be taken back");
    followed?;
    stopped?;
    printer.print(told(&control.responder(), control.sockets()));
    if elected.by_beacons() {
        printer.print(told_of_beacons(&control.beacons()));
    }
    printer.print(Line::new("stopped", "stopped"));
    Ok(())
}

/// Tells what happens until it is time to stop.
async fn follow(
    node: &Node,
    mut standalone: Standalone,
    lines: &mut mpsc::Receiver<Line>,
    stop: &mut (impl Future<Output = ()> + Unpin),
    printer: &mut Printer,
) -> Result<()> {
    let mut reports = node.reports();
    let mut told = Arc::default();
    reports.mark_changed();
    loop {
        tokio::select! {
            biased;
            () = &mut *stop => return Ok(()),
            event = standalone.event() => match event {
                Some(event) => printer.print(Line::from(&event)),
                None => bail!("the task that follows the manifests has ended: this is a bug"),
            },
            Some(line) = lines.recv() => printer.print(line),
            changed = reports.changed() => {
                changed.context("the node has ended: this is a bug")?;
                let now = reports.borrow_and_update().clone();
                for event in now.events_since(&told) {
                    if worth_telling(&event) {
                        printer.print(Line::from(&event));
                    }
                }
                told = now;
            }
        }
    }
}

/// Ends when the process is told to end: by a service manager, by Ctrl-C, by its terminal.
fn stop_signal() -> Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut hangup = signal(SignalKind::hangup())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
            _ = hangup.recv() => {}
        }
    })
}

fn config(args: &RunArgs, printer: &mut Printer) -> Result<StandaloneConfig> {
    let node = node_name(args.node.as_deref())?;
    let state = args.state.clone().or_else(default_state_dir);
    let state = state.context("no home to keep the state in: name a folder with --state")?;
    if !fs::metadata(&args.manifests).is_ok_and(|folder| folder.is_dir()) {
        // It may come later; a misspelt name would wait for ever without a word.
        let text = format!("{}: no such folder yet: waiting for it", args.manifests.display());
        printer.print(Line::new("noManifests", text));
    }
    let mut config = StandaloneConfig::new(&args.manifests, state, node);
    config.alive.clone_from(&args.alive);
    config.options = args.manifest_options.options();
    if args.accept_lost_state {
        config.lost_state = LostState::Accept;
    }
    Ok(config)
}

/// Between a plan and the first election nobody holds anything: not worth a line.
fn worth_telling(event: &Event) -> bool {
    !matches!(event, Event::Withheld(Withheld { reason: Reason::NoHolder, .. }))
}

fn told(counters: &Counters, sockets: SocketCounters) -> Line {
    let refused: Vec<String> =
        counters.refused.iter().map(|(reason, count)| format!("{count} {reason}")).collect();
    let refused = if refused.is_empty() { "none".to_owned() } else { refused.join(", ") };
    let text = format!(
        "{} questions answered, {} announcements sent; {} answers from neighbours that were asked, \
         {} from gateways missing; {} frames lost in full queues; {} withheld because a lease ended \
         before they could leave; refused frames: {refused}",
        counters.replies_sent,
        counters.announcements_sent,
        counters.acknowledged,
        counters.unanswered,
        sockets.dropped,
        sockets.withheld
    );
    let by_reason: serde_json::Map<_, _> =
        counters.refused.iter().map(|(why, count)| (why.name().into(), (*count).into())).collect();
    Line::new("counters", text)
        .with("answered", counters.replies_sent)
        .with("announcements", counters.announcements_sent)
        .with("acknowledged", counters.acknowledged)
        .with("unanswered", counters.unanswered)
        .with("dropped", sockets.dropped)
        .with("withheld", sockets.withheld)
        .with("refused", by_reason)
}

fn told_of_beacons(counters: &BeaconCounters) -> Line {
    let refused: Vec<String> =
        counters.refused.iter().map(|(reason, count)| format!("{count} since {reason}")).collect();
    let refused = if refused.is_empty() { "none".to_owned() } else { refused.join(", ") };
    let text = format!(
        "{} beacons sent, {} heard; {} addresses claimed, {} handed over to here, {} yielded; {} \
         nodes fell silent; refused beacons: {refused}",
        counters.sent,
        counters.heard,
        counters.claims,
        counters.handed_over,
        counters.yields,
        counters.deaths
    );
    let by_reason: serde_json::Map<_, _> =
        counters.refused.iter().map(|(why, count)| (why.to_string(), (*count).into())).collect();
    Line::new("beaconCounters", text)
        .with("sent", counters.sent)
        .with("heard", counters.heard)
        .with("claims", counters.claims)
        .with("handedOver", counters.handed_over)
        .with("yields", counters.yields)
        .with("deaths", counters.deaths)
        .with("spared", counters.spared)
        .with("fences", counters.fences)
        .with("refused", by_reason)
}

#[cfg(test)]
mod tests {
    use vipcast_plan::NodeName;

    use super::*;
    use crate::options::Output;

    #[test]
    fn a_name_with_a_space_is_no_nodes_name() {
        use clap::Parser;
        let line = ["vipcast", "run", "--manifests", "/", "--state", "/", "--node", "a b"];
        let crate::args::Command::Run(args) = crate::args::Args::parse_from(line).command else {
            panic!("not run")
        };
        let mut printer = Printer::start(Output::Text).unwrap();
        assert!(
            config(&args, &mut printer)
                .unwrap_err()
                .to_string()
                .contains("`a b` cannot name a node")
        );
        let named = RunArgs { node: Some("a".into()), ..*args };
        assert_eq!(config(&named, &mut printer).unwrap().node, NodeName::new("a"));
    }
}
