//! Who gets which address: every decision of the controller, in one place and one after the other.
//!
//! Pure: it is told what the API server holds, and says what is to be written. While it is not
//! [active](Planner::activate) it only takes notes.

mod ask;
mod entry;
mod waits;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use vipcast_ipam::{Allocator, Labels, Owner, Pools};

use ask::asks;
use entry::{Age, Entry};
pub(crate) use entry::{CONDITION, FENCE_ANNOTATION, Note, POOL_ANNOTATION, Verdict, Write};

use super::{book::Book, object::Object, watch::Change};
use crate::{
    Diagnostic, Manifest, Options,
    kinds::{Key, Kind},
    translate,
};

/// All decisions.
#[derive(Debug)]
pub(crate) struct Planner {
    options: Options,
    book: Book,
    pools: Pools,
    namespaces: BTreeMap<String, Labels>,
    services: BTreeMap<Owner, Entry>,
    /// Whose status says that they have an address.
    says: BTreeMap<IpAddr, BTreeSet<Owner>>,
    allocator: Option<Allocator>,
    /// Services to look at again, the older first.
    due: BTreeSet<Age>,
    /// Services that ask for what cannot be had.
    waiting: BTreeSet<Age>,
    /// Pools or advertisements have changed since the last turn.
    reconfigured: bool,
    /// Services that may have to be written.
    dirty: BTreeSet<Owner>,
    /// Services that are gone from our sight and bore our marks.
    left: BTreeSet<Owner>,
    findings: Vec<Diagnostic>,
}

impl Planner {
    /// Nothing is known yet, and nothing decided.
    pub(crate) fn new(options: Options) -> Self {
        Self {
            options: Options { in_cluster: true, ..options },
            book: Book::default(),
            pools: Pools::default(),
            namespaces: BTreeMap::new(),
            services: BTreeMap::new(),
            says: BTreeMap::new(),
            allocator: None,
            due: BTreeSet::new(),
            waiting: BTreeSet::new(),
            reconfigured: false,
            dirty: BTreeSet::new(),
            left: BTreeSet::new(),
            findings: Vec::new(),
        }
    }

    /// Takes note of what the API server holds.
    pub(crate) fn note(&mut self, change: Change) {
        match change {
            Change::Reset { kind, objects, .. } => self.reset(kind, objects),
            Change::Applied(object) => match object.key.kind {
                Kind::Service => self.service(object),
                Kind::Namespace => self.namespace(&object),
                kind if kind.is_metallb() => self.reconfigured |= self.book.apply(object),
                _ => {}
            },
            Change::Deleted(object) => match object.key.kind {
                Kind::Service => self.gone(&owner(&object.key), Some(&object)),
                Kind::Namespace => {
                    self.namespaces.remove(&object.key.name);
                    self.relabelled(&object.key.name);
                }
                kind if kind.is_metallb() => self.reconfigured |= self.book.remove(&object.key),
                _ => {}
            },
            Change::Cut(_) | Change::Trouble(..) => {}
        }
    }

    fn reset(&mut self, kind: Kind, objects: Vec<Object>) {
        match kind {
            Kind::Service => {
                let there: BTreeSet<Owner> = objects.iter().map(|o| owner(&o.key)).collect();
                let gone: Vec<Owner> =
                    self.services.keys().filter(|name| !there.contains(*name)).cloned().collect();
                for name in gone {
                    self.gone(&name, None);
                }
                for object in objects {
                    // A list is what there is, whatever was known before.
                    if let Some(entry) = self.services.get_mut(&owner(&object.key)) {
                        entry.object.version = super::object::Version::default();
                    }
                    self.service(object);
                }
            }
            Kind::Namespace => {
                let there: BTreeSet<&str> = objects.iter().map(|o| o.key.name.as_str()).collect();
                let names = self.namespaces.keys().filter(|name| !there.contains(name.as_str()));
                let gone: Vec<String> = names.cloned().collect();
                for name in gone {
                    self.namespaces.remove(&name);
                    self.relabelled(&name);
                }
                for object in &objects {
                    self.namespace(object);
                }
            }
            kind if kind.is_metallb() => {
                self.reconfigured |= self.book.reset(|key| key.kind == kind, objects);
            }
            _ => {}
        }
    }

