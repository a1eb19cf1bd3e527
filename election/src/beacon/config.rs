use core::time::Duration;

use crate::{
    NodeName,
    placement::{Rule, Weight},
};

/// How a [`BeaconElection`](super::BeaconElection) behaves. Related values are checked together by
/// [`BeaconConfig::new`].
///
/// A holder's tokens live for `token_life` from its last beacon on. Others find it dead no sooner
/// than the *detection time* after they heard that beacon: `misses` intervals and the `check`; or,
/// with a burst, 1.2 intervals and the burst. So the tokens must not live longer than that, with the
/// error of both clocks counted in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BeaconSettings {
    /// How often a beacon is sent. At least 10 ms, at most 10 s.
    pub interval: Duration,
    /// After so many silent intervals a node is suspected, where there is no burst. At least 2.
    pub misses: u32,
    /// After one missed beacon the node is asked four times within this time, and is dead if it
    /// stays silent. Must exceed the stalls of a busy machine: at least 50 ms. `None` to wait for
    /// all misses instead.
    pub burst: Option<Duration>,
    /// How long the old owner has for answering a question by ARP or ND before it is taken for dead,
    /// where there is no burst. At least 5 ms.
    pub check: Duration,
    /// How long tokens outlive the last beacon. Must exceed one and a half intervals: the rest is
    /// what the machine may be late by.
    pub token_life: Duration,
    /// By how much the rate of any node's clock may be wrong, in parts per million.
    pub clock_error_ppm: u32,
    /// How long a node only listens when it starts, when its link comes back and when it wakes. Must
    /// be at least `misses` intervals, and the detection time.
    pub hold: Duration,
    /// How long each node waits for those before it, where the first choice does not claim.
    pub skew: Duration,
    /// How much this node takes beside others.
    pub weight: Weight,
    /// Who an address falls to. The same on all nodes.
    pub placement: Rule,
    /// Whether addresses are moved to make the spread even. Without it, only a changed preference
    /// or eligibility moves what has a living holder.
    pub rebalance: bool,
    /// How long an address stays with a node before it may be moved voluntarily, unless the node
    /// may not hold it any more.
    pub dwell: Duration,
    /// How many such moves a node may begin in a minute.
    pub moves_per_minute: u32,
    /// How nodes find out that one of them does not serve what it holds; `None` for not at all.
    pub serve_proof: Option<ServeProof>,
}

/// How nodes find out that a holder lives, but does not answer for what it holds.
///
/// Each holder is asked by one other node, for one of its addresses after the other. When an answer
/// is missing, a second node asks too. After `failures` in a row at both of them, within the
/// `failures` times the `wait` that this takes, the holder gives the address up: if another may have
/// it, and answers for what it holds itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServeProof {
    /// How often the holder is asked for each address, where `per_second` allows. At least `wait`.
    pub every: Duration,
    /// How long it has for the answer. Must exceed the stalls of a busy machine: at least 20 ms.
    pub wait: Duration,
    /// After so many missing answers in a row the address is moved. 2 to 100. Where only one other
    /// node hears the holder, so that nobody can confirm, after twice as many.
    pub failures: u32,
    /// How many questions a node asks in a second at most, on each segment. 1 to 1,000.
    pub per_second: u32,
    /// For how long a node does not take back what it did not serve, unless nobody else may have it.
    /// Doubles from time to time, up to 32 times as long.
    pub rest: Duration,
    /// Whether only a TCP connection is a proof, and not an answer by ARP or ND.
    pub connect: bool,
}

impl Default for ServeProof {
    /// Five questions a second for each address, up to 20 in all; 100 ms x 3.
    fn default() -> Self {
        Self {
            every: Duration::from_millis(200),
            wait: Duration::from_millis(100),
            failures: 3,
            per_second: 20,
            rest: Duration::from_secs(60),
            connect: false,
        }
    }
}

