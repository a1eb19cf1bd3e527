use std::time::Duration;

use clap::Args;
use vipcast_announcer::{
    NodeConfig,
    layer2::{LinkPattern, Rate},
};

/// Said where a node that wants no guard has found one.
pub(crate) const GUARD_SWEPT: &str = "the kernel guard of a killed run was found and removed: this run wants none \
     (--guard)";

/// How addresses are announced on layer 2.
#[derive(Debug, Args)]
#[command(next_help_heading = "Layer 2")]
pub(crate) struct Layer2Args {
    /// Use only these links: a name, a regular expression, or can_reach:ADDRESS for the link that
    /// leads there. May be given again. An address is announced on those of them in whose network it
    /// is, or that its L2Advertisement names [default: all]
    #[arg(long, value_name = "REGEX")]
    links: Vec<LinkPattern>,

    /// Never use these links, described as above [default: those of container runtimes and overlays,
    /// as docker0, cni0, cali*, veth*]
    #[arg(long, value_name = "REGEX")]
    exclude_links: Vec<LinkPattern>,

    /// Keep this machine's kernel from answering ARP for service addresses that somebody else puts on
    /// it, as kube-proxy does in its IPVS mode; `--deliver local` does so of itself. By nftables,
    /// taken back on exit
    #[arg(long)]
    guard: bool,

    /// How many frames leave each link in a second on our own account, answers not counted
    /// [default: 200]. A switch that inspects ARP on a port that it does not trust may shut the port
    /// above 15: trust the port, or give 10
    #[arg(long, value_name = "FRAMES", value_parser = clap::value_parser!(u32).range(1..))]
    pace: Option<u32>,

    /// After how many seconds of silence an address asks its gateway, so that no switch on the way
    /// forgets where it is [default: 60]
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(1..))]
    ask_gateway_every: Option<u32>,
}

impl Layer2Args {
    /// Sets what was given; the rest stays as it is.
    pub(crate) fn apply(&self, config: &mut NodeConfig) {
        config.guard = self.guard;
        let layer2 = &mut config.layer2;
        layer2.links.include.clone_from(&self.links);
        if !self.exclude_links.is_empty() {
            layer2.links.exclude.clone_from(&self.exclude_links);
        }
        if let Some(per_second) = self.pace {
            // A tenth of a second's worth at once, as by default.
            layer2.responder.pace = Rate { per_second, burst: (per_second / 10).max(1) };
        }
        if let Some(seconds) = self.ask_gateway_every {
            layer2.responder.ask_gateway_every = Some(Duration::from_secs(seconds.into()));
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use vipcast_plan::NodeName;

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        layer2: Layer2Args,
    }

    fn applied(flags: &str) -> NodeConfig {
        let line = format!("vipcast {flags}");
        let line = Line::try_parse_from(line.split(' ')).expect(flags);
        let mut config = NodeConfig::new(NodeName::new("a"));
        line.layer2.apply(&mut config);
        config
    }

    #[test]
    fn links_are_told_by_name_expression_and_route() {
        let config = applied("--links eth0 --links can_reach:192.0.2.1 --exclude-links ^eth1");
        let links = config.layer2.links;
        assert_eq!(
            links.include,
            ["eth0".parse().unwrap(), "can_reach:192.0.2.1".parse().unwrap()]
        );
        assert_eq!(links.exclude, ["^eth1".parse().unwrap()]);
        let usual = applied("--links eth0").layer2.links;
        assert!(usual.exclude.iter().any(|pattern| pattern.matches_name("docker0")));
        let line = "vipcast --links ^eth[";
        assert!(Line::try_parse_from(line.split(' ')).is_err());
    }

    #[test]
    fn a_careful_pace_is_careful_at_once_too() {
        let pace = applied("--pace 10").layer2.responder.pace;
        assert_eq!((pace.per_second, pace.burst), (10, 1));
        assert_eq!(
            applied("--pace 200").layer2.responder.pace,
            applied("--guard").layer2.responder.pace
        );
    }
}