    fn namespace(&mut self, object: &Object) {
        let Ok(manifest) = &object.content else { return };
        let described = translate::namespace_labels(std::slice::from_ref(manifest));
        let labels = translate::labels_in(&described, &object.key.name);
        if self.namespaces.get(&object.key.name) != Some(&labels) {
            self.namespaces.insert(object.key.name.clone(), labels);
            self.relabelled(&object.key.name);
        }
    }

    /// The labels of a namespace have changed: its services may be served by other pools.
    fn relabelled(&mut self, namespace: &str) {
        let concerned: Vec<Object> = self
            .services
            .iter()
            .filter(|(owner, _)| owner.namespace() == namespace)
            .map(|(_, entry)| entry.object.clone())
            .collect();
        for object in concerned {
            self.put(object);
        }
    }

    fn service(&mut self, object: Object) {
        if let Some(known) = self.services.get_mut(&owner(&object.key)) {
            if object.version.is_before(&known.object.version) && object.uid == known.object.uid {
                // Our own write came back sooner than the watch told of what was before it.
                return;
            }
            if known.object.says_the_same(&object) {
                known.object.version = object.version;
                return;
            }
            if known.object.uid != object.uid {
                let name = owner(&object.key);
                self.gone(&name, None);
                self.left.remove(&name);
            }
        }
        self.put(object);
    }

    fn put(&mut self, object: Object) {
        let name = owner(&object.key);
        let labels = self.labels(name.namespace());
        let (ask, held, findings) = asks(&object, &self.options, labels);
        self.findings.extend(findings);
        let age = Age::of(&object, name.clone());
        self.due.insert(age.clone());
        let before = self.services.remove(&name);
        if let Some(before) = &before {
            self.unsay(&name, &before.held);
        }
        self.say(&name, &held);
        if let Some(before) = &before
            && before.age != age
        {
            self.due.remove(&before.age);
            self.waiting.remove(&before.age);
        }
        let verdict = before.map_or(Verdict::Open, |entry| entry.verdict);
        self.left.remove(&name);
        self.services.insert(name, Entry { object, age, ask, held, verdict, outside: false });
    }

    fn gone(&mut self, name: &Owner, last: Option<&Object>) {
        let Some(entry) = self.services.remove(name) else { return };
        self.unsay(name, &entry.held);
        self.due.remove(&entry.age);
        self.waiting.remove(&entry.age);
        self.dirty.remove(name);
        if entry.bears_our_marks() && !last.unwrap_or(&entry.object).deleting {
            self.left.insert(name.clone());
        }
        let released = self.allocator.as_mut().and_then(|allocator| allocator.release(name));
        if released.is_some() {
            self.retry_waiting();
        }
    }

    /// Something became free.
    fn retry_waiting(&mut self) {
        let waiting = std::mem::take(&mut self.waiting);
        self.due.extend(waiting);
    }

    fn labels(&self, namespace: &str) -> Labels {
        let own = self.namespaces.get(namespace).cloned();
        own.unwrap_or_else(|| translate::labels_in(&BTreeMap::new(), namespace))
    }

    /// Decides from now on. Everything that must be known is known.
    ///
    /// What the services have is restored before anybody is given anything, the older service
    /// first.
    pub(crate) fn activate(&mut self) {
        self.configure();
        self.reconfigured = false;
        let mut allocator = Allocator::new(self.pools.clone());
        let mut ages: Vec<Age> = self.services.values().map(|entry| entry.age.clone()).collect();
        ages.sort_unstable();
        for age in &ages {
            if let Some(entry) = self.services.get_mut(&age.owner) {
                entry.verdict = Verdict::Open;
                entry.restore(&mut allocator);
            }
        }
        self.allocator = Some(allocator);
        self.waiting.clear();
        self.due = ages.into_iter().collect();
        self.turn();
    }

    /// Decides nothing any more.
    pub(crate) fn deactivate(&mut self) {
        self.allocator = None;
        self.dirty.clear();
        self.left.clear();
    }

    pub(crate) const fn is_active(&self) -> bool {
        self.allocator.is_some()
    }

    fn configure(&mut self) {
        self.book.turn(&self.options);
        let accepted: Vec<Manifest> = self.book.accepted().cloned().collect();
        self.pools = translate::pools(&accepted);
        self.findings.extend(self.book.findings().iter().cloned());
    }

