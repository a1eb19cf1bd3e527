//! One service: what it asks for, what was decided, and what is to be written of it.

use std::{collections::BTreeSet, net::IpAddr};

use serde_json::{Value, json};
use vipcast_ipam::{AllocateError, Allocator, Assignment, LostReason, Owner, Request};

use crate::{
    cluster::{object::Object, time::rfc3339},
    kinds::{Condition, Service},
};

/// The pool that a service has its addresses from: MetalLB's annotation.
pub(crate) const POOL_ANNOTATION: &str = "metallb.io/ip-allocated-from-pool";
/// Whether a service has what it asks for.
pub(crate) const CONDITION: &str = "vipcast.io/AddressAssigned";
/// Marks a service that a new controller is about to write: what the last one still has on the way is
/// refused from then on.
pub(crate) const FENCE_ANNOTATION: &str = "vipcast.io/fenced-by";
/// What a condition or an event may hold at most.
const LONGEST: usize = 900;

/// The order in which services are served: the older first, those of unknown age last.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Age {
    unknown: bool,
    created: String,
    pub(super) owner: Owner,
}

impl Age {
    pub(super) fn of(object: &Object, owner: Owner) -> Self {
        let created = object.service().and_then(|s| s.metadata.creation_timestamp.clone());
        Self { unknown: created.is_none(), created: created.unwrap_or_default(), owner }
    }
}

/// What a service asks for.
#[derive(Clone, Debug)]
pub(super) enum Ask {
    /// It is another's.
    Foreign,
    /// It is ours and wants nothing: headless.
    Nothing,
    /// It is not valid, and why; with a request for what it has.
    Broken(String, Option<Box<Request>>),
    For(Box<Request>),
}

/// What was decided about a service.
#[derive(Clone, Debug)]
pub(crate) enum Verdict {
    /// Nothing yet.
    Open,
    /// It is not to have anything.
    Unserved,
    Assigned(Assignment),
    Refused {
        why: AllocateError,
    },
    /// It is not valid, and keeps what it has.
    Broken(String),
    /// It keeps what it has, because its pool may be among those that cannot be read.
    Kept,
}

#[derive(Debug)]
pub(super) struct Entry {
    pub(super) object: Object,
    pub(super) age: Age,
    pub(super) ask: Ask,
    /// What its status says it has.
    pub(super) held: Vec<IpAddr>,
    pub(super) verdict: Verdict,
    /// Some of what its status says was in no pool when it was last restored.
    pub(super) outside: bool,
}

/// Something to tell about a service once it is true.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Note {
    pub(crate) reason: &'static str,
    pub(crate) warning: bool,
    pub(crate) message: String,
}

/// One write of the status of a service.
#[derive(Clone, Debug)]
pub(crate) struct Write {
    pub(crate) owner: Owner,
    /// A strategic merge patch. It is refused if the service has changed since.
    pub(crate) body: Value,
    pub(crate) notes: Vec<Note>,
}

impl Entry {
    /// Takes back what the status says, as far as it can be.
    pub(super) fn restore(&mut self, allocator: &mut Allocator) {
        self.outside = false;
        if let Ask::For(request) | Ask::Broken(_, Some(request)) = &self.ask
            && !self.held.is_empty()
        {
            let lost = allocator.restore(request, &self.held).lost;
            self.outside = lost.iter().any(|lost| lost.why == LostReason::OutsidePools);
        }
    }

    /// Decides, and says whether an address may have become free.
    pub(super) fn decide(&mut self, allocator: &mut Allocator, incomplete: bool) -> bool {
        let before = allocator.assignment(&self.age.owner);
        if before.is_none() || self.outside {
            self.restore(allocator);
        }
        let owner = &self.age.owner;
        let (verdict, freed) = match &self.ask {
            Ask::Foreign | Ask::Nothing => (Verdict::Unserved, allocator.release(owner).is_some()),
            Ask::Broken(why, _) => (Verdict::Broken(why.clone()), false),
            Ask::For(_) if self.object.deleting && before.is_none() => (Verdict::Kept, false),
            // What is in a pool stays its own meanwhile.
            Ask::For(_) if incomplete && self.outside => (Verdict::Kept, false),
            Ask::For(request) => match allocator.allocate(request) {
                Ok(now) => {
                    self.outside = false;
                    let freed = before.is_some_and(|before| {
                        before.addresses.iter().any(|address| !now.addresses.contains(address))
                    });
                    (Verdict::Assigned(now), freed)
                }
                Err(why) => (Verdict::Refused { why }, before.is_some()),
            },
        };
        self.verdict = verdict;
        freed
    }

