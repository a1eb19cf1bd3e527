//! `vipcast controller`: services get their addresses.
//!
//! ```text
//! watches ──► Planner ──► writer ──► status, conditions, annotation, events
//!                ▲           │
//! lease ─────────┘           └──► what the server answers goes back to the Planner
//! ```
//!
//! One of several replicas acts, the holder of a Lease; the others know all that it knows, and list
//! once more before they act. Everything is decided on one task, one after the other; only requests
//! run beside it.

mod config;
mod fence;
mod jobs;
mod report;
mod rivals;
mod writer;

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use kube::Client;
use tokio::{
    sync::{mpsc, watch},
    task::{Id, JoinSet},
    time::{sleep, timeout},
};
use vipcast_announcer::clock::Clock;
use vipcast_election::{NodeName, lease::LeaseConfig};
use vipcast_ipam::Owner;
use vipcast_sans_io::Instant;

use super::{
    configuration_state::{Component, State, keep},
    events::Recorder,
    health::Health,
    lease_store::{Leadership, LeaseStore, contend},
    pace::Pace,
    planner::Planner,
    troubles::Troubles,
    watch::{Change, Target, Timing, follow},
};
use crate::kinds::Kind;
pub use config::{ControllerConfig, ControllerError};
use fence::Fencing;
use rivals::Rivals;
use writer::Outcome;

/// What is followed.
const FOLLOWED: [Kind; 3] = [Kind::IpAddressPool, Kind::Namespace, Kind::Service];
/// The loop comes round at least this often.
const ROUND: Duration = Duration::from_secs(5);
/// How long the first list waits for word from the Lease, so as not to be made twice.
const FIRST_WORD: Duration = Duration::from_secs(3);
/// How long the end waits for writes that are under way, and for the Lease to be given up.
const FAREWELL: Duration = Duration::from_secs(2);
const TOGETHER: usize = 8192;

/// Runs the controller until `stop` is ready. Then it gives the Lease up.
///
/// # Errors
/// [`ControllerError`], before anything is sent. A cluster that cannot be reached is no error: it is
/// logged, told by the probes, and waited for.
pub async fn run_controller(
    client: Client,
    config: ControllerConfig,
    health: Health,
    stop: impl Future<Output = ()>,
) -> Result<(), ControllerError> {
    let (duration, hold, retry) = config.lease_times;
    let seed = Clock::now().as_micros();
    let lease = LeaseConfig::new(NodeName::new(config.identity.as_str()), seed)
        .with_times(duration, hold, retry)?;
    let mut stop = std::pin::pin!(stop);

    let (end, ended) = watch::channel(false);
    let (leadership_sender, mut leadership) = watch::channel(Leadership::Unknown);
    let store = LeaseStore::new(client.clone(), &config.namespace, &config.lease);
    let contending = tokio::spawn(contend(store, lease, ended, leadership_sender));
    tokio::select! {
        _ = timeout(FIRST_WORD, leadership.changed()) => {}
        () = &mut stop => {}
    }

    let tenure = leadership.borrow().tenure(Clock::now()).map(|tenure| tenure.number);
    let (epochs, orders) = watch::channel(u64::from(tenure.is_some()));
    let (changes_sender, mut changes) = mpsc::channel(TOGETHER);
    let mut follows = JoinSet::new();
    for kind in FOLLOWED {
        let namespace = kind.is_metallb().then_some(config.namespace.as_str());
        let mut target = Target::new(kind, namespace);
        target.fields = (kind == Kind::Service).then_some(Target::LOAD_BALANCERS);
        let changes = changes_sender.clone();
        follows.spawn(follow(client.clone(), target, Timing::default(), orders.clone(), changes));
    }
    drop(changes_sender);
    let (state, states) = watch::channel(None);
    follows.spawn(keep(client.clone(), config.namespace.clone(), Component::Controller, states));

    let mut controller =
        Controller::new(client, &config, health, leadership.clone(), epochs, state);
    controller.lists_follow = tenure;
    loop {
        let wait = controller.step();
        tokio::select! {
            biased;
            () = &mut stop => break,
            Ok(()) = leadership.changed() => {}
            Some(ended) = controller.jobs.join_next_with_id() => controller.ended(ended),
            Some(change) = changes.recv() => {
                controller.note(change);
                for _ in 1..TOGETHER {
                    let Ok(change) = changes.try_recv() else { break };
                    controller.note(change);
                }
            }
            () = sleep(wait) => {}
        }
    }

    tracing::info!("stopping: finishing {} writes", controller.jobs.len());
    let finishing = async { while controller.jobs.join_next().await.is_some() {} };
    if timeout(FAREWELL, finishing).await.is_ok() {
        // Nothing is on the way any more: the next may act at once.
        end.send_replace(true);
        let _ = timeout(FAREWELL, contending).await;
    }
    Ok(())
}

