use core::{fmt, marker::PhantomData, net::Ipv4Addr};

use super::{
    AsPath, AttributeType, Community, Element, ExtendedCommunity, LargeCommunity, MpReach,
    MpUnreach, reader::Reader,
};
use crate::Asn;

/// The flags octet of a path attribute (RFC 4271 §4.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AttributeFlags(pub u8);

impl AttributeFlags {
    /// Not well-known.
    pub const OPTIONAL: Self = Self(0x80);
    /// Passed on by those who do not know it.
    pub const TRANSITIVE: Self = Self(0x40);
    /// Someone who did not know it has passed it on.
    pub const PARTIAL: Self = Self(0x20);
    /// The length has two octets.
    pub const EXTENDED_LENGTH: Self = Self(0x10);

    /// Whether all bits of `other` are set.
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

/// A path attribute as it lies in an UPDATE: flags, type and value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RawAttribute<'a> {
    /// The flags.
    pub flags: AttributeFlags,
    /// The type code.
    pub kind: AttributeType,
    /// The value.
    pub value: &'a [u8],
}

/// All attributes in the order of the wire, unknown and repeated ones included. Ends where the block
/// is malformed.
#[derive(Clone, Debug)]
pub struct PathAttributes<'a> {
    pub(crate) reader: Reader<'a>,
}

impl<'a> PathAttributes<'a> {
    pub(crate) const fn new(block: &'a [u8]) -> Self {
        Self { reader: Reader::new(block) }
    }
}

impl<'a> Iterator for PathAttributes<'a> {
    type Item = RawAttribute<'a>;

    #[inline]
    fn next(&mut self) -> Option<RawAttribute<'a>> {
        let mut reader = self.reader;
        let flags = AttributeFlags(reader.u8()?);
        let kind = AttributeType(reader.u8()?);
        let len = if flags.contains(AttributeFlags::EXTENDED_LENGTH) {
            usize::from(reader.u16()?)
        } else {
            usize::from(reader.u8()?)
        };
        let value = reader.take(len)?;
        self.reader = reader;
        Some(RawAttribute { flags, kind, value })
    }
}

/// How the route came to be (RFC 4271 §5.1.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Origin {
    /// From within the AS. What an announcer says.
    #[default]
    Igp,
    /// Learned by EGP.
    Egp,
    /// By other means.
    Incomplete,
}

impl Origin {
    pub(crate) const fn from_code(code: u8) -> Option<Self> {
        match code {
            0 => Some(Self::Igp),
            1 => Some(Self::Egp),
            2 => Some(Self::Incomplete),
            _ => None,
        }
    }

    pub(crate) const fn code(self) -> u8 {
        match self {
            Self::Igp => 0,
            Self::Egp => 1,
            Self::Incomplete => 2,
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Igp => "IGP",
            Self::Egp => "EGP",
            Self::Incomplete => "INCOMPLETE",
        })
    }
}

/// Who aggregated the route (RFC 4271 §5.1.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Aggregator {
    /// The AS.
    pub asn: Asn,
    /// The speaker.
    pub router_id: Ipv4Addr,
}

impl Aggregator {
    pub(crate) fn decode(value: &[u8], four_octet: bool) -> Option<Self> {
        let mut reader = Reader::new(value);
        let asn = if four_octet { reader.u32()? } else { u32::from(reader.u16()?) };
        let router_id = Ipv4Addr::from_bits(reader.u32()?);
        reader.is_empty().then_some(Self { asn: Asn(asn), router_id })
    }
}

/// The values of an attribute that is a list of equal-sized ones.
#[derive(Clone, Copy, Debug)]
pub struct Elements<'a, T> {
    bytes: &'a [u8],
    element: PhantomData<T>,
}

impl<'a, T> Elements<'a, T> {
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, element: PhantomData }
    }
}

impl<T: Element> Iterator for Elements<'_, T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        let (head, tail) = self.bytes.split_at_checked(T::SIZE)?;
        self.bytes = tail;
        T::read(head)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let len = self.bytes.len() / T::SIZE;
        (len, Some(len))
    }
}

impl<T: Element> ExactSizeIterator for Elements<'_, T> {}

