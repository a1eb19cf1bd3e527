use std::{fmt, time::Duration};

use vipcast_sans_io::Instant;

use crate::{Fault, Link, NodeId, Quality, SegmentId, Topology, rng::Rng, rng::Stream};

/// Faults as data: what goes wrong, when and for how long.
///
/// Each fault is taken out or left in whole, so that a schedule shrinks without leaving a node
/// paused or a segment cut for ever.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Schedule {
    faults: Vec<TimedFault>,
}

/// One fault of a schedule.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TimedFault {
    /// When it begins, in the world's time.
    pub at: Instant,
    /// How long it lasts. Of no meaning for a [`Fault::ClockGap`].
    pub lasts: Duration,
    /// What goes wrong.
    pub fault: Fault,
}

impl TimedFault {
    /// When it ends.
    #[must_use]
    pub fn ends(&self) -> Instant {
        self.at + self.lasts
    }
}

impl Schedule {
    /// Nothing goes wrong.
    #[must_use]
    pub const fn new() -> Self {
        Self { faults: Vec::new() }
    }

    /// Adds a fault that begins at `at`.
    #[must_use]
    pub fn with(mut self, at: Instant, lasts: Duration, fault: Fault) -> Self {
        self.faults.push(TimedFault { at, lasts, fault });
        self
    }

    /// Random faults within bounds, the same for the same seed, shape and bounds. Kinds that the
    /// shape has no place for (a cut with a single node) are left out.
    #[must_use]
    pub fn generate(seed: u64, bounds: &Bounds, shape: &Topology) -> Self {
        let mut rng = Stream::Schedule.of(seed);
        let count = rng.index(bounds.most_faults + 1);
        let mut faults: Vec<TimedFault> = (0..count)
            .filter_map(|_| {
                let fault = bounds.fault(&mut rng, shape)?;
                let window = bounds.until.saturating_sub(bounds.from);
                let longest = bounds.longest.min(window);
                let lasts = rng.between(Duration::ZERO, longest);
                let at = rng.between(bounds.from, bounds.until.saturating_sub(lasts));
                Some(TimedFault { at: Instant::ZERO + at, lasts, fault })
            })
            .collect();
        faults.sort_by_key(|timed| timed.at);
        Self { faults }
    }

    /// The faults, in the order of their beginnings if generated.
    #[must_use]
    pub fn faults(&self) -> &[TimedFault] {
        &self.faults
    }
}

impl FromIterator<TimedFault> for Schedule {
    fn from_iter<I: IntoIterator<Item = TimedFault>>(faults: I) -> Self {
        Self { faults: faults.into_iter().collect() }
    }
}

/// What may go wrong in a random schedule.
///
/// A weight is how often a kind is picked beside the others; 0 is never.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Bounds {
    /// No fault begins before this much of the world's time.
    pub from: Duration,
    /// Each fault has ended by then. Run on for a while to see the world recover.
    pub until: Duration,
    /// How many faults there are, at most.
    pub most_faults: usize,
    /// How long each lasts, at most.
    pub longest: Duration,
    /// Weight of [`Fault::Cut`].
    pub cuts: u32,
    /// Weight of [`Fault::Partition`].
    pub partitions: u32,
    /// Weight of [`Fault::Unplug`].
    pub unplugs: u32,
    /// Weight of [`Fault::Degrade`], to [`Quality::poor`].
    pub degradations: u32,
    /// Weight of [`Fault::Pause`].
    pub pauses: u32,
    /// Weight of [`Fault::Stall`].
    pub stalls: u32,
    /// Weight of [`Fault::Crash`].
    pub crashes: u32,
    /// Weight of [`Fault::ClockGap`], as long as `longest` at most.
    pub clock_gaps: u32,
    /// Weight of [`Fault::Drift`], up to 10,000 parts per million.
    pub drifts: u32,
}

impl Bounds {
    /// No kind of fault, but room for eight within ten seconds, of two seconds each at most. Add
    /// weights.
    #[must_use]
    pub const fn none() -> Self {
        Self {
            from: Duration::from_secs(1),
            until: Duration::from_secs(10),
            most_faults: 8,
            longest: Duration::from_secs(2),
            cuts: 0,
            partitions: 0,
            unplugs: 0,
            degradations: 0,
            pauses: 0,
            stalls: 0,
            crashes: 0,
            clock_gaps: 0,
            drifts: 0,
        }
    }