impl ServeProof {
    fn is_sound(&self) -> bool {
        self.wait >= SHORTEST_WAIT
            && self.every >= self.wait
            && (2..=100).contains(&self.failures)
            && (1..=1_000).contains(&self.per_second)
    }

    /// Failures are counted up to this.
    pub(super) fn most_failures(&self) -> u32 {
        self.failures.saturating_mul(2)
    }
}

impl Default for BeaconSettings {
    /// 100 ms x 3 with a burst probe: a death is found after 180 ms.
    fn default() -> Self {
        Self {
            interval: Duration::from_millis(100),
            misses: 3,
            burst: Some(Duration::from_millis(60)),
            check: Duration::from_millis(20),
            token_life: Duration::from_millis(170),
            clock_error_ppm: 10_000,
            hold: Duration::from_millis(400),
            skew: Duration::from_millis(20),
            weight: Weight::MIN,
            placement: Rule::Spread,
            rebalance: false,
            dwell: Duration::from_secs(60),
            moves_per_minute: 10,
            serve_proof: Some(ServeProof::default()),
        }
    }
}

impl BeaconSettings {
    /// The default, for another interval: all that is related to it is scaled with it. With intervals
    /// below 34 ms, or without `burst_probe`, three misses find a death, and a check of a third of the
    /// interval, 10 to 20 ms.
    #[must_use]
    pub fn every(interval: Duration, burst_probe: bool) -> Self {
        let default = Self::default();
        let burst = (interval * 3 / 5).max(Duration::from_millis(60));
        let fits = interval * 6 / 5 + burst <= interval * default.misses;
        let burst = (burst_probe && fits).then_some(burst);
        let check = (interval / 3).clamp(Duration::from_millis(10), default.check);
        let detection = match burst {
            Some(burst) => interval * 6 / 5 + burst,
            None => interval * default.misses + check,
        };
        // Leaves 1 % of error to each of two clocks, and something for the queue.
        let token_life = detection * 17 / 18;
        let hold = (interval * 4).max(detection);
        Self { interval, burst, check, token_life, hold, ..default }
    }
}

/// Settings that are safe together, and who they are for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BeaconConfig {
    pub(super) me: NodeName,
    pub(super) incarnation: u64,
    pub(super) settings: BeaconSettings,
}

impl BeaconConfig {
    /// The settings of the node `me` in the life `incarnation`, which must be higher than in every
    /// life before: microseconds of the wall clock at the start will do. Epochs begin with it, so
    /// that they rise also when all nodes have lost their memory.
    ///
    /// # Errors
    /// Which of the relations that [`BeaconSettings`] documents does not hold.
    pub fn new(
        me: NodeName,
        incarnation: u64,
        settings: BeaconSettings,
    ) -> Result<Self, BeaconConfigError> {
        let BeaconSettings { interval, misses, token_life, hold, check, clock_error_ppm, .. } =
            settings;
        if !me.is_printable() {
            return Err(BeaconConfigError::Name);
        }
        if incarnation > HIGHEST_INCARNATION {
            return Err(BeaconConfigError::Incarnation);
        }
        if interval < SHORTEST_INTERVAL || interval > LONGEST_INTERVAL {
            return Err(BeaconConfigError::Interval { interval });
        }
        if misses < 2 || check < SHORTEST_CHECK {
            return Err(BeaconConfigError::TooHasty);
        }
        if settings.burst.is_some_and(|burst| burst < SHORTEST_BURST) {
            return Err(BeaconConfigError::BurstTooShort);
        }
        if settings.burst.is_some_and(|burst| interval * 6 / 5 + burst > interval * misses) {
            return Err(BeaconConfigError::BurstTooLong);
        }
        if token_life * 2 <= interval * 3 {
            return Err(BeaconConfigError::LifeTooShort { life: token_life, interval });
        }
        if clock_error_ppm > 100_000 {
            return Err(BeaconConfigError::ClockError);
        }
        if settings.serve_proof.as_ref().is_some_and(|proof| !proof.is_sound()) {
            return Err(BeaconConfigError::ServeProof);
        }
        let config = Self { me, incarnation, settings };
        let detection = config.suspect_after(interval) + config.window();
        if config.surely_over(token_life) > detection {
            return Err(BeaconConfigError::LifeTooLong { life: token_life, detection });
        }
        if hold < (interval * misses).max(detection) {
            return Err(BeaconConfigError::HoldTooShort { hold });
        }
        Ok(config)
    }