/// A path attribute of an accepted UPDATE, typed where the type is known.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum PathAttribute<'a> {
    /// ORIGIN.
    Origin(Origin),
    /// AS_PATH, as sent; see [`Update::as_path`](super::Update::as_path) for the true one.
    AsPath(AsPath<'a>),
    /// NEXT_HOP, of the IPv4 prefixes at the end of the UPDATE.
    NextHop(Ipv4Addr),
    /// MULTI_EXIT_DISC: of several ways into one AS the lowest is preferred.
    MultiExitDisc(u32),
    /// LOCAL_PREF: within an AS the highest is preferred.
    LocalPref(u32),
    /// ATOMIC_AGGREGATE.
    AtomicAggregate,
    /// AGGREGATOR.
    Aggregator(Aggregator),
    /// COMMUNITIES.
    Communities(Elements<'a, Community>),
    /// ORIGINATOR_ID, set by a route reflector (RFC 4456).
    OriginatorId(Ipv4Addr),
    /// CLUSTER_LIST, the reflectors passed (RFC 4456).
    ClusterList(Elements<'a, u32>),
    /// MP_REACH_NLRI.
    MpReach(MpReach<'a>),
    /// MP_UNREACH_NLRI.
    MpUnreach(MpUnreach<'a>),
    /// EXTENDED COMMUNITIES.
    ExtendedCommunities(Elements<'a, ExtendedCommunity>),
    /// AS4_PATH, from a speaker with two-octet numbers.
    As4Path(AsPath<'a>),
    /// AS4_AGGREGATOR, from a speaker with two-octet numbers.
    As4Aggregator(Aggregator),
    /// LARGE COMMUNITIES.
    LargeCommunities(Elements<'a, LargeCommunity>),
    /// ONLY_TO_CUSTOMER: the AS that first sent the route downwards (RFC 9234 §5).
    OnlyToCustomer(Asn),
    /// Any other, carried. Whoever passes on an unknown transitive one sets its partial bit.
    Other(RawAttribute<'a>),
}

impl<'a> PathAttribute<'a> {
    /// `None` for a value that does not have the form of its type.
    pub(crate) fn decode(raw: RawAttribute<'a>, four_octet: bool) -> Option<Self> {
        let mut reader = Reader::new(raw.value);
        Some(match raw.kind {
            AttributeType::ORIGIN => Self::Origin(Origin::from_code(reader.u8()?)?),
            AttributeType::AS_PATH => Self::AsPath(AsPath::new(raw.value, four_octet)),
            AttributeType::NEXT_HOP => Self::NextHop(Ipv4Addr::from_bits(reader.u32()?)),
            AttributeType::MULTI_EXIT_DISC => Self::MultiExitDisc(reader.u32()?),
            AttributeType::LOCAL_PREF => Self::LocalPref(reader.u32()?),
            AttributeType::ATOMIC_AGGREGATE => Self::AtomicAggregate,
            AttributeType::AGGREGATOR => {
                Self::Aggregator(Aggregator::decode(raw.value, four_octet)?)
            }
            AttributeType::COMMUNITIES => Self::Communities(Elements::new(raw.value)),
            AttributeType::ORIGINATOR_ID => Self::OriginatorId(Ipv4Addr::from_bits(reader.u32()?)),
            AttributeType::CLUSTER_LIST => Self::ClusterList(Elements::new(raw.value)),
            AttributeType::MP_REACH_NLRI => Self::MpReach(MpReach::split(raw.value)?),
            AttributeType::MP_UNREACH_NLRI => Self::MpUnreach(MpUnreach::split(raw.value)?),
            AttributeType::EXTENDED_COMMUNITIES => {
                Self::ExtendedCommunities(Elements::new(raw.value))
            }
            AttributeType::AS4_PATH => Self::As4Path(AsPath::new(raw.value, true)),
            AttributeType::AS4_AGGREGATOR => {
                Self::As4Aggregator(Aggregator::decode(raw.value, true)?)
            }
            AttributeType::LARGE_COMMUNITIES => Self::LargeCommunities(Elements::new(raw.value)),
            AttributeType::ONLY_TO_CUSTOMER => Self::OnlyToCustomer(Asn(reader.u32()?)),
            _ => Self::Other(raw),
        })
    }
}
