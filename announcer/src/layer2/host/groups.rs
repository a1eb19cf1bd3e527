use std::sync::Arc;

use vipcast_sans_io::Instant;

use super::Host;

/// Groups of addresses, where they are held by the records of a store.
impl Host {
    /// How it stands with the groups of addresses, for the report.
    pub(super) fn look_at_groups(&mut self, now: Instant) {
        let Some((_, standing)) = self.elector.groups(now) else { return };
        let drained = self.elector.is_drained();
        self.dirty |= self.report.drained != drained || self.report.standing != Some(standing);
        (self.report.drained, self.report.standing) = (drained, Some(standing));
    }

    /// What nobody announces because its holder may not, for the report.
    pub(super) fn look_at_blocked(&mut self, now: Instant) {
        if let Some((blocked, _)) = self.elector.groups(now)
            && *self.report.blocked != *blocked
        {
            self.report.blocked = Arc::new(blocked.clone());
        }
    }
}
