//! One line an event: text for people, JSON for machines.

use std::{collections::BTreeSet, net::IpAddr};

use serde_json::{Map, Value, json};
use vipcast_announcer::{Event, agreement::Standing, clock::Clock};
use vipcast_election::NodeName;
use vipcast_k8s_adapter::{StandaloneEvent, assigner::Outcome};
use vipcast_plan::{Unit, Withheld, intent::Assignment};

use crate::options::Output;

/// One event, ready to be printed.
#[derive(Debug)]
pub(crate) struct Line {
    name: &'static str,
    message: String,
    fields: Map<String, Value>,
}

impl Line {
    pub(crate) fn new(name: &'static str, message: impl Into<String>) -> Self {
        Self { name, message: message.into(), fields: Map::new() }
    }

    pub(crate) fn with(mut self, field: &str, value: impl Into<Value>) -> Self {
        self.fields.insert(field.to_owned(), value.into());
        self
    }

    fn with_all(mut self, value: Value) -> Self {
        if let Value::Object(fields) = value {
            self.fields.extend(fields);
        }
        self
    }

    /// The line as it is printed. In JSON: `event`, a name that never changes; `at`, seconds since
    /// 1970; `message`, the text; and the event's own fields.
    pub(crate) fn render(self, output: Output) -> String {
        match output {
            Output::Text => self.message,
            Output::Json => Value::Object(self.object()).to_string(),
        }
    }

    fn object(self) -> Map<String, Value> {
        let mut object = Map::new();
        object.insert("event".into(), self.name.into());
        object.insert("at".into(), Clock::unix_seconds().into());
        object.insert("message".into(), self.message.into());
        object.extend(self.fields);
        object
    }
}

impl From<&StandaloneEvent> for Line {
    fn from(event: &StandaloneEvent) -> Self {
        let line = Self::new(event.name(), event.to_string());
        match event {
            StandaloneEvent::Found(diagnostic) | StandaloneEvent::Mended(diagnostic) => {
                // The text of the whole line stays the message.
                let Value::Object(mut fields) = json!(diagnostic) else { return line };
                if let Some(problem) = fields.remove("message") {
                    fields.insert("problem".into(), problem);
                }
                line.with_all(Value::Object(fields))
            }
            StandaloneEvent::Outcome(outcome) => line.with_all(outcome_fields(outcome)),
            StandaloneEvent::Assigning(assigning) => line.with("assigning", *assigning),
            StandaloneEvent::Alive(alive) => {
                let nodes: Vec<Value> =
                    alive.nodes.iter().map(|node| node.as_str().into()).collect();
                line.with("nodes", nodes).with("stale", alive.stale.is_some())
            }
            StandaloneEvent::Standing(standing) => line.with_all(standing_fields(standing)),
            StandaloneEvent::Waiting { service, why } => line
                .with_all(json!({ "namespace": service.namespace(), "name": service.name() }))
                .with_all(standing_fields(why)),
            StandaloneEvent::Unreleased { addresses, silent } => {
                let silent: Vec<_> = silent.iter().map(ToString::to_string).collect();
                line.with_all(json!({ "addresses": addresses, "silent": silent }))
            }
            StandaloneEvent::Probing(addresses) => line.with_all(json!({ "addresses": addresses })),
            StandaloneEvent::Occupied(address) => line.with_all(json!({ "address": address })),
            StandaloneEvent::SetAside(path) => line.with("path", path.to_string_lossy()),
            _ => line,
        }
    }
}

/// Who assigns, or why nobody.
fn standing_fields(standing: &Standing) -> Value {
    let names = |names: &BTreeSet<NodeName>| -> Vec<String> {
        names.iter().map(ToString::to_string).collect()
    };
    let assigner = standing.leader().map(ToString::to_string);
    let mut fields = json!({ "assigner": assigner, "standing": standing.name() });
    match standing {
        Standing::NoMajority { members, heard, forgotten } => {
            fields["members"] = names(members).into();
            fields["heard"] = names(heard).into();
            fields["forgotten"] = names(forgotten).into();
        }
        Standing::Founding { missing, differ } => {
            fields["missing"] = names(missing).into();
            fields["differ"] = names(differ).into();
        }
        Standing::NobodyNamed { heard } => fields["heard"] = names(heard).into(),
        Standing::Unwritten { why } => fields["why"] = why.as_str().into(),
        _ => {}
    }
    fields
}

fn outcome_fields(outcome: &Outcome) -> Value {
    let service = outcome.service();
    let mut fields = json!({ "namespace": service.namespace(), "name": service.name() });
    match outcome {
        Outcome::Assigned { assignment, .. } | Outcome::Kept { assignment, .. } => {
            fields["addresses"] = addresses(assignment);
        }
        Outcome::Changed { before, after, .. } => {
            fields["addresses"] = addresses(after);
            fields["before"] = addresses(before);
        }
        Outcome::Cleared { before, .. } => fields["before"] = addresses(before),
        Outcome::Refused { why, .. } => fields["why"] = why.to_string().into(),
        _ => {}
    }
    fields
}

