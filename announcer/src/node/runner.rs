use std::{collections::BTreeSet, net::IpAddr, sync::Arc, time::Duration};

use tokio::{
    sync::{mpsc, oneshot, watch},
    time::{sleep, timeout},
};
use vipcast_plan::{self as plan, Intent, Link, NodeName, Observed, candidates, plan};
use vipcast_sans_io::Instant;

use super::{HAND_OVER_WITHIN, SERVE_ON, prober::Question};
use crate::{
    apply::{self, Applied},
    clock::Clock,
    delivery::{KernelSilence, LocalServing, LocalServingError},
    layer2::{Check, Checks, Layer2, Layer2Report},
    os::InstanceLock,
    reach::{LOOK_AT_ROUTES, Reach},
    reports::Report,
    unguarded::{LOOK_FOR_LOCAL, Unguarded},
};

/// How often delivery is looked after: nobody tells when a firewall takes the guard away, or an
/// administrator the address that was in the way.
const LOOK_AFTER_DELIVERY: Duration = Duration::from_secs(1);

/// After a step, so many times as long as it took belong to others, but no more than this. Whoever
/// answers on the wire acts by tokens, and waits for no step.
const REST: u32 = 3;
const LONGEST_REST: Duration = Duration::from_millis(100);
const LEAST_REST: Duration = Duration::from_millis(2);

/// The task of a node: it applies what is true, again whenever that changes, and reports it.
pub(super) struct Runner {
    me: NodeName,
    elected: Elected,
    layer2: Layer2,
    layer2_reports: watch::Receiver<Arc<Layer2Report>>,
    serving: Option<LocalServing>,
    silence: Option<KernelSilence>,
    unguarded: Unguarded,
    /// When the kernel was asked last about these addresses.
    looked: Option<(Instant, BTreeSet<IpAddr>)>,
    applied: Applied,
    /// What was reported last.
    told: Arc<Report>,
    reports: watch::Sender<Arc<Report>>,
    /// What the network is being asked for somebody: the round, and who waits.
    question: Option<(u64, oneshot::Sender<BTreeSet<IpAddr>>)>,
    reach: Reach,
    /// It is known what is asked for.
    asked: bool,
}

/// What the election does by itself.
#[derive(Clone, Copy)]
pub(super) struct Elected {
    /// The layer 2 thread finds out who lives.
    pub(super) finds_members: bool,
    /// This node takes part whether it is in a list or not, and says itself what it may hold.
    pub(super) stands_for_itself: bool,
}

impl Elected {
    /// By the records of a store.
    const fn by_groups(self) -> bool {
        self.stands_for_itself && !self.finds_members
    }
}

impl Runner {
    pub(super) fn new(
        me: NodeName,
        elected: Elected,
        layer2: Layer2,
        serving: Option<LocalServing>,
        silence: Option<KernelSilence>,
        reports: watch::Sender<Arc<Report>>,
    ) -> Self {
        Self {
            me,
            elected,
            layer2_reports: layer2.reports(),
            layer2,
            serving,
            silence,
            unguarded: Unguarded::default(),
            looked: None,
            applied: Applied::default(),
            told: Arc::default(),
            reports,
            question: None,
            reach: Reach::default(),
            asked: false,
        }
    }

