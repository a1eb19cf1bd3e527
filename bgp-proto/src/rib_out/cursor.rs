use alloc::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    vec::Vec,
};

use super::{
    action::Action,
    block::Block,
    family::{FamilyTable, Key, wire},
    policy::Policy,
    set_id::SetId,
    table::Sets,
};
use crate::wire::{Family, PathId, RefreshSubtype, RouteRefresh, UpdateWriter, encode_end_of_rib};

/// Where one neighbor stands in one family.
#[derive(Clone, Debug)]
pub(super) struct Cursor<const N: usize> {
    pub(super) family: Family,
    pub(super) add_path: bool,
    /// The next record of the snapshot; `None` when it was sent.
    snapshot: Option<(SetId, PathId, usize)>,
    /// Changes up to here were looked at.
    pub(super) position: u64,
    /// Changes up to here were sent: what the log must keep for us.
    floor: u64,
    /// Changes that were looked at and not yet sent.
    pub(super) window: BTreeMap<Action, VecDeque<(Key<N>, u64)>>,
    /// What closes the snapshot.
    end: Option<End>,
    /// Families that the neighbor wants again, when this is done.
    refresh: bool,
    /// With a limit: what was announced. `None` without one.
    pub(super) sent: Option<BTreeSet<Key<N>>>,
    /// Something was held back because of the limit.
    pub(super) withheld: bool,
    /// The snapshot is gone through for what was held back.
    filling: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    EndOfRib,
    Refresh,
}

/// What a step has appended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// An UPDATE.
    Update,
    /// The first End-of-RIB.
    EndOfRib,
    /// A bracket around the answer to a refresh.
    Bracket,
    /// Nothing; there is more to look at.
    Again,
    /// Nothing, and there is nothing more.
    Done,
}

/// What the steps of all families share.
pub(super) struct Context<'a> {
    pub(super) sets: &'a Sets,
    pub(super) policy: Policy<'a>,
    /// How many more prefixes the limit allows.
    pub(super) allowance: usize,
}

impl<const N: usize> Cursor<N> {
    /// A neighbor that knows nothing.
    pub(super) fn new(
        family: Family,
        add_path: bool,
        limited: bool,
        table: &mut FamilyTable<N>,
    ) -> Self {
        let version = table.log.version();
        table.log.move_reader(None, Some(version));
        table.begin_dump();
        Self {
            family,
            add_path,
            snapshot: Some((SetId(0), 0, 0)),
            position: version,
            floor: version,
            window: BTreeMap::new(),
            end: Some(End::EndOfRib),
            refresh: false,
            sent: limited.then(BTreeSet::new),
            withheld: false,
            filling: false,
        }
    }

    /// Leaves the table; the sets that are needed no more.
    pub(super) fn leave(&mut self, table: &mut FamilyTable<N>) -> Vec<SetId> {
        if self.snapshot.take().is_some() {
            table.end_dump();
        }
        table.log.move_reader(Some(self.floor), None)
    }

    pub(super) const fn family(&self) -> Family {
        self.family
    }

    pub(super) fn request_refresh(&mut self) {
        self.refresh = true;
    }

    /// Begins with the snapshot again: all attributes have changed, or there is room again.
    pub(super) fn restart(&mut self, table: &mut FamilyTable<N>) {
        if self.snapshot.is_none() {
            table.begin_dump();
        }
        self.snapshot = Some((SetId(0), 0, 0));
        self.filling = false;
    }

    /// Looks for what was held back, now that there is room.
    pub(super) fn fill(&mut self, table: &mut FamilyTable<N>) {
        if core::mem::take(&mut self.withheld) && self.snapshot.is_none() {
            self.restart(table);
            self.filling = true;
        }
    }

    /// How many prefixes were announced, where that is limited.
    pub(super) fn sent(&self) -> usize {
        self.sent.as_ref().map_or(0, BTreeSet::len)
    }

    /// Appends at most one message.
    pub(super) fn step(
        &mut self,
        table: &mut FamilyTable<N>,
        context: &mut Context<'_>,
        block: &mut Block,
        buf: &mut Vec<u8>,
    ) -> Step {
        let enhanced = context.policy.session.enhanced_route_refresh;
        if let Some(at) = self.snapshot {
            let next = self.dump(at, table, context, block, buf);
            if next.0.is_none() {
                table.end_dump();
                self.filling = false;
            }
            self.snapshot = next.0;
            return next.1;
        }
        if let Some(step) = self.send_change(table, context, block, buf) {
            return step;
        }
        if self.position < table.log.version() {
            self.look(table, context);
            return Step::Again;
        }
        match self.end.take() {
            Some(End::EndOfRib) => {
                encode_end_of_rib(self.family, buf);
                return Step::EndOfRib;
            }
            Some(End::Refresh) if enhanced => return self.bracket(RefreshSubtype::END, buf),
            _ => {}
        }
        if core::mem::take(&mut self.refresh) {
            self.end = Some(End::Refresh);
            self.restart(table);
            if enhanced {
                return self.bracket(RefreshSubtype::BEGIN, buf);
            }
            return Step::Again;
        }
        Step::Done
    }

    /// Tells the log how far we are; the sets that are needed no more.
    pub(super) fn advance(&mut self, table: &mut FamilyTable<N>) -> Vec<SetId> {
        if !self.window.is_empty() || self.floor == self.position {
            return Vec::new();
        }
        let from = core::mem::replace(&mut self.floor, self.position);
        table.log.move_reader(Some(from), Some(self.position))
    }

