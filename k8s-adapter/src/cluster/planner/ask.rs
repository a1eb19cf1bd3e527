use std::net::IpAddr;

use vipcast_ipam::{Families, Family, Labels, Request};

use super::{entry::Ask, owner};
use crate::{
    Diagnostic, Options, Severity,
    cluster::{book::unreadable, object::Object},
    kinds::{Resource, Service},
    translate,
};

/// What a service asks for, what it says that it has, and what is to be told of it.
pub(super) fn asks(
    object: &Object,
    options: &Options,
    namespace_labels: Labels,
) -> (Ask, Vec<IpAddr>, Vec<Diagnostic>) {
    let manifest = match &object.content {
        Ok(manifest) => manifest,
        Err(why) => {
            let Some(service) = object.service() else {
                let finding = unreadable(&object.key, why);
                return (Ask::Broken(finding.message(), None), Vec::new(), vec![finding]);
            };
            if service.spec.load_balancer_class != options.load_balancer_class {
                return (Ask::Foreign, Vec::new(), Vec::new());
            }
            let finding = unreadable(&object.key, why);
            let held = service.held();
            let request = stand_in(object, &held, service, namespace_labels).map(Box::new);
            return (Ask::Broken(finding.message(), request), held, vec![finding]);
        }
    };
    let Resource::Service(service) = &*manifest.resource else {
        return (Ask::Foreign, Vec::new(), Vec::new());
    };
    if service.spec.load_balancer_class != options.load_balancer_class {
        return (Ask::Foreign, Vec::new(), Vec::new());
    }
    let (translated, mut found) = translate::service(manifest, options, namespace_labels.clone());
    found.retain(|finding| finding.severity > Severity::Notice);
    let errors: Vec<String> = found
        .iter()
        .filter(|finding| finding.is_error())
        .map(|finding| {
            let field = finding.field.as_deref().unwrap_or("the object");
            format!("{field}: {}", finding.message())
        })
        .collect();
    let held = service.held();
    let ask = match translated {
        Some((service, _)) => Ask::For(Box::new(service.request)),
        None if errors.is_empty() => Ask::Nothing,
        None => {
            // What it has stays its own while it is mended.
            let request = stand_in(object, &held, service, namespace_labels);
            return (Ask::Broken(errors.join("; "), request.map(Box::new)), held, found);
        }
    };
    (ask, held, found)
}

/// A request for just what an invalid service has.
fn stand_in(
    object: &Object,
    held: &[IpAddr],
    service: &Service,
    namespace_labels: Labels,
) -> Option<Request> {
    let has = |family| held.iter().any(|address| Family::of(*address) == family);
    let families = match (has(Family::V4), has(Family::V6)) {
        (true, true) => Families::RequireDual,
        (true, false) => Families::Single(Family::V4),
        (false, true) => Families::Single(Family::V6),
        (false, false) => return None,
    };
    let labels = service.metadata.labels.to_map();
    Some(Request { labels, namespace_labels, ..Request::new(owner(&object.key), families) })
}
