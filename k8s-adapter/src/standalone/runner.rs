mod agreed;

use std::{
    collections::{BTreeMap, BTreeSet},
    future::pending,
    net::IpAddr,
    sync::Arc,
    time::Duration,
};

use tokio::{
    sync::{mpsc, watch},
    time::sleep,
};

use vipcast_announcer::{
    agreement::{Agreed, Agreement},
    clock::Clock,
};
use vipcast_plan::NodeName;

use super::{Feed, InUse, StandaloneConfig, StandaloneEvent, agree::ByAgreement};
use crate::{
    Alive, Diagnostic, Translation,
    assigner::{Assigner, Turn},
    folder::Snapshot,
    state::{StateError, StateFolder},
};

/// How soon a lock that another process holds is tried again: nobody tells when it comes free.
const TRY_LOCK_EVERY: Duration = Duration::from_secs(1);

pub(super) struct Runner {
    config: StandaloneConfig,
    folder: StateFolder,
    assigner: Assigner,
    /// What was told of the manifests and still holds, by its text.
    told: BTreeMap<String, Diagnostic>,
    told_alive: Option<Alive>,
    told_fault: Option<String>,
    told_copy: Option<String>,
    assigning: Option<bool>,
    /// The snapshot whose copy is in the state folder.
    stored: Option<Arc<Snapshot>>,
    prober: Arc<dyn InUse>,
    /// What the network is being asked for.
    probing: BTreeSet<IpAddr>,
    probed: mpsc::Sender<BTreeSet<IpAddr>>,
    feed: Feed,
    events: mpsc::Sender<StandaloneEvent>,
}

impl Runner {
    pub(super) fn new(
        config: StandaloneConfig,
        folder: StateFolder,
        feed: Feed,
        prober: Arc<dyn InUse>,
        probed: mpsc::Sender<BTreeSet<IpAddr>>,
        events: mpsc::Sender<StandaloneEvent>,
    ) -> Self {
        Self {
            assigner: Assigner::new(folder.clone(), config.lost_state),
            folder,
            config,
            told: BTreeMap::new(),
            told_alive: None,
            told_fault: None,
            told_copy: None,
            assigning: None,
            stored: None,
            prober,
            probing: BTreeSet::new(),
            probed,
            feed,
            events,
        }
    }

    pub(super) async fn run(
        mut self,
        mut snapshots: watch::Receiver<Option<Arc<Snapshot>>>,
        mut living: watch::Receiver<Alive>,
        mut assignments: watch::Receiver<()>,
        mut probes: mpsc::Receiver<BTreeSet<IpAddr>>,
    ) {
        let agreement = self.config.agreement.clone();
        let mut views = agreement.as_ref().map(Agreement::views);
        let by = agreement.map(|a| ByAgreement::new(a, &self.folder, self.config.lost_state));
        let (mut agreed, fault) = by.map_or((None, None), |(by, fault)| (Some(by), fault));
        if let Some(fault) = fault {
            self.tell_fault(fault).await;
        }
        loop {
            let snapshot = snapshots.borrow_and_update().clone().unwrap_or_default();
            let alive = living.borrow_and_update().clone();
            assignments.mark_unchanged();
            let (waits_for_lock, again) = match agreed.take() {
                Some(by) => {
                    let view = views.as_mut().map(|views| Arc::clone(&views.borrow_and_update()));
                    let Some(view) = view else { return };
                    let (by, again) = self.step_agreed(by, &snapshot, &view).await;
                    agreed = Some(by);
                    (false, again)
                }
                None => (self.step(&snapshot, alive).await, None),
            };
            let wait = again.map(|at| at.saturating_duration_since(Clock::now()));
            tokio::select! {
                () = changed(&mut views) => {}
                () = sleep(wait.unwrap_or_default()), if wait.is_some() => {}
                Ok(()) = snapshots.changed() => {}
                Ok(()) = living.changed() => {}
                Ok(()) = assignments.changed() => {}
                Some(in_use) = probes.recv() => self.note(&in_use).await,
                () = sleep(TRY_LOCK_EVERY), if waits_for_lock => {}
                else => return,
            }
        }
    }

    /// Applies what is true now. Whether it should assign, but another process holds the lock.
    async fn step(&mut self, snapshot: &Arc<Snapshot>, alive: Alive) -> bool {
        let me = self.config.node.clone();
        // Who lives is news that must not wait for a disk.
        let may_assign = match &self.config.alive {
            None => true,
            Some(_) => {
                self.publish_members(alive.nodes.iter().cloned().collect());
                alive.assigner() == Some(&me)
            }
        };
        let mut translation = snapshot.translate(&self.config.options);
        let turn = self.assigner.turn(&mut translation, may_assign);
        if self.is_alone() {
            // A lock that somebody else holds proves that this node is not alone.
            let alone = !matches!(&turn, Ok(turn) if !turn.assigning);
            self.publish_members(if alone { [me.clone()].into() } else { BTreeSet::new() });
        }
        // Act first, tell later: whoever listens may be slow.
        let Translation { intent, diagnostics, .. } = translation;
        self.feed.intents.send_replace(Arc::new(intent));
        self.tell_found(snapshot, &diagnostics).await;
        self.store(snapshot).await;
        let assigning = self.tell_turn(turn).await;
        if self.config.alive.is_some() && self.told_alive.as_ref() != Some(&alive) {
            self.told_alive = Some(alive.clone());
            let listed = alive.nodes.contains(&me);
            self.tell(StandaloneEvent::Alive(alive)).await;
            if !listed {
                self.tell(StandaloneEvent::Unlisted(me)).await;
            }
        }
        may_assign && !assigning
    }

