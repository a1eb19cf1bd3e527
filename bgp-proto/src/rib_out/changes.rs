//! From the log to UPDATEs.

use alloc::vec::Vec;

use super::{
    action::Action,
    block::Block,
    cursor::{Context, Cursor, Step, push, writer_done},
    family::{FamilyTable, Key},
};
use crate::wire::{Family, NlriField, UpdateWriter};

/// Changes that are looked at before the first of them is sent, so that equal ones meet.
const WINDOW: usize = 4096;

impl<const N: usize> Cursor<N> {
    /// Looks at the next changes, and sorts them by what is to be sent.
    pub(super) fn look(&mut self, table: &FamilyTable<N>, context: &Context<'_>) {
        let mut last = self.position;
        let mut found = Vec::new();
        for (version, key) in table.log.after(self.position).take(WINDOW) {
            last = version;
            if let Some(action) = self.action(&key, table, context) {
                found.push((action, key, version));
            }
        }
        for (action, key, version) in found {
            self.window.entry(action).or_default().push_back((key, version));
        }
        self.position = last;
    }

    fn action(
        &self,
        key: &Key<N>,
        table: &FamilyTable<N>,
        context: &Context<'_>,
    ) -> Option<Action> {
        let now = if self.add_path {
            let set = table.set_of(key).filter(|set| self.permits(*set, context));
            set.map(|set| (key.1, set))
        } else {
            self.best(key, table, context)
        };
        match now {
            // A better path stands, and hides this change.
            Some((path, _)) if path < key.1 => None,
            Some((_, set)) => Some(Action::Announce(set)),
            None => {
                let mut was = table.log.change(key)?.was();
                let known = was.any(|set| self.permits(set, context));
                known.then_some(Action::Withdraw)
            }
        }
    }

    /// One UPDATE from the window; `None` when it is empty.
    pub(super) fn send_change(
        &mut self,
        table: &FamilyTable<N>,
        context: &mut Context<'_>,
        block: &mut Block,
        buf: &mut Vec<u8>,
    ) -> Option<Step> {
        let (action, mut keys) = self.window.pop_first()?;
        let max = context.policy.session.max_message_len;
        let parts = match action {
            Action::Announce(set) => block.load(self.family, set, context.sets, &context.policy),
            Action::Withdraw => Some((self.unreachable(), &[][..])),
        };
        let writer = parts.map(|(field, bytes)| UpdateWriter::new(buf, field, bytes, max));
        let mut step = Step::Again;
        if let Some(Ok(mut writer)) = writer {
            while let Some((key, version)) = keys.front().copied() {
                // What has changed since comes again, and is right then.
                let current = table.log.change(&key).is_some_and(|c| c.version == version);
                if !current || !self.accounts_for(action, key, context) {
                    keys.pop_front();
                    continue;
                }
                let path = self.add_path.then_some(key.1);
                if !push::<N>(&mut writer, path, &key.0) {
                    break;
                }
                self.account(action, key, context);
                keys.pop_front();
            }
            if !writer.is_empty() {
                step = Step::Update;
            }
            writer_done(writer);
        } else {
            keys.clear();
        }
        if !keys.is_empty() {
            self.window.insert(action, keys);
        }
        Some(step)
    }

    /// Whether the limit lets it pass: what was never announced is not withdrawn.
    fn accounts_for(&mut self, action: Action, key: Key<N>, context: &Context<'_>) -> bool {
        let key = self.sent_key(key);
        match action {
            Action::Announce(_) => self.within_limit(key, context),
            Action::Withdraw => self.sent.as_ref().is_none_or(|sent| sent.contains(&key)),
        }
    }

    fn account(&mut self, action: Action, key: Key<N>, context: &mut Context<'_>) {
        match action {
            Action::Announce(_) => self.note_sent(key, context),
            Action::Withdraw => {
                let key = self.sent_key(key);
                if let Some(sent) = &mut self.sent
                    && sent.remove(&key)
                {
                    context.allowance += 1;
                }
            }
        }
    }

    /// Where withdrawn prefixes go: IPv4 ones to the head of the UPDATE, whatever next hop they had.
    const fn unreachable(&self) -> NlriField {
        match self.family {
            Family::IPV4_UNICAST => NlriField::Withdrawn,
            family => NlriField::MpUnreach(family),
        }
    }
}
