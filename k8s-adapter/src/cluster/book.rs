//! MetalLB's kinds as they count: what is valid, and in place of what is not its last valid state.

use std::collections::BTreeMap;

use super::object::Object;
use crate::{
    Diagnostic, Manifest, Options, Problem, Severity, StaleReason,
    consistency::{Incumbents, sort_out},
    kinds::{Key, Kind},
    validate,
};

/// The pools and advertisements of a cluster.
#[derive(Debug, Default)]
pub(crate) struct Book {
    objects: BTreeMap<Key, Object>,
    /// What counts, from the last turn on.
    accepted: BTreeMap<Key, Manifest>,
    findings: Vec<Diagnostic>,
    incomplete: bool,
    /// How often it was decided what counts.
    turns: u64,
}

impl Book {
    /// There is this object, or it is as it is now. Whether that may matter.
    pub(crate) fn apply(&mut self, object: Object) -> bool {
        let same = self.objects.get(&object.key).is_some_and(|known| known.says_the_same(&object));
        self.objects.insert(object.key.clone(), object);
        !same
    }

    pub(crate) fn remove(&mut self, key: &Key) -> bool {
        self.objects.remove(key).is_some()
    }

    /// These are all there are of the kind of `is_one`.
    pub(crate) fn reset(&mut self, is_one: impl Fn(&Key) -> bool, objects: Vec<Object>) -> bool {
        let before = std::mem::take(&mut self.objects);
        let (old, others) = before.into_iter().partition(|(key, _)| is_one(key));
        self.objects = others;
        let old: BTreeMap<Key, Object> = old;
        let fresh: BTreeMap<Key, Object> =
            objects.into_iter().map(|object| (object.key.clone(), object)).collect();
        let same = old.len() == fresh.len()
            && fresh.iter().all(|(key, new)| old.get(key).is_some_and(|o| o.says_the_same(new)));
        self.objects.extend(fresh);
        !same
    }

    /// Decides anew what counts.
    pub(crate) fn turn(&mut self, options: &Options) {
        self.turns += 1;
        let mut findings = Vec::new();
        let mut candidates = Vec::new();
        self.incomplete = false;
        for (key, object) in &self.objects {
            findings.extend(object.findings.iter().cloned());
            let found = match &object.content {
                Ok(manifest) => {
                    let found = validate(manifest, options);
                    if !found.iter().any(Diagnostic::is_error) {
                        candidates.push(manifest.clone());
                        findings.extend(found);
                        continue;
                    }
                    found
                }
                Err(why) => vec![unreadable(key, why)],
            };
            findings.extend(found);
            match self.accepted.get(key) {
                Some(before) => {
                    let stale = Problem::Stale { why: StaleReason::Invalid };
                    findings.push(before.diagnose(Severity::Warning, "", stale));
                    candidates.push(before.clone());
                }
                // Of a list of links no address can be.
                None => self.incomplete |= key.kind != Kind::ConfigMap,
            }
        }
        let (accepted, refused) = sort_out(candidates, &Incumbents::new(self.accepted.values()));
        self.incomplete |= !refused.is_empty();
        findings.extend(refused);
        self.accepted = accepted.into_iter().map(|m| (m.key.clone(), m)).collect();
        self.findings = findings;
    }

    /// What counts.
    pub(crate) fn accepted(&self) -> impl Iterator<Item = &Manifest> {
        self.accepted.values()
    }

    /// What was found at the last turn.
    pub(crate) fn findings(&self) -> &[Diagnostic] {
        &self.findings
    }

    /// How often it was decided anew.
    pub(crate) const fn turns(&self) -> u64 {
        self.turns
    }

    /// Whether something is there that cannot count, so that addresses may belong to it.
    pub(crate) const fn incomplete(&self) -> bool {
        self.incomplete
    }
}

/// A finding about an object whose fields have the wrong types.
pub(crate) fn unreadable(key: &Key, why: &str) -> Diagnostic {
    Diagnostic {
        severity: Severity::Error,
        place: crate::Place::file("cluster"),
        object: Some(key.to_string()),
        field: None,
        problem: Problem::Malformed { why: why.to_owned() },
    }
}
