use std::{collections::BTreeSet, mem};

use vipcast_ipam::Owner;

use super::Outcome;

/// Leaves out what was said in an earlier turn.
#[derive(Debug, Default)]
pub(super) struct News {
    /// What was told of services that have nothing, so as not to tell it again.
    told: BTreeSet<(Owner, String)>,
    turned: bool,
}

impl News {
    /// Everything is told again.
    pub(super) fn begin_anew(mut self) -> Self {
        self.turned = false;
        self
    }

    /// What is worth telling of these.
    pub(super) fn of(&mut self, outcomes: Vec<Outcome>) -> Vec<Outcome> {
        let first = !mem::replace(&mut self.turned, true);
        let waits = |outcome: &Outcome| {
            outcome.waits().then(|| (outcome.service().clone(), outcome.to_string()))
        };
        let told = outcomes.iter().filter_map(waits).collect();
        let before = mem::replace(&mut self.told, told);
        let is_new = |outcome: &Outcome| match (outcome, waits(outcome)) {
            _ if first => true,
            (Outcome::Kept { .. }, _) => false,
            (_, Some(wait)) => !before.contains(&wait),
            _ => true,
        };
        outcomes.into_iter().filter(is_new).collect()
    }
}
