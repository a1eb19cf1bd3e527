use alloc::string::String;
use core::{
    fmt,
    net::{IpAddr, Ipv4Addr},
    str::FromStr,
};

use ipnet::{IpNet, Ipv4Net, Ipv4Subnets, Ipv6Net, Ipv6Subnets};

use crate::{Family, address::Address};

/// Addresses of one family, from a first to a last, both included.
///
/// Written `10.0.0.0/24`, `10.0.0.0/255.255.255.0`, `10.0.0.10-10.0.0.20` or `10.0.0.7`. Host bits of a prefix are
/// dropped. IPv4-mapped IPv6 forms are read as the IPv4 that they stand for, and no IPv6 range contains them: `::/0`
/// holds 2^128 - 2^32 addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AddressRange {
    first: IpAddr,
    last: IpAddr,
    /// The prefix length, where the range was written as one.
    prefix: Option<u8>,
}

impl AddressRange {
    /// The range from `first` to `last`.
    ///
    /// # Errors
    ///
    /// When the two are of different families, or in the wrong order.
    pub fn new(first: IpAddr, last: IpAddr) -> Result<Self, RangeParseError> {
        let (first, last) = (first.to_canonical(), last.to_canonical());
        if Family::of(first) != Family::of(last) {
            return Err(RangeParseError::MixedFamilies { first, last });
        }
        if first > last {
            return Err(RangeParseError::Reversed { first, last });
        }
        Ok(Self { first, last, prefix: None })
    }

    /// The lowest address.
    #[must_use]
    pub const fn first(&self) -> IpAddr {
        self.first
    }

    /// The highest address.
    #[must_use]
    pub const fn last(&self) -> IpAddr {
        self.last
    }

    /// The family.
    #[must_use]
    pub const fn family(&self) -> Family {
        Family::of(self.first)
    }

    /// Whether `address`, in its canonical form, lies within.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.first <= address && address <= self.last && Family::of(address) == self.family()
    }

    /// Whether the two have an address in common.
    #[must_use]
    pub fn overlaps(&self, other: &Self) -> bool {
        self.family() == other.family() && self.first <= other.last && other.first <= self.last
    }

    /// How many addresses there are, exactly. `::/0` does not hold the IPv4-mapped ones, so this always fits.
    #[must_use]
    pub fn size(&self) -> u128 {
        self.pieces().map(|(first, last)| last.bits() - first.bits() + 1).sum()
    }

    /// The fewest prefixes that cover exactly this range, ascending.
    pub fn prefixes(&self) -> impl Iterator<Item = IpNet> + use<> {
        let (v4, v6) = match (self.first, self.last) {
            (IpAddr::V4(first), IpAddr::V4(last)) => (Some(Ipv4Subnets::new(first, last, 0)), None),
            (IpAddr::V6(first), IpAddr::V6(last)) => (None, Some(Ipv6Subnets::new(first, last, 0))),
            // `new` and the parser refuse mixed families.
            _ => (None, None),
        };
        let v4 = v4.into_iter().flatten().map(IpNet::V4);
        v4.chain(v6.into_iter().flatten().map(IpNet::V6))
    }

    /// The prefix, where the range was written as one.
    pub(crate) const fn prefix(&self) -> Option<u8> {
        self.prefix
    }

    /// The range without the IPv4-mapped block, which belongs to IPv4: one piece, seldom two, ascending.
    pub(crate) fn pieces(&self) -> impl Iterator<Item = (Address, Address)> + use<> {
        let (first, last) = (Address::from(self.first), Address::from(self.last));
        let around =
            self.family() == Family::V6 && first < Address::FIRST_V4 && last > Address::LAST_V4;
        let (one, two) = if around {
            let below = (first, Address::FIRST_V4.previous());
            (below, Some((Address::LAST_V4.next(), last)))
        } else {
            ((first, last), None)
        };
        core::iter::once(one).chain(two)
    }
}

impl From<IpNet> for AddressRange {
    fn from(net: IpNet) -> Self {
        match net {
            // An IPv4-mapped prefix is the IPv4 prefix that it stands for.
            IpNet::V6(net) if net.prefix_len() >= 96 => match net.network().to_ipv4_mapped() {
                Some(v4) => Self::of_v4(v4, net.prefix_len() - 96),
                None => Self::of_v6(net),
            },
            IpNet::V6(net) => Self::of_v6(net),
            IpNet::V4(net) => Self::of_v4(net.addr(), net.prefix_len()),
        }
    }
}

