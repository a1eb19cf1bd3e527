//! How nodes elect, from the command line.

use std::{collections::BTreeSet, path::Path, time::Duration};

use anyhow::{Result, bail};
use tokio::sync::mpsc;
use vipcast_announcer::{
    clock::Clock,
    layer2::{BeaconTransport, Layer2Config},
};
use vipcast_election as election;
use vipcast_election::{
    beacon::{BeaconConfig, BeaconSettings, Keyring, ServeProof},
    groups::{GroupConfig, GroupCount, GroupRequest},
    register::{RegisterConfig, RegisterSettings},
};
use vipcast_k8s_adapter::state::StateFolder;
use vipcast_plan::NodeName;

use crate::{
    key_file,
    options::{ElectionArg, ElectionArgs, ServeProofArg},
};

/// How this node elects.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Elected {
    /// A list says who lives, or it is alone.
    Static,
    /// By beacons, with these keys to begin with.
    Beacon(Keyring),
}

impl Elected {
    pub(crate) fn by_beacons(&self) -> bool {
        matches!(self, Self::Beacon(_))
    }
}

/// Who agrees on who gets which address, unless a lock decides who assigns.
pub(crate) fn agreed(
    asked: &ElectionArgs,
    elected: &Elected,
    node: &NodeName,
) -> Result<Option<RegisterConfig>> {
    if !elected.by_beacons() {
        if asked.shared_state || !asked.founders.is_empty() {
            bail!(
                "--founders and --shared-state are for nodes that elect by beacons: give --key-file, \
                 or --insecure, too"
            )
        }
        return Ok(None);
    }
    if asked.shared_state {
        return Ok(None);
    }
    let founders = asked.founders.iter().map(|name| name.trim());
    if let Some(name) = founders.clone().find(|n| n.is_empty() || n.contains(char::is_whitespace)) {
        bail!("`{name}` cannot name a node: write --founders node-a,node-b,node-c");
    }
    let founders: Vec<_> = founders.map(election::NodeName::new).collect();
    let me = election::NodeName::new(node.as_str());
    Ok(Some(RegisterConfig::new(me, founders, RegisterSettings::default())?))
}

/// How addresses are held by Leases.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LeaseTimes {
    pub(crate) groups: GroupCount,
    pub(crate) duration: Duration,
}

/// Sets up the election by Leases, if it was asked for: whose store has to serve these requests.
pub(crate) fn by_leases(
    asked: &ElectionArgs,
    times: LeaseTimes,
    node: &NodeName,
    layer2: &mut Layer2Config,
) -> Result<Option<mpsc::Receiver<GroupRequest>>> {
    if asked.election != Some(ElectionArg::Lease) {
        return Ok(None);
    }
    if asked.key_file.is_some() || asked.insecure {
        bail!("an election by Leases has no use for keys: leave out --key-file and --insecure");
    }
    if asked.serve_proof != ServeProofArg::Neighbor || asked.rebalance {
        bail!("only nodes that elect by beacons do that: leave out --serve-proof and --rebalance");
    }
    layer2.beacons = BeaconTransport { port: asked.beacon_port, peers: BTreeSet::new() };
    let LeaseTimes { groups, duration } = times;
    let me = election::NodeName::new(node.as_str());
    let config = GroupConfig::new(me, groups, Clock::unix_micros());
    // The proportions of Kubernetes' own clients.
    let config = config.with_times(duration, duration * 2 / 3, duration * 2 / 15)?;
    // Twice what can be under way at once.
    let (sender, requests) = mpsc::channel(2 * usize::from(GroupCount::MOST));
    layer2.hold_groups(config, sender);
    Ok(Some(requests))
}

/// Sets up the election as it was asked for.
pub(crate) fn configure(
    asked: &ElectionArgs,
    has_list: bool,
    state: &Path,
    node: &NodeName,
    layer2: &mut Layer2Config,
    life_fault: impl FnOnce(String),
) -> Result<Elected> {
    layer2.beacons =
        BeaconTransport { port: asked.beacon_port, peers: asked.peer.iter().copied().collect() };
    let keyring = match &asked.key_file {
        Some(file) => Some(key_file::read(file)?),
        None => asked.insecure.then(Keyring::insecure),
    };
    let by_beacons = asked.election.unwrap_or(ElectionArg::Beacon) == ElectionArg::Beacon;
    if asked.serve_proof != ServeProofArg::Neighbor && !(by_beacons && keyring.is_some()) {
        bail!("only nodes that elect by beacons ask for proofs: leave out --serve-proof");
    }
    let keyring = match (asked.election, keyring) {
        (Some(ElectionArg::Beacon | ElectionArg::Hash), None) => {
            bail!("an election by beacons needs keys: give --key-file, or --insecure to go without")
        }
        (Some(ElectionArg::Lease), _) => {
            bail!("Leases are kept by an API server: only `vipcast speaker` elects by them")
        }
        (Some(ElectionArg::Static), Some(_)) => {
            bail!("a static election has no use for keys: leave out --key-file and --insecure")
        }
        (_, None) => return Ok(Elected::Static),
        (_, Some(keyring)) => keyring,
    };
    if has_list {
        bail!("beacons tell who lives: leave out --alive, or --key-file and --insecure");
    }
    let mut settings = BeaconSettings::every(asked.beacon_interval, !asked.no_burst_probe);
    settings.rebalance = asked.rebalance;
    match asked.serve_proof {
        ServeProofArg::Neighbor => {}
        ServeProofArg::Tcp => {
            settings.serve_proof =
                settings.serve_proof.map(|proof| ServeProof { connect: true, ..proof });
        }
        ServeProofArg::Off => settings.serve_proof = None,
    }
    let me = election::NodeName::new(node.as_str());
    let clock = Clock::unix_micros();
    let folder = StateFolder::open(state, node.as_str());
    let life = folder.and_then(|folder| folder.begin_life(clock)).unwrap_or_else(|error| {
        let text = format!("{error}; should the clock go back, others will not hear this node");
        life_fault(text);
        clock
    });
    let config = BeaconConfig::new(me, life, settings)?;
    let used = keyring.clone();
    match asked.election {
        Some(ElectionArg::Hash) => layer2.place_by_hash(config, keyring),
        _ => layer2.elect_by_beacons(config, keyring),
    }
    Ok(Elected::Beacon(used))
}
