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
mod writer;

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use kube::Client;
use tokio::{
    sync::{mpsc, watch},
    task::JoinSet,
    time::{sleep, timeout},
};
use vipcast_announcer::clock::Clock;
use vipcast_election::{NodeName, lease::LeaseConfig};
use vipcast_ipam::Owner;
use vipcast_sans_io::Instant;

use super::{
    events::Recorder,
    health::Health,
    lease_store::{Leadership, LeaseStore, contend},
    pace::Pace,
    planner::{Note, Planner},
    troubles::Troubles,
    watch::{Change, Target, Timing, follow},
};
use crate::kinds::{Key, Kind};
pub use config::{ControllerConfig, ControllerError};
use writer::{Answer, Job, Outcome};

/// What is followed.
const FOLLOWED: [Kind; 3] = [Kind::IpAddressPool, Kind::Namespace, Kind::Service];
/// The loop comes round at least this often.
const ROUND: Duration = Duration::from_secs(5);
/// How long the first list waits for word from the Lease, so as not to be made twice.
const FIRST_WORD: Duration = Duration::from_secs(3);
/// How long the end waits for writes that are under way, and for the Lease to be given up.
const FAREWELL: Duration = Duration::from_secs(2);
const TOGETHER: usize = 8192;
/// How long a service waits whose write failed; it doubles.
const RETRY: Duration = Duration::from_millis(200);
const LONGEST_RETRY: Duration = Duration::from_secs(30);

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

    let leads = leadership.borrow().tenure(Clock::now()).is_some();
    let epoch = u64::from(leads);
    let (epochs, orders) = watch::channel(epoch);
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

    let mut controller = Controller {
        recorder: Recorder::start(client.clone(), "vipcast-controller", &config.identity),
        planner: Planner::new(config.options.clone()),
        pace: Pace::new(config.writes.max(1)),
        client,
        health,
        leadership: leadership.clone(),
        epochs,
        synced: BTreeMap::new(),
        troubles: Troubles::default(),
        leading: false,
        lists_follow: leads,
        jobs: JoinSet::new(),
        under_way: BTreeSet::new(),
        retries: BTreeMap::new(),
        cleaning: Vec::new(),
        fencing: None,
        said: None,
    };
    controller.epochs.send_replace(epoch);
    loop {
        let wait = controller.step();
        tokio::select! {
            biased;
            () = &mut stop => break,
            Ok(()) = leadership.changed() => {}
            Some(result) = controller.jobs.join_next() => controller.answered(result.ok()),
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
    /// Orders to list anew.
    epochs: watch::Sender<u64>,
    /// The order that the last list of each kind followed.
    synced: BTreeMap<Kind, u64>,
    /// What cannot be followed, and why.
    troubles: Troubles,
    leading: bool,
    /// The first lists were begun while the lease was held already.
    lists_follow: bool,
    jobs: JoinSet<Outcome>,
    /// Services with a request under way.
    under_way: BTreeSet<Owner>,
    /// Services whose last write failed: how often, and when the next may begin.
    retries: BTreeMap<Owner, (u32, Instant)>,
    /// Services that left our sight, to be looked after.
    cleaning: Vec<Owner>,
    /// After a lease was taken that nobody gave up: its count of tenures, and the services that the
    /// last holder may still write to.
    fencing: Option<(u32, BTreeSet<Owner>)>,
    said: Option<(usize, usize)>,
}

impl Controller {
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
        if tenure.is_some() != self.leading {
            self.leading = tenure.is_some();
            self.led(self.leading);
        }
        let order = *self.epochs.borrow();
        let synced = FOLLOWED.iter().all(|kind| self.synced.get(kind).is_some_and(|e| *e >= order));
        if self.leading && synced && !self.planner.is_active() {
            self.planner.activate();
            if let Some(tenure) = tenure.filter(|tenure| tenure.seized) {
                // The last holder may have sent writes to just these before it was paused. Each is
                // given a new version before anything is decided for good.
                let unfenced = self.planner.dirty().cloned().collect();
                self.fencing = Some((tenure.transitions, unfenced));
            }
            let (served, waiting) = self.planner.counts();
            tracing::info!(
                "assigning: {served} services have addresses, {waiting} wait, {} are to be written",
                self.planner.dirty().count()
            );
        }
        if self.fencing.as_ref().is_some_and(|(_, unfenced)| unfenced.is_empty()) {
            self.fencing = None;
            self.planner.activate();
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
        self.report(synced);
        self.next_round(now)
    }

    fn led(&mut self, leading: bool) {
        if leading {
            tracing::info!("holding the lease: this replica assigns addresses");
            if !std::mem::take(&mut self.lists_follow) {
                // What was listed before may lack what the last holder wrote.
                self.epochs.send_modify(|epoch| *epoch += 1);
            }
        } else {
            tracing::warn!("the lease is lost: this replica assigns nothing");
            self.planner.deactivate();
            self.jobs.abort_all();
            self.under_way.clear();
            self.retries.clear();
            self.cleaning.clear();
            self.fencing = None;
        }
    }

    fn begin_jobs(&mut self, now: Instant) {
        if !self.planner.is_active() {
            return;
        }
        if self.planner.dirty().next().is_none() {
            self.retries.clear();
        }
        let mut begun = Vec::new();
        if let Some((transitions, unfenced)) = &self.fencing {
            for owner in unfenced {
                let busy = self.under_way.contains(owner)
                    || self.retries.get(owner).is_some_and(|(_, at)| *at > now)
                    || !self.pace.allows(now, self.jobs.len() + begun.len());
                if let Some(write) = self.planner.fence(owner, *transitions).filter(|_| !busy) {
                    begun.push(Job::Write(write));
                }
            }
            self.begin(begun);
            return;
        }
        for owner in self.planner.dirty() {
            if !self.pace.allows(now, self.jobs.len() + begun.len()) {
                break;
            }
            let waits = self.retries.get(owner).is_some_and(|(_, at)| *at > now);
            if waits || self.under_way.contains(owner) {
                continue;
            }
            if let Some(write) = self.planner.write(owner, Clock::unix_seconds()) {
                begun.push(Job::Write(write));
            }
        }
        while self.pace.allows(now, self.jobs.len() + begun.len()) {
            let Some(owner) = self.cleaning.pop() else { break };
            begun.push(Job::Clean(owner));
        }
        self.begin(begun);
    }

    fn begin(&mut self, jobs: Vec<Job>) {
        for job in jobs {
            self.under_way.insert(job.owner().clone());
            let (client, leadership) = (self.client.clone(), self.leadership.clone());
            self.jobs.spawn(job.run(client, leadership));
        }
    }

    fn answered(&mut self, outcome: Option<Outcome>) {
        // A job that was called off says nothing.
        let Some(Outcome { owner, answer }) = outcome else { return };
        self.under_way.remove(&owner);
        let now = Clock::now();
        match answer {
            Answer::Accepted { object, notes } => {
                self.pace.succeeded();
                self.retries.remove(&owner);
                self.fenced(&owner);
                let key = object.key.clone();
                let uid = object.uid.clone();
                self.planner.note(Change::Applied(object));
                self.tell(&key, &uid, &notes);
            }
            Answer::Changed(Some(object)) => {
                // Whoever changed it did so before: a fence is tried again with the new version.
                self.retries.remove(&owner);
                self.planner.note(Change::Applied(object));
            }
            Answer::Done => self.pace.succeeded(),
            // It is gone; the watch will tell.
            Answer::Changed(None) => {
                self.fenced(&owner);
                self.retry(owner, now);
            }
            Answer::TooLate => self.retry(owner, now),
            Answer::Overloaded(wait) => {
                tracing::info!("the server asks for fewer writes");
                self.pace.overloaded(now, wait);
                self.retry(owner, now);
            }
            Answer::Failed(why) => {
                tracing::warn!("cannot write the status of {owner}: {why}; trying again");
                self.retry(owner, now);
            }
        }
    }

    /// What the last holder may have sent to this service is refused by now, or the service is gone.
    fn fenced(&mut self, owner: &Owner) {
        if let Some((_, unfenced)) = &mut self.fencing {
            unfenced.remove(owner);
        }
    }

    fn tell(&self, key: &Key, uid: &str, notes: &[Note]) {
        for note in notes {
            let Key { namespace, name, .. } = key;
            if note.warning {
                tracing::warn!("{namespace}/{name}: {}", note.message);
            } else {
                tracing::info!("{namespace}/{name}: {}", note.message);
            }
            self.recorder.tell(key, uid, "Assign", note);
        }
    }

    fn retry(&mut self, owner: Owner, now: Instant) {
        let (times, at) = self.retries.entry(owner).or_insert((0, now));
        *at = now + (RETRY * (1 << (*times).min(8))).min(LONGEST_RETRY);
        *times += 1;
    }

    fn report(&mut self, synced: bool) {
        let counts = self.planner.counts();
        let role = match &*self.leadership.borrow() {
            Leadership::Leading(_) => {
                format!("assigning: {} served, {} waiting", counts.0, counts.1)
            }
            Leadership::Standby { holder: Some(holder) } => format!("standing by for {holder}"),
            Leadership::Standby { holder: None } => "standing by: nobody assigns".to_owned(),
            Leadership::Unknown => "waiting for the lease".to_owned(),
        };
        let troubles = &self.troubles;
        let listed = FOLLOWED.iter().all(|kind| self.synced.contains_key(kind));
        self.health.round(match (listed, troubles.is_empty()) {
            (true, true) => Ok(role),
            // What is known serves, and says that it is old.
            (true, false) => Ok(format!("{role}; stale: {}", troubles)),
            (false, true) => Err("not all objects are listed yet".to_owned()),
            (false, false) => Err(troubles.to_string()),
        });
        if synced && self.leading && self.said != Some(counts) {
            self.said = Some(counts);
            let lost = self.recorder.lost();
            tracing::debug!("{} served, {} waiting, {lost} events lost", counts.0, counts.1);
        }
    }

    /// Until something is due by itself.
    fn next_round(&self, now: Instant) -> Duration {
        let tenure = self.leadership.borrow().tenure(now).map(|tenure| tenure.not_after);
        let pace = self.pace.opens_at(now);
        let retry = self.retries.iter().filter(|(owner, _)| !self.under_way.contains(*owner));
        let retry = retry.map(|(_, (_, at))| *at).filter(|at| *at > now).min();
        let soonest = [tenure, pace, retry].into_iter().flatten().min();
        soonest.map_or(ROUND, |at| (at - now).min(ROUND)).max(Duration::from_millis(1))
    }
}