    /// Who this is.
    #[must_use]
    pub const fn me(&self) -> &NodeName {
        &self.me
    }

    /// The settings.
    #[must_use]
    pub const fn settings(&self) -> &BeaconSettings {
        &self.settings
    }

    /// After how much silence a node is suspected that sends so often.
    pub(super) fn suspect_after(&self, interval: Duration) -> Duration {
        match self.settings.burst {
            Some(_) => interval * 6 / 5,
            None => interval * self.settings.misses,
        }
    }

    /// How long a suspicion lasts.
    pub(super) fn window(&self) -> Duration {
        self.settings.burst.unwrap_or(self.settings.check)
    }

    /// After this much time on our clock, `life` is over on any clock.
    pub(super) fn surely_over(&self, life: Duration) -> Duration {
        let ppm = self.settings.clock_error_ppm;
        life * (1_000_000 + ppm) / (1_000_000 - ppm)
    }
}

/// Why settings are refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BeaconConfigError {
    /// It does not fit a beacon.
    #[error("a node's name must have 1 to 253 octets, without spaces and control characters")]
    Name,
    /// Epochs could not rise from it.
    #[error("the incarnation must be below 2^62: use microseconds of the wall clock")]
    Incarnation,
    /// It is out of range.
    #[error("an interval of {interval:?} is not allowed: use 10 ms to 10 s")]
    Interval {
        /// What was asked for.
        interval: Duration,
    },
    /// One lost beacon, or a moment's delay, would be taken for a death.
    #[error("a death needs at least 2 misses, and a check of at least 5 ms")]
    TooHasty,
    /// A stall of a busy machine would be taken for a death.
    #[error("the burst is too short: use at least 50 ms, or none")]
    BurstTooShort,
    /// The misses would be quicker.
    #[error("the burst ends after the last of the misses: use a shorter one, or none")]
    BurstTooLong,
    /// Tokens would be lost for nothing.
    #[error(
        "tokens that live {life:?} are lost when a beacon is a little late: use more than one and a \
         half intervals of {interval:?}"
    )]
    LifeTooShort {
        /// How long tokens live.
        life: Duration,
        /// How often beacons are sent.
        interval: Duration,
    },
    /// Another node could take over before the holder has fenced itself.
    #[error(
        "tokens live {life:?}, and another node may take over after {detection:?}: with the error of \
         the clocks two nodes could hold an address, so use a shorter life or more misses"
    )]
    LifeTooLong {
        /// How long tokens live.
        life: Duration,
        /// How soon a death is found.
        detection: Duration,
    },
    /// It is more than any clock has.
    #[error("a clock error above 100,000 parts per million is not supported: repair the clock")]
    ClockError,
    /// A node could claim before it has heard who holds.
    #[error(
        "a hold of {hold:?} is too short to hear everybody: use all misses, and the detection time"
    )]
    HoldTooShort {
        /// What was asked for.
        hold: Duration,
    },
    /// It would ask too much, or judge in haste.
    #[error(
        "the serve proof needs a wait of at least {SHORTEST_WAIT:?}, no more than one question a \
         wait, 2 to 100 failures, and 1 to 1,000 questions a second"
    )]
    ServeProof,
}

