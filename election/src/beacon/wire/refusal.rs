/// The type of an item in a beacon.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TlvType(pub u8);

impl TlvType {
    /// Incarnation and sequence, 8 octets each.
    pub const SENDER: Self = Self(1);
    /// The sender's name, 1 to 253 octets of UTF-8, neither spaces nor control characters.
    pub const NAME: Self = Self(2);
    /// The short name of the segment, 8 octets.
    pub const SEGMENT: Self = Self(3);
    /// Interval and life of tokens in microseconds, 4 octets each.
    pub const TIMING: Self = Self(4);
    /// Flags in one octet, and the weight in two.
    pub const STATE: Self = Self(5);
    /// Lives that are heard, 8 octets each.
    pub const HEARS: Self = Self(6);
    /// The digest of the table: how many entries, and their sum, in 2 and 8 octets.
    pub const DIGEST: Self = Self(7);
    /// Entries that have changed.
    pub const CHANGES: Self = Self(8);
    /// A part of the whole table.
    pub const SYNC: Self = Self(9);
    /// Lives that should send a beacon at once, 8 octets each.
    pub const PROBES: Self = Self(10);
    /// Lives that should send their whole table, 8 octets each.
    pub const SYNC_WANTED: Self = Self(11);
    /// What holders do not answer for: life in 8 octets, failures in one, family and address.
    pub const FAILING: Self = Self(12);
    /// Hardware addresses that the sender answers from, 6 octets each, at most 8.
    pub const HARDWARE: Self = Self(13);
}

/// Why a datagram is refused. Nothing was changed by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// It ends too soon, or does not begin as a beacon does.
    #[error("it is not a beacon")]
    NotABeacon,
    /// Its version is newer than ours.
    #[error("its version is not supported: update this node")]
    Version,
    /// Its way of signing is not known.
    #[error("it is signed in an unknown way: update this node")]
    SignatureKind,
    /// It is not signed, and must be.
    #[error("it is not signed: give its sender the key file")]
    Unsigned,
    /// Its key is not on our keyring.
    #[error("it is signed with a key that this node does not have: compare the key files")]
    UnknownKey,
    /// The signature does not fit: another key of the same number, or a forgery.
    #[error("its signature is wrong: compare the key files")]
    BadSignature,
    /// An item overruns the datagram, or has a length that its type does not allow.
    #[error("an item of type {} has a wrong length", .0.0)]
    Length(TlvType),
    /// A value is out of its range.
    #[error("an item of type {} has a value that is not allowed", .0.0)]
    Value(TlvType),
    /// An item that may occur once occurs again.
    #[error("an item of type {} occurs twice", .0.0)]
    Repeated(TlvType),
    /// An item is missing.
    #[error("an item of type {} is missing", .0.0)]
    Missing(TlvType),
    /// It was meant for another segment.
    #[error("it was sent on another segment: the two are bridged, or their names differ")]
    OtherSegment,
    /// No segment of this name is up here.
    #[error("the segment that it came in by is not up")]
    UnknownSegment,
    /// It is our own, come back.
    #[error("it is our own")]
    Own,
    /// Another process has our name.
    #[error("another node has the same name as this one: rename one of them")]
    SameName,
    /// It was heard before, or one that was sent later was.
    #[error("it is older than what was heard last")]
    Replayed,
    /// It speaks of another history of what was agreed.
    #[error("it has part in another history: two were founded, so empty the state of all but one")]
    OtherHistory,
    /// No more nodes can be remembered.
    #[error("there are too many nodes on the segment")]
    TooManyNodes,
}
