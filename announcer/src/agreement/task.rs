use std::{collections::BTreeSet, sync::Arc, time::Duration};

use tokio::{
    sync::{mpsc, watch},
    time::sleep,
};
use vipcast_election::{
    NodeName,
    beacon::wire::Refusal,
    register::{
        Changes, Founding, ProposeError, Register, RegisterConfig, RegisterEvent, RegisterTransmit,
        VoterId,
    },
};
use vipcast_sans_io::{Instant, Machine};

use super::{
    Agreed, ChangeError, Proposal, SendDatagram, Standing, Wire,
    silence::Silence,
    writer::{Writer, Written},
};
use crate::{
    Report,
    clock::Clock,
    driver::{BATCH, Flow, Outlet, pump},
};

/// How long is waited for what.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    /// A node that names nobody and hears nobody for so long founds alone.
    pub(super) alone: Duration,
    /// Before that, a node that starts cannot know who is there.
    pub(super) starting: Duration,
    /// For so long another history is taken to be there after it was heard.
    pub(super) history: Duration,
    /// A member that nobody names is dismissed when it was silent for so long.
    pub(super) silence: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            alone: Duration::from_secs(5),
            starting: Duration::from_secs(3),
            history: Duration::from_secs(10),
            silence: Duration::from_secs(60),
        }
    }
}

/// The loop around a register.
pub(super) struct Task {
    register: Register,
    config: RegisterConfig,
    patience: Patience,
    writer: Writer,
    wire: Wire,
    views: watch::Sender<Arc<Agreed>>,
    view: Agreed,
    buf: Vec<u8>,
    began: Instant,
    silence: Silence,
    /// Beacons of these nodes come in.
    heard: BTreeSet<NodeName>,
    /// Nobody was ever heard.
    alone: bool,
    histories: u64,
    other_history_at: Option<Instant>,
    fault: Option<String>,
}

impl Task {
    pub(super) fn new(
        register: Register,
        config: RegisterConfig,
        patience: Patience,
        writer: Writer,
        wire: Wire,
        views: watch::Sender<Arc<Agreed>>,
    ) -> Self {
        let view = Agreed::clone(&views.borrow());
        Self {
            register,
            config,
            patience,
            writer,
            wire,
            views,
            view,
            buf: Vec::new(),
            began: Clock::now(),
            silence: Silence::default(),
            heard: BTreeSet::new(),
            alone: true,
            histories: 0,
            other_history_at: None,
            fault: None,
        }
    }

    /// Runs until nobody can propose any more.
    pub(super) async fn run(
        mut self,
        mut proposals: mpsc::Receiver<Proposal>,
        mut reports: watch::Receiver<Arc<Report>>,
    ) {
        loop {
            self.hear_of(&reports.borrow_and_update().clone());
            let due = self.turn();
            let now = Clock::now();
            let wait = due.map_or(self.patience.alone, |due| due.saturating_duration_since(now));
            tokio::select! {
                proposal = proposals.recv() => match proposal {
                    Some(proposal) => self.propose(proposal),
                    None => return,
                },
                Some(bytes) = self.wire.inbox.recv() => self.receive(&bytes),
                Some(written) = self.writer.told.recv() => self.note(written),
                Ok(()) = self.wire.keyring.changed() => {
                    let keyring = self.wire.keyring.borrow_and_update().clone();
                    self.register.set_keyring(keyring);
                }
                Ok(()) = reports.changed() => {}
                () = sleep(wait) => {}
            }
        }
    }

    /// Takes what waits, up to a batch.
    fn receive(&mut self, first: &[u8]) {
        let now = Clock::now();
        self.register.handle_input(now, first);
        for _ in 1..BATCH {
            let Ok(bytes) = self.wire.inbox.try_recv() else { break };
            self.register.handle_input(now, &bytes);
        }
        let histories = self.register.counters().refused.get(&Refusal::OtherHistory).copied();
        let histories = histories.unwrap_or(0);
        if std::mem::replace(&mut self.histories, histories) != histories {
            self.other_history_at = Some(now);
        }
    }

    fn note(&mut self, written: Written) {
        match written {
            Written::Kept(ticket) => {
                self.fault = None;
                self.register.persisted(Clock::now(), ticket);
            }
            Written::Failed(why) => self.fault = Some(why),
        }
    }

    fn hear_of(&mut self, report: &Report) {
        let there = report.nodes.iter().filter(|(_, node)| node.there);
        self.heard = there.map(|((_, name), _)| name.clone()).collect();
        self.alone &= self.heard.is_empty();
        self.heard.insert(self.config.me().clone());
    }

    fn propose(&mut self, proposal: Proposal) {
        let Proposal { version, changes, answer } = proposal;
        // Whoever asked may have gone.
        let _ = answer.send(self.begin(version, changes));
    }

