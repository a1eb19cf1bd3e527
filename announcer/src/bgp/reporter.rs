use std::{collections::BTreeSet, net::SocketAddr, sync::Arc, time::Duration};

use tokio::sync::watch;
use vipcast_bgp_proto::{Instant, PeerId, Speaker, SpeakerEvent, fsm::State};

use super::{
    report::{BgpReport, Loss, PeerReport},
    sockets::Sockets,
};

/// Keeps the report, and publishes it.
#[derive(Debug)]
pub(super) struct Reporter {
    report: BgpReport,
    sender: watch::Sender<Arc<BgpReport>>,
    /// Neighbors that may have changed.
    touched: BTreeSet<PeerId>,
    /// Something has changed that others want to know at once.
    news: bool,
    /// Neighbors of which nothing but counters has changed since the last publication.
    counted: BTreeSet<PeerId>,
    /// Strangers have come since.
    strangers: bool,
    published: Instant,
}

/// How old published counters may be.
const COUNTERS_AGE: Duration = Duration::from_secs(1);

impl Reporter {
    pub(super) fn new(sender: watch::Sender<Arc<BgpReport>>) -> Self {
        Self {
            report: BgpReport::default(),
            sender,
            touched: BTreeSet::new(),
            news: false,
            counted: BTreeSet::new(),
            strangers: false,
            published: Instant::ZERO,
        }
    }

    pub(super) fn add(&mut self, id: PeerId, remote: SocketAddr, now: Instant) {
        self.report.peers.insert(id, Arc::new(PeerReport::new(remote, now)));
        self.touch(id);
        self.news = true;
    }

    pub(super) fn remove(&mut self, id: PeerId) {
        self.report.peers.remove(&id);
        self.news = true;
    }

    pub(super) fn touch(&mut self, id: PeerId) {
        self.touched.insert(id);
    }

    pub(super) const fn count_stranger(&mut self) {
        self.report.strangers += 1;
        self.strangers = true;
    }

    pub(super) fn on_dialed(&mut self, id: PeerId, error: Option<String>) {
        self.touch(id);
        if let Some(peer) = self.report.peers.get_mut(&id)
            && peer.dial_error != error
        {
            Arc::make_mut(peer).dial_error = error;
            self.news = true;
        }
    }

    pub(super) fn on_event(&mut self, now: Instant, id: PeerId, event: SpeakerEvent) {
        self.touch(id);
        let Some(peer) = self.report.peers.get_mut(&id) else { return };
        let peer = Arc::make_mut(peer);
        self.news = true;
        match event {
            SpeakerEvent::Established(session) => {
                (peer.state, peer.since) = (State::Established, now);
                peer.session = Some(session);
                peer.announced.clear();
                peer.announced_at = None;
                peer.limited = false;
            }
            SpeakerEvent::Announced(family) => {
                peer.announced.insert(family);
            }
            SpeakerEvent::LimitReached => peer.limited = true,
            SpeakerEvent::Down { reason, .. } => {
                peer.session = None;
                peer.announced.clear();
                peer.announced_at = None;
                peer.losses += 1;
                peer.last_loss = Some(Loss { at: now, reason });
            }
            SpeakerEvent::Failed(reason) => {
                peer.failures += 1;
                peer.last_failure = Some(Loss { at: now, reason });
            }
            _ => {}
        }
    }

    /// Looks at the neighbors that were touched, and publishes what is new. Says when it wants to be
    /// called again, for the counters.
    pub(super) fn publish(
        &mut self,
        now: Instant,
        speaker: &Speaker,
        sockets: &Sockets,
    ) -> Option<Instant> {
        while let Some(id) = self.touched.pop_first() {
            self.look_at(now, id, speaker, sockets);
        }
        if self.report.routes != speaker.routes() {
            self.report.routes = speaker.routes();
            self.news = true;
        }
        let due = self.published + COUNTERS_AGE;
        let counted = self.strangers || !self.counted.is_empty();
        if !self.news && (!counted || now < due) {
            return counted.then_some(due);
        }
        self.strangers = false;
        for id in std::mem::take(&mut self.counted) {
            let counters = speaker.peer(id).map(|peer| *peer.counters());
            if let (Some(peer), Some(counters)) = (self.report.peers.get_mut(&id), counters) {
                Arc::make_mut(peer).counters = counters;
            }
        }
        self.news = false;
        self.published = now;
        self.sender.send_replace(Arc::new(self.report.clone()));
        None
    }

    fn look_at(&mut self, now: Instant, id: PeerId, speaker: &Speaker, sockets: &Sockets) {
        let Some(known) = self.report.peers.get_mut(&id) else { return };
        let Some(peer) = speaker.peer(id) else { return };
        if known.counters != *peer.counters() {
            self.counted.insert(id);
        }
        if known.state != peer.state() {
            let known = Arc::make_mut(known);
            known.state = peer.state();
            known.since = now;
            self.news = true;
        }
        let flushed = peer.established().is_some_and(|on| sockets.is_flushed((id, on)));
        if known.announced_at.is_none() && flushed && known.is_told() {
            Arc::make_mut(known).announced_at = Some(now);
            self.news = true;
        }
    }
}
