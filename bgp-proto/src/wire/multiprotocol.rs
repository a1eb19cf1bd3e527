use core::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use super::{Afi, Family, Nlri, Safi, reader::Reader};

/// Where routes lead to, as MP_REACH_NLRI carries it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NextHop {
    /// Four octets.
    V4(Ipv4Addr),
    /// Sixteen octets, and sixteen more where the two sides share a link (RFC 2545 §3).
    V6 {
        /// The global address; also a lone link-local one.
        global: Ipv6Addr,
        /// The link-local address.
        link_local: Option<Ipv6Addr>,
    },
}

impl NextHop {
    /// The address to resolve: of two, the global one, unless it is none (link-local or `::`).
    #[must_use]
    pub fn address(&self) -> IpAddr {
        match *self {
            Self::V4(address) => address.into(),
            Self::V6 { global, link_local } => {
                let usable = !global.is_unspecified() && !global.is_unicast_link_local();
                link_local.filter(|_| !usable).unwrap_or(global).into()
            }
        }
    }

    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(bytes);
        match bytes.len() {
            4 => Some(Self::V4(Ipv4Addr::from_bits(reader.u32()?))),
            16 => Some(Self::V6 { global: reader.array::<16>()?.into(), link_local: None }),
            32 => Some(Self::V6 {
                global: reader.array::<16>()?.into(),
                link_local: Some(reader.array::<16>()?.into()),
            }),
            _ => None,
        }
    }

    /// Appends the length octet and the addresses.
    pub(crate) fn encode(&self, buf: &mut alloc::vec::Vec<u8>) {
        match self {
            Self::V4(address) => {
                buf.push(4);
                buf.extend_from_slice(&address.octets());
            }
            Self::V6 { global, link_local } => {
                buf.push(if link_local.is_some() { 32 } else { 16 });
                buf.extend_from_slice(&global.octets());
                if let Some(address) = link_local {
                    buf.extend_from_slice(&address.octets());
                }
            }
        }
    }
}

impl From<IpAddr> for NextHop {
    fn from(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(address) => Self::V4(address),
            IpAddr::V6(global) => Self::V6 { global, link_local: None },
        }
    }
}

impl fmt::Display for NextHop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::V4(address) => address.fmt(f),
            Self::V6 { global, link_local } => {
                global.fmt(f)?;
                link_local.map_or(Ok(()), |address| write!(f, " ({address})"))
            }
        }
    }
}

/// MP_REACH_NLRI: routes of any family (RFC 4760 §3).
///
/// ```text
///  AFI (2) | SAFI (1) | next hop length (1) | next hop | reserved (1) | NLRI
/// ```
#[derive(Clone, Copy, Debug)]
pub struct MpReach<'a> {
    family: Family,
    next_hop: &'a [u8],
    nlri: &'a [u8],
    add_path: bool,
}

impl<'a> MpReach<'a> {
    pub(crate) fn split(value: &'a [u8]) -> Option<Self> {
        let mut reader = Reader::new(value);
        let family = Family::new(Afi(reader.u16()?), Safi(reader.u8()?));
        let len = reader.u8()?;
        let next_hop = reader.take(usize::from(len))?;
        let _reserved = reader.u8()?;
        Some(Self { family, next_hop, nlri: reader.rest(), add_path: false })
    }

    pub(crate) const fn with_add_path(mut self, add_path: bool) -> Self {
        self.add_path = add_path;
        self
    }

    /// The family of the routes.
    #[must_use]
    pub const fn family(&self) -> Family {
        self.family
    }

    /// The next hop, where its length is that of one or two addresses.
    #[must_use]
    pub fn next_hop(&self) -> Option<NextHop> {
        NextHop::decode(self.next_hop)
    }

    /// The octets of the next hop, for other families.
    #[must_use]
    pub const fn next_hop_bytes(&self) -> &'a [u8] {
        self.next_hop
    }

    /// The routes.
    #[must_use]
    pub const fn nlri(&self) -> Nlri<'a> {
        Nlri::new(self.family, self.add_path, self.nlri)
    }
}

/// MP_UNREACH_NLRI: withdrawn routes of any family (RFC 4760 §4).
#[derive(Clone, Copy, Debug)]
pub struct MpUnreach<'a> {
    family: Family,
    nlri: &'a [u8],
    add_path: bool,
}

impl<'a> MpUnreach<'a> {
    pub(crate) fn split(value: &'a [u8]) -> Option<Self> {
        let mut reader = Reader::new(value);
        Some(Self {
            family: Family::new(Afi(reader.u16()?), Safi(reader.u8()?)),
            nlri: reader.rest(),
            add_path: false,
        })
    }

    pub(crate) const fn with_add_path(mut self, add_path: bool) -> Self {
        self.add_path = add_path;
        self
    }

    /// The family of the routes.
    #[must_use]
    pub const fn family(&self) -> Family {
        self.family
    }

    /// The withdrawn routes.
    #[must_use]
    pub const fn nlri(&self) -> Nlri<'a> {
        Nlri::new(self.family, self.add_path, self.nlri)
    }
}
