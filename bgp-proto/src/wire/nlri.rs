use alloc::vec::Vec;
use core::net::{Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use super::{Afi, Family, Safi, reader::Reader};

/// Tells several paths of one prefix apart (RFC 7911 §3). 0 where the session has no identifiers.
pub type PathId = u32;

/// A field of prefixes, as it lies in an UPDATE: for IPv4 and IPv6 unicast checked when the UPDATE
/// was decoded.
#[derive(Clone, Copy, Debug)]
pub struct Nlri<'a> {
    family: Family,
    add_path: bool,
    bytes: &'a [u8],
}

impl<'a> Nlri<'a> {
    pub(crate) const fn new(family: Family, add_path: bool, bytes: &'a [u8]) -> Self {
        Self { family, add_path, bytes }
    }

    /// The family of the prefixes.
    #[must_use]
    pub const fn family(&self) -> Family {
        self.family
    }

    /// Whether each prefix is preceded by a [`PathId`].
    #[must_use]
    pub const fn has_path_ids(&self) -> bool {
        self.add_path
    }

    /// The octets, for families that this crate does not read.
    #[must_use]
    pub const fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Whether there is no prefix.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// The prefixes; none for families other than IPv4 and IPv6 unicast.
    #[must_use]
    pub const fn prefixes(&self) -> Prefixes<'a> {
        Prefixes { v4: self.ipv4(), v6: self.ipv6() }
    }

    /// The prefixes of IPv4 unicast; none for other families. Faster than
    /// [`prefixes`](Self::prefixes), above all when it is folded.
    #[must_use]
    pub const fn ipv4(&self) -> Ipv4Prefixes<'a> {
        let matches = self.family.afi.0 == Afi::IPV4.0 && self.family.safi.0 == Safi::UNICAST.0;
        Ipv4Prefixes {
            reader: Reader::new(if matches { self.bytes } else { &[] }),
            add_path: self.add_path,
        }
    }

    /// The prefixes of IPv6 unicast; none for other families.
    #[must_use]
    pub const fn ipv6(&self) -> Ipv6Prefixes<'a> {
        let matches = self.family.afi.0 == Afi::IPV6.0 && self.family.safi.0 == Safi::UNICAST.0;
        Ipv6Prefixes {
            reader: Reader::new(if matches { self.bytes } else { &[] }),
            add_path: self.add_path,
        }
    }

    /// Whether every prefix is whole and not longer than its family allows (RFC 7606 §5.3). Families
    /// that are not read are not judged.
    pub(crate) fn is_well_formed(&self) -> bool {
        match self.family {
            Family::IPV4_UNICAST => check::<32, 5, 40>(self.bytes, self.add_path),
            Family::IPV6_UNICAST => check::<128, 17, 136>(self.bytes, self.add_path),
            _ => true,
        }
    }
}

/// Walks the field. `HOST` octets hold a host route of `BITS` bits, `RUN` octets eight of them.
fn check<const BITS: u8, const HOST: usize, const RUN: usize>(
    mut bytes: &[u8],
    add_path: bool,
) -> bool {
    let id = if add_path { 4 } else { 0 };
    if !add_path {
        bytes = skip_host_routes::<BITS, HOST, RUN>(bytes);
    }
    loop {
        if BITS == 32
            && !add_path
            && let Some((_, rest)) = split_three_octet_run(bytes)
        {
            bytes = rest;
            continue;
        }
        if BITS == 128
            && !add_path
            && let Some((_, _, rest)) = split_even_run(bytes)
        {
            bytes = rest;
            continue;
        }
        for _ in 0..4 {
            let Some(&bits) = bytes.get(id) else {
                return bytes.is_empty();
            };
            if bits > BITS {
                return false;
            }
            let Some(rest) = bytes.get(id + likely_wire_len(bits)..) else {
                return false;
            };
            bytes = rest;
        }
    }
}

/// Four prefixes of three octets each, as most of the global table has, without a decision a prefix.
#[inline]
fn split_three_octet_run(bytes: &[u8]) -> Option<(&[u8; 16], &[u8])> {
    let (run, rest) = bytes.split_first_chunk::<16>()?;
    let is_three = |bits: u8| bits.wrapping_sub(17) < 8;
    let &[k, _, _, _, l, _, _, _, m, _, _, _, n, ..] = run;
    (is_three(k) & is_three(l) & is_three(m) & is_three(n)).then_some((run, rest))
}

/// Four IPv6 prefixes of equally many octets: how many each has with its length, and what holds them.
#[inline]
fn split_even_run(bytes: &[u8]) -> Option<(usize, &[u8; 68], &[u8])> {
    let run = bytes.first_chunk::<68>()?;
    let octets = |at: usize| run.get(at).map_or(0, |bits| usize::from(*bits).div_ceil(8));
    // More than 16 octets differ from what `len` is made of.
    let each = octets(0).min(16);
    let len = 1 + each;
    let even = (octets(0) == each)
        & (octets(len) == each)
        & (octets(2 * len) == each)
        & (octets(3 * len) == each);
    let rest = bytes.get(4 * len..)?;
    even.then_some((len, run, rest))
}