    pub(super) async fn run(
        mut self,
        mut intents: watch::Receiver<Arc<Intent>>,
        mut members: watch::Receiver<BTreeSet<NodeName>>,
        mut asked: mpsc::Receiver<Question>,
        mut stop: oneshot::Receiver<()>,
        _lock: InstanceLock,
    ) -> Result<(), LocalServingError> {
        loop {
            let began = Clock::now();
            let intent = Arc::clone(&intents.borrow_and_update());
            let living = members.borrow_and_update().clone();
            let layer2 = Arc::clone(&self.layer2_reports.borrow_and_update());
            self.step(&intent, living, &layer2);
            // Everything is planned anew each time. What comes meanwhile is planned together.
            let rest = ((Clock::now() - began) * REST).min(LONGEST_REST);
            if rest > LEAST_REST {
                tokio::select! {
                    _ = &mut stop => break,
                    () = sleep(rest) => {}
                }
            }
            tokio::select! {
                _ = &mut stop => break,
                Ok(()) = intents.changed() => self.asked = true,
                Ok(()) = members.changed() => {}
                Ok(()) = self.layer2_reports.changed() => {}
                () = sleep(LOOK_AFTER_DELIVERY), if self.serving.is_some() => {}
                () = sleep(LOOK_FOR_LOCAL), if self.serving.is_none() => {}
                () = sleep(LOOK_AT_ROUTES), if self.reach.is_asked() => {}
                Some(question) = asked.recv(), if self.question.is_none() => {
                    let Question { addresses, answer } = question;
                    self.question = Some((self.layer2.check(addresses), answer));
                }
                else => {
                    let _ = (&mut stop).await;
                    break;
                }
            }
        }
        self.hand_over().await;
        drop(self.layer2);
        self.silence.map_or(Ok(()), KernelSilence::clear)?;
        self.serving.map_or(Ok(()), LocalServing::clear)
    }

    /// Lets others take over before this node falls silent, and serves on meanwhile.
    async fn hand_over(&mut self) {
        let now = Arc::clone(&self.layer2_reports.borrow());
        let heirs = now.nodes.values().any(|node| node.there && node.mutual && !node.draining);
        // A lease is given up also where none of its addresses is announced.
        if !self.elected.by_groups() && (!heirs || now.answering.is_empty()) {
            return;
        }
        self.layer2.drain();
        let drained = self.layer2_reports.wait_for(|report| report.drained);
        // Whatever nobody takes in time is lost with the process, as the caller wants it to end.
        let _ = timeout(HAND_OVER_WITHIN, drained).await;
        if !now.answering.is_empty() {
            sleep(SERVE_ON).await;
        }
    }

    /// Applies what is true now, and reports it.
    fn step(&mut self, intent: &Intent, members: BTreeSet<NodeName>, layer2: &Layer2Report) {
        self.answer(layer2);
        self.applied.excluded(&self.layer2, intent.excluded_links.as_deref());
        let mut members = if self.elected.finds_members { apply::members(layer2) } else { members };
        if self.elected.stands_for_itself {
            members.insert(self.me.clone());
        }
        let mut observed = Observed { members, ..observe(layer2) };
        observed.reach = self.reach.find(intent, layer2);
        let candidates = candidates(intent, &observed);
        let mut report = Report {
            delivery_broken: self.told.delivery_broken.clone(),
            guard_broken: self.told.guard_broken.clone(),
            unguarded: self.told.unguarded.clone(),
            ..Report::default()
        };
        self.deliver(&mut observed, &candidates, &mut report);
        self.keep_silent(intent, &observed, &mut report);
        let holders = apply::holders(layer2);
        let plan = plan(intent, &observed, &self.me, &holders);
        self.applied.plan(&self.layer2, &plan);
        self.applied.tcp_ports(&self.layer2, apply::tcp_ports(intent));
        let mut contenders = apply::contenders(&candidates);
        if self.elected.stands_for_itself {
            apply::withdraw(&mut contenders, &self.me, &plan);
        }
        if !self.elected.finds_members {
            self.applied.members(&self.layer2, &observed.members);
        }
        // Who asks for nothing yet may only not have read it yet.
        if self.asked || !intent.services.is_empty() {
            self.applied.candidates(&self.layer2, contenders);
        }

        let answering = layer2.answering.iter().map(|(unit, links)| {
            let unit = apply::unit_in(unit);
            let services = plan.table.get(&unit).map(|entry| entry.services.clone());
            let services = services.unwrap_or_default();
            (unit, plan::Announcement { links: BTreeSet::clone(links), services })
        });
        report.announcing = answering.collect();
        report.holders = holders;
        let withheld = plan.withheld.into_iter();
        report.withheld = withheld.map(|w| apply::explain(w, layer2, &candidates)).collect();
        report.standing = layer2.standing;
        report.delivery = observed.delivery;
        report.links.clone_from(&layer2.links);
        report.broken_links.clone_from(&layer2.broken_links);
        report.missing_groups.clone_from(&layer2.missing_groups);
        report.conflicts.clone_from(&layer2.conflicts);
        report.heard.clone_from(&layer2.heard);
        report.claims.clone_from(&layer2.claims);
        report.leases.clone_from(&layer2.leases);
        report.nodes.clone_from(&layer2.nodes);
        report.alarms.clone_from(&layer2.alarms);
        report.gaps = layer2.gaps;
        // Of thousands of addresses one report is kept, and shared with whoever reads it.
        if *self.told != report {
            self.told = Arc::new(report);
            self.reports.send_replace(Arc::clone(&self.told));
        }
    }

