use std::{fmt, ops::AddAssign};

/// What really happened in a run, or in many: a fault that found nothing to break is not counted.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
#[non_exhaustive]
pub struct Counts {
    /// Directions between two nodes that were cut, one by one or by a partition.
    pub cuts: u64,
    /// Partitions.
    pub partitions: u64,
    /// Directions that were open again.
    pub heals: u64,
    /// Running nodes that were paused.
    pub pauses: u64,
    /// Paused nodes that went on.
    pub resumes: u64,
    /// Living nodes that crashed.
    pub crashes: u64,
    /// Crashed nodes that were made anew.
    pub restarts: u64,
    /// Transports that stalled.
    pub stalls: u64,
    /// Links that lost their carrier.
    pub unplugs: u64,
    /// Jumps of a clock.
    pub clock_gaps: u64,
    /// Changes of a clock's rate.
    pub drifts: u64,
    /// Segments that became worse.
    pub degradations: u64,
    /// Packets that nodes sent.
    pub sent: u64,
    /// Packets that nodes received; a broadcast counts once per receiver.
    pub received: u64,
    /// Packets that arrived twice.
    pub duplicated: u64,
    /// Packets that others could overtake.
    pub reordered: u64,
    /// Packets that a segment lost.
    pub lost: u64,
    /// Packets that met a cut.
    pub cut_off: u64,
    /// Packets dropped for any other reason.
    pub dropped: u64,
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.cuts += other.cuts;
        self.partitions += other.partitions;
        self.heals += other.heals;
        self.pauses += other.pauses;
        self.resumes += other.resumes;
        self.crashes += other.crashes;
        self.restarts += other.restarts;
        self.stalls += other.stalls;
        self.unplugs += other.unplugs;
        self.clock_gaps += other.clock_gaps;
        self.drifts += other.drifts;
        self.degradations += other.degradations;
        self.sent += other.sent;
        self.received += other.received;
        self.duplicated += other.duplicated;
        self.reordered += other.reordered;
        self.lost += other.lost;
        self.cut_off += other.cut_off;
        self.dropped += other.dropped;
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} cuts ({} partitions), {} heals, {} pauses, {} resumes, {} crashes, {} restarts, \
             {} stalls, {} unplugs, {} clock gaps, {} drifts, {} degradations; packets: {} sent, \
             {} received, {} lost, {} cut off, {} twice, {} reordered, {} dropped otherwise",
            self.cuts,
            self.partitions,
            self.heals,
            self.pauses,
            self.resumes,
            self.crashes,
            self.restarts,
            self.stalls,
            self.unplugs,
            self.clock_gaps,
            self.drifts,
            self.degradations,
            self.sent,
            self.received,
            self.lost,
            self.cut_off,
            self.duplicated,
            self.reordered,
            self.dropped,
        )
    }
}