/// Most of what an announcer sends, and hears back, are runs of host routes.
fn skip_host_routes<const BITS: u8, const HOST: usize, const RUN: usize>(
    mut bytes: &[u8],
) -> &[u8] {
    while let Some((run, rest)) = bytes.split_first_chunk::<RUN>() {
        let (routes, _) = run.as_chunks::<HOST>();
        let differs = |route: &[u8; HOST]| route.first().map_or(0, |bits| bits ^ BITS);
        if routes.iter().fold(0, |any, route| any | differs(route)) != 0 {
            break;
        }
        bytes = rest;
    }
    bytes
}

/// The prefixes of an IPv4 unicast field. Bits beyond a prefix's length are cleared.
#[derive(Clone, Debug)]
pub struct Ipv4Prefixes<'a> {
    reader: Reader<'a>,
    add_path: bool,
}

impl Iterator for Ipv4Prefixes<'_> {
    type Item = (PathId, Ipv4Net);

    #[inline]
    fn next(&mut self) -> Option<(PathId, Ipv4Net)> {
        let path_id = if self.add_path { self.reader.u32()? } else { 0 };
        let (net, rest) = split_ipv4(self.reader.rest())?;
        self.reader = Reader::new(rest);
        Some((path_id, net))
    }

    #[inline]
    fn fold<B, F: FnMut(B, Self::Item) -> B>(mut self, init: B, mut f: F) -> B {
        let mut folded = init;
        if self.add_path {
            for item in self.by_ref() {
                folded = f(folded, item);
            }
            return folded;
        }
        // The run of host routes at the front, without a decision a prefix.
        let bytes = self.reader.rest();
        let mut rest = skip_host_routes::<32, 5, 40>(bytes);
        let (run, _) = bytes.split_at_checked(bytes.len() - rest.len()).unwrap_or_default();
        for &[_, a, b, c, d] in run.as_chunks::<5>().0 {
            folded = f(folded, (0, Ipv4Net::from(Ipv4Addr::new(a, b, c, d))));
        }
        loop {
            if let Some((run, after)) = split_three_octet_run(rest) {
                for &[bits, a, b, c] in run.as_chunks::<4>().0 {
                    if let Some(net) = ipv4(bits, [a, b, c, 0]) {
                        folded = f(folded, (0, net));
                    }
                }
                rest = after;
                continue;
            }
            for _ in 0..4 {
                let Some((net, after)) = split_ipv4(rest) else {
                    return folded;
                };
                folded = f(folded, (0, net));
                rest = after;
            }
        }
    }
}

/// How many octets a prefix takes, with its length: `1 + bits.div_ceil(8)` in fewer instructions.
#[inline]
pub(super) const fn wire_len(bits: u8) -> usize {
    (bits as usize + 15) >> 3
}

/// The same by a decision for what is usual, so that the next prefix need not wait for the length of this one.
#[inline]
const fn likely_wire_len(bits: u8) -> usize {
    if matches!(bits, 17..=24) { 4 } else { wire_len(bits) }
}

/// Splits off the prefix in front.
#[inline]
fn split_ipv4(bytes: &[u8]) -> Option<(Ipv4Net, &[u8])> {
    // Four octets are read where four follow, which is nearly always; the surplus is masked.
    let (bits, octets) = match bytes.first_chunk::<5>() {
        Some(&[bits, a, b, c, d]) => (bits, [a, b, c, d]),
        None => {
            let (bits, rest) = bytes.split_first()?;
            (*bits, padded(rest.get(..usize::from(*bits).div_ceil(8))?))
        }
    };
    Some((ipv4(bits, octets)?, bytes.get(likely_wire_len(bits)..)?))
}

/// The prefix of `octets`, of which those beyond its length are cleared.
#[inline]
fn ipv4(bits: u8, octets: [u8; 4]) -> Option<Ipv4Net> {
    let mask = IPV4_MASKS.get(usize::from(bits))?;
    Ipv4Net::new(Ipv4Addr::from_bits(u32::from_be_bytes(octets) & mask), bits).ok()
}

/// The bits of a prefix of IPv4, which has at most 32.
#[inline]
pub(super) fn ipv4_mask(bits: u8) -> u32 {
    IPV4_MASKS.get(usize::from(bits)).copied().unwrap_or_default()
}

/// By length.
static IPV4_MASKS: [u32; 33] = {
    let mut masks = [0; 33];
    let (mut mask, mut rest): (u32, &mut [u32]) = (0, &mut masks);
    while let [first, others @ ..] = rest {
        *first = mask;
        mask = mask >> 1 | 1 << 31;
        rest = others;
    }
    masks
};

/// The prefixes of an IPv6 unicast field. Bits beyond a prefix's length are cleared.
#[derive(Clone, Debug)]
pub struct Ipv6Prefixes<'a> {
    reader: Reader<'a>,
    add_path: bool,
}

