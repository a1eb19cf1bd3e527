use alloc::vec::Vec;
use core::net::Ipv6Addr;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use super::{
    AttributeType, EncodeError, Family, HEADER_LEN, MessageType, NextHop, PathId,
    message::put_header,
    nlri::{ipv4_mask, wire_len},
    put_prefix,
};

/// Which of the four fields an UPDATE fills. It never fills two (RFC 7606 §5.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NlriField {
    /// IPv4 prefixes that are no longer reachable, at the head.
    Withdrawn,
    /// IPv4 prefixes with the attribute NEXT_HOP, at the end.
    Nlri,
    /// Prefixes of any family in MP_REACH_NLRI.
    MpReach {
        /// Their family.
        family: Family,
        /// Where they lead.
        next_hop: NextHop,
    },
    /// Prefixes of any family in MP_UNREACH_NLRI.
    MpUnreach(Family),
}

/// Writes one UPDATE into the caller's buffer, prefix by prefix, until it is full.
///
/// The attribute that holds the prefixes comes first among the attributes (RFC 7606 §5.1). What was
/// appended before [`finish`](Self::finish) is not yet a message; dropping the writer takes it back.
#[derive(Debug)]
pub struct UpdateWriter<'b> {
    buf: &'b mut Vec<u8>,
    start: usize,
    /// Where prefixes begin.
    prefixes: usize,
    field: NlriField,
    /// Follows the prefixes.
    trailer: &'b [u8],
    /// Octets that the whole message may have.
    max: usize,
    finished: bool,
}

impl<'b> UpdateWriter<'b> {
    /// Begins a message of at most `max` octets behind what `buf` holds. `attributes` is an encoded
    /// block ([`Attributes::encode`](super::Attributes::encode)); empty for the unreachable ones.
    ///
    /// # Errors
    /// The attributes leave no room for a single prefix. The buffer is as it was.
    pub fn new(
        buf: &'b mut Vec<u8>,
        field: NlriField,
        attributes: &'b [u8],
        max: usize,
    ) -> Result<Self, EncodeError> {
        let start = buf.len();
        put_header(buf, MessageType::UPDATE, 0);
        buf.extend_from_slice(&[0, 0]);
        match field {
            NlriField::Withdrawn => {}
            NlriField::Nlri => {
                let len = u16::try_from(attributes.len()).unwrap_or(u16::MAX);
                buf.extend_from_slice(&len.to_be_bytes());
                buf.extend_from_slice(attributes);
            }
            NlriField::MpReach { family, next_hop } => {
                put_mp_head(buf, AttributeType::MP_REACH_NLRI, family);
                next_hop.encode(buf);
                buf.push(0);
            }
            NlriField::MpUnreach(family) => {
                put_mp_head(buf, AttributeType::MP_UNREACH_NLRI, family);
            }
        }
        let prefixes = buf.len();
        let trailer: &[u8] = match field {
            NlriField::Withdrawn => &[0, 0],
            NlriField::Nlri => &[],
            NlriField::MpReach { .. } | NlriField::MpUnreach(_) => attributes,
        };
        let writer = Self {
            buf,
            start,
            prefixes,
            field,
            trailer,
            max: max.min(usize::from(u16::MAX)),
            finished: false,
        };
        // The longest prefix: an identifier, a length octet, sixteen octets.
        if writer.room() < 4 + 1 + 16 {
            return Err(EncodeError::TooLong);
        }
        Ok(writer)
    }

    /// How many octets of prefixes still fit.
    #[must_use]
    pub fn room(&self) -> usize {
        let used = self.buf.len() - self.start + self.trailer.len();
        self.max.saturating_sub(used)
    }

