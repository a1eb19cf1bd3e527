use alloc::vec::Vec;
use core::net::Ipv4Addr;

use super::{
    Aggregator, AttributeFlags, AttributeType, Community, Element, EncodeError, ExtendedCommunity,
    LargeCommunity, Origin, PathAttribute, Update,
};
use crate::Asn;

/// The path attributes of routes, owned: all but the two that hold prefixes.
///
/// As a value it is what it will be on the wire. What differs from peer to peer (the own AS in front
/// of the path, the next hop, what may not leave the AS) is added when a [`Speaker`](crate::Speaker)
/// sends it.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Attributes {
    /// ORIGIN.
    pub origin: Origin,
    /// AS_PATH: one sequence, the nearest AS first.
    pub as_path: Vec<Asn>,
    /// NEXT_HOP, of IPv4 prefixes in the body of an UPDATE.
    pub next_hop: Option<Ipv4Addr>,
    /// MULTI_EXIT_DISC: of several ways into one AS the lowest is preferred.
    pub med: Option<u32>,
    /// LOCAL_PREF: within an AS the highest is preferred.
    pub local_pref: Option<u32>,
    /// ATOMIC_AGGREGATE.
    pub atomic_aggregate: bool,
    /// AGGREGATOR.
    pub aggregator: Option<Aggregator>,
    /// COMMUNITIES; none for no attribute.
    pub communities: Vec<Community>,
    /// ORIGINATOR_ID.
    pub originator_id: Option<Ipv4Addr>,
    /// CLUSTER_LIST; none for no attribute.
    pub cluster_list: Vec<u32>,
    /// EXTENDED COMMUNITIES; none for no attribute.
    pub extended_communities: Vec<ExtendedCommunity>,
    /// LARGE COMMUNITIES; none for no attribute.
    pub large_communities: Vec<LargeCommunity>,
    /// ONLY_TO_CUSTOMER.
    pub only_to_customer: Option<Asn>,
    /// Any others, in ascending order of type.
    pub others: Vec<OtherAttribute>,
}

/// An attribute that this crate does not type, owned.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OtherAttribute {
    /// The flags; the length bit is set as needed.
    pub flags: AttributeFlags,
    /// The type code.
    pub kind: AttributeType,
    /// The value, at most 65535 octets.
    pub value: Vec<u8>,
}

const WELL_KNOWN: AttributeFlags = AttributeFlags(0x40);
const OPTIONAL: AttributeFlags = AttributeFlags(0x80);
const OPTIONAL_TRANSITIVE: AttributeFlags = AttributeFlags(0xC0);

impl Attributes {
    /// Those of an UPDATE, without what was discarded; AS4_PATH and AS4_AGGREGATOR are merged in.
    ///
    /// An unknown transitive attribute gets the partial bit, since it would be passed on unread
    /// (RFC 4271 §5).
    #[must_use]
    pub fn from_update(update: &Update<'_>) -> Self {
        let mut all = Self { as_path: update.as_path(), ..Self::default() };
        let mut as4_aggregator = None;
        for attribute in update.attributes() {
            match attribute {
                PathAttribute::Origin(origin) => all.origin = origin,
                PathAttribute::NextHop(address) => all.next_hop = Some(address),
                PathAttribute::MultiExitDisc(med) => all.med = Some(med),
                PathAttribute::LocalPref(preference) => all.local_pref = Some(preference),
                PathAttribute::AtomicAggregate => all.atomic_aggregate = true,
                PathAttribute::Aggregator(by) => all.aggregator = Some(by),
                PathAttribute::Communities(list) => all.communities = list.collect(),
                PathAttribute::OriginatorId(id) => all.originator_id = Some(id),
                PathAttribute::ClusterList(list) => all.cluster_list = list.collect(),
                PathAttribute::ExtendedCommunities(list) => {
                    all.extended_communities = list.collect();
                }
                PathAttribute::LargeCommunities(list) => {
                    all.large_communities = list.collect();
                }
                PathAttribute::OnlyToCustomer(asn) => all.only_to_customer = Some(asn),
                PathAttribute::As4Aggregator(by) => as4_aggregator = Some(by),
                PathAttribute::Other(raw) => {
                    let mut flags = raw.flags.0 & !AttributeFlags::EXTENDED_LENGTH.0;
                    if raw.flags.contains(AttributeFlags::TRANSITIVE) {
                        flags |= AttributeFlags::PARTIAL.0;
                    }
                    all.others.push(OtherAttribute {
                        flags: AttributeFlags(flags),
                        kind: raw.kind,
                        value: raw.value.to_vec(),
                    });
                }
                _ => {}
            }
        }
        // RFC 6793 §4.2.3.
        if all.aggregator.is_some_and(|by| by.asn == Asn::TRANS) && as4_aggregator.is_some() {
            all.aggregator = as4_aggregator;
        }
        all.others.sort();
        all
    }

    /// Appends the block, in ascending order of type (RFC 4271 §5), with AS numbers of four octets or
    /// of two; with two, AS4_PATH and AS4_AGGREGATOR are added where a number needs it (RFC 6793).
    ///
    /// # Errors
    /// One attribute is longer than 65535 octets. Nothing is appended.
    pub fn encode(&self, four_octet_as: bool, buf: &mut Vec<u8>) -> Result<(), EncodeError> {
        let start = buf.len();
        let written = self.put(four_octet_as, buf);
        if written.is_err() {
            buf.truncate(start);
        }
        written
    }

