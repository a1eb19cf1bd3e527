//! What a bridge, and a capture on it, know about one of its ports.

use std::{
    sync::{Arc, Mutex},
    time::Instant,
};

use crate::lock::lock;

/// One port, and when it was cut.
#[derive(Debug)]
pub(crate) struct PortRecord {
    pub(crate) index: u32,
    pub(crate) host: Arc<str>,
    /// The interface on the bridge's side.
    name: String,
    /// When frames from the host were dropped on entering the bridge.
    deaf: Mutex<Vec<Span>>,
}

#[derive(Debug)]
struct Span {
    from: Instant,
    to: Option<Instant>,
}

impl PortRecord {
    pub(crate) fn new(index: u32, host: &str, name: String) -> Self {
        Self { index, host: host.into(), name, deaf: Mutex::default() }
    }

    /// The name of the interface on the bridge's side.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Whether a frame that the host sent at `at` was dropped by a cut.
    pub(crate) fn dropped(&self, at: Instant) -> bool {
        let within = |span: &Span| span.from <= at && span.to.is_none_or(|to| at < to);
        lock(&self.deaf).iter().any(within)
    }

    /// Notes that a cut begins; false if one is on already.
    pub(crate) fn begin_drop(&self) -> bool {
        let mut spans = lock(&self.deaf);
        let fresh = spans.last().is_none_or(|span| span.to.is_some());
        if fresh {
            spans.push(Span { from: Instant::now(), to: None });
        }
        fresh
    }

    /// Notes that frames pass again.
    pub(crate) fn end_drop(&self) {
        if let Some(span) = lock(&self.deaf).last_mut() {
            span.to.get_or_insert_with(Instant::now);
        }
    }
}