    fn bracket(&self, subtype: RefreshSubtype, buf: &mut Vec<u8>) -> Step {
        let family = self.family;
        RouteRefresh { family, subtype }.encode(buf);
        Step::Bracket
    }

    /// One UPDATE from the snapshot: prefixes of one set. Where to go on.
    fn dump(
        &mut self,
        (wanted, path, start): (SetId, PathId, usize),
        table: &FamilyTable<N>,
        context: &mut Context<'_>,
        block: &mut Block,
        buf: &mut Vec<u8>,
    ) -> (Option<(SetId, PathId, usize)>, Step) {
        let Some((set, found, group)) = table.group_from((wanted, path)) else {
            return (None, Step::Again);
        };
        // A group that has gone lets the cursor fall into the next one.
        let first = if (set, found) == (wanted, path) { start } else { 0 };
        let after = after(set, found).map(|(set, path)| (set, path, 0));
        let max = context.policy.session.max_message_len;
        let loaded = block.load(self.family, set, context.sets, &context.policy);
        let Some((field, attributes)) = loaded else {
            return (after, Step::Again);
        };
        let Ok(mut writer) = UpdateWriter::new(buf, field, attributes, max) else {
            return (after, Step::Again);
        };
        let records = group.records().get(first..).unwrap_or_default();
        let plain = !self.add_path
            && found == 0
            && self.sent.is_none()
            && table.log.version() == self.position
            && group.is_wire_form();
        if plain {
            let count = (writer.room() / N).min(records.len());
            let run = records.get(..count).unwrap_or_default();
            writer.push_encoded(run.as_flattened());
            let done = count == records.len();
            writer_done(writer);
            return match done {
                true => (after, Step::Update),
                false => (Some((set, found, first + count)), Step::Update),
            };
        }
        for (offset, record) in records.iter().enumerate() {
            if !self.wants((*record, found), set, table, context) {
                continue;
            }
            if !push::<N>(&mut writer, self.add_path.then_some(found), record) {
                writer_done(writer);
                return (Some((set, found, first + offset)), Step::Update);
            }
            self.note_sent((*record, found), context);
        }
        let step = match writer.is_empty() {
            true => Step::Again,
            false => Step::Update,
        };
        writer_done(writer);
        (after, step)
    }

    /// Whether a record of the snapshot is to be sent: not if it is gone, or has changed and so comes
    /// later, or is not the best path for a neighbor that takes one, or is beyond the limit.
    fn wants(
        &mut self,
        key: Key<N>,
        set: SetId,
        table: &FamilyTable<N>,
        context: &Context<'_>,
    ) -> bool {
        if FamilyTable::is_dead(&key.0) {
            return false;
        }
        let later = table.log.change(&key).is_some_and(|change| change.version > self.position);
        if later {
            return false;
        }
        if !self.add_path && key.1 != 0 && self.best(&key, table, context) != Some((key.1, set)) {
            return false;
        }
        let key = self.sent_key(key);
        let known = self.sent.as_ref().is_some_and(|sent| sent.contains(&key));
        !(self.filling && known) && self.within_limit(key, context)
    }

    pub(super) fn within_limit(&mut self, key: Key<N>, context: &Context<'_>) -> bool {
        let Some(sent) = &self.sent else { return true };
        let key = &key;
        if sent.contains(key) || context.allowance > 0 {
            return true;
        }
        self.withheld = true;
        false
    }

    pub(super) fn note_sent(&mut self, key: Key<N>, context: &mut Context<'_>) {
        let key = self.sent_key(key);
        if let Some(sent) = &mut self.sent
            && sent.insert(key)
        {
            context.allowance = context.allowance.saturating_sub(1);
        }
    }

    /// A neighbor that takes one path knows prefixes only.
    pub(super) const fn sent_key(&self, key: Key<N>) -> Key<N> {
        match self.add_path {
            true => key,
            false => (key.0, 0),
        }
    }

    /// The lowest path of a prefix that this neighbor may be told of.
    pub(super) fn best(
        &self,
        key: &Key<N>,
        table: &FamilyTable<N>,
        context: &Context<'_>,
    ) -> Option<(PathId, SetId)> {
        table.paths(&key.0).find(|(_, set)| self.permits(*set, context))
    }

    pub(super) fn permits(&self, set: SetId, context: &Context<'_>) -> bool {
        context
            .sets
            .get(set)
            .is_some_and(|announcement| context.policy.permits(self.family, announcement))
    }
}

/// The group behind this one.
fn after(set: SetId, path: PathId) -> Option<(SetId, PathId)> {
    match path.checked_add(1) {
        Some(path) => Some((set, path)),
        None => Some((SetId(set.0.checked_add(1)?), 0)),
    }
}

/// Appends a prefix; `false` when it does not fit.
pub(super) fn push<const N: usize>(
    writer: &mut UpdateWriter<'_>,
    path: Option<PathId>,
    record: &[u8; N],
) -> bool {
    let octets = wire(record);
    match path {
        None => writer.push_encoded(octets),
        Some(path) => writer.push_encoded_path(path, octets),
    }
}

/// A message without a prefix is not sent.
pub(super) fn writer_done(writer: UpdateWriter<'_>) {
    if !writer.is_empty() {
        writer.finish();
    }
}