    /// Answers the question of a prober once every address has a verdict.
    fn answer(&mut self, layer2: &Layer2Report) {
        let Checks { round, verdicts } = &layer2.checks;
        let done = !verdicts.values().any(|check| *check == Check::Asking);
        let asked = self.question.take_if(|(asked, _)| asked == round && done);
        let Some((_, answer)) = asked else { return };
        let in_use = verdicts.iter().filter(|(_, c)| matches!(c, Check::InUse { .. }));
        // Whoever asked may have gone.
        let _ = answer.send(in_use.map(|(address, _)| *address).collect());
    }

    /// Keeps the kernel silent about service addresses, whoever holds them; or finds those for which
    /// it speaks.
    fn keep_silent(&mut self, intent: &Intent, observed: &Observed, report: &mut Report) {
        if self.serving.is_some() {
            return;
        }
        let addresses = apply::assigned(intent);
        let now = Clock::now();
        // Each look asks the kernel about every address, and reports come many times a second: in
        // between only what is new is looked at.
        if let Some((at, looked)) = &mut self.looked
            && now < *at + LOOK_AFTER_DELIVERY
            && (*looked == addresses || self.silence.is_none())
        {
            let new: BTreeSet<IpAddr> = addresses.difference(looked).copied().collect();
            report.unguarded.retain(|address, _| addresses.contains(address));
            report.unguarded.extend(self.unguarded.find(&new, &observed.links));
            *looked = addresses;
            return;
        }
        self.looked = Some((now, addresses.clone()));
        let Some(silence) = &mut self.silence else {
            report.unguarded = self.unguarded.find(&addresses, &observed.links);
            return;
        };
        let followed = silence.follow(&addresses);
        report.guard_broken = followed.err().map(|error| error.to_string());
    }

    /// Puts every address that this node may come to hold on the machine, before it may.
    fn deliver(
        &mut self,
        observed: &mut Observed,
        candidates: &plan::Candidates,
        report: &mut Report,
    ) {
        let Some(serving) = &mut self.serving else { return };
        let wanted = apply::deliverable(candidates, &self.me);
        match serving.follow(&wanted) {
            Ok(delivery) => {
                observed.delivery = delivery;
                report.delivery_broken = None;
            }
            Err(error) => {
                let failed = plan::Delivery::Failed(error.to_string());
                let judged = wanted.into_iter().map(|address| {
                    // What was delivered before still is.
                    let ready = self.told.delivery.get(&address) == Some(&plan::Delivery::Ready);
                    (address, if ready { plan::Delivery::Ready } else { failed.clone() })
                });
                observed.delivery = judged.collect();
                report.delivery_broken = Some(error.to_string());
            }
        }
    }
}

fn observe(layer2: &Layer2Report) -> Observed {
    let links = layer2.links.iter().map(|(name, state)| {
        let link = Link {
            segment: state.segment.clone(),
            networks: state.networks.clone(),
            up: state.up,
            broken: layer2.broken_links.get(name).cloned(),
        };
        (name.clone(), link)
    });
    let unusable = layer2.unusable.clone();
    Observed { links: links.collect(), unusable, ..Observed::default() }
}