    fn put(&self, four: bool, buf: &mut Vec<u8>) -> Result<(), EncodeError> {
        use AttributeType as Kind;

        put(buf, WELL_KNOWN, Kind::ORIGIN, |buf| {
            buf.push(self.origin.code());
        })?;
        put(buf, WELL_KNOWN, Kind::AS_PATH, |buf| {
            put_path(buf, &self.as_path, four);
        })?;
        if let Some(address) = self.next_hop {
            put(buf, WELL_KNOWN, Kind::NEXT_HOP, |buf| {
                buf.extend_from_slice(&address.octets());
            })?;
        }
        put_u32(buf, OPTIONAL, Kind::MULTI_EXIT_DISC, self.med)?;
        put_u32(buf, WELL_KNOWN, Kind::LOCAL_PREF, self.local_pref)?;
        if self.atomic_aggregate {
            put(buf, WELL_KNOWN, Kind::ATOMIC_AGGREGATE, |_| {})?;
        }
        if let Some(by) = self.aggregator {
            put(buf, OPTIONAL_TRANSITIVE, Kind::AGGREGATOR, |buf| {
                put_asn(buf, by.asn, four);
                buf.extend_from_slice(&by.router_id.octets());
            })?;
        }
        put_list(buf, OPTIONAL_TRANSITIVE, Kind::COMMUNITIES, &self.communities)?;
        let originator = self.originator_id.map(Ipv4Addr::to_bits);
        put_u32(buf, OPTIONAL, Kind::ORIGINATOR_ID, originator)?;
        put_list(buf, OPTIONAL, Kind::CLUSTER_LIST, &self.cluster_list)?;
        let extended = &self.extended_communities;
        put_list(buf, OPTIONAL_TRANSITIVE, Kind::EXTENDED_COMMUNITIES, extended)?;
        if !four && self.as_path.iter().any(|asn| !asn.is_mappable()) {
            put(buf, OPTIONAL_TRANSITIVE, Kind::AS4_PATH, |buf| {
                put_path(buf, &self.as_path, true);
            })?;
        }
        if let Some(by) = self.aggregator.filter(|by| !four && !by.asn.is_mappable()) {
            put(buf, OPTIONAL_TRANSITIVE, Kind::AS4_AGGREGATOR, |buf| {
                put_asn(buf, by.asn, true);
                buf.extend_from_slice(&by.router_id.octets());
            })?;
        }
        let large = &self.large_communities;
        put_list(buf, OPTIONAL_TRANSITIVE, Kind::LARGE_COMMUNITIES, large)?;
        let otc = self.only_to_customer.map(|asn| asn.0);
        put_u32(buf, OPTIONAL_TRANSITIVE, Kind::ONLY_TO_CUSTOMER, otc)?;
        for other in &self.others {
            put(buf, other.flags, other.kind, |buf| {
                buf.extend_from_slice(&other.value);
            })?;
        }
        Ok(())
    }
}

/// Appends flags, type, length and what `value` appends; the length has two octets if it must.
fn put(
    buf: &mut Vec<u8>,
    flags: AttributeFlags,
    kind: AttributeType,
    value: impl FnOnce(&mut Vec<u8>),
) -> Result<(), EncodeError> {
    let start = buf.len();
    let short = flags.0 & !AttributeFlags::EXTENDED_LENGTH.0;
    buf.extend_from_slice(&[short, kind.0, 0]);
    value(buf);
    let len = buf.len() - start - 3;
    if let Ok(len) = u8::try_from(len) {
        if let Some(slot) = buf.get_mut(start + 2) {
            *slot = len;
        }
        return Ok(());
    }
    let [high, low] = u16::try_from(len).map_err(|_| EncodeError::FieldTooLong)?.to_be_bytes();
    let long = short | AttributeFlags::EXTENDED_LENGTH.0;
    buf.splice(start..start + 3, [long, kind.0, high, low]);
    Ok(())
}

fn put_u32(
    buf: &mut Vec<u8>,
    flags: AttributeFlags,
    kind: AttributeType,
    value: Option<u32>,
) -> Result<(), EncodeError> {
    match value {
        Some(value) => put(buf, flags, kind, |buf| {
            buf.extend_from_slice(&value.to_be_bytes());
        }),
        None => Ok(()),
    }
}

fn put_list<T: Element>(
    buf: &mut Vec<u8>,
    flags: AttributeFlags,
    kind: AttributeType,
    list: &[T],
) -> Result<(), EncodeError> {
    if list.is_empty() {
        return Ok(());
    }
    put(buf, flags, kind, |buf| {
        for element in list {
            element.write(buf);
        }
    })
}

/// One sequence, in segments of at most 255.
fn put_path(buf: &mut Vec<u8>, path: &[Asn], four: bool) {
    const SEQUENCE: u8 = 2;
    for segment in path.chunks(255) {
        buf.push(SEQUENCE);
        buf.push(u8::try_from(segment.len()).unwrap_or(u8::MAX));
        for asn in segment {
            put_asn(buf, *asn, four);
        }
    }
}

fn put_asn(buf: &mut Vec<u8>, asn: Asn, four: bool) {
    if four {
        buf.extend_from_slice(&asn.0.to_be_bytes());
    } else {
        buf.extend_from_slice(&asn.to_two_octets().to_be_bytes());
    }
}
