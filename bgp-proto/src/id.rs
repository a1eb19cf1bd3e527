use core::{fmt, net::Ipv4Addr, num::NonZeroU32};

/// An autonomous system number, four octets (RFC 6793). Prints in the "asplain" form of RFC 5396.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Asn(pub u32);

impl Asn {
    /// Reserved; never valid in a message (RFC 7607).
    pub const ZERO: Self = Self(0);
    /// Stands for a number above 65535 where only two octets fit (RFC 6793 §9).
    pub const TRANS: Self = Self(23456);

    /// The two-octet form: itself, or [`Asn::TRANS`].
    #[must_use]
    pub fn to_two_octets(self) -> u16 {
        u16::try_from(self.0).unwrap_or(23456)
    }

    /// Whether two octets hold it.
    #[must_use]
    pub const fn is_mappable(self) -> bool {
        self.0 <= 0xFFFF
    }
}

impl From<u32> for Asn {
    fn from(number: u32) -> Self {
        Self(number)
    }
}

impl fmt::Display for Asn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A BGP Identifier: any four octets but zero, unique within an AS (RFC 6286 §2.1).
///
/// It is written like an IPv4 address, and compared as a number.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RouterId(NonZeroU32);

impl RouterId {
    /// The identifier with this value; `None` for zero.
    #[must_use]
    pub const fn new(value: u32) -> Option<Self> {
        match NonZeroU32::new(value) {
            Some(value) => Some(Self(value)),
            None => None,
        }
    }

    /// The identifier written as `address`; `None` for 0.0.0.0.
    #[must_use]
    pub const fn from_addr(address: Ipv4Addr) -> Option<Self> {
        Self::new(address.to_bits())
    }

    /// The value, as compared in collision resolution (RFC 4271 §6.8).
    #[must_use]
    pub const fn to_bits(self) -> u32 {
        self.0.get()
    }
}

impl fmt::Display for RouterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Ipv4Addr::from_bits(self.to_bits()).fmt(f)
    }
}

impl fmt::Debug for RouterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RouterId({self})")
    }
}
