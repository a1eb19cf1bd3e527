//! Services: who is served at all, and what each asks for.

mod annotations;

use std::{collections::BTreeSet, net::IpAddr};

use vipcast_ipam::{Families, Family, Owner, Port, Protocol, Request};
use vipcast_plan::intent::{Endpoints, Service, TrafficPolicy};

use super::{Faults, Options};
use crate::{
    Problem,
    kinds::{self, ServiceSpec},
    positions,
};

/// A service, and what its status says it has.
pub(super) struct Translated {
    pub(super) service: Service,
    pub(super) held: Vec<IpAddr>,
}

/// The service, or `None` where it is not ours to serve or is refused.
pub(super) fn translate(
    object: &kinds::Service,
    options: &Options,
    faults: &mut Faults<'_>,
) -> Option<Translated> {
    let spec = &object.spec;
    if spec.service_type.as_deref() != Some("LoadBalancer") {
        return None;
    }
    if spec.load_balancer_class != options.load_balancer_class {
        let class = spec.load_balancer_class.clone();
        faults.notice("spec.loadBalancerClass", Problem::ForeignClass { class });
        return None;
    }
    if is_headless(spec) || (options.in_cluster && spec.cluster_ips.is_empty()) {
        faults.notice("spec.clusterIP", Problem::Headless);
        return None;
    }

    let owner = Owner::new(object.metadata.namespace(), object.metadata.name.as_str());
    let families = match options.in_cluster {
        false => families(spec, faults),
        true => cluster_families(spec, faults)?,
    };
    let annotations = annotations::read(&object.metadata.annotations, faults);
    let traffic_policy = traffic_policy(spec, faults);
    let addresses = addresses(spec, annotations.addresses, families, faults);
    let request = Request {
        labels: object.metadata.labels.to_map(),
        addresses,
        pool: annotations.pool,
        ports: ports(spec, faults),
        sharing_key: annotations.sharing_key,
        backend_key: match traffic_policy {
            TrafficPolicy::Cluster => String::new(),
            TrafficPolicy::Local => backend_key(spec),
        },
        ..Request::new(owner, families)
    };
    let service =
        Service { request, traffic_policy, endpoints: Endpoints::Unknown, assignment: None };
    faults.accept(Translated { service, held: object.held() })
}

fn is_headless(spec: &ServiceSpec) -> bool {
    let first = spec.cluster_ip.as_deref().or_else(|| spec.cluster_ips.first().map(String::as_str));
    first == Some("None")
}

/// Without a cluster nobody fills in cluster addresses, so the families come from `ipFamilies` and
/// `ipFamilyPolicy`, by the rules by which Kubernetes completes them; IPv4 where nothing is said.
fn families(spec: &ServiceSpec, faults: &mut Faults<'_>) -> Families {
    let mut listed = Vec::new();
    for (at, text) in spec.ip_families.iter().enumerate() {
        let field = positions::index("spec.ipFamilies", at);
        let family = match text.as_str() {
            "IPv4" => Family::V4,
            "IPv6" => Family::V6,
            _ => {
                let allowed = &["IPv4", "IPv6"];
                faults.error(&field, Problem::NotOneOf { value: text.clone(), allowed });
                continue;
            }
        };
        if listed.contains(&family) {
            faults.error(&field, Problem::Repeated { value: text.clone() });
        } else {
            listed.push(family);
        }
    }
    let primary = listed.first().copied().unwrap_or(Family::V4);
    match spec.ip_family_policy.as_deref() {
        None | Some("") if listed.len() > 1 => Families::RequireDual,
        None | Some("") => Families::Single(primary),
        Some(policy @ "SingleStack") => {
            if listed.len() > 1 {
                let policy = policy.to_owned();
                let problem = Problem::FamilyConflict { policy, families: listed.len() };
                faults.error("spec.ipFamilyPolicy", problem);
            }
            Families::Single(primary)
        }
        Some("PreferDualStack") => Families::PreferDual { primary },
        Some("RequireDualStack") => Families::RequireDual,
        Some(other) => {
            let allowed = &["SingleStack", "PreferDualStack", "RequireDualStack"];
            let value = other.to_owned();
            faults.error("spec.ipFamilyPolicy", Problem::NotOneOf { value, allowed });
            Families::Single(primary)
        }
    }
}