impl From<IpAddr> for AddressRange {
    fn from(address: IpAddr) -> Self {
        let address = address.to_canonical();
        Self { first: address, last: address, prefix: None }
    }
}

impl AddressRange {
    fn of_v4(address: Ipv4Addr, prefix: u8) -> Self {
        let host = u32::MAX.checked_shr(u32::from(prefix)).unwrap_or(0);
        let first = address.to_bits() & !host;
        Self {
            first: IpAddr::V4(Ipv4Addr::from_bits(first)),
            last: IpAddr::V4(Ipv4Addr::from_bits(first | host)),
            prefix: Some(prefix),
        }
    }

    fn of_v6(net: Ipv6Net) -> Self {
        let last = net.broadcast();
        // `::/80` to `::/95` would end with the IPv4-mapped addresses.
        let last = match IpAddr::V6(last).to_canonical() {
            IpAddr::V4(_) => Address::FIRST_V4.previous().into(),
            IpAddr::V6(last) => IpAddr::V6(last),
        };
        Self { first: IpAddr::V6(net.network()), last, prefix: Some(net.prefix_len()) }
    }
}

impl FromStr for AddressRange {
    type Err = RangeParseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        if let Some((first, last)) = text.split_once('-') {
            return Self::new(parse_address(first.trim())?, parse_address(last.trim())?);
        }
        let Some((address, length)) = text.split_once('/') else {
            return parse_address(text).map(Self::from);
        };
        let bad_prefix = || RangeParseError::Prefix { text: text.into() };
        match parse_literal(address)? {
            IpAddr::V4(address) => {
                let net = match length.parse::<Ipv4Addr>() {
                    Ok(mask) => Ipv4Net::with_netmask(address, mask),
                    Err(_) => Ipv4Net::new(address, parse_length(length).ok_or_else(bad_prefix)?),
                };
                Ok(IpNet::V4(net.map_err(|_| bad_prefix())?).into())
            }
            IpAddr::V6(address) => {
                let length = parse_length(length).ok_or_else(bad_prefix)?;
                let net = Ipv6Net::new(address, length).map_err(|_| bad_prefix())?;
                Ok(IpNet::V6(net).into())
            }
        }
    }
}

/// Digits alone: the standard parser would also take `+24`.
fn parse_length(text: &str) -> Option<u8> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit());
    let padded = text.len() > 1 && text.starts_with('0');
    if plain && !padded { text.parse().ok() } else { None }
}

fn parse_address(text: &str) -> Result<IpAddr, RangeParseError> {
    parse_literal(text).map(|address| address.to_canonical())
}

fn parse_literal(text: &str) -> Result<IpAddr, RangeParseError> {
    if let Ok(address) = text.parse() {
        return Ok(address);
    }
    let mut octets = text.split('.');
    let padded = octets.any(|octet| octet.len() > 1 && octet.starts_with('0'));
    Err(if padded && !text.contains(':') {
        RangeParseError::LeadingZero { text: text.into() }
    } else {
        RangeParseError::Address { text: text.into() }
    })
}

impl fmt::Display for AddressRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.prefix {
            Some(prefix) => write!(f, "{}/{prefix}", self.first),
            None if self.first == self.last => write!(f, "{}", self.first),
            None => write!(f, "{}-{}", self.first, self.last),
        }
    }
}

/// A text that is not a range of addresses.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RangeParseError {
    /// Neither an address, nor a prefix, nor a span.
    #[error("`{text}` is not an address; write 10.0.0.0/24, 10.0.0.1-10.0.0.9 or 10.0.0.1")]
    Address {
        /// The text.
        text: String,
    },
    /// An IPv4 octet with a leading zero, which some programs read as octal.
    #[error("`{text}` has a leading zero, which some programs read as octal; leave it out")]
    LeadingZero {
        /// The text.
        text: String,
    },
    /// The prefix length or the mask is not one.
    #[error("`{text}` has no valid prefix length; IPv4 has 0 to 32, IPv6 has 0 to 128")]
    Prefix {
        /// The text.
        text: String,
    },
    /// The ends are of different families.
    #[error("{first} and {last} are of different families; write one range for each")]
    MixedFamilies {
        /// The first address.
        first: IpAddr,
        /// The last address.
        last: IpAddr,
    },
    /// The first address is higher than the last.
    #[error("{first} is higher than {last}; swap them")]
    Reversed {
        /// The first address.
        first: IpAddr,
        /// The last address.
        last: IpAddr,
    },
}

#[cfg(feature = "serde")]
impl serde::Serialize for AddressRange {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(feature = "serde")]
impl<'de> serde::Deserialize<'de> for AddressRange {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}