    /// It was told so; that may be wrong.
    fn is_alone(&self) -> bool {
        self.config.alive.is_none() && !self.config.elected
    }

    fn publish_members(&self, members: BTreeSet<NodeName>) {
        self.feed.members.send_if_modified(|told| {
            let news = *told != members;
            *told = members;
            news
        });
    }

    /// Lets the network be asked, one question at a time.
    async fn probe(&mut self, addresses: Vec<IpAddr>) {
        if addresses.is_empty() || !self.probing.is_empty() {
            return;
        }
        self.probing = addresses.iter().copied().collect();
        let (prober, question) = (Arc::clone(&self.prober), self.probing.clone());
        let answer = self.probed.clone();
        tokio::spawn(async move {
            if let Some(in_use) = prober.in_use(question).await {
                // Whoever asked may have ended.
                let _ = answer.send(in_use).await;
            }
        });
        self.tell(StandaloneEvent::Probing(addresses)).await;
    }

    /// Takes note of what the network answered.
    async fn note(&mut self, in_use: &BTreeSet<IpAddr>) {
        for address in std::mem::take(&mut self.probing) {
            let answered = in_use.contains(&address);
            self.assigner.probed(address, answered);
            if answered {
                self.tell(StandaloneEvent::Occupied(address)).await;
            }
        }
    }

    /// Keeps a copy of what was accepted, to serve when the folder cannot be read after a restart.
    async fn store(&mut self, snapshot: &Arc<Snapshot>) {
        if self.stored.as_ref() == Some(snapshot) || snapshot.folder.is_none() {
            return;
        }
        match self.folder.store_manifests(snapshot) {
            Ok(()) => {
                self.stored = Some(Arc::clone(snapshot));
                self.told_copy = None;
            }
            Err(error) => self.tell_fault_of_copy(error.to_string()).await,
        }
    }

    async fn tell_fault_of_copy(&mut self, fault: String) {
        if self.told_copy.replace(fault.clone()).as_ref() != Some(&fault) {
            self.tell(StandaloneEvent::CopyFault(fault)).await;
        }
    }

    async fn tell_found(&mut self, snapshot: &Snapshot, translated: &[Diagnostic]) {
        let found = snapshot.diagnostics.iter().chain(translated);
        let now: BTreeMap<String, Diagnostic> =
            found.map(|diagnostic| (diagnostic.to_string(), diagnostic.clone())).collect();
        let before = std::mem::replace(&mut self.told, now.clone());
        for (_, mended) in before.iter().filter(|(text, _)| !now.contains_key(*text)) {
            self.tell(StandaloneEvent::Mended(mended.clone())).await;
        }
        for (text, found) in now {
            if !before.contains_key(&text) {
                self.tell(StandaloneEvent::Found(found)).await;
            }
        }
    }

    /// Whether this node assigns.
    async fn tell_turn(&mut self, turn: Result<Turn, StateError>) -> bool {
        let turn = match turn {
            Ok(turn) => {
                self.told_fault = None;
                turn
            }
            Err(error) => {
                self.tell_fault(error.to_string()).await;
                return false;
            }
        };
        if let Some(path) = turn.set_aside {
            self.tell(StandaloneEvent::SetAside(path)).await;
        }
        if self.assigning.replace(turn.assigning) != Some(turn.assigning) {
            self.tell(StandaloneEvent::Assigning(turn.assigning)).await;
            if !turn.assigning && self.is_alone() {
                self.tell(StandaloneEvent::NotAlone).await;
            }
        }
        for outcome in turn.outcomes {
            self.tell(StandaloneEvent::Outcome(outcome)).await;
        }
        self.probe(turn.probe).await;
        turn.assigning
    }

    pub(super) async fn tell_fault(&mut self, fault: String) {
        if self.told_fault.as_ref() != Some(&fault) {
            self.told_fault = Some(fault.clone());
            self.tell(StandaloneEvent::StateFault(fault)).await;
        }
    }

    async fn tell(&self, event: StandaloneEvent) {
        // Nobody listens any more: nothing is lost that anybody wants.
        let _ = self.events.send(event).await;
    }
}

/// Waits until what is agreed changes; for ever where nothing is.
async fn changed(views: &mut Option<watch::Receiver<Arc<Agreed>>>) {
    if let Some(views) = views
        && views.changed().await.is_ok()
    {
        return;
    }
    pending::<()>().await;
}
