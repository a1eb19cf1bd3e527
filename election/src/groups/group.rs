use alloc::string::ToString;
use core::{fmt, net::IpAddr};

use sha2::{Digest, Sha256};

/// How many groups there are: the same on all nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupCount(u16);

impl GroupCount {
    /// The most that make sense: each is written to the store every few seconds.
    pub const MOST: u16 = 256;

    /// So many groups; `None` unless they are 1 to [`MOST`](Self::MOST).
    #[must_use]
    pub const fn new(count: u16) -> Option<Self> {
        if count >= 1 && count <= Self::MOST { Some(Self(count)) } else { None }
    }

    /// How many.
    #[must_use]
    pub const fn count(self) -> u16 {
        self.0
    }
}

impl Default for GroupCount {
    fn default() -> Self {
        Self(16)
    }
}

impl fmt::Display for GroupCount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// One group of addresses: its number, from 0, and how many there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Group {
    /// Of how many.
    pub of: u16,
    /// Which, from 0.
    pub number: u16,
}

impl Group {
    /// The group of an address: the first eight octets of the SHA-256 digest of the address, written as in
    /// RFC 5952, as a number in network order, modulo the count. It is the same for ever, and everywhere.
    #[must_use]
    pub fn of_address(address: IpAddr, count: GroupCount) -> Self {
        let digest = Sha256::digest(address.to_canonical().to_string());
        let first = digest.iter().take(8).fold(0_u64, |sum, octet| sum << 8 | u64::from(*octet));
        // What is left is less than the count.
        let number = u16::try_from(first % u64::from(count.0)).unwrap_or_default();
        Self { of: count.0, number }
    }
}

impl fmt::Display for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {}", self.number, self.of)
    }
}