    fn begin(&mut self, version: u64, changes: Changes) -> Result<(), ChangeError> {
        let now = Clock::now();
        let standing = self.standing(now);
        if !standing.leads() {
            return Err(ChangeError::Standing(standing));
        }
        if self.register.document().version() != version {
            return Err(ChangeError::Stale);
        }
        Ok(self.register.propose(now, changes)?)
    }

    /// Lets everything move that can, and tells what is so now.
    fn turn(&mut self) -> Option<Instant> {
        let now = Clock::now();
        let nobody = self.config.founders().next().is_none();
        if nobody && self.alone && now >= self.began + self.patience.alone {
            self.register.found_alone(now);
        }
        let mut outlet = Outbox { send: &self.wire.send, blanks: Vec::new(), agreed: false };
        let due = loop {
            let due = pump(&mut self.register, Clock::now, &mut self.buf, &mut outlet);
            // What is to be kept holds back what is to be sent; keeping takes its time.
            let Some(persist) = self.register.poll_persist() else { break due };
            self.writer.write(persist);
        };
        let Outbox { blanks, agreed, .. } = outlet;
        let now = Clock::now();
        for (name, voter) in blanks {
            // If it cannot be now, it is told again.
            let _ = self.admit(now, &name, voter);
        }
        let standing = self.standing(now);
        let leads = self.register.leads(now).is_some();
        let behind = if leads { self.register.behind() } else { BTreeSet::new() };
        let gone = if leads { self.gone(&behind) } else { BTreeSet::new() };
        if let Some(gone) = self.silence.longer_than(self.patience.silence, now, gone) {
            // Likewise.
            let _ = self.register.dismiss(now, &gone);
        }
        if agreed {
            self.view.document = Arc::new(self.register.document().clone());
        }
        let document = Arc::clone(&self.view.document);
        let votes = document.members().values().any(|voter| *voter == self.register.voter());
        let view = Agreed { standing, document, behind, votes };
        if agreed || self.view != view {
            self.view = view;
            self.views.send_replace(Arc::new(self.view.clone()));
        }
        due
    }

    /// Members that nobody names, and that do not follow or are not even heard.
    fn gone(&self, behind: &BTreeSet<NodeName>) -> BTreeSet<NodeName> {
        let named: BTreeSet<&NodeName> = self.config.founders().collect();
        let members = self.register.document().members().into_keys();
        let unnamed = members.filter(|name| !named.contains(name) && name != self.config.me());
        unnamed.filter(|name| behind.contains(name) || !self.heard.contains(name)).collect()
    }

    /// Those that are named vote; one that has lost its memory is another voter.
    fn admit(&mut self, now: Instant, name: &NodeName, voter: VoterId) -> Result<(), ProposeError> {
        if !self.config.founders().any(|named| named == name) {
            return Ok(());
        }
        match self.register.document().members().get(name) {
            Some(known) if *known == voter => Ok(()),
            Some(_) => self.register.dismiss(now, name),
            None => self.register.admit(now, name, voter),
        }
    }

    fn standing(&self, now: Instant) -> Standing {
        if let Some(why) = &self.fault {
            return Standing::Unwritten { why: why.clone() };
        }
        if self.other_history_at.is_some_and(|at| now < at + self.patience.history) {
            return Standing::OtherHistory;
        }
        if self.register.leads(now).is_some() {
            return Standing::Leads { me: self.config.me().clone() };
        }
        if let Some(leader) = self.register.follows(now) {
            return Standing::Follows { leader: leader.clone() };
        }
        if now < self.began + self.patience.starting {
            return Standing::Starting;
        }
        if let Some(Founding { missing, differ }) = self.register.founding(now) {
            let nobody = self.config.founders().next().is_none();
            if nobody && !self.alone {
                let others = self.heard.iter().filter(|name| *name != self.config.me());
                return Standing::NobodyNamed { heard: others.cloned().collect() };
            }
            return Standing::Founding { missing, differ };
        }
        let members: BTreeSet<NodeName> = self.register.document().members().into_keys().collect();
        if members.is_empty() {
            // It has heard of a history, and has nothing of it yet.
            return Standing::Electing;
        }
        let forgotten = self.register.forgotten(now);
        let heard = members.intersection(&self.heard).filter(|name| !forgotten.contains(*name));
        let heard: BTreeSet<NodeName> = heard.cloned().collect();
        if heard.len() * 2 > members.len() {
            return Standing::Electing;
        }
        Standing::NoMajority { members, heard, forgotten }
    }
}

/// Where what the register makes goes to.
struct Outbox<'a> {
    send: &'a SendDatagram,
    blanks: Vec<(NodeName, VoterId)>,
    agreed: bool,
}

impl Outlet<Register> for Outbox<'_> {
    fn transmit(&mut self, to: RegisterTransmit, bytes: &[u8]) -> Flow {
        (self.send)(to, bytes);
        Flow::Open
    }

    fn event(&mut self, event: RegisterEvent) {
        match event {
            RegisterEvent::Agreed { .. } => self.agreed = true,
            RegisterEvent::Blank { name, voter } => self.blanks.push((name, voter)),
            _ => {}
        }
    }
}
