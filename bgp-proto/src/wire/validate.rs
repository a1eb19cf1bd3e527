//! The rules of RFC 7606, attribute by attribute.

use alloc::vec::Vec;

use super::{
    AsPath, AttributeFlags, AttributeType, Family, MpReach, MpUnreach, RawAttribute, UpdateError,
    Verdict,
    attribute::{Aggregator, Origin},
};
use crate::Asn;

/// What a session agreed on, as far as the reading of an UPDATE depends on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DecodeContext {
    /// Both sides have four-octet AS numbers (RFC 6793).
    pub four_octet_as: bool,
    /// The peer is in our AS.
    pub internal: bool,
    /// The families that were negotiated; others in MP attributes are passed over.
    pub families: Vec<FamilyContext>,
    /// What a malformed MP attribute costs.
    pub multiprotocol_errors: MultiprotocolErrors,
}

/// How one family is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FamilyContext {
    /// The family.
    pub family: Family,
    /// The peer sends path identifiers (RFC 7911).
    pub add_path: bool,
    /// The peer may name an IPv6 next hop for IPv4 prefixes (RFC 8950).
    pub extended_next_hop: bool,
}

impl FamilyContext {
    /// The family, without options.
    #[must_use]
    pub const fn new(family: Family) -> Self {
        Self { family, add_path: false, extended_next_hop: false }
    }
}

/// RFC 7606 §7.11 leaves two answers to an MP attribute whose prefixes cannot be found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MultiprotocolErrors {
    /// Close the session.
    #[default]
    ResetSession,
    /// Keep it, and ignore the family from then on ("AFI/SAFI disable").
    DisableFamily,
}

impl DecodeContext {
    /// Four-octet AS numbers, and these families without options.
    #[must_use]
    pub fn new(internal: bool, families: &[Family]) -> Self {
        Self {
            four_octet_as: true,
            internal,
            families: families.iter().copied().map(FamilyContext::new).collect(),
            multiprotocol_errors: MultiprotocolErrors::default(),
        }
    }

    pub(crate) fn family(&self, family: Family) -> Option<&FamilyContext> {
        self.families.iter().find(|context| context.family == family)
    }
}

impl Default for DecodeContext {
    /// A session without capabilities: two-octet AS numbers, IPv4 unicast, external.
    fn default() -> Self {
        Self { four_octet_as: false, ..Self::new(false, &[Family::IPV4_UNICAST]) }
    }
}

/// An error in an attribute, and what it costs.
pub(crate) struct Fault(pub(crate) Verdict, pub(crate) UpdateError);

/// Judges one attribute, the first of its type. `Ok` says whether it is of use.
pub(crate) fn attribute(raw: &RawAttribute<'_>, context: &DecodeContext) -> Result<bool, Fault> {
    use Verdict::{AttributeDiscard as Discard, TreatAsWithdraw as Withdraw};

    let RawAttribute { flags, kind, value } = *raw;
    let len = value.len();
    let fail = |verdict, error| Err(Fault(verdict, error));
    let length = |fits: bool, verdict| {
        if fits { Ok(true) } else { fail(verdict, UpdateError::Length(kind)) }
    };

    // From an external peer these are dropped unread (RFC 7606 §7.5, §7.9, §7.10).
    let internal_only = matches!(
        kind,
        AttributeType::LOCAL_PREF | AttributeType::ORIGINATOR_ID | AttributeType::CLUSTER_LIST
    );
    if internal_only && !context.internal {
        return fail(Discard, UpdateError::Optional(kind));
    }
    if let Some(wrong) = flag_fault(flags, kind, context, value) {
        return Err(wrong);
    }

    match kind {
        AttributeType::ORIGIN => match value {
            [code] if Origin::from_code(*code).is_some() => Ok(true),
            [_] => fail(Withdraw, UpdateError::InvalidOrigin),
            _ => fail(Withdraw, UpdateError::Length(kind)),
        },
        AttributeType::AS_PATH => {
            if AsPath::new(value, context.four_octet_as).is_well_formed() {
                Ok(true)
            } else {
                fail(Withdraw, UpdateError::MalformedAsPath)
            }
        }
        AttributeType::NEXT_HOP
        | AttributeType::MULTI_EXIT_DISC
        | AttributeType::LOCAL_PREF
        | AttributeType::ORIGINATOR_ID
        | AttributeType::ONLY_TO_CUSTOMER => length(len == 4, Withdraw),
        AttributeType::ATOMIC_AGGREGATE => length(len == 0, Discard),
        AttributeType::AGGREGATOR => match Aggregator::decode(value, context.four_octet_as) {
            None => fail(Discard, UpdateError::Length(kind)),
            Some(Aggregator { asn, .. }) if asn == Asn::ZERO => {
                fail(Discard, UpdateError::Optional(kind))
            }
            Some(_) => Ok(true),
        },
        AttributeType::COMMUNITIES | AttributeType::CLUSTER_LIST => {
            length(len != 0 && len.is_multiple_of(4), Withdraw)
        }
        AttributeType::EXTENDED_COMMUNITIES => length(len != 0 && len.is_multiple_of(8), Withdraw),
        AttributeType::IPV6_EXTENDED_COMMUNITIES => {
            length(len != 0 && len.is_multiple_of(20), Withdraw)
        }
        AttributeType::LARGE_COMMUNITIES => length(len != 0 && len.is_multiple_of(12), Withdraw),
        // Only old speakers have reason to send these (RFC 6793 §6).
        AttributeType::AS4_PATH | AttributeType::AS4_AGGREGATOR if context.four_octet_as => {
            fail(Discard, UpdateError::Optional(kind))
        }
        AttributeType::AS4_PATH => {
            if len != 0 && AsPath::new(value, true).is_well_formed() {
                Ok(true)
            } else {
                fail(Discard, UpdateError::Optional(kind))
            }
        }
        AttributeType::AS4_AGGREGATOR => match Aggregator::decode(value, true) {
            Some(Aggregator { asn, .. }) if asn != Asn::ZERO => Ok(true),
            _ => fail(Discard, UpdateError::Optional(kind)),
        },
        AttributeType::AIGP | AttributeType::PREFIX_SID | AttributeType::BGP_LS => {
            length(len != 0, Discard)
        }
        AttributeType::MP_REACH_NLRI => mp_reach(raw, context),
        AttributeType::MP_UNREACH_NLRI => mp_unreach(raw, context),
        // Unknown optional ones are carried if transitive, and else passed over (RFC 4271 §5).
        _ if flags.contains(AttributeFlags::OPTIONAL) => {
            Ok(flags.contains(AttributeFlags::TRANSITIVE))
        }
        _ => fail(Withdraw, UpdateError::UnrecognizedWellKnown(kind)),
    }
}