impl Iterator for Ipv6Prefixes<'_> {
    type Item = (PathId, Ipv6Net);

    #[inline]
    fn next(&mut self) -> Option<(PathId, Ipv6Net)> {
        let path_id = if self.add_path { self.reader.u32()? } else { 0 };
        let (bits, octets) = match self.reader.rest().split_first_chunk::<17>() {
            Some((&[bits, ref octets @ ..], _)) => {
                self.reader.take(wire_len(bits))?;
                (bits, *octets)
            }
            None => {
                let bits = self.reader.u8()?;
                (bits, padded(self.reader.take(usize::from(bits).div_ceil(8))?))
            }
        };
        let mask = u128::MAX.checked_shl(128_u32.saturating_sub(bits.into())).unwrap_or(0);
        let address = Ipv6Addr::from_bits(u128::from_be_bytes(octets) & mask);
        Some((path_id, Ipv6Net::new(address, bits).ok()?))
    }

    #[inline]
    fn fold<B, F: FnMut(B, Self::Item) -> B>(mut self, init: B, mut f: F) -> B {
        let mut folded = init;
        if !self.add_path {
            let rest = self.reader.rest();
            let tail = skip_host_routes::<128, 17, 136>(rest);
            let (run, _) = rest.split_at_checked(rest.len() - tail.len()).unwrap_or_default();
            for route in run.as_chunks::<17>().0 {
                let [_, octets @ ..] = *route;
                folded = f(folded, (0, Ipv6Net::from(Ipv6Addr::from(octets))));
            }
            self.reader = Reader::new(tail);
        }
        loop {
            if !self.add_path
                && let Some((len @ ..=9, run, rest)) = split_even_run(self.reader.rest())
            {
                for at in [0, len, 2 * len, 3 * len] {
                    let octets = run.get(at..).and_then(|prefix| prefix.first_chunk::<9>());
                    if let Some(net) = octets.and_then(short) {
                        folded = f(folded, (0, net));
                    }
                }
                self.reader = Reader::new(rest);
                continue;
            }
            match self.next() {
                Some(item) => folded = f(folded, item),
                None => return folded,
            }
        }
    }
}

/// The prefixes of an IPv4 or IPv6 unicast field.
#[derive(Clone, Debug)]
pub struct Prefixes<'a> {
    v4: Ipv4Prefixes<'a>,
    v6: Ipv6Prefixes<'a>,
}

impl Iterator for Prefixes<'_> {
    type Item = (PathId, IpNet);

    fn next(&mut self) -> Option<(PathId, IpNet)> {
        match self.v4.next() {
            Some((id, net)) => Some((id, IpNet::V4(net))),
            None => self.v6.next().map(|(id, net)| (id, IpNet::V6(net))),
        }
    }

    fn fold<B, F: FnMut(B, Self::Item) -> B>(self, init: B, mut f: F) -> B {
        let folded = self.v4.fold(init, |b, (id, net)| f(b, (id, IpNet::V4(net))));
        self.v6.fold(folded, |b, (id, net)| f(b, (id, IpNet::V6(net))))
    }
}

/// A prefix of at most 64 bits; the octets behind it are masked.
#[inline]
fn short(&[bits, ref octets @ ..]: &[u8; 9]) -> Option<Ipv6Net> {
    let mask = u64::MAX.checked_shl(64_u32.saturating_sub(bits.into())).unwrap_or(0);
    let high = u64::from_be_bytes(*octets) & mask;
    Ipv6Net::new(Ipv6Addr::from_bits(u128::from(high) << 64), bits).ok()
}

/// `bytes`, which are fewer than `N`, and zeros.
fn padded<const N: usize>(bytes: &[u8]) -> [u8; N] {
    let mut octets = [0; N];
    for (to, from) in octets.iter_mut().zip(bytes) {
        *to = *from;
    }
    octets
}

/// Appends one prefix, behind `path_id` where the session has identifiers (RFC 4271 §4.3,
/// RFC 7911 §3). Host bits are cleared.
#[inline]
pub fn put_prefix(buf: &mut Vec<u8>, path_id: Option<PathId>, prefix: IpNet) {
    if let Some(id) = path_id {
        buf.extend_from_slice(&id.to_be_bytes());
    }
    // A whole address is appended, and cut: that is quicker than to append what is needed.
    let octets = usize::from(prefix.prefix_len()).div_ceil(8);
    match prefix {
        IpNet::V4(net) => {
            let [a, b, c, d] = net.network().octets();
            let end = buf.len() + 1 + octets;
            buf.extend_from_slice(&[net.prefix_len(), a, b, c, d]);
            buf.truncate(end);
        }
        IpNet::V6(net) => {
            buf.push(net.prefix_len());
            let end = buf.len() + octets;
            buf.extend_from_slice(&net.network().octets());
            buf.truncate(end);
        }
    }
}
