//! From plan to machines: the same facts in the words of those who act on them.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    sync::Arc,
};

use vipcast_election as election;
use vipcast_plan::{
    self as plan, Intent, LinkExpression, LinkName, NodeName, Plan, Reason, Withheld,
};

use crate::layer2::{Layer2, Layer2Report, Table, TcpPorts};

/// What the layer 2 thread was told last. Telling it the same again is spared.
#[derive(Debug, Default)]
pub(crate) struct Applied {
    table: Arc<Table>,
    ports: Arc<TcpPorts>,
    excluded: Option<Vec<LinkExpression>>,
    candidates: Option<election::Candidates>,
    members: BTreeSet<election::NodeName>,
}

impl Applied {
    /// Tells the thread who lives, where that is given to it and has changed.
    pub(crate) fn members(&mut self, layer2: &Layer2, members: &BTreeSet<NodeName>) {
        let members: BTreeSet<_> = members.iter().map(node_out).collect();
        if self.members != members {
            self.members.clone_from(&members);
            layer2.set_members(members);
        }
    }

    /// Tells the thread who may hold what, where that has changed.
    pub(crate) fn candidates(&mut self, layer2: &Layer2, candidates: election::Candidates) {
        if self.candidates.as_ref() != Some(&candidates) {
            layer2.set_candidates(candidates.clone());
            self.candidates = Some(candidates);
        }
    }

    /// Tells the thread which links are left out, where that has changed.
    pub(crate) fn excluded(&mut self, layer2: &Layer2, excluded: Option<&[LinkExpression]>) {
        if self.excluded.as_deref() != excluded {
            self.excluded = excluded.map(Into::into);
            layer2.set_excluded_links(self.excluded.clone());
        }
    }

    /// Tells the thread where addresses can be seen to be served, where that has changed.
    pub(crate) fn tcp_ports(&mut self, layer2: &Layer2, ports: TcpPorts) {
        if *self.ports != ports {
            self.ports = Arc::new(ports);
            layer2.set_tcp_ports(Arc::clone(&self.ports));
        }
    }

    /// Tells the thread what may be announced where, where that has changed.
    pub(crate) fn plan(&mut self, layer2: &Layer2, plan: &Plan) {
        let mut sets: BTreeMap<&BTreeSet<LinkName>, Arc<BTreeSet<LinkName>>> = BTreeMap::new();
        let entries = plan.table.iter().map(|(unit, entry)| {
            let links = sets.entry(&entry.links).or_insert_with(|| Arc::new(entry.links.clone()));
            (unit_out(unit), Arc::clone(links))
        });
        let table: Table = entries.collect();
        if *self.table != table {
            self.table = Arc::new(table);
            layer2.set_table(Arc::clone(&self.table));
        }
    }
}

/// Who holds what, in the words of the plan.
pub(crate) fn holders(report: &Layer2Report) -> BTreeMap<plan::Unit, plan::Holder> {
    let holder = |claim: &election::Claim| plan::Holder {
        node: NodeName::new(claim.holder.as_str()),
        epoch: claim.epoch.map(|epoch| epoch.0),
    };
    report.claims.iter().map(|(unit, claim)| (unit_in(unit), holder(claim))).collect()
}

/// The nodes that the layer 2 thread has heard, and this one.
pub(crate) fn members(report: &Layer2Report) -> BTreeSet<NodeName> {
    report.members.iter().map(|node| NodeName::new(node.as_str())).collect()
}

/// The addresses that `me` may come to hold, and so must be able to deliver beforehand.
pub(crate) fn deliverable(candidates: &plan::Candidates, me: &NodeName) -> BTreeSet<IpAddr> {
    let mine = candidates.iter().filter(|(_, eligible)| eligible.nodes.contains_key(me));
    mine.map(|(unit, _)| unit.address).collect()
}

/// Where each address can be seen to be served by TCP: the lowest port of the services that have it
/// and somebody to serve them.
pub(crate) fn tcp_ports(intent: &Intent) -> TcpPorts {
    let mut ports = TcpPorts::new();
    for service in intent.services.values().filter(|service| service.endpoints.any_usable()) {
        let (Some(port), Some(assignment)) = (service.tcp_port(), &service.assignment) else {
            continue;
        };
        for (address, _) in &assignment.addresses {
            ports.entry(*address).and_modify(|known| *known = port.min(*known)).or_insert(port);
        }
    }
    ports
}

/// All addresses that services have, whoever may hold them.
pub(crate) fn assigned(intent: &Intent) -> BTreeSet<IpAddr> {
    let assignments = intent.services.values().filter_map(|service| service.assignment.as_ref());
    assignments.flat_map(|assignment| &assignment.addresses).map(|(address, _)| *address).collect()
}

pub(crate) fn unit_in(unit: &election::Unit) -> plan::Unit {
    let segment = plan::Segment::new(unit.segment.as_str());
    plan::Unit { address: unit.address, segment }
}

fn unit_out(unit: &plan::Unit) -> election::Unit {
    let segment = election::Segment::new(unit.segment.as_str());
    election::Unit { segment, address: unit.address }
}

fn node_out(node: &NodeName) -> election::NodeName {
    election::NodeName::new(node.as_str())
}

/// Where nodes tell each other what they may hold, this one does not stand for what it cannot
/// announce: its link may be down, its delivery may fail.
pub(crate) fn withdraw(candidates: &mut election::Candidates, me: &NodeName, plan: &Plan) {
    let me = node_out(me);
    for (unit, contenders) in candidates {
        // One that is not named in it stays shared.
        if !plan.table.contains_key(&unit_in(unit)) && contenders.nodes.contains_key(&me) {
            Arc::make_mut(&mut contenders.nodes).remove(&me);
        }
    }
}

/// Names who holds the lease of an address's group, where that is why nobody holds the address.
pub(crate) fn explain(
    withheld: Withheld,
    report: &Layer2Report,
    candidates: &plan::Candidates,
) -> Withheld {
    let (Some(address), Some(segment), Reason::NoHolder) =
        (withheld.address, &withheld.segment, &withheld.reason)
    else {
        return withheld;
    };
    let unit = plan::Unit { address, segment: segment.clone() };
    let Some(blocked) = report.blocked.get(&unit_out(&unit)) else { return withheld };
    let node = NodeName::new(blocked.holder.as_str());
    let refused = candidates.get(&unit).and_then(|eligible| eligible.refused.get(&node));
    let why = refused.cloned().map(Box::new);
    Withheld {
        reason: Reason::HolderMayNot { node, group: blocked.group.to_string(), why },
        ..withheld
    }
}

/// Who may hold what, in the words of the election.
pub(crate) fn contenders(candidates: &plan::Candidates) -> election::Candidates {
    let mut sets = BTreeMap::new();
    let mut nodes = |eligible: &plan::Eligible| {
        let nodes = sets.entry(eligible.nodes.clone()).or_insert_with(|| {
            Arc::new(eligible.nodes.iter().map(|(node, score)| (node_out(node), *score)).collect())
        });
        Arc::clone(nodes)
    };
    let contenders = candidates.iter().map(|(unit, eligible)| {
        let group = eligible.group.unwrap_or(unit.address);
        (unit_out(unit), election::Contenders { nodes: nodes(eligible), group })
    });
    contenders.collect()
}
