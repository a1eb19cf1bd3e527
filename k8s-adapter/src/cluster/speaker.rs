//! `vipcast speaker`: what the cluster asks for becomes what a node announces.
//!
//! ```text
//! watches ──► Sight ──► Intent ──► Node ──► the wire
//!               │                    │
//!               ▼                    ▼
//!     manifests.NODE.json        reports ──► events
//!     (serves after a restart
//!      without an API server)
//! ```
//!
//! Nothing is withdrawn because the API server is away: what was known last stays, and is said to be
//! old.

mod config;
mod tempo;

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    sync::Arc,
    time::Duration,
};

use kube::Client;
use tokio::{
    sync::{mpsc, watch},
    task::{JoinHandle, JoinSet},
    time::sleep,
};
use vipcast_announcer::{Event, Report, clock::Clock};
use vipcast_election::groups::Standing;
use vipcast_ipam::Owner;
use vipcast_plan::{Reason, Withheld};
use vipcast_sans_io::Instant;

use super::{
    configuration_state::{Component, Judgement, State, keep},
    events::Recorder,
    health::Health,
    planner::Note,
    sight::{FOLLOWED, Sight, intent, members},
    troubles::Troubles,
    watch::{Change, Target, Timing, follow},
};
use tempo::Tempo;

pub use config::SpeakerConfig;

use crate::{
    Manifest,
    folder::Snapshot,
    kinds::{Key, Kind},
    standalone::Feed,
    state::{StateError, StateFolder},
};

/// Changes that are taken together.
const TOGETHER: usize = 8192;
/// The loop comes round at least this often.
const ROUND: Duration = Duration::from_secs(5);
/// How often what is known is written down, at most.
const WRITE_DOWN_EVERY: Duration = Duration::from_secs(5);
/// How often what is announced is, so that it is not told again after a restart.
const NOTE_EVERY: Duration = Duration::from_secs(1);

/// Follows the cluster, and publishes what the node is to announce, until `stop` is ready.
///
/// `reports` are those of the [`Node`](vipcast_announcer::Node) that `feed` feeds. A cluster that
/// cannot be reached is no error: the last known state is served, and said to be old.
///
/// # Errors
/// When the state folder cannot be made.
pub async fn run_speaker(
    client: Client,
    config: SpeakerConfig,
    feed: Feed,
    reports: watch::Receiver<Arc<Report>>,
    health: Health,
    stop: impl Future<Output = ()>,
) -> Result<(), StateError> {
    let folder = StateFolder::open(&config.state, config.node.as_str())?;
    let (_epochs, orders) = watch::channel(0);
    let (sender, changes) = mpsc::channel(TOGETHER);
    let mut follows = JoinSet::new();
    for kind in FOLLOWED {
        let namespace = kind.is_metallb().then_some(config.namespace.as_str());
        let mut target = Target::new(kind, namespace);
        match kind {
            Kind::Service => target.fields = Some(Target::LOAD_BALANCERS),
            Kind::ConfigMap => target.fields = Some(Target::EXCLUDED_LINKS),
            Kind::EndpointSlice => target.labels = Some("!service.kubernetes.io/headless"),
            _ => {}
        }
        follows.spawn(follow(
            client.clone(),
            target,
            Timing::default(),
            orders.clone(),
            sender.clone(),
        ));
    }
    drop(sender);
    let (state, states) = watch::channel(None);
    let component = Component::Speaker(config.node.clone());
    follows.spawn(keep(client.clone(), config.namespace.clone(), component, states));
    let mut speaker = Speaker {
        recorder: Recorder::start(client, "vipcast-speaker", config.node.as_str()),
        sight: Sight::new(config.options.clone()),
        announced: folder.load_announced(),
        announced_anew: false,
        note_after: Instant::ZERO,
        config,
        folder,
        feed,
        health,
        troubles: Troubles::default(),
        due: false,
        tempo: Tempo::new(),
        unwritten: None,
        write_after: Instant::ZERO,
        writing: None,
        told: Arc::default(),
        served: None,
        state,
    };
    speaker.serve_copy();
    speaker.run(changes, reports, stop).await;
    Ok(())
}

