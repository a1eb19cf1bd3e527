use std::{process::ExitCode, time::Duration};

use anyhow::{Context, Result};
use clap::Args;
use tokio::runtime;
use vipcast_k8s_adapter::{
    Options,
    cluster::{ControllerConfig, Health, connect, run_controller},
};

use super::{
    args::{ClusterArgs, own_name},
    stop::signal_to_stop,
};

/// In a cluster: give services of type LoadBalancer their addresses
///
/// It follows IPAddressPools and services, and writes each service's status.loadBalancer, the
/// annotation metallb.io/ip-allocated-from-pool, the condition vipcast.io/AddressAssigned, and events.
/// What services have is restored before anything is handed out, so that a restart, or the change from
/// MetalLB, moves no address. Stop MetalLB's controller first: two of them would both assign.
///
/// Run as many replicas as you like: the one that holds the Lease assigns, the others stand by and
/// know all that it knows.
///
/// Each pool that is not valid is told by a log line and keeps its last valid state. While the API
/// server is away nothing changes.
#[derive(Debug, Args)]
pub(crate) struct ControllerArgs {
    #[command(flatten)]
    cluster: ClusterArgs,

    /// Serve the services of this loadBalancerClass and no others [default: those without a class]
    #[arg(long, value_name = "CLASS")]
    lb_class: Option<String>,

    /// This replica's name in the Lease [default: the host's name]
    #[arg(long, value_name = "NAME", env = "POD_NAME")]
    identity: Option<String>,

    /// The Lease by which one replica is chosen
    #[arg(long, value_name = "NAME", default_value = "vipcast-controller")]
    lease: String,

    /// After how many seconds without a renewal another replica takes over
    #[arg(long, value_name = "SECONDS", default_value_t = 15, value_parser = clap::value_parser!(u64).range(3..=600))]
    lease_duration: u64,

    /// How many writes may be under way at once; fewer are where the API server says that it is busy
    #[arg(long, value_name = "NUMBER", default_value_t = 16, value_parser = clap::value_parser!(u32).range(1..=256))]
    writes: u32,
}

pub(crate) fn run(args: &ControllerArgs) -> Result<ExitCode> {
    args.cluster.start_log()?;
    let runtime = runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(serve(args))?;
    Ok(ExitCode::SUCCESS)
}

async fn serve(args: &ControllerArgs) -> Result<()> {
    let stop = signal_to_stop()?;
    let identity = own_name(args.identity.as_deref(), "--identity")?;
    let health = Health::new();
    if let Some(address) = args.cluster.health {
        let bound = health.serve(address).await;
        let bound = bound.with_context(|| format!("cannot serve the probes on {address}"))?;
        tracing::info!("probes are served on {bound}");
    }
    let client = connect(args.cluster.kubeconfig.as_deref()).await?;
    let mut config = ControllerConfig::new(args.cluster.namespace.as_str(), identity.as_str());
    config.options = Options { load_balancer_class: args.lb_class.clone(), ..Options::default() };
    config.lease.clone_from(&args.lease);
    config.writes = args.writes;
    let duration = Duration::from_secs(args.lease_duration);
    config.lease_times = (duration, duration * 2 / 3, duration * 2 / 15);
    tracing::info!(
        "{identity} contends for lease {}/{}; pools are those of namespace {}",
        config.namespace,
        config.lease,
        config.namespace
    );
    run_controller(client, config, health, stop).await?;
    tracing::info!("stopped");
    Ok(())
}