    fn service(&self) -> Option<&Service> {
        self.object.service()
    }

    fn pool(&self) -> Option<&str> {
        let annotations = &self.service()?.metadata.annotations;
        annotations.get(POOL_ANNOTATION)
    }

    fn condition(&self) -> Option<&Condition> {
        let conditions = &self.service()?.status.conditions;
        conditions.iter().find(|condition| condition.condition_type == CONDITION)
    }

    /// Whether something of it was written by a controller like this one.
    pub(super) fn bears_our_marks(&self) -> bool {
        !matches!(self.ask, Ask::Foreign)
            && (self.pool().is_some() || self.condition().is_some() || self.is_fenced())
    }

    /// Whether a fence was written that nothing has taken off again.
    fn is_fenced(&self) -> bool {
        self.service().is_some_and(|s| s.metadata.annotations.contains_key(FENCE_ANNOTATION))
    }

    /// Whether its status is not what was decided.
    pub(super) fn differs(&self) -> bool {
        if self.object.deleting {
            return false;
        }
        let said = self.condition();
        let says = |status: &str, reason: &str, message: &str| {
            said.is_some_and(|c| c.status == status && c.reason == reason && c.message == message)
        };
        match &self.verdict {
            Verdict::Open | Verdict::Kept => false,
            Verdict::Unserved => matches!(self.ask, Ask::Nothing) && self.bears_our_marks(),
            Verdict::Assigned(assignment) => {
                self.has_other(assignment)
                    || self.is_fenced()
                    || self.pool() != Some(assignment.pool())
                    || said.is_some_and(|condition| condition.status != "True")
            }
            Verdict::Refused { why } => {
                self.has_any()
                    || self.is_fenced()
                    || self.pool().is_some()
                    || !says("False", "AllocationFailed", &bounded(why.to_string()))
            }
            Verdict::Broken(why) => {
                self.is_fenced() || !says("False", "LoadBalancerFailed", &bounded(why.clone()))
            }
        }
    }

    fn has_any(&self) -> bool {
        self.service().is_some_and(|service| !service.status.load_balancer.ingress.is_empty())
    }

    /// The order of the entries means nothing, and `ipMode` is the server's to fill in.
    fn has_other(&self, assignment: &Assignment) -> bool {
        let Some(service) = self.service() else { return false };
        let wanted: BTreeSet<IpAddr> = assignment.addresses.iter().copied().collect();
        let has: BTreeSet<IpAddr> = self.held.iter().copied().collect();
        wanted != has || service.status.load_balancer.ingress.len() != wanted.len()
    }