/// In a cluster the API server has completed the families, and gave a cluster address for each: those
/// are what can be delivered.
fn cluster_families(spec: &ServiceSpec, faults: &mut Faults<'_>) -> Option<Families> {
    let mut families = Vec::new();
    for (at, text) in spec.cluster_ips.iter().enumerate() {
        match text.parse::<IpAddr>() {
            Ok(address) => families.push(Family::of(address)),
            Err(_) => {
                let problem = Problem::NotAnAddress { value: text.clone() };
                faults.error(&positions::index("spec.clusterIPs", at), problem);
            }
        }
    }
    let primary = *families.first()?;
    Some(match spec.ip_family_policy.as_deref() {
        Some("RequireDualStack") => Families::RequireDual,
        _ if families.contains(&primary.other()) => Families::PreferDual { primary },
        _ => Families::Single(primary),
    })
}

/// The addresses that are asked for, by field or by annotation, not by both.
fn addresses(
    spec: &ServiceSpec,
    annotated: Option<annotations::Addresses>,
    families: Families,
    faults: &mut Faults<'_>,
) -> Vec<IpAddr> {
    let field = spec.load_balancer_ip.as_deref().filter(|text| !text.is_empty());
    let (addresses, field) = match (field, annotated) {
        (Some(_), Some(annotated)) => {
            faults.error(&annotated.field, Problem::TwoRequests);
            return Vec::new();
        }
        (None, None) => return Vec::new(),
        (None, Some(annotated)) => (annotated.addresses, annotated.field),
        (Some(text), None) => match text.trim().parse::<IpAddr>() {
            Ok(address) => (vec![address.to_canonical()], "spec.loadBalancerIP".to_owned()),
            Err(_) => {
                let value = text.to_owned();
                faults.error("spec.loadBalancerIP", Problem::NotAnAddress { value });
                return Vec::new();
            }
        },
    };
    if let Families::Single(only) = families {
        for address in &addresses {
            if Family::of(*address) != only {
                faults.error(&field, Problem::WrongFamily { address: *address, only });
            }
        }
    }
    addresses
}

fn ports(spec: &ServiceSpec, faults: &mut Faults<'_>) -> BTreeSet<Port> {
    let mut ports = BTreeSet::new();
    for (at, port) in spec.ports.iter().enumerate() {
        let field = positions::index("spec.ports", at);
        let protocol = match port.protocol.as_deref() {
            None | Some("" | "TCP") => Protocol::Tcp,
            Some("UDP") => Protocol::Udp,
            Some("SCTP") => Protocol::Sctp,
            Some(other) => {
                let allowed = &["TCP", "UDP", "SCTP"];
                let problem = Problem::NotOneOf { value: other.to_owned(), allowed };
                faults.error(&positions::join(&field, "protocol"), problem);
                continue;
            }
        };
        match u16::try_from(port.port) {
            Ok(number @ 1..) => {
                if !ports.insert(Port { protocol, number }) {
                    let value = format!("{protocol}/{number}");
                    faults.error(&positions::join(&field, "port"), Problem::Repeated { value });
                }
            }
            _ => {
                let problem = Problem::OutOfRange { value: port.port, min: 1, max: 65535 };
                faults.error(&positions::join(&field, "port"), problem);
            }
        }
    }
    ports
}

fn traffic_policy(spec: &ServiceSpec, faults: &mut Faults<'_>) -> TrafficPolicy {
    match spec.external_traffic_policy.as_deref() {
        None | Some("" | "Cluster") => TrafficPolicy::Cluster,
        Some("Local") => TrafficPolicy::Local,
        Some(other) => {
            let allowed = &["Cluster", "Local"];
            let problem = Problem::NotOneOf { value: other.to_owned(), allowed };
            faults.error("spec.externalTrafficPolicy", problem);
            TrafficPolicy::Cluster
        }
    }
}

/// The selector in one written form: services that keep the client's address may share one only
/// when the same pods stand behind both.
fn backend_key(spec: &ServiceSpec) -> String {
    let pairs: Vec<_> = spec.selector.iter().map(|(key, value)| format!("{key}={value}")).collect();
    pairs.join(",")
}
