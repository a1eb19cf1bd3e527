use std::{
    fmt,
    ops::Range,
    panic::{AssertUnwindSafe, catch_unwind},
};

use crate::{Bounds, Counts, Difference, Network, Node, Schedule, Transcript, shrink::shrink};

/// One scenario under many seeds, each with its own luck, clocks and faults.
///
/// The environment can ask for other seeds: `VIPCAST_SIM_SEED=17` runs that one alone (to replay a
/// failure), `VIPCAST_SIM_SEEDS=100000` runs as many from the first on.
///
/// ```no_run
/// # use vipcast_sim::*;
/// # type Host = Box<dyn Node<Event = ()>>;
/// # fn world(seed: u64) -> Network<Host> { Network::new(seed, Config::default()) }
/// # fn owners(world: &Network<Host>) -> usize { 1 }
/// use vipcast_sans_io::Instant;
///
/// Exploration::seeds(0..1_000)
///     .bounds(Bounds { crashes: 3, ..Bounds::default() })
///     .run(world, |world| {
///         world.run_until(Instant::from_millis(15_000));
///         match owners(world) {
///             1 => Ok(()),
///             count => Err(format!("{count} owners after the last fault")),
///         }
///     });
/// ```
#[derive(Clone, Debug)]
pub struct Exploration {
    seeds: Range<u64>,
    bounds: Bounds,
}

impl Exploration {
    /// These seeds, unless the environment asks for others.
    ///
    /// # Panics
    ///
    /// If one of the two variables is set and not a number.
    #[must_use]
    pub fn seeds(seeds: Range<u64>) -> Self {
        Self::exactly(seeds_asked_for(seeds))
    }

    /// These seeds, whatever the environment says.
    #[must_use]
    pub fn exactly(seeds: Range<u64>) -> Self {
        Self { seeds, bounds: Bounds::none() }
    }

    /// What may go wrong. Without this, nothing does but what the network's configuration says.
    #[must_use]
    pub fn bounds(mut self, bounds: Bounds) -> Self {
        self.bounds = bounds;
        self
    }

    /// Runs all seeds and prints what really happened.
    ///
    /// # Panics
    ///
    /// With a report of the first seed that fails; see [`explore`](Self::explore).
    pub fn run<N: Node>(
        &self,
        build: impl Fn(u64) -> Network<N>,
        scenario: impl Fn(&mut Network<N>) -> Result<(), String>,
    ) -> Explored {
        match self.explore(build, scenario) {
            Ok(explored) => {
                println!("{explored}");
                explored
            }
            Err(failure) => panic!("{failure}"),
        }
    }

    /// Runs all seeds until one fails. `build` makes the world of a seed; a schedule of faults that
    /// fits it is installed; `scenario` runs it and judges. A panic in either is a failure too, and
    /// so is a first seed that does not give the same transcript twice.
    ///
    /// # Errors
    ///
    /// The first seed that fails, with its schedule shrunk to the smallest that was found to fail.
    pub fn explore<N: Node>(
        &self,
        build: impl Fn(u64) -> Network<N>,
        scenario: impl Fn(&mut Network<N>) -> Result<(), String>,
    ) -> Result<Explored, Box<Failure>> {
        let mut explored = Explored::default();
        for seed in self.seeds.clone() {
            let make = || self.schedule_for(seed, &build(seed));
            let schedule = match catch(|| Ok(make())) {
                Ok(schedule) => schedule,
                Err(reason) => return Err(Failure::at_building(seed, reason)),
            };
            let run = attempt(seed, &schedule, &build, &scenario);
            if explored.runs == 0 {
                let again = attempt(seed, &schedule, &build, &scenario);
                if let Some(difference) = run.transcript.first_difference(&again.transcript) {
                    return Err(Failure::not_reproducible(seed, schedule, run, &difference));
                }
            }
            explored.runs += 1;
            explored.counts += run.counts;
            let Err(reason) = run.verdict else {
                continue;
            };
            let (shrunk, tries) =
                shrink(&schedule, |fewer| attempt(seed, fewer, &build, &scenario).verdict.is_err());
            let last = attempt(seed, &shrunk, &build, &scenario);
            return Err(Box::new(Failure {
                seed,
                shrunk_reason: last.verdict.err().unwrap_or_else(|| reason.clone()),
                reason,
                schedule,
                shrunk,
                tries,
                transcript: last.transcript,
                counts: run.counts,
            }));
        }
        Ok(explored)
    }

