//! The Leases of groups of addresses: one list and one watch for all of them, and a PUT or POST for each
//! write. What is decided is decided by `vipcast_election::groups`.

mod follow;
mod names;

use std::{collections::BTreeMap, fmt, time::Duration};

use k8s_openapi::api::coordination::v1::Lease;
use kube::Client;
use tokio::{
    sync::mpsc,
    task::JoinSet,
    time::{sleep, timeout},
};
use vipcast_announcer::clock::Clock;
use vipcast_election::{
    groups::{Group, GroupCount, GroupInput, GroupRequest, Records},
    lease::{LeaseInput, LeaseRequest},
};
use vipcast_sans_io::Instant;

use self::{
    follow::{Seen, follow},
    names::{CHARTER, Named, charter, count_of, labelled, named},
};
use super::{lease_store::LeaseStore, lease_store::record, object::Version, watch::told};

/// How often an outage that goes on is told.
const TELL_EVERY: Duration = Duration::from_secs(30);
/// Changes that wait to be taken.
const TOGETHER: usize = 1_024;

/// The Leases by which groups of addresses are held, in a cluster.
///
/// It is the store of a [`GroupElection`](vipcast_election::groups::GroupElection) in the layer 2 thread:
/// it takes what that asks, and tells it what there is.
pub struct GroupLeases {
    client: Client,
    namespace: String,
    count: GroupCount,
    requests: mpsc::Receiver<GroupRequest>,
}

impl fmt::Debug for GroupLeases {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { namespace, count, .. } = self;
        f.debug_struct("GroupLeases")
            .field("namespace", namespace)
            .field("count", count)
            .finish_non_exhaustive()
    }
}

impl GroupLeases {
    /// The Leases of this namespace; `requests` are those of the election.
    #[must_use]
    pub fn new(
        client: Client,
        namespace: impl Into<String>,
        count: GroupCount,
        requests: mpsc::Receiver<GroupRequest>,
    ) -> Self {
        Self { client, namespace: namespace.into(), count, requests }
    }

    /// Serves until nobody asks any more, or it is dropped, and tells what there is by `tell`. Nothing is
    /// written but what is asked.
    pub async fn serve(self, tell: impl Fn(GroupInput) + Send + 'static) {
        let Self { client, namespace, count, mut requests } = self;
        let (sender, mut seen) = mpsc::channel(TOGETHER);
        let (relist, lists) = mpsc::channel(1);
        let mut follower = JoinSet::new();
        follower.spawn(follow(client.clone(), namespace.clone(), sender, lists));
        let mut keeper = Keeper {
            client,
            namespace,
            count,
            tell: Box::new(tell),
            known: BTreeMap::new(),
            listed: Version::default(),
            trouble: None,
        };
        let mut writes = JoinSet::new();
        loop {
            tokio::select! {
                request = requests.recv() => match request {
                    Some(GroupRequest::List { number, .. }) => _ = relist.try_send(number),
                    Some(request) => keeper.send(request, &mut writes),
                    None => return,
                },
                Some(Ok(written)) = writes.join_next() => keeper.written(written),
                Some(seen) = seen.recv() => keeper.see(seen),
                () = async {
                    match &keeper.trouble {
                        Some((_, again)) => sleep(*again - Clock::now()).await,
                        None => std::future::pending().await,
                    }
                } => keeper.tell_again(),
            }
        }
    }
}

/// What became of a write.
enum Written {
    Group(Group, LeaseInput, Box<Lease>, Option<String>),
    Charter(Option<String>),
}

struct Keeper {
    client: Client,
    namespace: String,
    count: GroupCount,
    tell: Box<dyn Fn(GroupInput) + Send>,
    /// The objects as they were last seen.
    known: BTreeMap<Group, Lease>,
    /// The version of the last list.
    listed: Version,
    /// What is wrong, and when to tell it again.
    trouble: Option<(String, Instant)>,
}

impl Keeper {
    fn send(&self, request: GroupRequest, writes: &mut JoinSet<Written>) {
        let (client, namespace) = (self.client.clone(), self.namespace.clone());
        match request {
            GroupRequest::Write { group, number, record, expected, deadline } => {
                let known = expected.as_ref().and_then(|_| self.known.get(&group).cloned());
                let last = known.unwrap_or_else(|| labelled(group));
                let mut store = LeaseStore::of_known(client, &namespace, &names::name(group), last);
                writes.spawn(async move {
                    let request = LeaseRequest::Write { number, record, expected, deadline };
                    let answer = store.serve(request).await;
                    let (lease, trouble) = store.into_last();
                    Written::Group(group, answer, Box::new(lease), trouble)
                });
            }
            GroupRequest::Found { count, deadline } => {
                writes.spawn(async move {
                    let path =
                        format!("/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases");
                    let made = timeout(deadline - Clock::now(), async {
                        let body = serde_json::to_vec(&charter(&namespace, count))
                            .map_err(kube::Error::SerdeError)?;
                        let request = kube::api::Request::new(path)
                            .create(&kube::api::PostParams::default(), body)
                            .map_err(kube::Error::BuildRequest)?;
                        client.request::<Lease>(request).await
                    });
                    Written::Charter(match made.await {
                        Ok(Ok(_)) => None,
                        Ok(Err(kube::Error::Api(status))) if status.is_already_exists() => None,
                        Ok(Err(error)) => Some(told(&error)),
                        Err(_) => Some("no answer in time".to_owned()),
                    })
                });
            }
            // Lists are the follower's.
            GroupRequest::List { .. } => {}
        }
    }

