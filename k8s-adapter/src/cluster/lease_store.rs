//! Contends for a `Lease` of the cluster: the machine is `vipcast_election`'s, the store is here.

use std::{pin::Pin, time::Duration};

use k8s_openapi::{
    api::coordination::v1::{Lease, LeaseSpec},
    apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta},
    jiff::Timestamp,
};
use kube::{
    Client, Error,
    api::{GetParams, PostParams, Request},
};
use tokio::{
    sync::watch,
    time::{sleep, timeout},
};
use vipcast_announcer::clock::Clock;
use vipcast_election::{
    NodeName,
    lease::{
        LeaseConfig, LeaseElection, LeaseEvent, LeaseInput, LeaseRecord, LeaseRequest,
        RecordVersion, Tenure,
    },
};
use vipcast_sans_io::{Instant, Machine};

use super::watch::told;

/// Whether this process may act.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Leadership {
    /// Not known yet.
    #[default]
    Unknown,
    /// Somebody else may, or nobody is known to.
    Standby { holder: Option<String> },
    /// Nobody may: there is no Lease, and this process could not make one.
    Missing,
    /// This process, until then.
    Leading(Tenure),
}

impl Leadership {
    /// Until when this process may act, if it may at `now`.
    pub(crate) fn tenure(&self, now: Instant) -> Option<Tenure> {
        match self {
            Self::Leading(tenure) if now < tenure.not_after => Some(*tenure),
            _ => None,
        }
    }
}

/// A Lease of a cluster.
pub(crate) struct LeaseStore {
    client: Client,
    path: String,
    namespace: String,
    name: String,
    /// The object as it was last seen: what others put into it stays.
    last: Lease,
    /// Whether the last request got no answer of use, and why.
    trouble: Option<String>,
    /// Troubles are somebody else's to tell.
    quiet: bool,
}

impl LeaseStore {
    pub(crate) fn new(client: Client, namespace: &str, name: &str) -> Self {
        let path = format!("/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases");
        let (namespace, name) = (namespace.to_owned(), name.to_owned());
        let last = Lease::default();
        Self { client, path, namespace, name, last, trouble: None, quiet: false }
    }

    /// One that knows how the object was last seen, or what one that is made anew is to have, and leaves
    /// it to its user to tell of troubles.
    pub(super) fn of_known(client: Client, namespace: &str, name: &str, last: Lease) -> Self {
        Self { last, quiet: true, ..Self::new(client, namespace, name) }
    }

    /// The object as it was last seen, and why nothing came of the last request.
    pub(super) fn into_last(self) -> (Lease, Option<String>) {
        (self.last, self.trouble)
    }

    /// Asks the server. There is an answer by the deadline.
    pub(super) async fn serve(&mut self, request: LeaseRequest) -> LeaseInput {
        match request {
            LeaseRequest::Read { number, deadline } => match self.within(deadline, None).await {
                Ok(lease) => {
                    let record = lease.as_ref().and_then(record);
                    self.last = lease.unwrap_or_default();
                    LeaseInput::Read { number, record }
                }
                Err(Error::Api(status)) if status.is_not_found() => {
                    self.last = Lease::default();
                    LeaseInput::Read { number, record: None }
                }
                Err(error) => self.failed(number, &error, "read"),
            },
            LeaseRequest::Write { number, record, expected, deadline } => {
                let lease = self.written(&record, expected.as_ref());
                match self.within(deadline, Some((lease, expected.is_some()))).await {
                    Ok(lease) => {
                        self.last = lease.unwrap_or_default();
                        let version = self.last.metadata.resource_version.clone();
                        let version = RecordVersion::new(version.unwrap_or_default());
                        LeaseInput::Written { number, version }
                    }
                    Err(Error::Api(status))
                        if status.is_conflict()
                            || status.is_already_exists()
                            || status.is_not_found() =>
                    {
                        LeaseInput::Refused { number }
                    }
                    Err(error) => self.failed(number, &error, "write"),
                }
            }
        }
    }

    fn failed(&mut self, number: u64, error: &Error, what: &str) -> LeaseInput {
        let Self { namespace, name, .. } = self;
        let text = format!("cannot {what} lease {namespace}/{name}: {}", told(error));
        if !self.quiet {
            tracing::warn!("{text}");
        }
        self.trouble = Some(text);
        LeaseInput::Failed { number }
    }

    /// A GET, a POST, or, where the lease exists, a PUT: the server's own priority for leases knows
    /// no other verbs.
    async fn within(
        &self,
        deadline: Instant,
        write: Option<(Lease, bool)>,
    ) -> Result<Option<Lease>, Error> {
        let request = Request::new(&self.path);
        let encoded = |lease| serde_json::to_vec(&lease).map_err(Error::SerdeError);
        let request = match write {
            None => request.get(&self.name, &GetParams::default()),
            Some((lease, true)) => {
                request.replace(&self.name, &PostParams::default(), encoded(lease)?)
            }
            Some((lease, false)) => request.create(&PostParams::default(), encoded(lease)?),
        };
        let request = request.map_err(Error::BuildRequest)?;
        let wait = deadline - Clock::now();
        match timeout(wait, self.client.request::<Lease>(request)).await {
            Ok(answer) => answer.map(Some),
            Err(_) => Err(Error::Service("no answer in time".into())),
        }
    }