struct Speaker {
    config: SpeakerConfig,
    folder: StateFolder,
    feed: Feed,
    health: Health,
    recorder: Recorder,
    sight: Sight,
    /// What cannot be followed, and why.
    troubles: Troubles,
    /// Something has changed since the last intent.
    due: bool,
    tempo: Tempo,
    /// What is known and not written down.
    unwritten: Option<Vec<Manifest>>,
    write_after: Instant,
    writing: Option<JoinHandle<()>>,
    told: Arc<Report>,
    /// What this node was told to announce last, across restarts.
    announced: BTreeMap<IpAddr, Box<[Owner]>>,
    /// It is not written down as it is, and from when on it may be.
    announced_anew: bool,
    note_after: Instant,
    /// How many services the last intent has; `None` before the first.
    served: Option<usize>,
    /// Whether the configuration is valid.
    state: watch::Sender<Option<State>>,
}

impl Speaker {
    /// What was known before the restart serves until more is known.
    fn serve_copy(&mut self) {
        let copy = match self.folder.load_manifests() {
            Ok(copy) => copy,
            Err(error) => {
                tracing::warn!("{error}; nothing is announced until the API server is reached");
                return;
            }
        };
        if copy.manifests.is_empty() {
            return;
        }
        // Whether pools were doubtful is not written down: what was announced then stays.
        let intent = intent(&copy.manifests, &self.config.options, true);
        tracing::info!(
            "{} services are known from before the restart, and announced until the API server is \
             reached",
            intent.services.len()
        );
        self.feed.publish(intent, members(&copy.manifests));
    }

    async fn run(
        &mut self,
        mut changes: mpsc::Receiver<Change>,
        mut reports: watch::Receiver<Arc<Report>>,
        stop: impl Future<Output = ()>,
    ) {
        let mut stop = std::pin::pin!(stop);
        loop {
            let wait = self.step();
            tokio::select! {
                biased;
                () = &mut stop => break,
                Some(change) = changes.recv() => {
                    self.note(change);
                    for _ in 1..TOGETHER {
                        let Ok(change) = changes.try_recv() else { break };
                        self.note(change);
                    }
                }
                Ok(()) = reports.changed() => {
                    let report = reports.borrow_and_update().clone();
                    self.tell(report);
                }
                () = sleep(wait) => {}
            }
        }
        if let Some(writing) = self.writing.take() {
            let _ = writing.await;
        }
        if let Some(manifests) = self.unwritten.take() {
            write_down(&self.folder, manifests);
        }
        self.note_announced();
    }

    fn note(&mut self, change: Change) {
        if let Change::Trouble(kind, why) = &change {
            self.troubles.note(*kind, why.as_ref(), "what is announced stays");
            self.judge();
        }
        self.due |= self.sight.note(change);
    }

    /// Does what is to be done now, and says for how long there is nothing more to do.
    fn step(&mut self) -> Duration {
        let now = Clock::now();
        if self.due && self.sight.is_complete() && now >= self.tempo.not_before() {
            self.due = false;
            self.publish();
            self.tempo.published(now, Clock::now());
        }
        if self.writing.as_ref().is_some_and(JoinHandle::is_finished) {
            self.writing = None;
        }
        if now >= self.write_after
            && self.writing.is_none()
            && let Some(manifests) = self.unwritten.take()
        {
            self.write_after = now + WRITE_DOWN_EVERY;
            let folder = self.folder.clone();
            // A disk may take its time.
            self.writing = Some(tokio::task::spawn_blocking(move || {
                write_down(&folder, manifests);
            }));
        }
        if now >= self.note_after {
            self.note_announced();
        }
        self.report();
        let publish = (self.due && self.sight.is_complete()).then_some(self.tempo.not_before());
        let write = self.unwritten.is_some().then_some(self.write_after);
        let note = self.announced_anew.then_some(self.note_after);
        let soonest = [publish, write, note].into_iter().flatten().min();
        let now = Clock::now();
        soonest.map_or(ROUND, |at| (at - now).min(ROUND)).max(Duration::from_millis(1))
    }

    fn publish(&mut self) {
        let manifests = self.sight.manifests();
        let intent = intent(&manifests, &self.config.options, self.sight.is_doubtful());
        let findings: BTreeSet<String> =
            self.sight.take_findings().iter().map(ToString::to_string).collect();
        for finding in findings {
            tracing::warn!("{finding}");
        }
        if self.served.is_none() {
            tracing::info!("following the cluster: {} services", intent.services.len());
        }
        self.served = Some(intent.services.len());
        self.feed.publish(intent, members(&manifests));
        self.unwritten = Some(manifests);
        self.judge();
    }