    fn written(&mut self, written: Written) {
        let trouble = match written {
            Written::Charter(trouble) => {
                trouble.map(|why| format!("cannot make lease {}/{CHARTER}: {why}", self.namespace))
            }
            Written::Group(group, answer, lease, trouble) => {
                let written = matches!(answer, LeaseInput::Written { .. });
                if written {
                    self.keep(group, *lease);
                }
                (self.tell)(GroupInput::Answer(group, answer));
                if !written && trouble.is_none() {
                    return;
                }
                trouble
            }
        };
        self.note(trouble);
    }

    /// Keeps it, unless something newer is known.
    fn keep(&mut self, group: Group, lease: Lease) -> bool {
        if self.known.get(&group).is_some_and(|known| version(&lease).is_before(&version(known))) {
            return false;
        }
        self.known.insert(group, lease);
        true
    }

    fn see(&mut self, seen: Seen) {
        match seen {
            Seen::Listed { number, leases, version: listed } => {
                self.note(None);
                // A server that was restored from a backup counts anew.
                let restored = listed.is_before(&self.listed);
                let mut before = std::mem::take(&mut self.known);
                before.retain(|_, known| !restored && listed.is_before(&version(known)));
                let mut found = None;
                for lease in leases {
                    match named(&lease) {
                        Some(Named::Charter) => found = Some(count_of(&lease)),
                        Some(Named::Group(group)) => _ = self.known.insert(group, lease),
                        None => {}
                    }
                }
                // What was written after the list was made.
                for (group, lease) in before {
                    self.keep(group, lease);
                }
                self.listed = listed;
                let records: Records =
                    self.known.iter().filter_map(|(g, lease)| Some((*g, record(lease)?))).collect();
                self.look_at(found);
                (self.tell)(GroupInput::Listed { number, charter: found, records });
            }
            Seen::Changed(lease) => match named(&lease) {
                Some(Named::Charter) => {
                    let found = Some(count_of(&lease));
                    self.look_at(found);
                    (self.tell)(GroupInput::Charter(found));
                }
                Some(Named::Group(group)) => {
                    let record = record(&lease);
                    if self.keep(group, *lease) {
                        (self.tell)(GroupInput::Record(group, record));
                    }
                }
                None => {}
            },
            Seen::Gone(lease) => match named(&lease) {
                Some(Named::Charter) => {
                    tracing::warn!(
                        "lease {}/{CHARTER} was deleted, by which nodes agree on the count of groups: \
                         it is made anew; do not delete it while speakers run",
                        self.namespace
                    );
                    (self.tell)(GroupInput::Charter(None));
                }
                Some(Named::Group(group)) => {
                    let known = self.known.get(&group).map(version);
                    if known.is_none_or(|known| known.is_before(&version(&lease))) {
                        self.known.remove(&group);
                        (self.tell)(GroupInput::Record(group, None));
                    }
                }
                None => {}
            },
            Seen::Trouble(why) => self.note(why.map(|why| format!("cannot follow leases: {why}"))),
        }
    }

    fn look_at(&self, found: Option<u16>) {
        if let Some(found) = found.filter(|found| *found != self.count.count()) {
            tracing::error!(
                "lease {}/{CHARTER} says that there are {found} groups, and this node was given {}: it \
                 takes no address",
                self.namespace,
                self.count
            );
        }
    }

    fn note(&mut self, trouble: Option<String>) {
        match trouble {
            Some(why) => {
                let again = Clock::now() + TELL_EVERY;
                if self.trouble.is_none() {
                    tracing::warn!(
                        "{why}; what this node holds ends unless it can be renewed in time"
                    );
                    self.trouble = Some((why, again));
                }
            }
            None => {
                if self.trouble.take().is_some() {
                    tracing::info!("leases are read and written again");
                }
            }
        }
    }

    fn tell_again(&mut self) {
        if let Some((why, again)) = &mut self.trouble {
            tracing::warn!("still: {why}");
            *again = Clock::now() + TELL_EVERY;
        }
    }
}

fn version(lease: &Lease) -> Version {
    Version::new(lease.metadata.resource_version.as_deref().unwrap_or_default())
}

#[cfg(test)]
mod tests;