    fn fault(&self, rng: &mut Rng, shape: &Topology) -> Option<Fault> {
        let kinds: [(u32, Draw); 9] = [
            (self.cuts, draw_cut),
            (self.partitions, draw_partition),
            (self.unplugs, draw_unplug),
            (self.degradations, draw_degrade),
            (self.pauses, |_, rng, shape| draw_node(rng, shape).map(|node| Fault::Pause { node })),
            (self.stalls, |_, rng, shape| draw_node(rng, shape).map(|node| Fault::Stall { node })),
            (self.crashes, |_, rng, shape| draw_node(rng, shape).map(|node| Fault::Crash { node })),
            (self.clock_gaps, draw_clock_gap),
            (self.drifts, draw_drift),
        ];
        let total = kinds.iter().map(|&(weight, _)| u64::from(weight)).sum();
        let mut drawn = rng.below(total);
        for (weight, draw) in kinds {
            if drawn < u64::from(weight) {
                return draw(self, rng, shape);
            }
            drawn -= u64::from(weight);
        }
        None
    }
}

impl Default for Bounds {
    /// Each kind alike.
    fn default() -> Self {
        Self {
            cuts: 1,
            partitions: 1,
            unplugs: 1,
            degradations: 1,
            pauses: 1,
            stalls: 1,
            crashes: 1,
            clock_gaps: 1,
            drifts: 1,
            ..Self::none()
        }
    }
}

type Draw = fn(&Bounds, &mut Rng, &Topology) -> Option<Fault>;

fn draw_node(rng: &mut Rng, shape: &Topology) -> Option<NodeId> {
    let drawn = rng.below(u64::from(shape.nodes));
    let index = u16::try_from(drawn).ok()?;
    (shape.nodes > 0).then_some(NodeId(index))
}

fn draw_segment<'a>(
    rng: &mut Rng,
    shape: &'a Topology,
) -> Option<(SegmentId, &'a [(NodeId, Link)])> {
    let index = rng.index(shape.segments.len());
    let members = shape.segments.get(index)?;
    Some((SegmentId(u16::try_from(index).ok()?), members))
}

fn draw_cut(_: &Bounds, rng: &mut Rng, shape: &Topology) -> Option<Fault> {
    let (segment, members) = draw_segment(rng, shape)?;
    let &(from, _) = rng.pick(members)?;
    let others: Vec<NodeId> =
        members.iter().map(|&(node, _)| node).filter(|&node| node != from).collect();
    let &to = rng.pick(&others)?;
    Some(Fault::Cut { segment, from, to })
}

fn draw_partition(_: &Bounds, rng: &mut Rng, shape: &Topology) -> Option<Fault> {
    let (segment, members) = draw_segment(rng, shape)?;
    if members.len() < 2 {
        return None;
    }
    let mut nodes: Vec<NodeId> = members.iter().map(|&(node, _)| node).collect();
    rng.shuffle(&mut nodes);
    let size = 1 + rng.index(nodes.len() - 1);
    let side = nodes.into_iter().take(size).collect();
    Some(Fault::Partition { segment, side })
}

fn draw_unplug(_: &Bounds, rng: &mut Rng, shape: &Topology) -> Option<Fault> {
    let (_, members) = draw_segment(rng, shape)?;
    let &(node, link) = rng.pick(members)?;
    Some(Fault::Unplug { node, link })
}

fn draw_degrade(_: &Bounds, rng: &mut Rng, shape: &Topology) -> Option<Fault> {
    let (segment, _) = draw_segment(rng, shape)?;
    let quality = Quality::poor();
    Some(Fault::Degrade { segment, quality })
}

fn draw_clock_gap(bounds: &Bounds, rng: &mut Rng, shape: &Topology) -> Option<Fault> {
    let node = draw_node(rng, shape)?;
    let by = rng.between(Duration::ZERO, bounds.longest);
    Some(Fault::ClockGap { node, by })
}

fn draw_drift(_: &Bounds, rng: &mut Rng, shape: &Topology) -> Option<Fault> {
    let node = draw_node(rng, shape)?;
    let ppm = i32::try_from(rng.below(20_001)).ok()? - 10_000;
    Some(Fault::Drift { node, ppm })
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.faults.is_empty() {
            return f.write_str("  (no fault)\n");
        }
        self.faults.iter().try_for_each(|timed| writeln!(f, "  {timed}"))
    }
}

impl fmt::Display for TimedFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} for {:?}: {:?}", self.at, self.lasts, self.fault)
    }
}

#[cfg(test)]
mod tests;