    /// Tells whether the configuration is valid, once all of it was seen.
    fn judge(&self) {
        let node_uid = self.sight.node_uid(&self.config.node).cloned();
        let state = self.served.and(node_uid).map(|uid| {
            let findings = self.sight.configuration_findings();
            let judgement = Judgement::new(findings, self.troubles.of_metallb());
            State { judgement, node_uid: Some(uid) }
        });
        self.state.send_if_modified(|told| {
            let news = *told != state;
            *told = state;
            news
        });
    }

    /// Tells what the node does: in the log all of it, as events what concerns a service.
    fn tell(&mut self, report: Arc<Report>) {
        for event in report.events_since(&self.told) {
            match &event {
                // Between a plan and the first election nobody holds anything.
                Event::Withheld(Withheld { reason: Reason::NoHolder, .. }) => continue,
                Event::Withheld(Withheld { service, reason, .. })
                    if matches!(reason, Reason::HolderMayNot { .. }) =>
                {
                    let message = format!("node {} would announce it: {reason}", self.config.node);
                    self.warn(service, "leaseHolderMayNot", message);
                }
                Event::Announcing { unit, announcement } => {
                    let known = self.announced.get(&unit.address);
                    for service in &announcement.services {
                        if known.is_none_or(|known| !known.contains(service)) {
                            self.node_assigned(service, unit.address);
                        }
                    }
                    let services = announcement.services.iter().cloned().collect();
                    self.announced.insert(unit.address, services);
                    self.announced_anew = true;
                }
                Event::Silent { unit } => {
                    let elsewhere =
                        report.announcing.keys().any(|other| other.address == unit.address);
                    if !elsewhere {
                        self.announced.remove(&unit.address);
                        self.announced_anew = true;
                    }
                }
                _ => {}
            }
            tracing::info!("{event}");
        }
        if report.standing != self.told.standing {
            match report.standing {
                Some(standing @ Standing::OtherCount { .. }) => tracing::error!("{standing}"),
                Some(standing) => tracing::info!("leases of groups of addresses: {standing}"),
                None => {}
            }
        }
        self.told = report;
    }

    fn note_announced(&mut self) {
        if std::mem::take(&mut self.announced_anew) {
            self.note_after = Clock::now() + NOTE_EVERY;
            if let Err(error) = self.folder.store_announced(&self.announced) {
                tracing::debug!("{error}; after a restart, events may be told again");
            }
        }
    }

    fn node_assigned(&self, service: &Owner, address: IpAddr) {
        let message = format!("announcing {address} from node {} by layer 2", self.config.node);
        let note = Note { reason: "nodeAssigned", warning: false, message };
        self.record(service, &note);
    }

    fn warn(&self, service: &Owner, reason: &'static str, message: String) {
        self.record(service, &Note { reason, warning: true, message });
    }

    fn record(&self, service: &Owner, note: &Note) {
        let Some(uid) = self.sight.uid(service) else { return };
        let key = Key {
            kind: Kind::Service,
            namespace: service.namespace().to_owned(),
            name: service.name().to_owned(),
        };
        self.recorder.tell(&key, uid, "Announce", note);
    }

    fn report(&self) {
        let troubles = &self.troubles;
        if let Some(standing @ Standing::OtherCount { .. }) = self.told.standing {
            self.health.round(Err(standing.to_string()));
            return;
        }
        self.health.round(match (self.served, troubles.is_empty()) {
            (Some(count), true) => Ok(format!("{count} services are known")),
            (Some(count), false) => Ok(format!("{count} services are known; stale: {}", troubles)),
            (None, true) => Err("not all objects are listed yet".to_owned()),
            (None, false) => Err(format!("the last known state is served: {}", troubles)),
        });
    }
}

fn write_down(folder: &StateFolder, manifests: Vec<Manifest>) {
    let snapshot = Snapshot { manifests, ..Snapshot::default() };
    if let Err(error) = folder.store_manifests(&snapshot) {
        tracing::warn!(
            "{error}; after a restart without an API server, an older state would be served"
        );
    }
}