    fn written(&self, record: &LeaseRecord, expected: Option<&RecordVersion>) -> Lease {
        // A server writes nothing where nothing differs, and then nobody sees a renewal: so to the
        // microsecond.
        let now = i64::try_from(Clock::unix_micros()).unwrap_or_default();
        let now = MicroTime(Timestamp::from_microsecond(now).unwrap_or_default());
        let before = self.last.spec.clone().unwrap_or_default();
        let holder = record.holder.as_ref().map(|holder| holder.as_str().to_owned());
        let acquired = match before.acquire_time.clone() {
            Some(since) if before.holder_identity == holder => since,
            _ => now.clone(),
        };
        let metadata = ObjectMeta {
            name: Some(self.name.clone()),
            namespace: Some(self.namespace.clone()),
            resource_version: expected.map(|version| version.as_str().to_owned()),
            managed_fields: None,
            ..self.last.metadata.clone()
        };
        let spec = LeaseSpec {
            holder_identity: Some(holder.unwrap_or_default()),
            // Whole seconds, and never less than what is meant.
            lease_duration_seconds: i32::try_from(record.duration.as_millis().div_ceil(1_000)).ok(),
            lease_transitions: i32::try_from(record.transitions).ok(),
            acquire_time: Some(acquired),
            renew_time: Some(now),
            ..before
        };
        Lease { metadata, spec: Some(spec) }
    }
}

pub(super) fn record(lease: &Lease) -> Option<(LeaseRecord, RecordVersion)> {
    let version = RecordVersion::new(lease.metadata.resource_version.clone()?);
    let spec = lease.spec.clone().unwrap_or_default();
    let holder = spec.holder_identity.filter(|holder| !holder.is_empty()).map(NodeName::new);
    let seconds = spec.lease_duration_seconds.and_then(|s| u64::try_from(s).ok()).unwrap_or(0);
    let transitions = spec.lease_transitions.and_then(|n| u32::try_from(n).ok()).unwrap_or(0);
    let record = LeaseRecord { holder, duration: Duration::from_secs(seconds), transitions };
    Some((record, version))
}

/// Contends until told to stop by `stop`; then gives the lease up, and ends.
pub(crate) async fn contend(
    store: LeaseStore,
    config: LeaseConfig,
    mut stop: watch::Receiver<bool>,
    leadership: watch::Sender<Leadership>,
) {
    type Answer = Pin<Box<dyn Future<Output = (LeaseStore, LeaseInput)> + Send>>;
    let mut machine = LeaseElection::new(config);
    let mut idle = Some(store);
    let mut pending: Option<Answer> = None;
    let mut buffer = Vec::new();
    let mut stopping = false;
    loop {
        let now = Clock::now();
        machine.handle_timeout(now);
        if let Some(mut store) = idle.take() {
            match machine.poll_transmit(now, &mut buffer) {
                Some(request) => {
                    pending = Some(Box::pin(async move {
                        let answer = store.serve(request).await;
                        (store, answer)
                    }));
                }
                None => idle = Some(store),
            }
        }
        let mut news = false;
        while let Some(LeaseEvent::Held(_) | LeaseEvent::Lost) = machine.poll_event() {
            news = true;
        }
        let known = match machine.tenure(now) {
            Some(tenure) => Leadership::Leading(tenure),
            None => match machine.record() {
                Some(record) => {
                    let holder = record.holder.as_ref().map(|holder| holder.as_str().to_owned());
                    Leadership::Standby { holder }
                }
                None if machine.is_missing() => Leadership::Missing,
                None if news => Leadership::Standby { holder: None },
                None => leadership.borrow().clone(),
            },
        };
        leadership.send_if_modified(|before| {
            let differs = *before != known;
            *before = known;
            differs
        });
        if stopping && machine.has_ended() && pending.is_none() {
            return;
        }
        let wait = machine.poll_timeout().map(|at| at - Clock::now());
        tokio::select! {
            (store, answer) = async { pending.as_mut().expect("guarded").await },
                if pending.is_some() =>
            {
                (pending, idle) = (None, Some(store));
                machine.handle_input(Clock::now(), answer);
            }
            () = sleep(wait.unwrap_or_default()), if wait.is_some() => {}
            changed = stop.changed(), if !stopping => {
                if changed.is_err() {
                    // Whoever acted is gone without a word, perhaps with writes on the way: the
                    // lease runs out by itself.
                    return;
                }
                stopping = *stop.borrow();
                if stopping {
                    machine.step_down(Clock::now());
                }
            }
            else => return,
        }
    }
}
