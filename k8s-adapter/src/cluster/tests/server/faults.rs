//! What is asked of the server, and what may go wrong with it.

use std::{sync::Arc, time::Duration};

use hyper::Method;
use serde_json::Value;
use tokio::sync::Notify;

/// What may be wrong with an answer.
#[derive(Clone, Debug)]
pub(in crate::cluster::tests) enum Fault {
    /// This status, perhaps with a time to wait.
    Status(u16, Option<u32>),
    /// No answer at all.
    Hang,
    /// The answer, later.
    Slow(Duration),
    /// The request arrives once it is let through, also where nobody waits for its answer any more.
    Late(Arc<Notify>),
    /// The request is served, and its answer comes once it is let through.
    LateAnswer(Arc<Notify>),
    /// Of a watch: these texts in place of what happens, then its end.
    Script(Vec<String>),
    /// Of a watch: silence for ever.
    Silence,
}

/// One request that came in.
#[derive(Clone, Debug)]
pub(in crate::cluster::tests) struct Asked {
    pub(in crate::cluster::tests) method: Method,
    pub(in crate::cluster::tests) path: String,
    pub(in crate::cluster::tests) query: String,
    pub(in crate::cluster::tests) body: Value,
}

impl Asked {
    pub(in crate::cluster::tests) fn is_watch(&self) -> bool {
        self.query.contains("watch=true")
    }
}
