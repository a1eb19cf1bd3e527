use alloc::vec::Vec;
use core::fmt;

use super::{
    AttributeType, DecodeContext, ErrorCode, Family, MpReach, MpUnreach, Nlri, Notification,
    PathAttribute, PathAttributes, RawAttribute, UpdateError, merge_as4_path,
    reader::Reader,
    validate::{self, Fault},
};
use crate::Asn;

/// What an UPDATE is worth (RFC 7606 §2), the weakest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// Without fault.
    Accept,
    /// To be used without the attributes that were discarded.
    AttributeDiscard,
    /// Its reachable prefixes are to be taken as withdrawn.
    TreatAsWithdraw,
    /// All that the session brings for this family is to be ignored from now on.
    DisableFamily(Family),
    /// The session is to be closed with [`Update::notification`].
    ResetSession,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Accept => f.write_str("accept"),
            Self::AttributeDiscard => f.write_str("attribute discard"),
            Self::TreatAsWithdraw => f.write_str("treat-as-withdraw"),
            Self::DisableFamily(family) => write!(f, "AFI/SAFI disable ({family})"),
            Self::ResetSession => f.write_str("session reset"),
        }
    }
}

/// An UPDATE, borrowed and judged (RFC 4271 §4.3, RFC 7606).
///
/// ```text
///  withdrawn length (2) | withdrawn | attributes' length (2) | attributes | NLRI
/// ```
///
/// One pass has checked every field; nothing was copied or allocated. Whatever the verdict, reading
/// never fails: what is malformed is absent. Attributes that are to be discarded are absent, too.
#[derive(Clone, Debug)]
pub struct Update<'a> {
    withdrawn: &'a [u8],
    attributes: &'a [u8],
    nlri: &'a [u8],
    context: &'a DecodeContext,
    mp_reach: Option<MpReach<'a>>,
    mp_unreach: Option<MpUnreach<'a>>,
    seen: TypeSet,
    discarded: TypeSet,
    verdict: Verdict,
    error: Option<UpdateError>,
    /// The attribute at fault, header included; for the data of the NOTIFICATION.
    culprit: &'a [u8],
}

impl<'a> Update<'a> {
    /// Reads and judges what follows the header.
    #[must_use]
    pub fn decode(body: &'a [u8], context: &'a DecodeContext) -> Self {
        let mut update = Self {
            withdrawn: &[],
            attributes: &[],
            nlri: &[],
            context,
            mp_reach: None,
            mp_unreach: None,
            seen: TypeSet::default(),
            discarded: TypeSet::default(),
            verdict: Verdict::Accept,
            error: None,
            culprit: &[],
        };
        let mut reader = Reader::new(body);
        let withdrawn = reader.u16().and_then(|len| reader.take(usize::from(len)));
        let attributes = reader.u16().and_then(|len| reader.take(usize::from(len)));
        let (Some(withdrawn), Some(attributes)) = (withdrawn, attributes) else {
            update.judge(Verdict::ResetSession, UpdateError::FieldLengths, &[]);
            return update;
        };
        update.read_attributes(attributes);
        update.read_prefixes(withdrawn, reader.rest());
        update.attributes = attributes;
        update.check_presence();
        update
    }

    fn read_attributes(&mut self, block: &'a [u8]) {
        let mut attributes = PathAttributes::new(block);
        loop {
            let here = attributes.reader.rest();
            let Some(raw) = attributes.next() else {
                // RFC 7606 §4: the prefixes after the block can still be found.
                if !here.is_empty() {
                    let error = UpdateError::AttributeOverrun;
                    self.judge(Verdict::TreatAsWithdraw, error, here);
                }
                return;
            };
            let culprit =
                here.get(..here.len() - attributes.reader.rest().len()).unwrap_or_default();
            self.read_attribute(raw, culprit);
        }
    }

    fn read_attribute(&mut self, raw: RawAttribute<'a>, culprit: &'a [u8]) {
        let kind = raw.kind;
        if !self.seen.insert(kind) {
            // RFC 7606 §3 g: of others, the first counts.
            if matches!(kind, AttributeType::MP_REACH_NLRI | AttributeType::MP_UNREACH_NLRI) {
                let error = UpdateError::Duplicate(kind);
                self.judge(Verdict::ResetSession, error, culprit);
            }
            return;
        }
        match validate::attribute(&raw, self.context) {
            Ok(true) if kind == AttributeType::MP_REACH_NLRI => {
                self.mp_reach = MpReach::split(raw.value)
                    .map(|reach| reach.with_add_path(self.add_path(reach.family())));
            }
            Ok(true) if kind == AttributeType::MP_UNREACH_NLRI => {
                self.mp_unreach = MpUnreach::split(raw.value)
                    .map(|unreach| unreach.with_add_path(self.add_path(unreach.family())));
            }
            Ok(true) => {}
            Ok(false) => {
                self.discarded.insert(kind);
            }
            Err(Fault(verdict, error)) => {
                self.discarded.insert(kind);
                self.judge(verdict, error, culprit);
            }
        }
    }

