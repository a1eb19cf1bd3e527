use std::path::PathBuf;

use clap::{Args as Arguments, Parser, Subcommand};

use crate::options::{DeliverArg, ElectionArgs, Layer2Args, Output};

/// Service addresses for bare-metal clusters: assigns them from pools, elects a node for each, and
/// announces them to the network.
#[derive(Debug, Parser)]
#[command(version, after_help = EXAMPLES, arg_required_else_help = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
}

const EXAMPLES: &str = "\
Examples:
  vipcast check manifests/
      what is wrong in a folder of manifests, each with its place and what to do
  vipcast plan manifests/
      which address each service would get, and why not
  vipcast run --manifests manifests/ --deliver local
      one machine serves the addresses of all its LoadBalancer services
  vipcast run --manifests manifests/ --key-file /etc/vipcast/keys --founders a,b,c --deliver local
      one of several machines that find each other, agree, and take over from each other
  vipcast who-has 192.0.2.10
      which of them holds an address, since when, and who knows it
  vipcast run --manifests manifests/ --state /shared/state --alive /shared/alive --node a
      one of several machines: each address is held by one of the nodes in the list
  vipcast controller
      in a Kubernetes cluster: services get their addresses; run two, one of them acts
  vipcast speaker --key-file /etc/vipcast/keys
      in a Kubernetes cluster, on every node: announce them

Exit codes:
  0  all is well; of `run`: it was told to stop, and everything that it set is taken back
  1  of `check`: there are errors; of `plan`: the folder cannot be read; of `run`: it could not
     start, or not clean up
  2  the command line is wrong";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Run(Box<RunArgs>),
    Check(CheckArgs),
    Plan(PlanArgs),
    WhoHas(crate::who_has::WhoHasArgs),
    #[cfg(feature = "cluster")]
    Controller(crate::cluster::controller::ControllerArgs),
    #[cfg(feature = "cluster")]
    Speaker(Box<crate::cluster::speaker::SpeakerArgs>),
    #[cfg(feature = "cluster")]
    Crds(crate::cluster::crds::CrdsArgs),
}

/// Assign, elect and announce, following a folder of manifests
///
/// The manifests are MetalLB's IPAddressPool and L2Advertisement, and Kubernetes' Service,
/// EndpointSlice, Namespace and Node, in YAML or JSON. Edits are followed: what is deleted is
/// withdrawn, and what is broken leaves the last valid state in place and says so.
///
/// Each thing that happens is printed on one line. SIGTERM, SIGINT and SIGHUP end it: it falls silent,
/// and takes back what it set. It needs CAP_NET_RAW to speak ARP, and CAP_NET_ADMIN for
/// `--deliver local`.
#[derive(Debug, Arguments)]
pub(crate) struct RunArgs {
    /// The folder of manifests
    #[arg(long, value_name = "DIR")]
    pub(crate) manifests: PathBuf,

    /// The folder in which assigned addresses are kept; nodes may share one with --alive or
    /// --shared-state [default: /var/lib/vipcast for root, else vipcast in $XDG_STATE_HOME or
    /// ~/.local/state]
    #[arg(long, value_name = "DIR")]
    pub(crate) state: Option<PathBuf>,

    /// This node's name [default: the host's name]
    #[arg(long, visible_alias = "node-name", value_name = "NAME")]
    pub(crate) node: Option<String>,

    /// The living nodes, one name a line, followed on edits; replace the file by renaming. One of
    /// them holds each address, and the first of them assigns. An empty or unreadable file keeps the
    /// last list. Without this, the node is alone and holds everything
    #[arg(long, value_name = "FILE")]
    pub(crate) alive: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) election: ElectionArgs,

    /// Where `vipcast who-has` can ask this process [default: NODE.sock in the state folder]
    #[arg(long, value_name = "PATH")]
    pub(crate) socket: Option<PathBuf>,

    /// Who delivers what arrives for an address
    #[arg(long, value_enum, default_value_t)]
    pub(crate) deliver: DeliverArg,

    #[command(flatten)]
    pub(crate) layer2: Layer2Args,

    /// Where the written assignments were corrupt, hand out addresses at once; without this, each
    /// one that was not known any more is asked for on the network first
    #[arg(long)]
    pub(crate) accept_lost_state: bool,

    #[command(flatten)]
    pub(crate) manifest_options: ManifestArgs,

    /// How to print: for people, or one JSON object a line
    #[arg(short, long, value_enum, default_value_t)]
    pub(crate) output: Output,
}

/// Say what is wrong in a folder of manifests, without running anything
///
/// Each finding is one line: file, line, field, what is wrong, what to do. It is stricter than
/// `run`: a field that does not exist is an error here. Exits with 1 if there are errors.
#[derive(Debug, Arguments)]
pub(crate) struct CheckArgs {
    /// The folder of manifests
    #[arg(value_name = "DIR")]
    pub(crate) manifests: PathBuf,

    #[command(flatten)]
    pub(crate) manifest_options: ManifestArgs,

    /// How to print: for people, or one JSON object a line
    #[arg(short, long, value_enum, default_value_t)]
    pub(crate) output: Output,
}

/// Say which address each service would get, and why not, without running anything
///
/// By the same code that `run` uses. What is written in the state folder is restored first, then
/// the addresses in the services' own status, so that the dump of a running cluster can be planned;
/// then services get addresses, the older first, by name where they are of one age. Services that
/// are not ours (another class, another type) are not listed.
#[derive(Debug, Arguments)]
pub(crate) struct PlanArgs {
    /// The folder of manifests
    #[arg(value_name = "DIR")]
    pub(crate) manifests: PathBuf,

    /// The folder in which assigned addresses are kept; it is read only
    #[arg(long, value_name = "DIR")]
    pub(crate) state: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) manifest_options: ManifestArgs,

    /// How to print: a table, or one JSON object
    #[arg(short, long, value_enum, default_value_t)]
    pub(crate) output: Output,
}

/// How manifests are read.
#[derive(Debug, Arguments)]
pub(crate) struct ManifestArgs {
    /// Serve the services of this loadBalancerClass and no others [default: those without a class]
    #[arg(long, value_name = "CLASS")]
    pub(crate) lb_class: Option<String>,
}

impl ManifestArgs {
    pub(crate) fn options(&self) -> vipcast_k8s_adapter::Options {
        vipcast_k8s_adapter::Options {
            load_balancer_class: self.lb_class.clone(),
            ..Default::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Args::command().debug_assert();
    }

    #[test]
    fn the_flags_of_the_contract_are_there() {
        let line = "vipcast run --manifests m --state s --node n --alive f --deliver local -o json";
        let Ok(Args { command: Command::Run(args) }) = Args::try_parse_from(line.split(' ')) else {
            panic!("refused")
        };
        assert_eq!((args.node.as_deref(), args.output), (Some("n"), Output::Json));
        let line = "vipcast run --manifests m --node-name n --insecure --beacon-interval 30ms";
        let Ok(Args { command: Command::Run(args) }) = Args::try_parse_from(line.split(' ')) else {
            panic!("refused")
        };
        assert_eq!(args.node.as_deref(), Some("n"));
        assert_eq!(args.election.beacon_interval, Duration::from_millis(30));
        assert!(Args::try_parse_from(["vipcast", "check", "m"]).is_ok());
        assert!(Args::try_parse_from(["vipcast", "run"]).is_err(), "--manifests is needed");
    }
}