    /// What is to be written, at `now` in seconds since 1970.
    pub(super) fn write(&self, now: i64) -> Option<Write> {
        if !self.differs() {
            return None;
        }
        let mut notes = Vec::new();
        let (ingress, pool, condition) = match &self.verdict {
            Verdict::Open | Verdict::Kept => return None,
            Verdict::Unserved => {
                self.told_cleared("it is headless", &mut notes);
                let delete = json!({ "$patch": "delete", "type": CONDITION });
                (Some(Value::Null), Some(Value::Null), delete)
            }
            Verdict::Assigned(assignment) => {
                let text = addresses(&assignment.addresses);
                let message = format!("{text} is assigned from pool {}", assignment.pool());
                if self.has_other(assignment) {
                    if self.held.iter().any(|address| !assignment.addresses.contains(address)) {
                        self.told_cleared("something else is asked for or given", &mut notes);
                    }
                    notes.push(note("IPAllocated", false, message.clone()));
                    if let Some(family) = assignment.missing {
                        let message = format!("no {family} address could be had beside {text}");
                        notes.push(note("AdditionalAssignFailed", false, message));
                    }
                    self.told_deprecated(&mut notes);
                }
                let one = |address: &IpAddr| json!({ "ip": address, "ipMode": "VIP" });
                let ingress: Vec<Value> = assignment.addresses.iter().map(one).collect();
                let condition = self.condition_now("True", "Assigned", message, now);
                (Some(ingress.into()), Some(assignment.pool().into()), condition)
            }
            Verdict::Refused { why } => {
                let message = bounded(why.to_string());
                self.told_cleared(&message, &mut notes);
                notes.push(note("AllocationFailed", true, message.clone()));
                self.told_deprecated(&mut notes);
                let condition = self.condition_now("False", "AllocationFailed", message, now);
                (Some(Value::Null), Some(Value::Null), condition)
            }
            Verdict::Broken(why) => {
                let message = bounded(why.clone());
                notes.push(note("LoadBalancerFailed", true, message.clone()));
                (None, None, self.condition_now("False", "LoadBalancerFailed", message, now))
            }
        };
        let mut body = json!({
            "metadata": { "resourceVersion": self.object.version.as_str() },
            "status": { "conditions": [condition] },
        });
        if let Some(ingress) = ingress {
            body["status"]["loadBalancer"] = json!({ "ingress": ingress });
        }
        if let Some(pool) = pool
            && (self.pool().is_some() || !pool.is_null())
        {
            body["metadata"]["annotations"] = json!({ POOL_ANNOTATION: pool });
        }
        if self.is_fenced() {
            body["metadata"]["annotations"][FENCE_ANNOTATION] = Value::Null;
        }
        Some(Write { owner: self.age.owner.clone(), body, notes })
    }

    /// A write that changes nothing but the version. With the version that it changes it is never
    /// what an earlier fence left there: a write without a difference would not move the version.
    pub(super) fn fence(&self, transitions: u32) -> Write {
        let version = self.object.version.as_str();
        let body = json!({ "metadata": {
            "resourceVersion": version,
            "annotations": { FENCE_ANNOTATION: format!("{transitions}-{version}") },
        }});
        Write { owner: self.age.owner.clone(), body, notes: Vec::new() }
    }

    fn told_cleared(&self, why: &str, notes: &mut Vec<Note>) {
        if !self.held.is_empty() {
            let message = format!("{} is given back: {why}", addresses(&self.held));
            notes.push(note("ClearAssignment", false, bounded(message)));
        }
    }

    fn told_deprecated(&self, notes: &mut Vec<Note>) {
        let annotations = self.service().map(|service| &service.metadata.annotations);
        let mut names = annotations.into_iter().flat_map(|annotations| annotations.keys());
        if let Some(old) = names.find(|name| name.starts_with("metallb.universe.tf/")) {
            let new = old.replacen("metallb.universe.tf/", "metallb.io/", 1);
            let message = format!("annotation {old} is deprecated: write {new}");
            notes.push(note("deprecatedAnnotation", true, message));
        }
    }

    fn condition_now(&self, status: &str, reason: &str, message: String, now: i64) -> Value {
        let since = self.condition().filter(|condition| condition.status == status);
        let since = since.map(|condition| condition.last_transition_time.clone());
        json!({
            "type": CONDITION,
            "status": status,
            "reason": reason,
            "message": message,
            "lastTransitionTime": since.unwrap_or_else(|| rfc3339(now)),
        })
    }
}

fn note(reason: &'static str, warning: bool, message: String) -> Note {
    Note { reason, warning, message }
}

fn addresses(list: &[IpAddr]) -> String {
    list.iter().map(ToString::to_string).collect::<Vec<_>>().join(" and ")
}

fn bounded(mut text: String) -> String {
    if text.len() > LONGEST {
        let cut = (0..=LONGEST).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        text.truncate(cut);
        text.push_str(" ...");
    }
    text
}
