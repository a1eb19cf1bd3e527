use serde::{Deserialize, Serialize};

/// What one round of one contender showed; none where it does not apply. A flood asks so many
/// questions; the time of processors is in seconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Figures {
    /// Answers in a second, from a backlog.
    pub(super) rate: Option<f64>,
    pub(super) p50_us: Option<f64>,
    pub(super) p99_us: Option<f64>,
    /// Questions for the contender's addresses.
    pub(super) own: Flood,
    /// Questions for other addresses.
    pub(super) foreign: Flood,
}

/// What came of a flood.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Flood {
    pub(super) seconds: f64,
    pub(super) asked: f64,
    pub(super) answered: f64,
    /// The time of the contender's threads; none of the kernel's.
    pub(super) process: f64,
    /// The time of all processors, and of the asker.
    pub(super) machine: f64,
    pub(super) asker: f64,
}

impl Flood {
    /// What is neither the contender's nor the asker's: interrupts, the kernel's threads, strangers.
    pub(super) fn others(&self) -> f64 {
        self.machine - self.process - self.asker
    }

    /// A time beyond that of the same questions with nobody to answer them.
    pub(super) fn beyond(&self, nobody: &Self, time: impl Fn(&Self) -> f64) -> Option<f64> {
        (nobody.asked > 0.0).then(|| time(self) - time(nobody) * self.asked / nobody.asked)
    }

    /// The time of the contender, and what it costs the asker that there are answers: the kernel
    /// delivers them in its name.
    pub(super) fn both(&self) -> f64 {
        self.process + self.asker
    }
}
