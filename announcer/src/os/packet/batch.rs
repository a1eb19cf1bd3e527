use std::fmt;

use super::super::sys::{self, PacketMeta};

/// Frames that were received together, each cut off after 1,600 bytes.
pub struct FrameBatch {
    pub(super) buffers: Box<[[u8; sys::SLOT]; sys::SLOTS]>,
    pub(super) metas: [PacketMeta; sys::SLOTS],
    pub(super) count: usize,
}

impl FrameBatch {
    /// One without a frame.
    #[must_use]
    pub fn new() -> Self {
        let none = PacketMeta { len: 0, packet_type: 0, vlan_tci: None };
        let buffers = Box::new([[0; sys::SLOT]; sys::SLOTS]);
        Self { buffers, metas: [none; sys::SLOTS], count: 0 }
    }

    /// How many frames there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.count
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Whether there is no room for more: then more may wait.
    #[must_use]
    pub const fn is_full(&self) -> bool {
        self.count == sys::SLOTS
    }

    /// The frames in their order, each with the tag (TCI) that was stripped off it, as in
    /// [`Received::vlan`](super::Received::vlan).
    pub fn frames(&self) -> impl Iterator<Item = (Option<u16>, &[u8])> {
        let both = self.metas.iter().zip(self.buffers.iter()).take(self.count);
        both.map(|(meta, buffer)| (meta.vlan_tci, buffer.get(..meta.len).unwrap_or(buffer)))
    }
}

impl Default for FrameBatch {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for FrameBatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.frames()).finish()
    }
}

/// Frames that wait to leave together by one socket.
#[derive(Default)]
pub struct SendBatch {
    bytes: Vec<u8>,
    /// Where each frame ends.
    ends: [usize; sys::SLOTS],
    /// Those before are gone.
    first: usize,
    count: usize,
}

impl SendBatch {
    /// One without a frame.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a frame, unless there are 32 already, sent or not: whether it was added.
    #[must_use]
    pub fn push(&mut self, frame: &[u8]) -> bool {
        let Some(end) = self.ends.get_mut(self.count) else { return false };
        self.bytes.extend_from_slice(frame);
        *end = self.bytes.len();
        self.count += 1;
        true
    }

    /// The frames that wait, in their order.
    pub fn frames(&self) -> impl Iterator<Item = &[u8]> {
        (self.first..self.count).filter_map(|at| {
            let begin = at.checked_sub(1).map_or(0, |before| self.ends[before]);
            self.bytes.get(begin..self.ends[at])
        })
    }

    /// How many wait.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.count - self.first
    }

    /// Whether none waits.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Forgets all frames.
    pub fn clear(&mut self) {
        self.bytes.clear();
        (self.first, self.count) = (0, 0);
    }

    /// The first ones are sent.
    pub(super) fn take(&mut self, sent: usize) {
        self.first = self.count.min(self.first + sent);
        if self.is_empty() {
            self.clear();
        }
    }
}

impl fmt::Debug for SendBatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.frames()).finish()
    }
}
