use vipcast_plan::{NodeName, intent::Node};

use crate::kinds;

/// The label by which Kubernetes keeps a node out of load balancing.
const EXCLUDE: &str = "node.kubernetes.io/exclude-from-external-load-balancers";

pub(super) fn translate(object: &kinds::Node) -> Node {
    // The kubelet sets the hostname label; a manifest written by hand may leave it out.
    let mut labels = Node::undescribed(&NodeName::new(object.metadata.name.as_str())).labels;
    labels.extend(object.metadata.labels.to_map());
    let mut conditions = object.status.conditions.iter();
    Node {
        excluded: labels.contains_key(EXCLUDE),
        network_unavailable: conditions
            .any(|c| c.condition_type == "NetworkUnavailable" && c.status == "True"),
        labels,
    }
}
