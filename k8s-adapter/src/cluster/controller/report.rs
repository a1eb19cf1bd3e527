//! What is told after each round, and when the next begins.

use std::time::Duration;

use vipcast_sans_io::Instant;

use super::{Controller, FOLLOWED, ROUND, fence::Fencing};
use crate::cluster::{
    configuration_state::{Judgement, State},
    lease_store::Leadership,
};

impl Controller {
    /// Tells whether the configuration is valid, while this replica acts.
    pub(super) fn judge(&mut self) {
        let (turn, findings) = self.planner.pool_findings();
        let judged = self.planner.is_active().then(|| (turn, self.troubles.of_metallb()));
        if self.judged == judged {
            return;
        }
        self.judged.clone_from(&judged);
        let state = judged.map(|(_, trouble)| State {
            judgement: Judgement::new(findings, trouble),
            node_uid: None,
        });
        self.state.send_if_modified(|told| {
            let news = *told != state;
            *told = state;
            news
        });
    }

    pub(super) fn report(&mut self, synced: bool) {
        let counts = self.planner.counts();
        let role = match &*self.leadership.borrow() {
            Leadership::Leading(_) => {
                let mut role = format!("assigning: {} served, {} waiting", counts.0, counts.1);
                if let Some((owner, why, count)) = self.fencing.as_ref().and_then(Fencing::stuck) {
                    role = format!("{role}; {count} cannot be guarded, as {owner}: {why}");
                }
                role
            }
            Leadership::Missing => String::new(),
            Leadership::Standby { holder: Some(holder) } => format!("standing by for {holder}"),
            Leadership::Standby { holder: None } => "standing by: nobody assigns".to_owned(),
            Leadership::Unknown => "waiting for the lease".to_owned(),
        };
        let troubles = &self.troubles;
        let listed = FOLLOWED.iter().all(|kind| self.synced.contains_key(kind));
        let missing = *self.leadership.borrow() == Leadership::Missing;
        self.health.round(match (listed, troubles.is_empty()) {
            _ if missing => Err(format!(
                "there is no Lease {}: apply it again (kubectl apply -k deploy/base); until then nobody \
                 assigns anything new",
                self.lease
            )),
            (true, true) => Ok(role),
            // What is known serves, and says that it is old.
            (true, false) => Ok(format!("{role}; stale: {}", troubles)),
            (false, true) => Err("not all objects are listed yet".to_owned()),
            (false, false) => Err(troubles.to_string()),
        });
        if synced && self.leading.is_some() && self.said != Some(counts) {
            self.said = Some(counts);
            let lost = self.recorder.lost();
            tracing::debug!("{} served, {} waiting, {lost} events lost", counts.0, counts.1);
        }
    }

    /// Until something is due by itself.
    pub(super) fn next_round(&self, now: Instant) -> Duration {
        let tenure = self.leadership.borrow().tenure(now).map(|tenure| tenure.not_after);
        let pace = self.pace.opens_at(now);
        let retry = self.retries.iter().filter(|(owner, _)| !self.under_way.contains(*owner));
        let retry = retry.map(|(_, (_, at))| *at).filter(|at| *at > now).min();
        let soonest = [tenure, pace, retry].into_iter().flatten().min();
        soonest.map_or(ROUND, |at| (at - now).min(ROUND)).max(Duration::from_millis(1))
    }
}