    fn schedule_for<N: Node>(&self, seed: u64, network: &Network<N>) -> Schedule {
        Schedule::generate(seed, &self.bounds, &network.topology())
    }
}

struct Attempt {
    verdict: Result<(), String>,
    counts: Counts,
    transcript: Transcript,
}

fn attempt<N: Node>(
    seed: u64,
    schedule: &Schedule,
    build: &impl Fn(u64) -> Network<N>,
    scenario: &impl Fn(&mut Network<N>) -> Result<(), String>,
) -> Attempt {
    let mut network = build(seed);
    network.install(schedule);
    let verdict = catch(|| scenario(&mut network));
    Attempt { verdict, counts: network.counts(), transcript: network.take_transcript() }
}

fn catch<T>(work: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    // Whatever the panic left behind is only read for the report.
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|payload| {
        let message = payload
            .downcast_ref::<String>()
            .cloned()
            .or_else(|| payload.downcast_ref::<&str>().map(ToString::to_string));
        Err(message.unwrap_or_else(|| "panicked without a message".into()))
    })
}

/// These seeds, unless the environment asks for others.
pub(crate) fn seeds_asked_for(seeds: Range<u64>) -> Range<u64> {
    let number = |name: &str| {
        let text = std::env::var(name).ok()?;
        let parsed = text.trim().parse::<u64>();
        Some(parsed.unwrap_or_else(|_| panic!("{name} must be a number, and is {text:?}")))
    };
    asked(seeds, number(SEED), number(SEEDS))
}

fn asked(seeds: Range<u64>, one: Option<u64>, count: Option<u64>) -> Range<u64> {
    match (one, count) {
        (Some(seed), _) => seed..seed.saturating_add(1),
        (None, Some(count)) => seeds.start..seeds.start.saturating_add(count),
        (None, None) => seeds,
    }
}

/// All seeds went well.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
#[non_exhaustive]
pub struct Explored {
    /// How many.
    pub runs: u64,
    /// What happened in all of them together.
    pub counts: Counts,
}

impl fmt::Display for Explored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} seeds went well: {}", self.runs, self.counts)
    }
}

/// A seed that failed.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub struct Failure {
    /// The seed; it fails again when run again.
    pub seed: u64,
    /// What the scenario said.
    pub reason: String,
    /// The faults of this seed.
    pub schedule: Schedule,
    /// The smallest schedule that was found to fail.
    pub shrunk: Schedule,
    /// What the scenario said to that.
    pub shrunk_reason: String,
    /// How many runs the shrinking took.
    pub tries: u32,
    /// What happened under the shrunk schedule.
    pub transcript: Transcript,
    /// What happened under the whole schedule.
    pub counts: Counts,
}

impl Failure {
    fn not_reproducible(
        seed: u64,
        schedule: Schedule,
        run: Attempt,
        difference: &Difference,
    ) -> Box<Self> {
        let reason = format!("two runs of this seed differ; {difference}");
        Box::new(Self {
            shrunk: schedule.clone(),
            schedule,
            transcript: run.transcript,
            counts: run.counts,
            ..*Self::at_building(seed, reason)
        })
    }

    fn at_building(seed: u64, reason: String) -> Box<Self> {
        Box::new(Self {
            seed,
            shrunk_reason: reason.clone(),
            reason,
            schedule: Schedule::new(),
            shrunk: Schedule::new(),
            tries: 0,
            transcript: Transcript::new(),
            counts: Counts::default(),
        })
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "seed {} fails: {}", self.seed, self.reason)?;
        writeln!(f, "replay it with {SEED}={}", self.seed)?;
        writeln!(f, "it had {}", self.counts)?;
        writeln!(
            f,
            "{} of its {} faults are enough ({} runs to find out):",
            self.shrunk.faults().len(),
            self.schedule.faults().len(),
            self.tries
        )?;
        write!(f, "{}", self.shrunk)?;
        writeln!(f, "then: {}", self.shrunk_reason)?;
        write!(f, "and it ends so:\n{}", self.transcript.tail(TAIL))
    }
}

const SEED: &str = "VIPCAST_SIM_SEED";
const SEEDS: &str = "VIPCAST_SIM_SEEDS";
/// How many records of the transcript a report shows.
const TAIL: usize = 25;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_can_ask_for_one_seed_or_for_more() {
        assert_eq!(asked(5..9, None, None), 5..9);
        assert_eq!(asked(5..9, Some(17), Some(3)), 17..18);
        assert_eq!(asked(5..9, None, Some(1_000)), 5..1_005);
    }
}
