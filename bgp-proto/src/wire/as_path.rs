use alloc::vec::Vec;

use super::reader::Reader;
use crate::Asn;

/// The kind of a segment of an AS_PATH.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SegmentKind(pub u8);

impl SegmentKind {
    /// Unordered; deprecated, and never sent (RFC 9774).
    pub const SET: Self = Self(1);
    /// Ordered, the last AS first.
    pub const SEQUENCE: Self = Self(2);
    /// Inside a confederation only (RFC 5065).
    pub const CONFED_SEQUENCE: Self = Self(3);
    /// Inside a confederation only (RFC 5065); deprecated (RFC 9774).
    pub const CONFED_SET: Self = Self(4);
}

/// An AS_PATH on the wire, of two or four octets a number.
#[derive(Clone, Copy, Debug)]
pub struct AsPath<'a> {
    bytes: &'a [u8],
    four_octet: bool,
}

impl<'a> AsPath<'a> {
    pub(crate) const fn new(bytes: &'a [u8], four_octet: bool) -> Self {
        Self { bytes, four_octet }
    }

    /// The segments, the nearest first.
    #[must_use]
    pub const fn segments(&self) -> Segments<'a> {
        Segments { reader: Reader::new(self.bytes), four_octet: self.four_octet }
    }

    /// All numbers, the nearest first.
    pub fn asns(&self) -> impl Iterator<Item = Asn> + 'a {
        self.segments().flat_map(|segment| segment.asns())
    }

    /// The neighbor that the route came from: the first number of a leading sequence.
    #[must_use]
    pub fn first(&self) -> Option<Asn> {
        let segment = self.segments().next()?;
        (segment.kind() == SegmentKind::SEQUENCE).then(|| segment.asns().next()).flatten()
    }

    /// The length as routes are compared by: a set counts one, a confederation nothing
    /// (RFC 4271 §9.1.2.2, RFC 5065 §5.3).
    #[must_use]
    pub fn route_length(&self) -> usize {
        self.segments()
            .map(|segment| match segment.kind() {
                SegmentKind::SEQUENCE => segment.asns().len(),
                SegmentKind::SET => 1,
                _ => 0,
            })
            .sum()
    }

    /// Whether segments are of known kinds, not empty, whole, and free of AS 0 (RFC 7606 §7.2,
    /// RFC 7607), of sets (RFC 9774), and of confederations, which we are never in (RFC 5065 §5).
    pub(crate) fn is_well_formed(&self) -> bool {
        let mut segments = self.segments();
        let valid = segments.by_ref().all(|segment| {
            segment.kind() == SegmentKind::SEQUENCE
                && segment.asns().len() > 0
                && segment.asns().all(|asn| asn != Asn::ZERO)
        });
        valid && segments.reader.is_empty()
    }
}

/// The segments of an [`AsPath`]. Ends at the first one that is cut.
#[derive(Clone, Debug)]
pub struct Segments<'a> {
    reader: Reader<'a>,
    four_octet: bool,
}

impl<'a> Iterator for Segments<'a> {
    type Item = Segment<'a>;

    fn next(&mut self) -> Option<Segment<'a>> {
        let mut reader = self.reader;
        let kind = SegmentKind(reader.u8()?);
        let count = usize::from(reader.u8()?);
        let size = if self.four_octet { 4 } else { 2 };
        let bytes = reader.take(count * size)?;
        self.reader = reader;
        Some(Segment {
            kind,
            asns: Asns { reader: Reader::new(bytes), four_octet: self.four_octet },
        })
    }
}

/// One segment of an [`AsPath`].
#[derive(Clone, Debug)]
pub struct Segment<'a> {
    kind: SegmentKind,
    asns: Asns<'a>,
}

impl<'a> Segment<'a> {
    /// Ordered or not.
    #[must_use]
    pub const fn kind(&self) -> SegmentKind {
        self.kind
    }

    /// The numbers, the nearest first.
    #[must_use]
    pub fn asns(&self) -> Asns<'a> {
        self.asns.clone()
    }
}

/// The numbers of a [`Segment`].
#[derive(Clone, Debug)]
pub struct Asns<'a> {
    reader: Reader<'a>,
    four_octet: bool,
}

impl Iterator for Asns<'_> {
    type Item = Asn;

    fn next(&mut self) -> Option<Asn> {
        if self.four_octet {
            self.reader.u32().map(Asn)
        } else {
            self.reader.u16().map(|asn| Asn(u32::from(asn)))
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let len = self.reader.rest().len() / if self.four_octet { 4 } else { 2 };
        (len, Some(len))
    }
}

impl ExactSizeIterator for Asns<'_> {}

/// The true path where an old speaker passed on the four-octet numbers in AS4_PATH
/// (RFC 6793 §4.2.3): the surplus of `as_path` at the front, then `as4_path`.
///
/// An AS4_PATH that is longer than the AS_PATH is ignored. Sets and confederations do not occur in
/// accepted updates, so the result is one sequence.
#[must_use]
pub fn merge_as4_path(as_path: &AsPath<'_>, as4_path: Option<&AsPath<'_>>) -> Vec<Asn> {
    let long = as_path.route_length();
    let tail = as4_path.filter(|path| path.route_length() <= long);
    let surplus = long - tail.map_or(0, AsPath::route_length);
    let mut merged: Vec<Asn> = as_path.asns().take(surplus).collect();
    merged.extend(tail.into_iter().flat_map(AsPath::asns));
    merged
}
