//! The frame that all netlink families share: headers and attributes, in host byte order, padded to
//! four bytes (RFC 3549 2.2).
//!
//! Route messages are filled in and read by `netlink-packet-route`; the nftables messages, for which
//! no maintained crate has the expressions we need, are written with this alone.

pub(in crate::os) const REQUEST: u16 = 1;
pub(in crate::os) const ACK: u16 = 4;
pub(in crate::os) const EXCLUSIVE: u16 = 0x200;
pub(in crate::os) const CREATE: u16 = 0x400;
pub(in crate::os) const APPEND: u16 = 0x800;
pub(in crate::os) const DUMP: u16 = 0x300;
pub(super) const DUMP_INTERRUPTED: u16 = 0x10;

pub(in crate::os) const ERROR: u16 = 2;
pub(super) const DONE: u16 = 3;

const HEADER: usize = 16;
const NESTED: u16 = 0x8000;

/// One message being written.
#[derive(Debug)]
pub(in crate::os) struct MessageBuilder(Vec<u8>);

impl MessageBuilder {
    pub(in crate::os) fn new(kind: u16, flags: u16, sequence: u32) -> Self {
        let mut bytes = Vec::with_capacity(128);
        bytes.extend([0; 4]); // the length, known at the end
        bytes.extend(kind.to_ne_bytes());
        bytes.extend(flags.to_ne_bytes());
        bytes.extend(sequence.to_ne_bytes());
        bytes.extend([0; 4]); // to the kernel, from whoever we are
        Self(bytes)
    }

    /// Appends the family's own header, or a whole payload.
    pub(in crate::os) fn payload(mut self, bytes: &[u8]) -> Self {
        self.0.extend(bytes);
        self.pad();
        self
    }

    pub(in crate::os) fn attribute(mut self, kind: u16, value: &[u8]) -> Self {
        let start = self.open(kind);
        self.0.extend(value);
        self.close(start);
        self
    }

    /// A string attribute with its terminating zero.
    pub(in crate::os) fn string(mut self, kind: u16, value: &str) -> Self {
        let start = self.open(kind);
        self.0.extend(value.as_bytes());
        self.0.push(0);
        self.close(start);
        self
    }

    /// A number in network byte order, as nftables wants them.
    pub(in crate::os) fn be32(self, kind: u16, value: u32) -> Self {
        self.attribute(kind, &value.to_be_bytes())
    }

    /// An attribute that holds what `content` appends.
    pub(in crate::os) fn nested(mut self, kind: u16, content: impl FnOnce(Self) -> Self) -> Self {
        let start = self.open(kind | NESTED);
        let mut filled = content(self);
        filled.close(start);
        filled
    }

    /// Adds flags, and the number by which the answer is known.
    pub(in crate::os) fn stamp(mut self, flags: u16, sequence: u32) -> Self {
        let old = u16::from_ne_bytes([self.0[6], self.0[7]]);
        self.0[6..8].copy_from_slice(&(old | flags).to_ne_bytes());
        self.0[8..12].copy_from_slice(&sequence.to_ne_bytes());
        self
    }

    pub(in crate::os) fn finish(mut self) -> Vec<u8> {
        // No message of ours comes near 4 GiB.
        let length = self.0.len() as u32;
        self.0[..4].copy_from_slice(&length.to_ne_bytes());
        self.0
    }

    fn open(&mut self, kind: u16) -> usize {
        let start = self.0.len();
        self.0.extend([0; 2]);
        self.0.extend(kind.to_ne_bytes());
        start
    }

    fn close(&mut self, start: usize) {
        // The callers keep attributes below 64 KiB.
        let length = (self.0.len() - start) as u16;
        self.0[start..start + 2].copy_from_slice(&length.to_ne_bytes());
        self.pad();
    }

    fn pad(&mut self) {
        self.0.resize(self.0.len().next_multiple_of(4), 0);
    }
}

/// One message as it was received.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::os) struct RawMessage<'a> {
    pub(in crate::os) kind: u16,
    pub(in crate::os) flags: u16,
    pub(in crate::os) sequence: u32,
    pub(in crate::os) payload: &'a [u8],
}

impl RawMessage<'_> {
    /// The error number of an `ERROR` or `DONE` message; 0 is success.
    pub(in crate::os) fn errno(&self) -> i32 {
        self.payload.first_chunk().map_or(0, |bytes| i32::from_ne_bytes(*bytes).wrapping_neg())
    }
}

/// The messages of one datagram; ends at the first one that is cut off.
pub(in crate::os) fn messages(mut datagram: &[u8]) -> impl Iterator<Item = RawMessage<'_>> {
    std::iter::from_fn(move || {
        let length = u32::from_ne_bytes(*datagram.first_chunk()?) as usize;
        let message = datagram.get(..length)?;
        let (header, payload) = message.split_at_checked(HEADER)?;
        datagram = datagram.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some(RawMessage {
            kind: u16::from_ne_bytes([header[4], header[5]]),
            flags: u16::from_ne_bytes([header[6], header[7]]),
            sequence: u32::from_ne_bytes([header[8], header[9], header[10], header[11]]),
            payload,
        })
    })
}

#[cfg(test)]
mod tests;