    /// Whether no prefix was appended.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.buf.len() == self.prefixes
    }

    /// Appends a prefix; `false` when it does not fit.
    #[inline]
    pub fn push(&mut self, path_id: Option<PathId>, prefix: IpNet) -> bool {
        let len = wire_len(prefix.prefix_len());
        if len + path_id.map_or(0, |_| 4) > self.room() {
            return false;
        }
        put_prefix(self.buf, path_id, prefix);
        true
    }

    /// Appends IPv4 prefixes without path identifiers, until one does not fit: how many were appended. Quicker than one by
    /// one. Host bits are cleared.
    pub fn push_ipv4(&mut self, prefixes: &[Ipv4Net]) -> usize {
        let host = |net: &Ipv4Net| {
            let [a, b, c, d] = net.addr().octets();
            [32, a, b, c, d]
        };
        self.push_all(prefixes, Ipv4Net::prefix_len, host, |net| {
            // Length, address and padding as one word, which takes one instruction to store.
            let address = net.addr().to_bits() & ipv4_mask(net.prefix_len());
            (u64::from(net.prefix_len()) << 56 | u64::from(address) << 24).to_be_bytes()
        })
    }

    /// Appends IPv6 prefixes, as [`push_ipv4`](Self::push_ipv4) does.
    pub fn push_ipv6(&mut self, prefixes: &[Ipv6Net]) -> usize {
        let wire = |bits, address: Ipv6Addr| {
            let mut wire = [bits; 17];
            let [_, octets @ ..] = &mut wire;
            *octets = address.octets();
            wire
        };
        let host = |net: &Ipv6Net| wire(128, net.addr());
        self.push_all(prefixes, Ipv6Net::prefix_len, host, |net| {
            wire(net.prefix_len(), net.network())
        })
    }

    /// Writes each prefix as the `N` octets that `wire` makes of it, over the surplus of the one before; those of a run of
    /// host routes as the `HOST` octets that `host` makes of them, without a decision a prefix.
    #[inline]
    fn push_all<T, const HOST: usize, const N: usize>(
        &mut self,
        prefixes: &[T],
        bits: impl Fn(&T) -> u8,
        host: impl Fn(&T) -> [u8; HOST],
        wire: impl Fn(&T) -> [u8; N],
    ) -> usize {
        let room = self.room();
        let start = self.buf.len();
        self.buf.resize(start + room.min(prefixes.len() * N) + N, 0);
        let space = self.buf.get_mut(start..).unwrap_or_default();
        let (mut count, mut end) = (0, 0);
        'full: for block in prefixes.chunks(16) {
            let after = end + block.len() * HOST;
            let fits = after <= room;
            if fits
                && block.iter().all(|prefix| usize::from(bits(prefix)) == (HOST - 1) * 8)
                && let Some(run) = space.get_mut(end..after)
            {
                for (to, prefix) in run.as_chunks_mut::<HOST>().0.iter_mut().zip(block) {
                    *to = host(prefix);
                }
                (count, end) = (count + block.len(), after);
                continue;
            }
            for prefix in block {
                let after = end + wire_len(bits(prefix));
                if !fits && after > room {
                    break 'full;
                }
                if let Some(to) = space.get_mut(end..).and_then(|rest| rest.first_chunk_mut()) {
                    *to = wire(prefix);
                }
                (count, end) = (count + 1, after);
            }
        }
        self.buf.truncate(start + end);
        count
    }

    /// Appends one encoded prefix behind its path identifier; `false` when it does not fit.
    pub(crate) fn push_encoded_path(&mut self, path_id: PathId, prefix: &[u8]) -> bool {
        if prefix.len() + 4 > self.room() {
            return false;
        }
        self.buf.extend_from_slice(&path_id.to_be_bytes());
        self.buf.extend_from_slice(prefix);
        true
    }

    /// Appends encoded prefixes, whole ones only; `false`, and nothing, when they do not all fit.
    pub fn push_encoded(&mut self, prefixes: &[u8]) -> bool {
        if prefixes.len() > self.room() {
            return false;
        }
        self.buf.extend_from_slice(prefixes);
        true
    }

    /// Completes the message.
    pub fn finish(mut self) {
        self.finished = true;
        let prefixes = self.buf.len() - self.prefixes;
        self.buf.extend_from_slice(self.trailer);
        let total = self.buf.len() - self.start;
        self.patch(16, total);
        match self.field {
            NlriField::Withdrawn => self.patch(HEADER_LEN, prefixes),
            NlriField::Nlri => {}
            NlriField::MpReach { .. } | NlriField::MpUnreach(_) => {
                let head = self.prefixes - self.start - (HEADER_LEN + 8);
                self.patch(HEADER_LEN + 2, total - (HEADER_LEN + 4));
                self.patch(HEADER_LEN + 6, head + prefixes);
            }
        }
    }

    /// Writes a length at an offset into the message. It fits: `max` does.
    fn patch(&mut self, offset: usize, len: usize) {
        let [high, low] = u16::try_from(len).unwrap_or(u16::MAX).to_be_bytes();
        let at = self.start + offset;
        if let Some(slot) = self.buf.get_mut(at..at + 2) {
            slot.copy_from_slice(&[high, low]);
        }
    }
}

impl Drop for UpdateWriter<'_> {
    fn drop(&mut self) {
        if !self.finished {
            self.buf.truncate(self.start);
        }
    }
}

/// The attributes' length, then flags (optional, long), type, length, AFI and SAFI of the first.
fn put_mp_head(buf: &mut Vec<u8>, kind: AttributeType, family: Family) {
    buf.extend_from_slice(&[0, 0, 0x90, kind.0, 0, 0]);
    buf.extend_from_slice(&family.afi.0.to_be_bytes());
    buf.push(family.safi.0);
}

/// Appends the End-of-RIB marker of a family (RFC 4724 §2).
pub fn encode_end_of_rib(family: Family, buf: &mut Vec<u8>) {
    if family == Family::IPV4_UNICAST {
        put_header(buf, MessageType::UPDATE, 4);
        buf.extend_from_slice(&[0; 4]);
    } else {
        put_header(buf, MessageType::UPDATE, 10);
        buf.extend_from_slice(&[0, 0, 0, 6, 0x80, AttributeType::MP_UNREACH_NLRI.0, 3]);
        buf.extend_from_slice(&family.afi.0.to_be_bytes());
        buf.push(family.safi.0);
    }
}
