use alloc::vec::Vec;
use core::fmt;

use super::reader::Reader;
use crate::Asn;

/// A value of fixed size in an attribute that is a list of them.
///
/// Not to be implemented elsewhere.
pub trait Element: Copy + Sized {
    /// Octets on the wire.
    const SIZE: usize;
    #[doc(hidden)]
    fn read(bytes: &[u8]) -> Option<Self>;
    #[doc(hidden)]
    fn write(&self, buf: &mut Vec<u8>);
}

/// A community (RFC 1997), printed as `65000:100`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Community(pub u32);

impl Community {
    /// About to be shut down: prefer another path (RFC 8326).
    pub const GRACEFUL_SHUTDOWN: Self = Self(0xFFFF_0000);
    /// Accept own routes (RFC 7611).
    pub const ACCEPT_OWN: Self = Self(0xFFFF_0001);
    /// Kept beyond a graceful restart (RFC 9494).
    pub const LLGR_STALE: Self = Self(0xFFFF_0006);
    /// Not to be kept beyond a graceful restart (RFC 9494).
    pub const NO_LLGR: Self = Self(0xFFFF_0007);
    /// Drop the traffic (RFC 7999).
    pub const BLACKHOLE: Self = Self(0xFFFF_029A);
    /// Not outside the AS or confederation.
    pub const NO_EXPORT: Self = Self(0xFFFF_FF01);
    /// To nobody.
    pub const NO_ADVERTISE: Self = Self(0xFFFF_FF02);
    /// Not outside the member AS.
    pub const NO_EXPORT_SUBCONFED: Self = Self(0xFFFF_FF03);
    /// Not to peers (RFC 3765).
    pub const NO_PEER: Self = Self(0xFFFF_FF04);

    /// The community `high:low`.
    #[must_use]
    pub const fn new(high: u16, low: u16) -> Self {
        Self(((high as u32) << 16) | low as u32)
    }
}

impl fmt::Display for Community {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.0 >> 16, self.0 & 0xFFFF)
    }
}

/// An extended community (RFC 4360): type, subtype, six octets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ExtendedCommunity(pub [u8; 8]);

impl ExtendedCommunity {
    /// How much traffic the path can take, in octets per second, for weighted ECMP.
    ///
    /// Type 0x00 (transitive, for external sessions) or 0x40, subtype 4: a two-octet AS, then an IEEE
    /// 754 number.
    #[must_use]
    pub fn link_bandwidth(asn: Asn, octets_per_second: f32, transitive: bool) -> Self {
        let [as_hi, as_lo] = asn.to_two_octets().to_be_bytes();
        let [a, b, c, d] = octets_per_second.to_be_bytes();
        let kind = if transitive { 0x00 } else { 0x40 };
        Self([kind, 0x04, as_hi, as_lo, a, b, c, d])
    }

    /// The bandwidth of [`link_bandwidth`](Self::link_bandwidth), whether transitive or not.
    #[must_use]
    pub fn as_link_bandwidth(&self) -> Option<(Asn, f32)> {
        match self.0 {
            [0x00 | 0x40, 0x04, hi, lo, a, b, c, d] => Some((
                Asn(u32::from(u16::from_be_bytes([hi, lo]))),
                f32::from_be_bytes([a, b, c, d]),
            )),
            _ => None,
        }
    }

    /// Whether it may cross to another AS (RFC 4360 §2).
    #[must_use]
    pub const fn is_transitive(&self) -> bool {
        let [kind, ..] = self.0;
        kind & 0x40 == 0
    }
}

/// A large community (RFC 8092), printed as `65000:1:2`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LargeCommunity {
    /// Whose meaning it is: an AS.
    pub global: u32,
    /// First local part.
    pub local1: u32,
    /// Second local part.
    pub local2: u32,
}

impl fmt::Display for LargeCommunity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.global, self.local1, self.local2)
    }
}

impl Element for u32 {
    const SIZE: usize = 4;

    fn read(bytes: &[u8]) -> Option<Self> {
        Reader::new(bytes).u32()
    }

    fn write(&self, buf: &mut Vec<u8>) {
        buf.extend_from_slice(&self.to_be_bytes());
    }
}

impl Element for Community {
    const SIZE: usize = 4;

    fn read(bytes: &[u8]) -> Option<Self> {
        Reader::new(bytes).u32().map(Self)
    }

    fn write(&self, buf: &mut Vec<u8>) {
        self.0.write(buf);
    }
}

impl Element for ExtendedCommunity {
    const SIZE: usize = 8;

    fn read(bytes: &[u8]) -> Option<Self> {
        Reader::new(bytes).array().map(Self)
    }

    fn write(&self, buf: &mut Vec<u8>) {
        buf.extend_from_slice(&self.0);
    }
}

impl Element for LargeCommunity {
    const SIZE: usize = 12;

    fn read(bytes: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(bytes);
        Some(Self { global: reader.u32()?, local1: reader.u32()?, local2: reader.u32()? })
    }

    fn write(&self, buf: &mut Vec<u8>) {
        self.global.write(buf);
        self.local1.write(buf);
        self.local2.write(buf);
    }
}
