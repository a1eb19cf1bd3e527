use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::Family;

/// An address as a number in one space for both families: IPv4 sits at `::ffff:0:0/96`, where no IPv6
/// address is, because IPv4-mapped forms are read as IPv4.
///
/// Two words and not one `u128`, whose alignment would cost memory in every table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Address {
    high: u64,
    low: u64,
}

/// `::ffff:0:0`.
const MAPPED: u64 = 0xffff_0000_0000;
const V4_MASK: u64 = 0xffff_ffff;

impl Address {
    pub(crate) const MIN: Self = Self::from_bits(0);
    pub(crate) const MAX: Self = Self::from_bits(u128::MAX);
    /// The first and the last IPv4 address.
    pub(crate) const FIRST_V4: Self = Self { high: 0, low: MAPPED };
    pub(crate) const LAST_V4: Self = Self { high: 0, low: MAPPED | V4_MASK };

    pub(crate) const fn from_bits(bits: u128) -> Self {
        Self { high: (bits >> 64) as u64, low: bits as u64 }
    }

    pub(crate) const fn bits(self) -> u128 {
        (self.high as u128) << 64 | self.low as u128
    }

    pub(crate) const fn words(self) -> (u64, u64) {
        (self.high, self.low)
    }

    pub(crate) const fn family(self) -> Family {
        if self.high == 0 && self.low & !V4_MASK == MAPPED { Family::V4 } else { Family::V6 }
    }

    /// The next number; callers know that there is one.
    pub(crate) const fn next(self) -> Self {
        Self::from_bits(self.bits().wrapping_add(1))
    }

    /// The number before; callers know that there is one.
    pub(crate) const fn previous(self) -> Self {
        Self::from_bits(self.bits().wrapping_sub(1))
    }

    /// IPv4 ending in .0 or .255, which some clients take for a network or broadcast address.
    pub(crate) const fn is_buggy(self) -> bool {
        matches!(self.family(), Family::V4) && matches!(self.low & 0xff, 0 | 0xff)
    }
}

/// IPv4 first, each family ascending.
pub(crate) fn sort(addresses: &mut [Address]) {
    addresses.sort_unstable_by_key(|address| (address.family(), *address));
}

impl From<IpAddr> for Address {
    fn from(address: IpAddr) -> Self {
        Self::from_bits(match address {
            IpAddr::V4(v4) => v4.to_ipv6_mapped().to_bits(),
            IpAddr::V6(v6) => v6.to_bits(),
        })
    }
}

impl From<Address> for IpAddr {
    fn from(address: Address) -> Self {
        match address.family() {
            Family::V4 => Self::V4(Ipv4Addr::from_bits((address.low & V4_MASK) as u32)),
            Family::V6 => Self::V6(Ipv6Addr::from_bits(address.bits())),
        }
    }
}
