use std::{thread, time::Duration};

use vipcast_sans_io::{Instant, Machine};

use super::{
    Queue, Report, Subject, Violation,
    session::{Script, Session, Step},
};
use crate::{Difference, rng::Stream};

/// Makes a script by running a machine, and runs it again on another.
pub(super) fn reproducible<S: Subject>(
    subject: &S,
    seed: u64,
    report: &mut Report,
) -> Result<Script<S::Stimulus>, Violation> {
    let mut rng = Stream::Contract.of(seed);
    let start = Instant::ZERO + rng.between(Duration::from_secs(1), Duration::from_secs(100_000));
    let mut first = Session::new(subject, seed, start);
    let mut steps: Vec<Step<S::Stimulus>> = Vec::new();
    let mut now = start;
    first.settle(now)?;
    for _ in 0..subject.steps() {
        now = first.next_moment(now, &mut rng)?;
        let timeout = rng.below(4) == 0;
        let stimulus = (!timeout).then(|| subject.stimulus(&mut rng, now));
        let step = Step { at: now, stimulus };
        first.step(&step)?;
        steps.push(step);
    }
    report.transmits += first.transmits;
    report.events += first.events;
    report.timeouts += first.timeouts;

    // Virtual time cannot serve here: who reads a real clock reads another time now.
    thread::sleep(Duration::from_millis(1));
    let script = Script { seed, start, steps, transcript: first.log };
    let mut second = Session::new(subject, seed, start);
    second.settle(start)?;
    for step in &script.steps {
        second.step(step)?;
    }
    match difference(&script, &second) {
        None => Ok(script),
        Some(difference) => Err(Violation::NotReproducible { seed, difference }),
    }
}

/// Timeouts before the deadline, wherever one fits, change nothing.
pub(super) fn early_timeouts<S: Subject>(
    subject: &S,
    script: &Script<S::Stimulus>,
    report: &mut Report,
) -> Result<(), Violation> {
    let mut session = Session::new(subject, script.seed, script.start);
    session.settle(script.start)?;
    let mut now = script.start;
    for step in &script.steps {
        let deadline = session.deadline(now)?;
        let just_before =
            deadline.map_or(step.at, |at| at.saturating_sub(Duration::from_micros(1)));
        for at in [now, just_before.min(step.at).max(now)] {
            if deadline.is_some_and(|deadline| deadline <= at) {
                continue;
            }
            report.early_timeouts += 1;
            session.machine.handle_timeout(at);
            let drained = session.drain(at)?;
            if drained != (0, 0) || session.deadline(at)? != deadline {
                session.settle(at)?;
            }
            if let Some(difference) = difference_so_far(script, &session) {
                let seed = script.seed;
                return Err(Violation::EarlyTimeout { seed, at, deadline, difference });
            }
        }
        session.step(step)?;
        now = step.at;
        if let Some(difference) = difference_so_far(script, &session) {
            let seed = script.seed;
            return Err(Violation::EarlyTimeout { seed, at: now, deadline, difference });
        }
    }
    Ok(())
}

/// Firing due timers by hand before each input changes nothing.
pub(super) fn timers_before_input<S: Subject>(
    subject: &S,
    script: &Script<S::Stimulus>,
    report: &mut Report,
) -> Result<(), Violation> {
    let mut session = Session::new(subject, script.seed, script.start);
    session.settle(script.start)?;
    let mut last = script.start;
    for step in &script.steps {
        let input = step.stimulus.as_ref().is_some_and(|x| subject.is_input(x));
        let due = session.deadline(step.at)?.is_some_and(|at| at <= step.at);
        if input && due {
            report.due_inputs += 1;
            last = step.at;
            session.machine.handle_timeout(step.at);
        }
        session.step(step)?;
        if let Some(difference) = difference_so_far(script, &session) {
            let seed = script.seed;
            return Err(Violation::InputBeforeTimers { seed, at: last, difference });
        }
    }
    Ok(())
}