/// The flags that a recognized type demands; `None` for other types.
const fn expected_flags(kind: AttributeType) -> Option<u8> {
    const WELL_KNOWN: u8 = 0x40;
    const OPTIONAL: u8 = 0x80;
    const OPTIONAL_TRANSITIVE: u8 = 0xC0;
    match kind {
        AttributeType::ORIGIN
        | AttributeType::AS_PATH
        | AttributeType::NEXT_HOP
        | AttributeType::LOCAL_PREF
        | AttributeType::ATOMIC_AGGREGATE => Some(WELL_KNOWN),
        AttributeType::MULTI_EXIT_DISC
        | AttributeType::ORIGINATOR_ID
        | AttributeType::CLUSTER_LIST
        | AttributeType::MP_REACH_NLRI
        | AttributeType::MP_UNREACH_NLRI
        | AttributeType::AIGP
        | AttributeType::BGP_LS => Some(OPTIONAL),
        AttributeType::AGGREGATOR
        | AttributeType::COMMUNITIES
        | AttributeType::EXTENDED_COMMUNITIES
        | AttributeType::AS4_PATH
        | AttributeType::AS4_AGGREGATOR
        | AttributeType::IPV6_EXTENDED_COMMUNITIES
        | AttributeType::LARGE_COMMUNITIES
        | AttributeType::ONLY_TO_CUSTOMER
        | AttributeType::PREFIX_SID => Some(OPTIONAL_TRANSITIVE),
        _ => None,
    }
}

/// RFC 7606 §3 c; the partial bit belongs to optional transitive ones alone (RFC 4271 §4.3).
fn flag_fault(
    flags: AttributeFlags,
    kind: AttributeType,
    context: &DecodeContext,
    value: &[u8],
) -> Option<Fault> {
    let expected = expected_flags(kind)?;
    let partial_allowed = expected != 0x40;
    let wrong =
        flags.0 & 0xC0 != expected || (!partial_allowed && flags.contains(AttributeFlags::PARTIAL));
    if !wrong {
        return None;
    }
    let verdict = match kind {
        AttributeType::MP_REACH_NLRI | AttributeType::MP_UNREACH_NLRI => {
            multiprotocol_fault(MpUnreach::split(value).map(|mp| mp.family()), context)
        }
        AttributeType::AIGP | AttributeType::PREFIX_SID | AttributeType::BGP_LS => {
            Verdict::AttributeDiscard
        }
        _ => Verdict::TreatAsWithdraw,
    };
    Some(Fault(verdict, UpdateError::Flags(kind)))
}

/// RFC 7606 §7.11. Without a family there is none to disable.
fn multiprotocol_fault(family: Option<Family>, context: &DecodeContext) -> Verdict {
    match (context.multiprotocol_errors, family) {
        (MultiprotocolErrors::DisableFamily, Some(family)) => Verdict::DisableFamily(family),
        _ => Verdict::ResetSession,
    }
}

fn mp_reach(raw: &RawAttribute<'_>, context: &DecodeContext) -> Result<bool, Fault> {
    let error = UpdateError::Optional(raw.kind);
    let Some(reach) = MpReach::split(raw.value) else {
        let family = MpUnreach::split(raw.value).map(|mp| mp.family());
        return Err(Fault(multiprotocol_fault(family, context), error));
    };
    let Some(agreed) = context.family(reach.family()) else {
        return Ok(false);
    };
    let next_hop_fits = match (reach.family(), reach.next_hop_bytes().len()) {
        (Family::IPV4_UNICAST, 4) | (Family::IPV6_UNICAST, 16 | 32) => true,
        (Family::IPV4_UNICAST, 16 | 32) => agreed.extended_next_hop,
        (Family::IPV4_UNICAST | Family::IPV6_UNICAST, _) => false,
        _ => true,
    };
    if next_hop_fits && reach.with_add_path(agreed.add_path).nlri().is_well_formed() {
        return Ok(true);
    }
    let verdict = multiprotocol_fault(Some(reach.family()), context);
    Err(Fault(verdict, error))
}

fn mp_unreach(raw: &RawAttribute<'_>, context: &DecodeContext) -> Result<bool, Fault> {
    let error = UpdateError::Optional(raw.kind);
    let Some(unreach) = MpUnreach::split(raw.value) else {
        return Err(Fault(Verdict::ResetSession, error));
    };
    let Some(agreed) = context.family(unreach.family()) else {
        return Ok(false);
    };
    if unreach.with_add_path(agreed.add_path).nlri().is_well_formed() {
        return Ok(true);
    }
    let verdict = multiprotocol_fault(Some(unreach.family()), context);
    Err(Fault(verdict, error))
}