const SHORTEST_INTERVAL: Duration = Duration::from_millis(10);
const LONGEST_INTERVAL: Duration = Duration::from_secs(10);
const SHORTEST_CHECK: Duration = Duration::from_millis(5);
const SHORTEST_BURST: Duration = Duration::from_millis(50);
const SHORTEST_WAIT: Duration = Duration::from_millis(20);
const HIGHEST_INCARNATION: u64 = 1 << 62;

#[cfg(test)]
mod tests {
    use super::*;

    fn with(change: impl FnOnce(&mut BeaconSettings)) -> Result<BeaconConfig, BeaconConfigError> {
        let mut settings = BeaconSettings::default();
        change(&mut settings);
        BeaconConfig::new(NodeName::new("a"), 1, settings)
    }

    #[test]
    fn the_default_is_safe_and_so_are_thirty_milliseconds() {
        assert!(with(|_| {}).is_ok());
        let quick = with(|s| {
            s.interval = Duration::from_millis(30);
            s.burst = None;
            s.token_life = Duration::from_millis(80);
        });
        assert!(quick.is_ok());
    }

    #[test]
    fn any_interval_has_safe_settings() {
        for millis in (10..=200).chain([333, 1_000, 2_500, 10_000]) {
            for burst_probe in [false, true] {
                let settings = BeaconSettings::every(Duration::from_millis(millis), burst_probe);
                let config = BeaconConfig::new(NodeName::new("a"), 1, settings);
                assert!(config.is_ok(), "{millis} ms: {config:?}");
            }
        }
        let default = BeaconSettings::default();
        assert_eq!(BeaconSettings::every(default.interval, true), default);
    }

    #[test]
    fn without_the_burst_a_death_is_found_as_soon_as_by_vrrp_with_that_interval() {
        for millis in [30, 50, 100, 1_000] {
            let interval = Duration::from_millis(millis);
            let BeaconSettings { misses, check, .. } = BeaconSettings::every(interval, false);
            // The skew of a backup of priority 150 (RFC 9568 section 6.1).
            let skew = interval * (256 - 150) / 256;
            assert!(interval * misses + check <= interval * 3 + skew, "{millis} ms");
        }
    }

    #[test]
    fn a_life_beyond_the_detection_time_is_refused_with_the_clock_error_counted_in() {
        let life = |millis, ppm| {
            with(|s| {
                s.token_life = Duration::from_millis(millis);
                s.clock_error_ppm = ppm;
            })
        };
        assert!(life(180, 0).is_ok());
        assert!(matches!(life(180, 1), Err(BeaconConfigError::LifeTooLong { .. })));
        assert!(life(176, 10_000).is_ok());
        assert!(matches!(life(177, 10_000), Err(BeaconConfigError::LifeTooLong { .. })));
        assert!(matches!(life(150, 0), Err(BeaconConfigError::LifeTooShort { .. })));
    }

    #[test]
    fn what_cannot_work_is_refused() {
        let millis = Duration::from_millis;
        assert!(matches!(with(|s| s.misses = 1), Err(BeaconConfigError::TooHasty)));
        assert!(matches!(
            with(|s| s.hold = millis(299)),
            Err(BeaconConfigError::HoldTooShort { .. })
        ));
        let short = with(|s| s.burst = Some(millis(49)));
        assert_eq!(short, Err(BeaconConfigError::BurstTooShort));
        let long = with(|s| s.burst = Some(millis(181)));
        assert_eq!(long, Err(BeaconConfigError::BurstTooLong));
        assert!(matches!(
            with(|s| s.interval = millis(9)),
            Err(BeaconConfigError::Interval { .. })
        ));
        let haste = ServeProof { wait: millis(19), ..ServeProof::default() };
        let refused = with(|s| s.serve_proof = Some(haste));
        assert_eq!(refused, Err(BeaconConfigError::ServeProof));
        for name in ["", "two words", "line\nfeed", "\u{1b}[2J"] {
            let name = BeaconConfig::new(NodeName::new(name), 1, BeaconSettings::default());
            assert_eq!(name, Err(BeaconConfigError::Name));
        }
    }
}
