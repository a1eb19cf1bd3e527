//! What is asked of the server, and what may go wrong with it.

use std::{sync::Arc, time::Duration};

use hyper::Method;
use serde_json::Value;
use tokio::sync::Notify;

use super::Server;

/// What may be wrong with an answer.
#[derive(Clone, Debug)]
pub(in crate::cluster::tests) enum Fault {
    /// This status, perhaps with a time to wait.
    Status(u16, Option<u32>),
    /// This status, and its text.
    Says(u16, &'static str),
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

impl Server {
    /// Every state that each object of a kind had, in order; none of those that were deleted.
    pub(in crate::cluster::tests) fn history(&self, plural: &str) -> Vec<Value> {
        let state = self.state();
        let changes = state.history.iter().filter(|(_, of, ..)| of == plural);
        changes.filter_map(|(_, _, _, after)| after.clone()).collect()
    }

    /// Ends every watch before its time.
    pub(in crate::cluster::tests) fn cut_watches(&self) {
        self.cuts.send_replace(());
    }

    /// Forgets how things came about.
    pub(in crate::cluster::tests) fn compact(&self) {
        let mut state = self.state();
        state.oldest = state.version + 1;
        state.version += 1;
    }

    /// Counts from a lower version on, as after the restore of a backup.
    pub(in crate::cluster::tests) fn count_anew(&self, version: u64) {
        let mut state = self.state();
        state.version = version;
        state.history.clear();
        for object in state.objects.values_mut() {
            object["metadata"]["resourceVersion"] = version.to_string().into();
        }
    }
}
