use std::fmt;

/// What the kit provoked. A check that met nothing proves nothing: assert on these.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
#[non_exhaustive]
pub struct Report {
    /// Scripts that were run.
    pub seeds: u64,
    /// Packets that were built, each drained at once.
    pub transmits: u64,
    /// Events that were reported.
    pub events: u64,
    /// Deadlines that were met.
    pub timeouts: u64,
    /// Timeouts before the deadline that were added.
    pub early_timeouts: u64,
    /// Inputs that came when a timer was due.
    pub due_inputs: u64,
    /// Packets that waited when a pause began.
    pub late_pending: u64,
    /// Packets that were still sent after it.
    pub late_sent: u64,
    /// Inputs of the floods.
    pub flooded: u64,
    /// The most packets, or events, that came out after a flood.
    pub most_queued: usize,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} scripts: {} transmits, {} events, {} timeouts, {} early ones, {} inputs to due timers, \
             {} of {} transmits sent after a pause, at most {} queued by {} inputs",
            self.seeds,
            self.transmits,
            self.events,
            self.timeouts,
            self.early_timeouts,
            self.due_inputs,
            self.late_sent,
            self.late_pending,
            self.most_queued,
            self.flooded,
        )
    }
}
