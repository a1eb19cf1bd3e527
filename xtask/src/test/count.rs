//! How many tests a test program says it ran.

use std::ops::AddAssign;

use crate::process::Finished;

#[cfg(test)]
mod tests;

/// How the line begins with which a test program closes its account.
const CLOSING: &str = "test result: ";

/// Tests by outcome.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
    /// Left out by their own `#[ignore]`.
    pub(crate) ignored: u64,
    /// Not run, since this is not root.
    pub(crate) needs_root: u64,
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.ignored += other.ignored;
        self.needs_root += other.needs_root;
    }
}

impl Tally {
    /// Adds up the closing lines, `test result: ok. 3 passed; 0 failed; ...`, of libtest and of harnesses that
    /// print the same, and the lines `needs root: N`. `None` where there is no closing line at all.
    fn read(output: &str) -> Option<Self> {
        let mut tally = Self::default();
        for line in output.lines() {
            if let Some(counts) = line.strip_prefix(CLOSING) {
                tally.passed += count(counts, "passed");
                tally.failed += count(counts, "failed");
                tally.ignored += count(counts, "ignored");
            } else if let Some(number) = line.strip_prefix("needs root: ") {
                tally.needs_root += number.trim().parse::<u64>().unwrap_or(0);
            }
        }
        // A harness without root counts those that need it as ignored too.
        tally.ignored = tally.ignored.saturating_sub(tally.needs_root);
        is_closed(output).then_some(tally)
    }

    /// The counts of a test program that has ended. One that died, or never closed its account, has failed,
    /// whatever else it says.
    pub(crate) fn of(finished: &Finished) -> Self {
        let closed = Self::read(&finished.output);
        let mut tally = closed.unwrap_or_default();
        if closed.is_none() || (!finished.ok && tally.failed == 0) {
            tally.failed += 1;
        }
        tally
    }
}

/// Whether a test program came to the end of its account.
pub(crate) fn is_closed(output: &str) -> bool {
    output.lines().any(|line| line.starts_with(CLOSING))
}

/// The number before `word` in `ok. 3 passed; 0 failed; 1 ignored; ...`.
fn count(counts: &str, word: &str) -> u64 {
    let mut before = "";
    for item in counts.split([' ', ';']).filter(|item| !item.is_empty()) {
        if item == word {
            return before.parse().unwrap_or(0);
        }
        before = item;
    }
    0
}
