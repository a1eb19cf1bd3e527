use alloc::{collections::VecDeque, vec::Vec};
use core::time::Duration;

use vipcast_sans_io::Instant;

/// The recent voluntary moves of one address, wherever it was moved to.
///
/// EVPN fabrics freeze an address that moves five times in 180 s (RFC 7432 §15.1), so it is never
/// moved voluntarily more than [`MOST_MOVES`] times within [`MOVES_WINDOW`]. Failovers are not
/// asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Moves(Vec<Instant>);

impl Moves {
    /// Moves at these moments.
    #[must_use]
    pub fn new(moments: impl IntoIterator<Item = Instant>) -> Self {
        let mut moves = Self(moments.into_iter().collect());
        moves.0.sort();
        moves.trim();
        moves
    }

    /// Whether one more may be made now.
    #[must_use]
    pub fn allows(&self, now: Instant) -> bool {
        self.recent(now).count() < MOST_MOVES
    }

    /// One was made now.
    pub fn add(&mut self, now: Instant) {
        self.0.push(now);
        self.trim();
    }

    /// Those that still count, oldest first.
    pub fn recent(&self, now: Instant) -> impl Iterator<Item = Instant> {
        self.0.iter().copied().filter(move |&at| now < at + MOVES_WINDOW)
    }

    fn trim(&mut self) {
        let excess = self.0.len().saturating_sub(MOST_MOVES);
        self.0.drain(..excess);
    }
}

/// How many moves a node may begin in a minute.
#[derive(Clone, Debug)]
pub struct Budget {
    per_minute: u32,
    begun: VecDeque<Instant>,
}

impl Budget {
    /// So many a minute; 0 for none at all.
    #[must_use]
    pub const fn new(per_minute: u32) -> Self {
        Self { per_minute, begun: VecDeque::new() }
    }

    /// Whether one may begin now.
    #[must_use]
    pub fn allows(&self, now: Instant) -> bool {
        let recent = self.begun.iter().filter(|&&at| now < at + MINUTE).count();
        u32::try_from(recent).is_ok_and(|recent| recent < self.per_minute)
    }

    /// One begins now.
    pub fn spend(&mut self, now: Instant) {
        self.begun.retain(|&at| now < at + MINUTE);
        self.begun.push_back(now);
    }
}

/// An address is never moved voluntarily more often than this within [`MOVES_WINDOW`].
pub const MOST_MOVES: usize = 4;
/// The window of [`MOST_MOVES`].
pub const MOVES_WINDOW: Duration = Duration::from_secs(180);
const MINUTE: Duration = Duration::from_secs(60);
