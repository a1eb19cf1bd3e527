use alloc::vec::Vec;

use super::{
    block::Block,
    cursor::{Context, Cursor, Step},
    family::FamilyTable,
    policy::Policy,
    set_id::SetId,
    table::{Sets, Table},
};
use crate::{fsm::Session, peer::ConnectionId, wire::Family};

/// What one neighbor has yet to be told, on one connection.
#[derive(Clone, Debug)]
pub(crate) struct Outbound {
    connection: ConnectionId,
    limit: Option<usize>,
    ipv4: Option<Cursor<5>>,
    ipv6: Option<Cursor<17>>,
    block: Block,
    graceful_shutdown: bool,
}

/// What was appended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Written {
    /// Messages.
    pub(crate) messages: u64,
    /// Families whose first End-of-RIB is among them.
    pub(crate) announced: Vec<Family>,
    /// Prefixes are held back by the limit, for the first time.
    pub(crate) limited: bool,
}

impl Outbound {
    /// Begins with nothing told.
    pub(crate) fn new(
        connection: ConnectionId,
        session: &Session,
        limit: Option<usize>,
        table: &mut Table,
    ) -> Self {
        let add_path = |family| session.family(family).map(|agreed| agreed.add_path_send);
        let limited = limit.is_some();
        Self {
            connection,
            limit,
            ipv4: add_path(Family::IPV4_UNICAST)
                .map(|add| Cursor::new(Family::IPV4_UNICAST, add, limited, &mut table.ipv4)),
            ipv6: add_path(Family::IPV6_UNICAST)
                .map(|add| Cursor::new(Family::IPV6_UNICAST, add, limited, &mut table.ipv6)),
            block: Block::default(),
            graceful_shutdown: false,
        }
    }

    /// The session is over: the table need not wait for it.
    pub(crate) fn leave(mut self, table: &mut Table) {
        if let Some(cursor) = &mut self.ipv4 {
            table.sets.release_all(cursor.leave(&mut table.ipv4));
        }
        if let Some(cursor) = &mut self.ipv6 {
            table.sets.release_all(cursor.leave(&mut table.ipv6));
        }
    }

    pub(crate) const fn connection(&self) -> ConnectionId {
        self.connection
    }

    /// The neighbor wants a family again (RFC 2918).
    pub(crate) fn request_refresh(&mut self, family: Family) {
        match family {
            Family::IPV4_UNICAST => {
                if let Some(cursor) = &mut self.ipv4 {
                    cursor.request_refresh();
                }
            }
            _ => {
                if let Some(cursor) = &mut self.ipv6 {
                    cursor.request_refresh();
                }
            }
        }
    }

    /// How many prefixes were announced; counted only where there is a limit.
    fn sent(&self) -> usize {
        self.ipv4.as_ref().map_or(0, Cursor::sent) + self.ipv6.as_ref().map_or(0, Cursor::sent)
    }

    /// Appends messages until `budget` octets are there, or nothing is left to tell.
    pub(crate) fn write(
        &mut self,
        table: &mut Table,
        policy: Policy<'_>,
        budget: usize,
        buf: &mut Vec<u8>,
    ) -> Written {
        if self.graceful_shutdown != policy.graceful_shutdown {
            self.graceful_shutdown = policy.graceful_shutdown;
            self.retell(table);
        }
        let was_withheld = self.withheld();
        let mut written = Written::default();
        let sent = self.sent();
        let Table { ipv4, ipv6, sets } = table;
        let mut turn = Turn {
            policy,
            allowance: self.limit.map_or(usize::MAX, |limit| limit.saturating_sub(sent)),
            budget,
            block: &mut self.block,
            written: &mut written,
        };
        if let Some(cursor) = &mut self.ipv4 {
            turn.take(cursor, ipv4, sets, buf);
        }
        if let Some(cursor) = &mut self.ipv6 {
            turn.take(cursor, ipv6, sets, buf);
        }
        let room = self.limit.is_some_and(|limit| self.sent() < limit);
        written.limited = !was_withheld && self.withheld();
        if room && self.withheld() {
            self.fill(table);
        }
        written
    }

    fn withheld(&self) -> bool {
        self.ipv4.as_ref().is_some_and(|cursor| cursor.withheld)
            || self.ipv6.as_ref().is_some_and(|cursor| cursor.withheld)
    }

    /// All attributes have changed: all is told again.
    fn retell(&mut self, table: &mut Table) {
        self.block.forget();
        if let Some(cursor) = &mut self.ipv4 {
            cursor.restart(&mut table.ipv4);
        }
        if let Some(cursor) = &mut self.ipv6 {
            cursor.restart(&mut table.ipv6);
        }
    }

    /// There is room below the limit again.
    fn fill(&mut self, table: &mut Table) {
        if let Some(cursor) = &mut self.ipv4 {
            cursor.fill(&mut table.ipv4);
        }
        if let Some(cursor) = &mut self.ipv6 {
            cursor.fill(&mut table.ipv6);
        }
    }
}

/// One call of [`Outbound::write`].
struct Turn<'a> {
    policy: Policy<'a>,
    allowance: usize,
    budget: usize,
    block: &'a mut Block,
    written: &'a mut Written,
}

impl Turn<'_> {
    fn take<const N: usize>(
        &mut self,
        cursor: &mut Cursor<N>,
        table: &mut FamilyTable<N>,
        sets: &mut Sets,
        buf: &mut Vec<u8>,
    ) {
        while buf.len() < self.budget {
            let mut context = Context { sets, policy: self.policy, allowance: self.allowance };
            let step = cursor.step(table, &mut context, self.block, buf);
            self.allowance = context.allowance;
            match step {
                Step::Update | Step::Bracket => self.written.messages += 1,
                Step::EndOfRib => {
                    self.written.messages += 1;
                    self.written.announced.push(cursor.family());
                }
                Step::Again => {}
                Step::Done => break,
            }
            let unneeded: Vec<SetId> = cursor.advance(table);
            sets.release_all(unneeded);
        }
    }
}