    fn read_prefixes(&mut self, withdrawn: &'a [u8], nlri: &'a [u8]) {
        let add_path = self.add_path(Family::IPV4_UNICAST);
        for (field, slot) in [(withdrawn, &mut self.withdrawn), (nlri, &mut self.nlri)] {
            if Nlri::new(Family::IPV4_UNICAST, add_path, field).is_well_formed() {
                *slot = field;
            }
        }
        if self.withdrawn.len() != withdrawn.len() || self.nlri.len() != nlri.len() {
            self.judge(Verdict::ResetSession, UpdateError::NetworkField, &[]);
        }
    }

    /// What must be there, given what is there (RFC 4271 §6.3, RFC 7606 §3 d, §5.2).
    fn check_presence(&mut self) {
        let mut mandatory = |kind, needed: bool| {
            if needed && !self.seen.contains(kind) {
                let error = UpdateError::Missing(kind);
                if self.verdict < Verdict::TreatAsWithdraw {
                    self.verdict = Verdict::TreatAsWithdraw;
                    self.error = Some(error);
                }
            }
        };
        let routes = !self.nlri.is_empty() || self.mp_reach.is_some();
        mandatory(AttributeType::ORIGIN, routes);
        mandatory(AttributeType::AS_PATH, routes);
        mandatory(AttributeType::NEXT_HOP, !self.nlri.is_empty());
        mandatory(AttributeType::LOCAL_PREF, routes && self.context.internal);

        let no_routes = self.nlri.is_empty() && !self.seen.contains(AttributeType::MP_REACH_NLRI);
        if no_routes && self.verdict > Verdict::AttributeDiscard {
            // Where no prefix was found, none may have been missed.
            self.verdict = Verdict::ResetSession;
        }
    }

    /// Keeps the strongest verdict, and the first error that led to it.
    fn judge(&mut self, verdict: Verdict, error: UpdateError, culprit: &'a [u8]) {
        if verdict > self.verdict {
            self.verdict = verdict;
            self.error = Some(error);
            self.culprit = culprit;
        }
    }

    fn add_path(&self, family: Family) -> bool {
        self.context.family(family).is_some_and(|agreed| agreed.add_path)
    }

    /// What is to be done with it.
    #[must_use]
    pub const fn verdict(&self) -> Verdict {
        self.verdict
    }

    /// The fault that led to the verdict; `None` with [`Verdict::Accept`].
    #[must_use]
    pub const fn error(&self) -> Option<UpdateError> {
        self.error
    }

    /// What the peer is told where the verdict closes the session.
    #[must_use]
    pub fn notification(&self) -> Option<Notification> {
        if self.verdict != Verdict::ResetSession {
            return None;
        }
        let error = self.error?;
        let data: &[u8] = match &error {
            UpdateError::Missing(kind) => &[kind.0],
            UpdateError::FieldLengths
            | UpdateError::AttributeOverrun
            | UpdateError::Duplicate(_)
            | UpdateError::MalformedAsPath
            | UpdateError::NetworkField => &[],
            _ => self.culprit,
        };
        Some(Notification::new(ErrorCode::UPDATE, error.subcode().0, data))
    }

