use super::{DATA_VALUE, Expression, FAMILY, Hook, LIST_ELEMENT, SET_ID};
use crate::os::netlink::{
    NetlinkError, NetlinkSocket,
    message::{ACK, APPEND, CREATE, ERROR, MessageBuilder, REQUEST, messages},
};

const BATCH_BEGIN: u16 = 16;
const BATCH_END: u16 = 17;
/// The subsystem's number, in the high byte of its message kinds and in a batch's header.
const NFTABLES: u8 = 10;

const NEW_TABLE: u8 = 0;
const GET_TABLE: u8 = 1;
const DELETE_TABLE: u8 = 2;
const NEW_CHAIN: u8 = 3;
const NEW_RULE: u8 = 6;
const NEW_SET: u8 = 9;
const NEW_ELEMENTS: u8 = 12;
const DELETE_ELEMENTS: u8 = 14;

/// An element takes 16 bytes, and an attribute holds less than 64 KiB.
const ELEMENTS_PER_MESSAGE: usize = 2_000;

/// Changes to one table that the kernel makes all at once, or not at all.
#[derive(Debug)]
pub(in crate::os) struct Batch<'a> {
    table: &'a str,
    messages: Vec<MessageBuilder>,
}

impl<'a> Batch<'a> {
    pub(in crate::os) const fn new(table: &'a str) -> Self {
        Self { table, messages: Vec::new() }
    }

    /// Makes the table if it is not there.
    pub(in crate::os) fn add_table(&mut self) {
        self.push(NEW_TABLE, CREATE, |message| message.be32(2, 0));
    }

    /// Deletes the table, which must be there, with all that is in it.
    pub(in crate::os) fn delete_table(&mut self) {
        self.push(DELETE_TABLE, 0, |message| message);
    }

    /// Adds a filter chain that accepts what its rules do not decide.
    pub(in crate::os) fn add_chain(&mut self, name: &str, hook: Hook) {
        let accept = 1;
        self.push(NEW_CHAIN, CREATE, |message| {
            message
                .string(3, name)
                .nested(4, |inner| inner.be32(1, hook as u32).be32(2, 0))
                .be32(5, accept)
                .string(7, "filter")
        });
    }

    /// Adds an empty set of IPv4 addresses.
    pub(in crate::os) fn add_ipv4_set(&mut self, name: &str) {
        // How `nft` shows the elements; the kernel cares for the length alone.
        let ipv4_address = 7;
        self.push(NEW_SET, CREATE, |message| {
            message.string(2, name).be32(3, 0).be32(4, ipv4_address).be32(5, 4).be32(10, SET_ID)
        });
    }

    /// Removes all elements of a set.
    pub(in crate::os) fn flush_set(&mut self, set: &str) {
        self.push(DELETE_ELEMENTS, 0, |message| message.string(2, set));
    }

    /// Adds elements to a set.
    pub(in crate::os) fn add_elements(&mut self, set: &str, values: &[[u8; 4]]) {
        for values in values.chunks(ELEMENTS_PER_MESSAGE) {
            let list = |list: MessageBuilder| {
                values.iter().fold(list, |list, value| {
                    list.nested(LIST_ELEMENT, |element| {
                        element.nested(1, |key| key.attribute(DATA_VALUE, value))
                    })
                })
            };
            self.push(NEW_ELEMENTS, CREATE, |message| message.string(2, set).nested(3, list));
        }
    }

    /// Adds a rule at the end of a chain.
    pub(in crate::os) fn add_rule(&mut self, chain: &str, steps: &[Expression<'_>]) {
        self.push(NEW_RULE, CREATE | APPEND, |message| {
            message
                .string(2, chain)
                .nested(4, |list| steps.iter().fold(list, |list, step| step.append(list)))
        });
    }

    /// Has the kernel make all the changes.
    pub(in crate::os) fn commit(self, socket: &mut NetlinkSocket) -> Result<(), NetlinkError> {
        let last = self.messages.len().saturating_sub(1);
        let header = [0, 0, 0, NFTABLES];
        let begin = MessageBuilder::new(BATCH_BEGIN, REQUEST, socket.next_sequence());
        let mut bytes = begin.payload(&header).finish();
        let mut final_sequence = 0;
        for (position, message) in self.messages.into_iter().enumerate() {
            final_sequence = socket.next_sequence();
            // One acknowledgement, of the last change, is enough: errors come for any.
            let flags = if position == last { ACK } else { 0 };
            bytes.extend(message.stamp(flags, final_sequence).finish());
        }
        let end = MessageBuilder::new(BATCH_END, REQUEST, socket.next_sequence());
        bytes.extend(end.payload(&header).finish());

        socket.reserve(bytes.len().saturating_mul(2)).map_err(NetlinkError::Socket)?;
        socket.send(&bytes).map_err(NetlinkError::Socket)?;
        let mut outcome = Err(NetlinkError::Incomplete);
        while let Some(datagram) = socket.receive().map_err(NetlinkError::Socket)? {
            for message in messages(datagram).filter(|message| message.kind == ERROR) {
                match message.errno() {
                    0 if message.sequence == final_sequence && !refused(&outcome) => {
                        outcome = Ok(());
                    }
                    0 => {}
                    errno if !refused(&outcome) => outcome = Err(NetlinkError::refused(errno)),
                    _ => {}
                }
            }
        }
        outcome
    }

    fn push(&mut self, kind: u8, flags: u16, fill: impl FnOnce(MessageBuilder) -> MessageBuilder) {
        let message = MessageBuilder::new(message_kind(kind), REQUEST | flags, 0);
        // Attribute 1 is the table's name in all these messages.
        self.messages.push(fill(message.payload(&[FAMILY, 0, 0, 0]).string(1, self.table)));
    }
}

/// Whether our family has a table of this name.
pub(in crate::os) fn table_exists(
    socket: &mut NetlinkSocket,
    table: &str,
) -> Result<bool, NetlinkError> {
    // The header of a message that is not sent is cut off: what is left is the payload.
    let name = MessageBuilder::new(0, 0, 0).payload(&[FAMILY, 0, 0, 0]).string(1, table).finish();
    let payload = name.get(16..).unwrap_or_default();
    match socket.request(message_kind(GET_TABLE), 0, payload) {
        Ok(()) => Ok(true),
        Err(error) if error.errno() == Some(libc::ENOENT) => Ok(false),
        Err(error) => Err(error),
    }
}

const fn message_kind(kind: u8) -> u16 {
    u16::from_be_bytes([NFTABLES, kind])
}

const fn refused(outcome: &Result<(), NetlinkError>) -> bool {
    matches!(outcome, Err(NetlinkError::Refused(_)))
}
