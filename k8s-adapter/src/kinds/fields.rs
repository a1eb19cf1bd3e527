//! The names of all fields that the schemas define, used or not: what is not among them is a
//! mistake, what is among them and unused passes in silence.

use super::Kind;

const TOP: &[&str] = &["apiVersion", "kind", "metadata", "spec", "status"];

const METADATA: &[&str] = &[
    "annotations",
    "creationTimestamp",
    "deletionGracePeriodSeconds",
    "deletionTimestamp",
    "finalizers",
    "generateName",
    "generation",
    "labels",
    "managedFields",
    "name",
    "namespace",
    "ownerReferences",
    "resourceVersion",
    "selfLink",
    "uid",
];

const SELECTOR: &[&str] = &["matchExpressions", "matchLabels"];
const REQUIREMENT: &[&str] = &["key", "operator", "values"];

const SERVICE_SPEC: &[&str] = &[
    "allocateLoadBalancerNodePorts",
    "clusterIP",
    "clusterIPs",
    "externalIPs",
    "externalName",
    "externalTrafficPolicy",
    "healthCheckNodePort",
    "internalTrafficPolicy",
    "ipFamilies",
    "ipFamilyPolicy",
    "loadBalancerClass",
    "loadBalancerIP",
    "loadBalancerSourceRanges",
    "ports",
    "publishNotReadyAddresses",
    "selector",
    "sessionAffinity",
    "sessionAffinityConfig",
    "trafficDistribution",
    "type",
];

/// The fields that the schema defines below `parent`, a path without indices; `None` where the
/// schema leaves the names to the user.
pub(crate) fn known_fields(kind: Kind, parent: &str) -> Option<&'static [&'static str]> {
    match parent {
        "metadata" => return Some(METADATA),
        "" => {
            return Some(match kind {
                Kind::EndpointSlice => {
                    &["addressType", "apiVersion", "endpoints", "kind", "metadata", "ports"]
                }
                Kind::ConfigMap => {
                    &["apiVersion", "binaryData", "data", "immutable", "kind", "metadata"]
                }
                _ => TOP,
            });
        }
        _ => {}
    }
    match kind {
        Kind::Service => service(parent),
        Kind::EndpointSlice => endpoint_slice(parent),
        Kind::Node => node(parent),
        Kind::IpAddressPool => pool(parent),
        Kind::L2Advertisement => advertisement(parent),
        Kind::Eip => eip(parent),
        Kind::Namespace | Kind::ConfigMap => None,
    }
}

fn service(parent: &str) -> Option<&'static [&'static str]> {
    Some(match parent {
        "spec" => SERVICE_SPEC,
        "spec.ports[]" => &["appProtocol", "name", "nodePort", "port", "protocol", "targetPort"],
        "status" => &["conditions", "loadBalancer"],
        "status.loadBalancer" => &["ingress"],
        "status.loadBalancer.ingress[]" => &["hostname", "ip", "ipMode", "ports"],
        _ => return None,
    })
}

fn endpoint_slice(parent: &str) -> Option<&'static [&'static str]> {
    Some(match parent {
        "endpoints[]" => &[
            "addresses",
            "conditions",
            "deprecatedTopology",
            "hints",
            "hostname",
            "nodeName",
            "targetRef",
            "zone",
        ],
        "endpoints[].conditions" => &["ready", "serving", "terminating"],
        _ => return None,
    })
}

fn node(parent: &str) -> Option<&'static [&'static str]> {
    Some(match parent {
        "status" => &[
            "addresses",
            "allocatable",
            "capacity",
            "conditions",
            "config",
            "daemonEndpoints",
            "declaredFeatures",
            "features",
            "images",
            "nodeInfo",
            "phase",
            "runtimeHandlers",
            "volumesAttached",
            "volumesInUse",
        ],
        "status.conditions[]" => {
            &["lastHeartbeatTime", "lastTransitionTime", "message", "reason", "status", "type"]
        }
        _ => return None,
    })
}

fn pool(parent: &str) -> Option<&'static [&'static str]> {
    Some(match parent {
        "spec" => &["addresses", "autoAssign", "avoidBuggyIPs", "serviceAllocation"],
        "spec.serviceAllocation" => {
            &["namespaceSelectors", "namespaces", "priority", "serviceSelectors"]
        }
        "spec.serviceAllocation.namespaceSelectors[]"
        | "spec.serviceAllocation.serviceSelectors[]" => SELECTOR,
        "spec.serviceAllocation.namespaceSelectors[].matchExpressions[]"
        | "spec.serviceAllocation.serviceSelectors[].matchExpressions[]" => REQUIREMENT,
        _ => return None,
    })
}

fn eip(parent: &str) -> Option<&'static [&'static str]> {
    Some(match parent {
        "spec" => &[
            "address",
            "disable",
            "interface",
            "namespaceSelector",
            "namespaces",
            "priority",
            "protocol",
            "usingKnownIPs",
        ],
        _ => return None,
    })
}

fn advertisement(parent: &str) -> Option<&'static [&'static str]> {
    Some(match parent {
        "spec" => &[
            "interfaces",
            "ipAddressPoolSelectors",
            "ipAddressPools",
            "nodeSelectors",
            "preferredNodeSelectors",
            "serviceSelectors",
        ],
        "spec.preferredNodeSelectors[]" => &["preference", "weight"],
        "spec.ipAddressPoolSelectors[]"
        | "spec.nodeSelectors[]"
        | "spec.serviceSelectors[]"
        | "spec.preferredNodeSelectors[].preference" => SELECTOR,
        "spec.ipAddressPoolSelectors[].matchExpressions[]"
        | "spec.nodeSelectors[].matchExpressions[]"
        | "spec.serviceSelectors[].matchExpressions[]"
        | "spec.preferredNodeSelectors[].preference.matchExpressions[]" => REQUIREMENT,
        _ => return None,
    })
}