/// What was in the buffer changes nothing.
pub(super) fn dirty_buffer<S: Subject>(
    subject: &S,
    script: &Script<S::Stimulus>,
) -> Result<(), Violation> {
    let mut session = Session::new(subject, script.seed, script.start);
    session.dirty = true;
    session.settle(script.start)?;
    for step in &script.steps {
        session.step(step)?;
        if let Some(difference) = difference_so_far(script, &session) {
            let seed = script.seed;
            return Err(Violation::BufferNotCleared { seed, difference });
        }
    }
    Ok(())
}

/// A process that is paused with packets unbuilt sends nothing stale when it goes on.
pub(super) fn late_drains<S: Subject>(
    subject: &S,
    script: &Script<S::Stimulus>,
    report: &mut Report,
) -> Result<(), Violation> {
    let mut rng = Stream::Pauses.of(script.seed);
    for _ in 0..PAUSES {
        let drained = rng.index(script.steps.len());
        let undrained = 1 + rng.index(4);
        let pause = rng.between(Duration::ZERO, subject.longest_step());
        let (before, after) = script.steps.split_at(drained);
        let after = after.get(..undrained.min(after.len())).unwrap_or_default();
        let Some(last) = after.last() else { continue };

        let at_pause = || -> Result<Session<'_, S>, Violation> {
            let mut session = Session::new(subject, script.seed, script.start);
            session.settle(script.start)?;
            for step in before {
                session.step(step)?;
            }
            for step in after {
                session.call(step);
            }
            Ok(session)
        };
        let (pending, _) = at_pause()?.drain(last.at)?;
        if pending == 0 {
            continue;
        }
        report.late_pending += pending as u64;
        let late = last.at + pause;
        // Whether the loop looks at its timers or at its transport first.
        let (sent, _) = at_pause()?.drain(late)?;
        report.late_sent += sent as u64;
        let mut session = at_pause()?;
        session.machine.handle_timeout(late);
        session.settle(late)?;
    }
    Ok(())
}

/// Inputs that nobody drains do not fill the memory.
pub(super) fn flood<S: Subject>(
    subject: &S,
    script: &Script<S::Stimulus>,
    report: &mut Report,
) -> Result<(), Violation> {
    let limit = subject.queue_limit();
    let seed = script.seed;
    let mut rng = Stream::Flood.of(seed);
    let mut session = Session::new(subject, seed, script.start);
    session.settle(script.start)?;
    let (warm_up, _) = script.steps.split_at(script.steps.len() / 2);
    for step in warm_up {
        session.step(step)?;
    }
    let mut now = warm_up.last().map_or(script.start, |step| step.at);
    let inputs = limit.saturating_mul(16);
    let unbounded = |queue| Violation::Unbounded { seed, inputs, queue, limit };
    for _ in 0..inputs {
        match rng.below(64) {
            0 => {
                now = session.next_moment(now, &mut rng)?;
                session.machine.handle_timeout(now);
            }
            1..8 => now += rng.between(Duration::ZERO, Duration::from_millis(1)),
            _ => {}
        }
        let stimulus = subject.stimulus(&mut rng, now);
        if subject.is_input(&stimulus) {
            report.flooded += 1;
            session.call(&Step { at: now, stimulus: Some(stimulus) });
        }
        if subject.footprint(&session.machine) > limit {
            return Err(unbounded(Queue::Footprint));
        }
    }
    match session.drain(now) {
        Ok((transmits, events)) => {
            report.most_queued = report.most_queued.max(transmits).max(events);
            Ok(())
        }
        Err(Violation::Endless { queue, .. }) => Err(unbounded(queue)),
        Err(other) => Err(other),
    }
}

/// Where a finished session differs from the script's first run.
fn difference<S: Subject>(
    script: &Script<S::Stimulus>,
    session: &Session<'_, S>,
) -> Option<Box<Difference>> {
    script.transcript.first_difference(&session.log).map(Box::new)
}

/// Where a session differs from as much of the first run.
fn difference_so_far<S: Subject>(
    script: &Script<S::Stimulus>,
    session: &Session<'_, S>,
) -> Option<Box<Difference>> {
    let done = session.log.records().len();
    let difference = script.transcript.first_difference(&session.log)?;
    (difference.index < done).then(|| Box::new(difference))
}

/// Pauses tried with each script.
const PAUSES: u32 = 16;
