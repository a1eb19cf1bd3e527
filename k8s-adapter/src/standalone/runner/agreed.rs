//! A runner that assigns by agreement.

use std::{collections::BTreeMap, sync::Arc};

use tokio::task::spawn_blocking;
use vipcast_announcer::{
    agreement::{Agreed, ChangeError},
    clock::Clock,
};
use vipcast_election::register::ProposeError;
use vipcast_ipam::Owner;
use vipcast_plan::{NodeName, intent::Assignment};
use vipcast_sans_io::Instant;

use super::Runner;
use crate::{
    Translation,
    assigner::AgreedTurn,
    folder::Snapshot,
    standalone::{StandaloneEvent, agree::ByAgreement},
    state::{Assignments, StateError, StateFolder, StateLock},
};

impl Runner {
    /// Applies what is true now. When to do so again, whatever happens.
    pub(super) async fn step_agreed(
        &mut self,
        mut by: ByAgreement,
        snapshot: &Arc<Snapshot>,
        agreed: &Agreed,
    ) -> (ByAgreement, Option<Instant>) {
        let mut translation = snapshot.translate(&self.config.options);
        // Who could read nothing yet must not take it for a wish to have nothing.
        let blind = snapshot.folder.is_none() && snapshot.manifests.is_empty();
        let before = by.before.as_ref().filter(|_| !blind);
        let turn = by.assigner.turn(Clock::now(), &mut translation, agreed, before);
        let Translation { intent, diagnostics, .. } = translation;
        self.feed.intents.send_replace(Arc::new(intent));
        self.tell_found(snapshot, &diagnostics).await;
        self.store(snapshot).await;
        let passing = agreed.standing.is_passing();
        if !(passing && by.told.is_none()) && by.told.as_ref() != Some(&agreed.standing) {
            by.told = Some(agreed.standing.clone());
            self.tell(StandaloneEvent::Standing(agreed.standing.clone())).await;
        }
        let turn = match turn {
            Ok(turn) => turn,
            Err(error) => {
                self.tell_fault(error.to_string()).await;
                return (by, None);
            }
        };
        let AgreedTurn { outcomes, proposal, again, waits_for_release, waiting, services } = turn;
        for outcome in outcomes {
            self.tell(StandaloneEvent::Outcome(outcome)).await;
        }
        if let Some(proposal) = proposal {
            let asked = by.agreement.propose(proposal.version, proposal.changes.clone()).await;
            match asked {
                Ok(()) => by.assigner.proposed(proposal),
                Err(ChangeError::Propose(
                    error @ (ProposeError::EntryTooLong | ProposeError::TooManyEntries),
                )) => self.tell_fault(error.to_string()).await,
                // What was agreed, or who leads, has changed: that is told, and looked at anew.
                Err(_) => {}
            }
        }
        // A service that nobody assigns for says why; what the assigner says of it, it says itself.
        by.waiting.retain(|service, _| waiting.contains(service));
        if !passing && agreed.standing.leader().is_none() {
            let why = agreed.standing.name();
            for service in waiting {
                if by.waiting.insert(service.clone(), why) != Some(why) {
                    let why = agreed.standing.clone();
                    self.tell(StandaloneEvent::Waiting { service, why }).await;
                }
            }
        }
        let unreleased = !waits_for_release.is_empty();
        if unreleased && !std::mem::replace(&mut by.unreleased, unreleased) {
            let addresses = waits_for_release.into_iter().collect();
            let silent = agreed.behind.iter().map(|name| NodeName::new(name.as_str())).collect();
            self.tell(StandaloneEvent::Unreleased { addresses, silent }).await;
        }
        by.unreleased = unreleased;
        let version = agreed.document.version();
        if version > 0 && by.copied != Some(version) {
            by.copied = Some(version);
            let (folder, lock) = (self.folder.clone(), by.lock.take());
            let copied = spawn_blocking(move || copy(&folder, lock, services)).await;
            match copied.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic())) {
                Ok(lock) => by.lock = lock,
                Err(error) => self.tell_fault_of_copy(error.to_string()).await,
            }
        }
        (by, again)
    }
}

/// Writes what is agreed where it is found by a node alone, and by whoever plans. In a folder that
/// nodes share one of them does.
fn copy(
    folder: &StateFolder,
    lock: Option<Arc<StateLock>>,
    services: BTreeMap<Owner, Assignment>,
) -> Result<Option<Arc<StateLock>>, StateError> {
    let Some(lock) =
        lock.map_or_else(|| Ok(folder.try_lock()?.map(Arc::new)), |lock| Ok(Some(lock)))?
    else {
        return Ok(None);
    };
    match folder.load() {
        Ok(written) if written.services == services && !written.probing => {}
        Ok(mut written) => {
            (written.services, written.probing) = (services, false);
            folder.store(&lock, &mut written)?;
        }
        Err(StateError::Corrupt { .. }) => {
            let known = Assignments { services, ..Assignments::default() };
            let (_, mut begun) = folder.recover(&lock, &known, false)?;
            begun.services = known.services;
            folder.store(&lock, &mut begun)?;
        }
        Err(error) => return Err(error),
    }
    Ok(Some(lock))
}
