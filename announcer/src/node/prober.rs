use std::{collections::BTreeSet, net::IpAddr};

use tokio::sync::{mpsc, oneshot};

/// Asks the network whether addresses are in use. Clones ask the same node, one after the other.
#[derive(Clone, Debug)]
pub struct Prober {
    ask: mpsc::Sender<Question>,
}

/// What somebody wants to know.
#[derive(Debug)]
pub(super) struct Question {
    pub(super) addresses: BTreeSet<IpAddr>,
    pub(super) answer: oneshot::Sender<BTreeSet<IpAddr>>,
}

impl Prober {
    pub(super) const fn new(ask: mpsc::Sender<Question>) -> Self {
        Self { ask }
    }

    /// Those of the addresses that another host uses. Each is asked for three times, on every link
    /// whose network holds it; where such a link is down, the answer waits for it.
    ///
    /// `None` when the node has ended.
    pub async fn in_use(&self, addresses: BTreeSet<IpAddr>) -> Option<BTreeSet<IpAddr>> {
        let (answer, answered) = oneshot::channel();
        self.ask.send(Question { addresses, answer }).await.ok()?;
        answered.await.ok()
    }
}