    /// Decides about everything that has changed since the last turn.
    pub(crate) fn turn(&mut self) {
        if self.allocator.is_none() {
            return;
        }
        if std::mem::take(&mut self.reconfigured) {
            self.configure();
            if let Some(allocator) = &mut self.allocator {
                allocator.reconfigure(self.pools.clone());
            }
            self.due = self.services.values().map(|entry| entry.age.clone()).collect();
            self.waiting.clear();
        }
        // Who says that it has something comes before who asks for something. Once is enough: what is
        // refused below is not to be had again by what its status still says.
        for age in &self.due {
            if let (Some(entry), Some(allocator)) =
                (self.services.get_mut(&age.owner), &mut self.allocator)
                && (entry.outside || allocator.assignment(&age.owner).is_none())
            {
                entry.restore(allocator);
            }
        }
        while !self.due.is_empty() {
            let due = std::mem::take(&mut self.due);
            let incomplete = self.book.incomplete();
            let mut freed = false;
            for age in due {
                let (Some(entry), Some(allocator)) =
                    (self.services.get_mut(&age.owner), &mut self.allocator)
                else {
                    continue;
                };
                freed |= entry.decide(allocator, incomplete);
                if matches!(entry.verdict, Verdict::Refused { .. }) {
                    self.waiting.insert(age.clone());
                } else {
                    self.waiting.remove(&age);
                }
                if entry.differs() {
                    self.dirty.insert(age.owner);
                } else {
                    self.dirty.remove(&age.owner);
                }
            }
            if freed {
                self.retry_waiting();
            }
        }
    }

    /// Services that may have to be written, in no hurry of their own.
    pub(crate) fn dirty(&self) -> impl Iterator<Item = &Owner> {
        self.dirty.iter()
    }

    /// Whether a service is in sight.
    pub(crate) fn knows(&self, owner: &Owner) -> bool {
        self.services.contains_key(owner)
    }

    /// Takes note of a service as a write of ours found it, or left it, unless it went out of sight
    /// meanwhile or another came in its place: the watch knows better.
    pub(crate) fn note_answer(&mut self, object: Object) {
        let known = self.services.get(&owner(&object.key));
        if known.is_some_and(|known| known.object.uid == object.uid) {
            self.service(object);
        }
    }

    /// What is to be written of a service, if anything still is and it need not wait for another's
    /// write.
    pub(crate) fn write(&self, owner: &Owner, now: i64) -> Option<Write> {
        self.allocator.as_ref()?;
        let entry = self.services.get(owner)?;
        if self.waits(owner) {
            return None;
        }
        entry.write(now)
    }

    /// A write of a service that changes nothing but its version, in this tenure.
    pub(crate) fn fence(&self, owner: &Owner, transitions: u32) -> Option<Write> {
        Some(self.services.get(owner)?.fence(transitions))
    }

    /// Services that went out of sight and may still bear our marks.
    pub(crate) fn take_left(&mut self) -> BTreeSet<Owner> {
        if self.allocator.is_none() {
            return BTreeSet::new();
        }
        std::mem::take(&mut self.left)
    }

    /// What was found since the last call.
    pub(crate) fn take_findings(&mut self) -> Vec<Diagnostic> {
        std::mem::take(&mut self.findings)
    }

    /// What was found in the pools, and in which turn.
    pub(crate) fn pool_findings(&self) -> (u64, &[Diagnostic]) {
        (self.book.turns(), self.book.findings())
    }

    /// How many services are served, and how many wait.
    pub(crate) fn counts(&self) -> (usize, usize) {
        (self.allocator.as_ref().map_or(0, Allocator::len), self.waiting.len())
    }

    #[cfg(test)]
    pub(crate) fn assigned(&self, name: &str) -> Option<Vec<IpAddr>> {
        let owner: Owner = name.parse().ok()?;
        Some(self.allocator.as_ref()?.assignment(&owner)?.addresses)
    }
}

/// The owner that a service is.
pub(crate) fn owner(key: &Key) -> Owner {
    Owner::new(key.namespace.as_str(), key.name.as_str())
}

#[cfg(test)]
mod tests;
