use std::{path::PathBuf, process::ExitCode, time::Duration};

use anyhow::{Context, Result};
use clap::Args;
use tokio::{runtime, sync::mpsc};
use vipcast_announcer::{Node, NodeConfig};
use vipcast_election::{beacon::Keyring, groups::GroupCount};
use vipcast_k8s_adapter::{
    Options,
    cluster::{GroupLeases, Health, SpeakerConfig, connect, run_speaker},
    default_state_dir, feed,
};
use vipcast_plan::NodeName;

use super::{
    args::{ClusterArgs, own_name},
    stop::signal_to_stop,
};
use crate::{
    elect::{self, Elected, LeaseTimes},
    keys,
    line::Line,
    options::{DeliverArg, ElectionArgs, Layer2Args, Output},
    who_has,
};

/// In a cluster: announce from this node the addresses that services have
///
/// It follows services with their endpoints, nodes, IPAddressPools and L2Advertisements, elects with
/// the other speakers one node for each address, and tells the network by ARP and NDP. Run one on
/// every node, on the host's network.
///
/// Give it --key-file: nodes then elect by signed heartbeats, and a dead one is replaced within a
/// second, whether the API server is there or not. With --election lease no address ever has two
/// owners, a dead node is replaced after --lease-duration, and without the API server nobody announces
/// anything. Without keys the nodes that the cluster calls Ready count as alive: a dead one is replaced
/// once the cluster has noticed.
///
/// While the API server is away nothing is withdrawn, also after a restart: what was known last is kept
/// in the state folder. SIGTERM hands over to another node first. It needs CAP_NET_RAW, and CAP_NET_ADMIN
/// for `--deliver local` and `--guard`.
#[derive(Debug, Args)]
pub(crate) struct SpeakerArgs {
    #[command(flatten)]
    cluster: ClusterArgs,

    /// This node, by the name that the cluster has for it [default: the host's name]
    #[arg(long, visible_alias = "node-name", value_name = "NAME", env = "NODE_NAME")]
    node: Option<String>,

    /// Announce the services of this loadBalancerClass and no others [default: those without a class]
    #[arg(long, value_name = "CLASS")]
    lb_class: Option<String>,

    /// The folder for what must outlive a restart [default: /var/lib/vipcast for root, else vipcast in
    /// $XDG_STATE_HOME or ~/.local/state]
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,

    #[command(flatten)]
    election: ElectionArgs,

    /// With --election lease: into how many groups addresses are divided, each with a Lease. The same on
    /// all nodes, or those that differ from the first take no address
    #[arg(long, value_name = "NUMBER", default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..=256))]
    lease_groups: u16,

    /// With --election lease: after how many seconds without a renewal another node takes a group over. A
    /// holder stops after two thirds of it, and renews five times in that time
    #[arg(long, value_name = "SECONDS", default_value_t = 15, value_parser = clap::value_parser!(u64).range(3..=600))]
    lease_duration: u64,

    /// Who delivers what arrives for an address
    #[arg(long, value_enum, default_value_t)]
    deliver: DeliverArg,

    #[command(flatten)]
    layer2: Layer2Args,
}

pub(crate) fn run(args: &SpeakerArgs) -> Result<ExitCode> {
    args.cluster.start_log()?;
    let runtime = runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let served = runtime.block_on(serve(args));
    // A thread that waits for a dead disk must not keep the process.
    runtime.shutdown_background();
    served?;
    Ok(ExitCode::SUCCESS)
}

async fn serve(args: &SpeakerArgs) -> Result<()> {
    let stop = signal_to_stop()?;
    let name = own_name(args.node.as_deref(), "--node")?;
    let node_name = NodeName::new(name.as_str());
    let state = args.state.clone().or_else(default_state_dir);
    let state = state.context("no home to keep the state in: name a folder with --state")?;

    let health = Health::new();
    if let Some(address) = args.cluster.health {
        let bound = health.serve(address).await;
        let bound = bound.with_context(|| format!("cannot serve the probes on {address}"))?;
        tracing::info!("probes are served on {bound}");
    }
    let mut node_config = NodeConfig::new(node_name.clone());
    node_config.deliver = args.deliver.into();
    args.layer2.apply(&mut node_config);
    let groups = GroupCount::new(args.lease_groups).context("--lease-groups is 1 to 256")?;
    let times = LeaseTimes { groups, duration: Duration::from_secs(args.lease_duration) };
    let layer2 = &mut node_config.layer2;
    let leases = elect::by_leases(&args.election, times, &node_name, layer2)?;
    let elected = match &leases {
        Some(_) => Elected::Static,
        None => elect::configure(&args.election, false, &state, &node_name, layer2, |text| {
            tracing::warn!("{text}");
        })?,
    };
    if leases.is_none() && !elected.by_beacons() {
        tracing::warn!(
            "no --key-file: a dead node is replaced only once the cluster calls it not ready, which \
             takes most of a minute"
        );
    }
    let client = connect(args.cluster.kubeconfig.as_deref()).await?;
    let socket = who_has::default_path(&state, &name);
    let mut config = SpeakerConfig::new(args.cluster.namespace.as_str(), name.as_str(), state);
    config.options = Options { load_balancer_class: args.lb_class.clone(), ..Options::default() };

    let (feed, intents, members) = feed();
    let node = Node::start(node_config, intents, members)?;
    for address in node.swept() {
        tracing::warn!("swept {address}: it was left on this machine by a killed run");
    }
    if node.swept_guard() {
        tracing::warn!("{}", crate::options::GUARD_SWEPT);
    }
    if let (Some(file), Elected::Beacon(keyring)) = (&args.election.key_file, &elected) {
        follow_keys(file.clone(), keyring.clone(), &node);
    }
    let _server = who_has::Server::start(&socket, &name, &node, None).map_err(|error| {
        tracing::warn!("{}: {error}: nobody can ask who has what", socket.display());
    });
    let leases = leases.map(|requests| {
        let namespace = config.namespace.as_str();
        let leases = GroupLeases::new(client.clone(), namespace, groups, requests);
        tracing::info!("addresses are held by Leases in namespace {namespace}, in {groups} groups");
        let control = node.control();
        tokio::spawn(leases.serve(move |input| control.tell(input)))
    });
    tracing::info!("speaking for node {name}; pools are those of namespace {}", config.namespace);
    let spoken = run_speaker(client, config, feed, node.reports(), health, stop).await;
    tracing::info!("stopping: handing over, then silent");
    // Leases are given up meanwhile.
    let stopped = node.stop().await;
    if let Some(leases) = leases {
        leases.abort();
    }
    stopped.context("not everything that was set could be taken back")?;
    spoken?;
    tracing::info!("stopped");
    Ok(())
}

/// Uses what is in the key file also after edits, and logs it.
fn follow_keys(file: PathBuf, keyring: Keyring, node: &Node) {
    let (sender, mut lines) = mpsc::channel::<Line>(8);
    tokio::spawn(keys::follow(file, keyring, node.control(), sender));
    tokio::spawn(async move {
        while let Some(line) = lines.recv().await {
            tracing::warn!("{}", line.render(Output::Text));
        }
    });
}
