use alloc::sync::Arc;
use core::net::IpAddr;

use vipcast_sans_io::{Instant, Machine};

use super::{
    ConnectionId, Peer, PeerInput,
    connection::{Closing, Connection, Slot},
    machine::Which,
};
use crate::{
    fsm::{DownReason, Event, Fsm, FsmConfig, Session, State, Timer, negotiate},
    wire::{
        DecodeContext, ErrorCode, Frame, Message, MessageError, MessageType, Notification, Open,
        OpenSubcode, RefreshSubtype, RouteRefresh, Update, Verdict,
    },
};

impl Peer {
    /// As [`Machine::handle_input`]; `routes` sees every UPDATE that does not close the session, with
    /// its verdict.
    pub fn handle_input_with(
        &mut self,
        now: Instant,
        input: PeerInput<'_>,
        routes: &mut dyn FnMut(&Session, &Update<'_>),
    ) {
        self.handle_timeout(now);
        match input {
            PeerInput::Accepted { connection, local } => self.on_accepted(now, connection, local),
            PeerInput::Connected { connection, local } => self.on_connected(now, connection, local),
            PeerInput::Received { connection, bytes } => {
                self.on_received(now, connection, bytes, routes);
            }
            PeerInput::Writable { connection } => self.on_writable(connection),
            PeerInput::Closed { connection } => self.on_closed(now, connection),
        }
    }

    fn on_accepted(&mut self, now: Instant, id: ConnectionId, local: IpAddr) {
        let late = self.primary.fsm.state() == State::Established;
        let extended = self.config.extended_messages;
        let connection = Connection::accepted(id, local, late, extended);
        if self.primary.fsm.state() == State::Active && self.primary.connection.is_none() {
            self.primary.connection = Some(connection);
            self.fire(Which::Primary, now, Event::TcpConnectionConfirmed);
            return;
        }
        // A neighbor dials once: of two incoming ones that are not yet decided, the old one is dead.
        let undecided = |slot: &Slot| slot.fsm.state() <= State::OpenSent;
        if self.primary.fsm.state() == State::Idle || !self.secondary.as_ref().is_none_or(undecided)
        {
            self.counters.refused += 1;
            self.closing.push_back(Closing::new(id, None, None));
            return;
        }
        self.fire(Which::Secondary, now, Event::SilentClose(DownReason::Replaced));
        let seed = self.rng.next();
        self.secondary = Some(Slot {
            fsm: Fsm::for_incoming(FsmConfig::from(&self.config), seed),
            connection: Some(connection),
        });
        self.fire(Which::Secondary, now, Event::TcpConnectionConfirmed);
    }

    fn on_connected(&mut self, now: Instant, id: ConnectionId, local: IpAddr) {
        let Some(which) = self.find(id) else { return };
        let connection = self.slot(which).and_then(|slot| slot.connection.as_mut());
        if let Some(connection) = connection.filter(|connection| !connection.is_up()) {
            connection.local = Some(local);
            self.fire(which, now, Event::TcpCrAcked);
        }
    }

    fn on_closed(&mut self, now: Instant, id: ConnectionId) {
        let Some(which) = self.find(id) else { return };
        if let Some(connection) = self.slot(which).and_then(|slot| slot.connection.as_mut()) {
            connection.gone = true;
        }
        self.fire(which, now, Event::TcpConnectionFails);
    }

    fn on_writable(&mut self, id: ConnectionId) {
        let slot = self.find(id).and_then(|which| self.slot(which));
        if let Some(slot) = slot
            && let Some(connection) = &mut slot.connection
        {
            connection.blocked = false;
            slot.fsm.on_taken();
        }
    }

    fn on_received(
        &mut self,
        now: Instant,
        id: ConnectionId,
        mut bytes: &[u8],
        routes: &mut dyn FnMut(&Session, &Update<'_>),
    ) {
        let Some(mut which) = self.find(id) else { return };
        let connection = self.slot(which).and_then(|slot| slot.connection.as_mut());
        let Some(connection) = connection.filter(|connection| connection.is_up()) else {
            return;
        };
        let mut framer = core::mem::take(&mut connection.framer);
        while let Some(framed) = framer.next(&mut bytes) {
            self.counters.messages_received += 1;
            match framed {
                Ok(frame) => self.on_frame(which, now, &frame, routes),
                Err(error) => {
                    self.counters.malformed += 1;
                    return self.fire(which, now, Event::BgpHeaderErr(error.notification()));
                }
            }
            // The message may have ended the connection, or decided which one counts.
            match self.find(id) {
                Some(found) => which = found,
                None => return,
            }
        }
        if let Some(connection) = self.slot(which).and_then(|slot| slot.connection.as_mut()) {
            connection.framer = framer;
        }
    }

    fn on_frame(
        &mut self,
        which: Which,
        now: Instant,
        frame: &Frame<'_>,
        routes: &mut dyn FnMut(&Session, &Update<'_>),
    ) {
        if frame.kind() == MessageType::UPDATE {
            return self.on_update(which, now, frame, routes);
        }
        let context = DecodeContext::default();
        match Message::decode(frame, &context) {
            Ok(Message::Open(open)) => self.on_open(which, now, &open),
            Ok(Message::Notification(told)) => {
                let version = told.code == ErrorCode::OPEN
                    && told.subcode == OpenSubcode::UNSUPPORTED_VERSION.0;
                let event =
                    if version { Event::NotifMsgVerErr(told) } else { Event::NotifMsg(told) };
                self.fire(which, now, event);
            }
            Ok(Message::Keepalive) => self.fire(which, now, Event::KeepAliveMsg),
            Ok(Message::RouteRefresh(refresh)) => self.on_route_refresh(which, now, refresh),
            Ok(Message::Update(_)) => {}
            Err(error) => {
                self.counters.malformed += 1;
                let told = error.notification();
                self.fire(
                    which,
                    now,
                    match error {
                        MessageError::Header(_) => Event::BgpHeaderErr(told),
                        MessageError::Open(_) => Event::BgpOpenMsgErr(told),
                        MessageError::RefreshLength(_) => Event::RouteRefreshErr(told),
                    },
                );
            }
        }
    }

    fn on_open(&mut self, which: Which, now: Instant, open: &Open) {
        let config = self.config.clone();
        let router_id = self.router_id;
        let Some(slot) = self.slot(which) else { return };
        let expected =
            slot.fsm.state() == State::OpenSent || slot.fsm.deadline(Timer::DelayOpen).is_some();
        if !expected {
            return self.fire(which, now, Event::BgpOpen(core::time::Duration::ZERO));
        }
        match negotiate(&config, router_id, open) {
            Ok(session) => {
                let hold_time = session.hold_time;
                if let Some(connection) = &mut slot.connection {
                    connection.session = Some(Arc::new(session));
                }
                let id = slot.connection.as_ref().map(|connection| connection.id);
                self.fire(which, now, Event::BgpOpen(hold_time));
                if let Some(which) = id.and_then(|id| self.find(id)) {
                    self.resolve_collision(which, now);
                }
            }
            Err(error) => {
                self.counters.malformed += 1;
                self.fire(which, now, Event::BgpOpenMsgErr(error.notification()));
            }
        }
    }

    fn on_update(
        &mut self,
        which: Which,
        now: Instant,
        frame: &Frame<'_>,
        routes: &mut dyn FnMut(&Session, &Update<'_>),
    ) {
        self.counters.updates_received += 1;
        let session = self
            .slot(which)
            .filter(|slot| slot.fsm.state() == State::Established)
            .and_then(|slot| slot.connection.as_ref()?.session.clone());
        let Some(session) = session else {
            return self.fire(which, now, Event::UpdateMsg);
        };
        let update = Update::decode(frame.body(), &session.context);
        match update.verdict() {
            Verdict::ResetSession => {
                self.counters.malformed += 1;
                let told = update
                    .notification()
                    .unwrap_or_else(|| Notification::new(ErrorCode::UPDATE, 0, &[]));
                return self.fire(which, now, Event::UpdateMsgErr(told));
            }
            Verdict::Accept => {}
            Verdict::AttributeDiscard => self.counters.attribute_discards += 1,
            Verdict::TreatAsWithdraw => self.counters.treated_as_withdraw += 1,
            Verdict::DisableFamily(family) => {
                self.counters.families_disabled += 1;
                let mut less = Session::clone(&session);
                less.context.families.retain(|context| context.family != family);
                let slot = self.slot(which);
                if let Some(connection) = slot.and_then(|slot| slot.connection.as_mut()) {
                    connection.session = Some(Arc::new(less));
                }
            }
        }
        routes(&session, &update);
        self.fire(which, now, Event::UpdateMsg);
    }

    /// RFC 2918 §4: a family that was not agreed on is ignored; so are brackets, since nothing
    /// received is kept.
    fn on_route_refresh(&mut self, which: Which, now: Instant, refresh: RouteRefresh) {
        self.fire(which, now, Event::RouteRefreshMsg);
        let agreed = self.session().is_some_and(|session| session.family(refresh.family).is_some());
        if which == Which::Primary
            && agreed
            && refresh.subtype == RefreshSubtype::REQUEST
            && !self.refresh_requests.contains(&refresh.family)
        {
            self.refresh_requests.push(refresh.family);
        }
    }
}