fn addresses(assignment: &Assignment) -> Value {
    let one = |(address, pool): &(IpAddr, String)| json!({ "address": address, "pool": pool });
    assignment.addresses.iter().map(one).collect()
}

impl From<&Event> for Line {
    fn from(event: &Event) -> Self {
        let line = Self::new(event.name(), event.to_string());
        match event {
            Event::Announcing { unit, announcement } => {
                let links: Vec<_> = announcement.links.iter().map(ToString::to_string).collect();
                let services: Vec<_> =
                    announcement.services.iter().map(ToString::to_string).collect();
                line.with_all(unit_fields(unit)).with("links", links).with("services", services)
            }
            Event::Silent { unit } => line.with_all(unit_fields(unit)),
            Event::Withheld(Withheld { service, address, segment, reason }) => line
                .with_all(json!({ "namespace": service.namespace(), "name": service.name() }))
                .with_all(json!({ "address": address, "reason": reason.name() }))
                .with("segment", segment.as_ref().map(|segment| segment.as_str())),
            Event::Delivered { address } | Event::Undelivered { address } => {
                line.with_all(json!({ "address": address }))
            }
            Event::DeliveryFailed { address, why } => {
                line.with_all(json!({ "address": address, "why": why }))
            }
            Event::GuardFailed { why } => line.with("why", why.as_str()),
            Event::Unguarded { address, link } => {
                line.with_all(json!({ "address": address })).with("link", link.as_str())
            }
            Event::Conflict { address, link, other } => line
                .with_all(json!({ "address": address }))
                .with("link", link.as_str())
                .with("other", other.to_string()),
            Event::ConflictOver { address, link } => {
                line.with_all(json!({ "address": address })).with("link", link.as_str())
            }
            Event::Alarm { alarm, cause } => line
                .with("alarm", alarm.name())
                .with("subject", alarm.subject())
                .with("cause", cause.as_str()),
            Event::Healed(alarm) => {
                line.with("alarm", alarm.name()).with("subject", alarm.subject())
            }
            Event::NodeUp { segment, node } | Event::NodeDown { segment, node } => {
                line.with("node", node.as_str()).with("segment", segment.as_str())
            }
            Event::Acknowledged { address, link, neighbour, gateway, after } => line
                .with_all(json!({ "address": address, "neighbour": neighbour }))
                .with_all(json!({ "gateway": gateway, "seconds": after.as_secs_f64() }))
                .with("link", link.as_str()),
            Event::GatewaySilent { address, link, gateway } => line
                .with_all(json!({ "address": address, "gateway": gateway }))
                .with("link", link.as_str()),
            Event::LinkUp { link, segment } => {
                line.with("link", link.as_str()).with("segment", segment.as_str())
            }
            Event::LinkDown { link } => line.with("link", link.as_str()),
            Event::GroupMissing { link, group, why } => {
                line.with("link", link.as_str()).with_all(json!({ "group": group, "why": why }))
            }
            Event::LinkBroken { link, why } => {
                line.with("link", link.as_str()).with("why", why.as_str())
            }
            _ => line,
        }
    }
}

fn unit_fields(unit: &Unit) -> Value {
    json!({ "address": unit.address, "segment": unit.segment.as_str() })
}

#[cfg(test)]
mod tests {
    use vipcast_ipam::Owner;

    use super::*;

    #[test]
    fn a_machine_reads_who_assigns_or_why_nobody_does() {
        let me = NodeName::new("a");
        let event = StandaloneEvent::Standing(Standing::Leads { me: me.clone() });
        let object = Line::from(&event).object();
        assert_eq!((&object["event"], &object["assigner"]), (&json!("assigner"), &json!("a")));
        assert_eq!(object["standing"], "leads");
        let missing = [me].into();
        let why = Standing::Founding { missing, differ: BTreeSet::new() };
        let service = Owner::new("default", "web");
        let object = Line::from(&StandaloneEvent::Waiting { service, why }).object();
        assert_eq!((&object["event"], &object["name"]), (&json!("waiting"), &json!("web")));
        assert_eq!((&object["assigner"], &object["missing"]), (&Value::Null, &json!(["a"])));
    }

    #[test]
    fn a_json_line_has_a_name_a_time_a_message_and_the_facts() {
        let assignment =
            Assignment { addresses: vec![("172.18.0.10".parse().unwrap(), "first".into())] };
        let service = Owner::new("default", "web");
        let event = StandaloneEvent::Outcome(Outcome::Assigned { service, assignment });
        let object = Line::from(&event).object();
        assert_eq!(object["event"], "assigned");
        assert_eq!(object["message"], "default/web is given 172.18.0.10 (pool first)");
        assert_eq!((&object["namespace"], &object["name"]), (&json!("default"), &json!("web")));
        assert_eq!(object["addresses"], json!([{ "address": "172.18.0.10", "pool": "first" }]));
        assert!(object["at"].as_i64().is_some_and(|at| at > 0));
    }
}