struct Controller {
    client: Client,
    recorder: Recorder,
    planner: Planner,
    pace: Pace,
    health: Health,
    leadership: watch::Receiver<Leadership>,
    /// Its namespace and name.
    lease: String,
    /// Orders to list anew.
    epochs: watch::Sender<u64>,
    /// The order that the last list of each kind followed.
    synced: BTreeMap<Kind, u64>,
    /// What cannot be followed, and why.
    troubles: Troubles,
    /// The tenure that is acted in.
    leading: Option<u64>,
    /// The last tenure that was acted in.
    led: Option<u64>,
    /// It looked over for a moment, and writes of ours from before may be on the way.
    resumed: bool,
    /// The tenure in which the first lists were begun.
    lists_follow: Option<u64>,
    jobs: JoinSet<Outcome>,
    /// Services with a request under way.
    under_way: BTreeSet<Owner>,
    /// The services of the tasks.
    tasks: BTreeMap<Id, Owner>,
    /// Services whose last write failed: how often, and when the next may begin.
    retries: BTreeMap<Owner, (u32, Instant)>,
    /// Services that left our sight, to be looked after.
    cleaning: Vec<Owner>,
    /// What the last holder may still write to, after a lease was taken that nobody gave up.
    fencing: Option<Fencing>,
    /// Whether somebody else writes what we write.
    rivals: Rivals,
    said: Option<(usize, usize)>,
    /// The turn of the pools that was judged last, and why they could not be followed then.
    judged: Option<(u64, Option<String>)>,
    /// Whether the configuration is valid.
    state: watch::Sender<Option<State>>,
}

impl Controller {
    fn new(
        client: Client,
        config: &ControllerConfig,
        health: Health,
        leadership: watch::Receiver<Leadership>,
        epochs: watch::Sender<u64>,
        state: watch::Sender<Option<State>>,
    ) -> Self {
        Self {
            recorder: Recorder::start(client.clone(), "vipcast-controller", &config.identity),
            planner: Planner::new(config.options.clone()),
            pace: Pace::new(config.writes.max(1)),
            client,
            health,
            leadership,
            lease: format!("{}/{}", config.namespace, config.lease),
            epochs,
            synced: BTreeMap::new(),
            troubles: Troubles::default(),
            leading: None,
            led: None,
            resumed: false,
            lists_follow: None,
            jobs: JoinSet::new(),
            under_way: BTreeSet::new(),
            tasks: BTreeMap::new(),
            retries: BTreeMap::new(),
            cleaning: Vec::new(),
            fencing: None,
            rivals: Rivals::default(),
            said: None,
            judged: None,
            state,
        }
    }

    fn note(&mut self, change: Change) {
        match &change {
            Change::Reset { kind, epoch, objects } => {
                tracing::debug!("listed {} objects of kind {kind}", objects.len());
                self.synced.insert(*kind, *epoch);
            }
            Change::Cut(kind) => {
                tracing::info!("the server cut the watch of kind {kind}");
                if !self.under_way.is_empty() {
                    self.pace.overloaded(Clock::now(), None);
                }
            }
            Change::Trouble(kind, why) => {
                self.troubles.note(*kind, why.as_ref(), "what is assigned stays");
            }
            _ => {}
        }
        self.planner.note(change);
    }

    /// Does what is to be done now, and says for how long there is nothing more to do.
    fn step(&mut self) -> Duration {
        let now = Clock::now();
        let tenure = self.leadership.borrow().tenure(now);
        let number = tenure.map(|tenure| tenure.number);
        if number != self.leading {
            // Between two looks one tenure may have ended and another begun.
            if self.leading.take().is_some() {
                self.lost();
            }
            if let Some(number) = number {
                self.leads(number);
            }
        }
        let order = *self.epochs.borrow();
        let synced = FOLLOWED.iter().all(|kind| self.synced.get(kind).is_some_and(|e| *e >= order));
        if let Some(tenure) = tenure.filter(|_| synced && !self.planner.is_active()) {
            self.planner.activate();
            if tenure.seized || self.resumed {
                // The last holder may have sent writes to just these before it was paused. Each is
                // given a new version before anything is decided for good.
                let unfenced = self.planner.dirty().cloned();
                self.fencing = Some(Fencing::new(tenure.transitions, unfenced));
            }
            let (served, waiting) = self.planner.counts();
            tracing::info!(
                "assigning: {served} services have addresses, {waiting} wait, {} are to be written",
                self.planner.dirty().count()
            );
        }
        if let Some(fencing) = &mut self.fencing {
            // Nothing is decided for what is not in sight any more, and no answer would tell.
            fencing.retain(|owner| self.planner.knows(owner));
            if fencing.is_done_first() {
                self.planner.activate();
            }
            if fencing.is_empty() {
                self.fencing = None;
            }
        }
        self.planner.turn();
        let findings: BTreeSet<String> =
            self.planner.take_findings().iter().map(ToString::to_string).collect();
        for finding in findings {
            tracing::warn!("{finding}");
        }
        let left = self.planner.take_left();
        self.cleaning.extend(left);
        self.begin_jobs(now);
        self.judge();
        self.report(synced);
        self.next_round(now)
    }

    fn leads(&mut self, number: u64) {
        tracing::info!("holding the lease: this replica assigns addresses");
        self.resumed = self.led == Some(number);
        (self.leading, self.led) = (Some(number), Some(number));
        if self.lists_follow.take() != Some(number) {
            // What was listed before may lack what the last holder wrote.
            self.epochs.send_modify(|epoch| *epoch += 1);
        }
    }

    fn lost(&mut self) {
        tracing::warn!("the lease is lost: this replica assigns nothing");
        self.planner.deactivate();
        // With the answers that have come already: they belong to the tenure that is over.
        self.jobs = JoinSet::new();
        self.tasks.clear();
        self.under_way.clear();
        self.rivals.clear();
        self.retries.clear();
        self.cleaning.clear();
        self.fencing = None;
    }
}

#[cfg(test)]
mod tests;
