use std::{fs, process::ExitCode, sync::Arc};

use anyhow::{Context, Result, bail};
use tokio::{
    runtime,
    signal::unix::{SignalKind, signal},
};
use vipcast_announcer::{Event, Node, NodeConfig};
use vipcast_k8s_adapter::{
    Standalone, StandaloneConfig, StandaloneEvent, assigner::LostState, default_state_dir, feed,
};
use vipcast_plan::{Reason, Withheld};

use crate::{
    args::{Output, RunArgs},
    line::Line,
};

pub(crate) fn run(args: &RunArgs) -> Result<ExitCode> {
    // What must be quick is on the layer 2 thread; the rest fits on one.
    let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(serve(args))?;
    Ok(ExitCode::SUCCESS)
}

async fn serve(args: &RunArgs) -> Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let output = args.output;
    let config = config(args)?;
    let (node_name, state) = (config.node.clone(), config.state.clone());

    let mut node_config = NodeConfig::new(node_name.clone());
    node_config.deliver = args.deliver.into();
    let (feed, intents, members) = feed();
    let node = Node::start(node_config, intents, members)?;
    let mut standalone = Standalone::start(config, feed, Arc::new(node.prober())).await?;
    for address in node.swept() {
        let text = format!("swept {address}: it was left on this machine by a killed run");
        Line::new("swept", text).with("address", address.to_string()).print(output);
    }
    let running = format!(
        "running as {node_name}; manifests in {}, state in {}",
        args.manifests.display(),
        state.display()
    );
    Line::new("running", running).with("node", node_name.as_str()).print(output);

    let mut reports = node.reports();
    let mut told = reports.borrow_and_update().clone();
    print_events(&told.events_since(&Default::default()), output);
    loop {
        tokio::select! {
            biased;
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
            event = standalone.event() => match event {
                Some(event) => print_event(&event, output),
                None => bail!("the task that follows the manifests has ended: this is a bug"),
            },
            changed = reports.changed() => {
                changed.context("the node has ended: this is a bug")?;
                let now = reports.borrow_and_update().clone();
                print_events(&now.events_since(&told), output);
                told = now;
            }
        }
    }
    Line::new("stopping", "stopping: silent from now on").print(output);
    let counters = node.counters();
    node.stop().await.context("not everything that was set could be taken back")?;
    print_counters(&counters.read(), output);
    Line::new("stopped", "stopped").print(output);
    Ok(())
}

fn config(args: &RunArgs) -> Result<StandaloneConfig> {
    let node = match &args.node {
        Some(name) => name.clone(),
        None => rustix::system::uname().nodename().to_string_lossy().into_owned(),
    };
    if node.is_empty() || node.contains(char::is_whitespace) {
        bail!("`{node}` cannot name a node: name it with --node, without spaces");
    }
    let state = args.state.clone().or_else(default_state_dir);
    let state = state.context("no home to keep the state in: name a folder with --state")?;
    if !fs::metadata(&args.manifests).is_ok_and(|folder| folder.is_dir()) {
        // It may come later; a misspelt name would wait for ever without a word.
        let text = format!("{}: no such folder yet: waiting for it", args.manifests.display());
        Line::new("noManifests", text).print(args.output);
    }
    let mut config = StandaloneConfig::new(&args.manifests, state, node);
    config.alive.clone_from(&args.alive);
    config.options = args.manifest_options.options();
    if args.accept_lost_state {
        config.lost_state = LostState::Accept;
    }
    Ok(config)
}

fn print_event(event: &StandaloneEvent, output: Output) {
    Line::from(event).print(output);
}

fn print_events(events: &[Event], output: Output) {
    for event in events {
        // Between a plan and the first election nobody holds anything: not worth a line.
        if !matches!(event, Event::Withheld(Withheld { reason: Reason::NoHolder, .. })) {
            Line::from(event).print(output);
        }
    }
}

fn print_counters(counters: &vipcast_announcer::layer2::Counters, output: Output) {
    let refused: Vec<String> =
        counters.refused.iter().map(|(reason, count)| format!("{count} {reason}")).collect();
    let refused = if refused.is_empty() { "none".to_owned() } else { refused.join(", ") };
    let text = format!(
        "{} questions answered, {} announcements sent; refused frames: {refused}",
        counters.replies_sent, counters.announcements_sent
    );
    let by_reason: serde_json::Map<_, _> =
        counters.refused.iter().map(|(why, count)| (why.name().into(), (*count).into())).collect();
    Line::new("counters", text)
        .with("answered", counters.replies_sent)
        .with("announcements", counters.announcements_sent)
        .with("refused", by_reason)
        .print(output);
}

#[cfg(test)]
mod tests {
    use vipcast_plan::NodeName;

    use super::*;

    #[test]
    fn a_name_with_a_space_is_no_nodes_name() {
        use clap::Parser;
        let line = ["vipcast", "run", "--manifests", "/", "--state", "/", "--node", "a b"];
        let crate::args::Command::Run(args) = crate::args::Args::parse_from(line).command else {
            panic!("not run")
        };
        assert!(config(&args).unwrap_err().to_string().contains("`a b` cannot name a node"));
        let named = RunArgs { node: Some("a".into()), ..args };
        assert_eq!(config(&named).unwrap().node, NodeName::new("a"));
    }
}
