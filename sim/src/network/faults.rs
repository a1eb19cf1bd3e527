use super::{Network, Parcel};
use crate::{Fault, Link, Node, NodeId, SegmentId, What};

impl<N: Node> Network<N> {
    /// A fault begins now. Faults nest: a direction that is cut twice is open when both have ended.
    pub fn begin(&mut self, fault: &Fault) {
        self.record_world(|| What::Begun(format!("{fault:?}")));
        match fault {
            &Fault::Cut { segment, from, to } => {
                self.cut(segment, from, to);
            }
            Fault::Partition { segment, side } => {
                let mut parted = false;
                for (from, to) in self.across(*segment, |node| side.contains(&node)) {
                    parted |= self.cut(*segment, from, to);
                }
                self.counts.partitions += u64::from(parted);
            }
            &Fault::Unplug { node, link } => self.unplug(node, link),
            &Fault::Degrade { segment, quality } => {
                self.segments[usize::from(segment.0)].degrade(quality);
                self.counts.degradations += 1;
            }
            &Fault::Pause { node } => {
                let host = &mut self.hosts[usize::from(node.0)];
                self.counts.pauses += u64::from(host.runs());
                host.paused += 1;
                self.schedule_wake(node);
            }
            &Fault::Stall { node } => {
                let host = &mut self.hosts[usize::from(node.0)];
                host.stalled += 1;
                self.counts.stalls += u64::from(host.stalled == 1 && host.runs());
            }
            &Fault::Crash { node } => {
                let host = &mut self.hosts[usize::from(node.0)];
                host.crashed += 1;
                self.counts.crashes += u64::from(host.node.take().is_some());
                host.inbox.clear();
                self.reset_all(node);
                self.schedule_wake(node);
            }
            &Fault::ClockGap { node, by } => {
                self.hosts[usize::from(node.0)].clock.jump(self.now, by);
                self.counts.clock_gaps += 1;
                self.rewake(node);
            }
            &Fault::Drift { node, ppm } => {
                let clock = &mut self.hosts[usize::from(node.0)].clock;
                clock.set_ppm(self.now, clock.ppm().saturating_add(ppm));
                self.counts.drifts += 1;
                self.rewake(node);
            }
        }
    }

    /// A fault that had begun ends now. A paused node goes on: what waited for it, its due timers
    /// and its unbuilt packets are served in an order that the seed picks. A crashed one is made
    /// anew.
    pub fn end(&mut self, fault: &Fault) {
        self.record_world(|| What::Ended(format!("{fault:?}")));
        match fault {
            &Fault::Cut { segment, from, to } => self.mend(segment, from, to),
            Fault::Partition { segment, side } => {
                for (from, to) in self.across(*segment, |node| side.contains(&node)) {
                    self.mend(*segment, from, to);
                }
            }
            &Fault::Unplug { node, link } => self.plug(node, link),
            &Fault::Degrade { segment, quality } => {
                self.segments[usize::from(segment.0)].restore(quality);
            }
            &Fault::Pause { node } => self.resume(node),
            &Fault::Stall { node } => {
                let host = &mut self.hosts[usize::from(node.0)];
                host.stalled = host.stalled.saturating_sub(1);
                self.settle(node);
            }
            &Fault::Crash { node } => {
                let host = &mut self.hosts[usize::from(node.0)];
                host.crashed = host.crashed.saturating_sub(1);
                if host.crashed == 0 && host.node.is_none() {
                    self.counts.restarts += 1;
                    self.boot(node);
                }
            }
            Fault::ClockGap { .. } => {}
            &Fault::Drift { node, ppm } => {
                let clock = &mut self.hosts[usize::from(node.0)].clock;
                clock.set_ppm(self.now, clock.ppm().saturating_sub(ppm));
                self.rewake(node);
            }
        }
    }

    fn cut(&mut self, segment: SegmentId, from: NodeId, to: NodeId) -> bool {
        let cut = self.segments[usize::from(segment.0)].cut(from, to);
        self.counts.cuts += u64::from(cut);
        cut
    }

    fn mend(&mut self, segment: SegmentId, from: NodeId, to: NodeId) {
        let healed = self.segments[usize::from(segment.0)].mend(from, to);
        self.counts.heals += u64::from(healed);
    }

    /// Both directions of all pairs with one node on the side and one not.
    fn across(
        &self,
        segment: SegmentId,
        on_side: impl Fn(NodeId) -> bool,
    ) -> Vec<(NodeId, NodeId)> {
        let members = &self.segments[usize::from(segment.0)].members;
        let pairs =
            members.iter().flat_map(|&(from, _)| members.iter().map(move |&(to, _)| (from, to)));
        pairs.filter(|&(from, to)| on_side(from) != on_side(to)).collect()
    }

    fn unplug(&mut self, node: NodeId, link: Link) {
        let depth = &mut self.hosts[usize::from(node.0)].unplugged[usize::from(link.0)];
        *depth += 1;
        if *depth == 1 {
            self.counts.unplugs += 1;
            self.arrive(node, Parcel::Carrier { link, up: false });
        }
    }

    fn plug(&mut self, node: NodeId, link: Link) {
        let depth = &mut self.hosts[usize::from(node.0)].unplugged[usize::from(link.0)];
        let was = *depth;
        *depth = was.saturating_sub(1);
        if was == 1 {
            self.arrive(node, Parcel::Carrier { link, up: true });
        }
    }

    fn resume(&mut self, node: NodeId) {
        let host = &mut self.hosts[usize::from(node.0)];
        let was = host.paused;
        host.paused = was.saturating_sub(1);
        if was != 1 || host.node.is_none() {
            return;
        }
        self.counts.resumes += 1;
        let inbox = std::mem::take(&mut host.inbox);
        // It was stopped in the middle of a batch of transmits, or in its sleep, and then looks at
        // its timers or at its sockets first.
        match host.rng.below(3) {
            0 => {
                self.serve(node);
            }
            1 => self.settle(node),
            _ => {}
        }
        for parcel in &inbox {
            self.hand_over(node, parcel);
            self.settle(node);
        }
        self.settle(node);
    }

    /// The node's clock has changed: its deadline is another moment of the world now.
    fn rewake(&mut self, node: NodeId) {
        if let Some((_, at)) = self.hosts[usize::from(node.0)].wake.take() {
            self.wakes.remove(&(at, node));
        }
        self.schedule_wake(node);
    }
}