    /// The IPv4 prefixes that are no longer reachable, from the head of the message.
    #[must_use]
    pub fn withdrawn(&self) -> Nlri<'a> {
        self.ipv4(self.withdrawn)
    }

    /// The IPv4 prefixes that are reachable, from the end of the message.
    #[must_use]
    pub fn nlri(&self) -> Nlri<'a> {
        self.ipv4(self.nlri)
    }

    fn ipv4(&self, bytes: &'a [u8]) -> Nlri<'a> {
        let family = Family::IPV4_UNICAST;
        Nlri::new(family, self.add_path(family), bytes)
    }

    /// The reachable prefixes of another family, or with another next hop.
    #[must_use]
    pub const fn mp_reach(&self) -> Option<MpReach<'a>> {
        self.mp_reach
    }

    /// The unreachable prefixes of another family.
    #[must_use]
    pub const fn mp_unreach(&self) -> Option<MpUnreach<'a>> {
        self.mp_unreach
    }

    /// All fields of prefixes that the session now holds to be reachable, empty ones included; none
    /// where the verdict is stronger than [`Verdict::AttributeDiscard`].
    pub fn reachable(&self) -> impl Iterator<Item = Nlri<'a>> {
        let usable = self.verdict <= Verdict::AttributeDiscard;
        let body = usable.then(|| self.nlri());
        let mp = self.mp_reach.filter(|_| usable).map(|reach| reach.nlri());
        body.into_iter().chain(mp)
    }

    /// All fields of prefixes that are unreachable, empty ones included: the withdrawn ones, and from
    /// [`Verdict::TreatAsWithdraw`] on the reachable ones. None with [`Verdict::ResetSession`].
    pub fn unreachable(&self) -> impl Iterator<Item = Nlri<'a>> {
        let usable = self.verdict < Verdict::ResetSession;
        let turned = usable && self.verdict > Verdict::AttributeDiscard;
        let withdrawn = usable.then(|| self.withdrawn()).into_iter();
        let mp = self.mp_unreach.filter(|_| usable).map(|mp| mp.nlri());
        let body = turned.then(|| self.nlri());
        let mp_reach = self.mp_reach.filter(|_| turned).map(|mp| mp.nlri());
        withdrawn.chain(mp).chain(body).chain(mp_reach)
    }

    /// The family whose initial routes end here (RFC 4724 §2): an empty UPDATE, or one with nothing
    /// but an empty MP_UNREACH_NLRI.
    #[must_use]
    pub fn end_of_rib(&self) -> Option<Family> {
        if self.verdict != Verdict::Accept || !self.withdrawn.is_empty() || !self.nlri.is_empty() {
            return None;
        }
        if self.attributes.is_empty() {
            return Some(Family::IPV4_UNICAST);
        }
        let mut attributes = PathAttributes::new(self.attributes);
        let only = attributes.next()?;
        let empty = only.kind == AttributeType::MP_UNREACH_NLRI && only.value.len() == 3;
        (empty && attributes.next().is_none())
            .then(|| MpUnreach::split(only.value).map(|mp| mp.family()))
            .flatten()
    }

    /// The attributes in the order of the wire, the first of each type, without discarded ones.
    pub fn attributes(&self) -> impl Iterator<Item = PathAttribute<'a>> {
        let mut seen = TypeSet::default();
        let discarded = self.discarded;
        let four_octet = self.context.four_octet_as;
        PathAttributes::new(self.attributes)
            .filter(move |raw| seen.insert(raw.kind) && !discarded.contains(raw.kind))
            .filter_map(move |raw| PathAttribute::decode(raw, four_octet))
            .map(|attribute| self.with_path_ids(attribute))
    }

    fn with_path_ids(&self, attribute: PathAttribute<'a>) -> PathAttribute<'a> {
        match attribute {
            PathAttribute::MpReach(mp) => {
                PathAttribute::MpReach(mp.with_add_path(self.add_path(mp.family())))
            }
            PathAttribute::MpUnreach(mp) => {
                PathAttribute::MpUnreach(mp.with_add_path(self.add_path(mp.family())))
            }
            other => other,
        }
    }

    /// The first attribute of this type, unless it is absent or was discarded.
    #[must_use]
    pub fn attribute(&self, kind: AttributeType) -> Option<PathAttribute<'a>> {
        if !self.seen.contains(kind) || self.discarded.contains(kind) {
            return None;
        }
        let raw = self.raw_attributes().find(|raw| raw.kind == kind)?;
        PathAttribute::decode(raw, self.context.four_octet_as).map(|a| self.with_path_ids(a))
    }

    /// All attributes as sent, discarded ones included.
    #[must_use]
    pub const fn raw_attributes(&self) -> PathAttributes<'a> {
        PathAttributes::new(self.attributes)
    }

    /// The types that were discarded or passed over, in ascending order.
    pub fn discarded(&self) -> impl Iterator<Item = AttributeType> {
        let discarded = self.discarded;
        (0..=u8::MAX).map(AttributeType).filter(move |kind| discarded.contains(*kind))
    }

    /// The path with four-octet numbers, merged with AS4_PATH where an old speaker sent one
    /// (RFC 6793 §4.2.3). Empty from within the AS.
    #[must_use]
    pub fn as_path(&self) -> Vec<Asn> {
        let Some(PathAttribute::AsPath(path)) = self.attribute(AttributeType::AS_PATH) else {
            return Vec::new();
        };
        let as4_path = match self.attribute(AttributeType::AS4_PATH) {
            Some(PathAttribute::As4Path(path)) if !self.aggregator_is_new() => Some(path),
            _ => None,
        };
        merge_as4_path(&path, as4_path.as_ref())
    }

    /// An AGGREGATOR other than AS_TRANS: a new speaker was last, AS4_* are stale (RFC 6793 §4.2.3).
    fn aggregator_is_new(&self) -> bool {
        matches!(
            self.attribute(AttributeType::AGGREGATOR),
            Some(PathAttribute::Aggregator(by)) if by.asn != Asn::TRANS
        )
    }
}

/// A set of attribute types.
#[derive(Clone, Copy, Debug, Default)]
struct TypeSet([u64; 4]);

impl TypeSet {
    /// Whether it was not in the set.
    fn insert(&mut self, kind: AttributeType) -> bool {
        let bit = 1 << (kind.0 % 64);
        match self.0.get_mut(usize::from(kind.0 / 64)) {
            Some(word) if *word & bit == 0 => {
                *word |= bit;
                true
            }
            _ => false,
        }
    }

    fn contains(&self, kind: AttributeType) -> bool {
        let bit = 1 << (kind.0 % 64);
        self.0.get(usize::from(kind.0 / 64)).is_some_and(|word| word & bit != 0)
    }
}
