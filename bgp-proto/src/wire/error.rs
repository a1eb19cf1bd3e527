use super::{
    AttributeType, ErrorCode, HeaderSubcode, MessageType, Notification, OpenSubcode,
    RefreshSubcode, UpdateSubcode,
};
use crate::Asn;

/// The header is wrong (RFC 4271 §6.1). The stream cannot be read further: close the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HeaderError {
    /// The marker is not all ones: this is not BGP, or octets were lost.
    #[error("the marker of the message header is not all ones")]
    NotSynchronized,
    /// The length does not fit the type, or the maximum of the session.
    #[error("the message length {0} is not allowed for its type in this session")]
    BadLength(u16),
    /// No message has this type.
    #[error("message type {0} does not exist")]
    BadType(u8),
}

impl HeaderError {
    /// What the peer is told.
    #[must_use]
    pub fn notification(&self) -> Notification {
        let (subcode, data): (_, &[u8]) = match self {
            Self::NotSynchronized => (HeaderSubcode::NOT_SYNCHRONIZED, &[]),
            Self::BadLength(len) => (HeaderSubcode::BAD_LENGTH, &len.to_be_bytes()),
            Self::BadType(kind) => (HeaderSubcode::BAD_TYPE, &[*kind]),
        };
        Notification::new(ErrorCode::HEADER, subcode.0, data)
    }
}

/// The peer's OPEN cannot be accepted (RFC 4271 §6.2).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// An optional parameter or a capability overruns its field.
    #[error("an optional parameter of the OPEN is malformed")]
    Malformed,
    /// The peer speaks another version than 4.
    #[error("the peer speaks BGP version {0}; only version 4 is supported")]
    UnsupportedVersion(u8),
    /// The peer is in another AS than configured, or claims AS 0 (RFC 7607).
    #[error("the peer says it is in AS {0}, which is not what was configured")]
    BadPeerAs(Asn),
    /// The identifier is zero, or ours in an internal session (RFC 6286 §2.2).
    #[error("the peer's BGP identifier is zero, or the same as ours")]
    BadIdentifier,
    /// An optional parameter that is not a list of capabilities.
    #[error("optional parameter type {0} is not supported")]
    UnsupportedParameter(u8),
    /// A hold time of one or two seconds.
    #[error("a hold time of {0} s is not allowed: it must be 0 or at least 3")]
    UnacceptableHoldTime(u16),
    /// The two roles do not fit, or the peer did not name one where one is demanded (RFC 9234 §4.2).
    #[error("the BGP roles of the two sides do not fit together")]
    RoleMismatch,
}

impl OpenError {
    /// What the peer is told.
    #[must_use]
    pub fn notification(&self) -> Notification {
        let (subcode, data): (_, &[u8]) = match self {
            Self::Malformed => (OpenSubcode::UNSPECIFIC, &[]),
            Self::UnsupportedVersion(_) => (OpenSubcode::UNSUPPORTED_VERSION, &[0, 4]),
            Self::BadPeerAs(_) => (OpenSubcode::BAD_PEER_AS, &[]),
            Self::BadIdentifier => (OpenSubcode::BAD_BGP_IDENTIFIER, &[]),
            Self::UnsupportedParameter(_) => (OpenSubcode::UNSUPPORTED_PARAMETER, &[]),
            Self::UnacceptableHoldTime(_) => (OpenSubcode::UNACCEPTABLE_HOLD_TIME, &[]),
            Self::RoleMismatch => (OpenSubcode::ROLE_MISMATCH, &[]),
        };
        Notification::new(ErrorCode::OPEN, subcode.0, data)
    }
}

/// What is wrong with an UPDATE (RFC 4271 §6.3, RFC 7606). What follows from it is the
/// [`Verdict`](super::Verdict).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UpdateError {
    /// The two length fields do not add up to the length of the message.
    #[error("the lengths of the UPDATE's fields exceed the message")]
    FieldLengths,
    /// An attribute overruns the attribute block, or too few octets are left for one.
    #[error("a path attribute overruns the attribute block")]
    AttributeOverrun,
    /// MP_REACH_NLRI or MP_UNREACH_NLRI occurs twice.
    #[error("{0} occurs more than once")]
    Duplicate(AttributeType),
    /// The optional, transitive or partial bit conflicts with the attribute's type.
    #[error("the flags of {0} are wrong")]
    Flags(AttributeType),
    /// The length does not fit the attribute's type.
    #[error("the length of {0} is wrong")]
    Length(AttributeType),
    /// A mandatory attribute is absent.
    #[error("{0} is missing")]
    Missing(AttributeType),
    /// An attribute that claims to be well-known, and is not.
    #[error("attribute {0} is marked well-known, but is not known")]
    UnrecognizedWellKnown(AttributeType),
    /// ORIGIN is not IGP, EGP or INCOMPLETE.
    #[error("the value of ORIGIN is undefined")]
    InvalidOrigin,
    /// A segment overruns, is empty, or holds AS 0, a set (RFC 9774) or a confederation.
    #[error("AS_PATH is malformed")]
    MalformedAsPath,
    /// The content of an optional attribute is wrong.
    #[error("the value of {0} is wrong")]
    Optional(AttributeType),
    /// A prefix is longer than its family allows, or overruns its field.
    #[error("a prefix in the UPDATE is malformed")]
    NetworkField,
}

impl UpdateError {
    /// The subcode that tells the peer.
    #[must_use]
    pub const fn subcode(&self) -> UpdateSubcode {
        match self {
            Self::FieldLengths | Self::AttributeOverrun | Self::Duplicate(_) => {
                UpdateSubcode::MALFORMED_ATTRIBUTE_LIST
            }
            Self::Flags(_) => UpdateSubcode::ATTRIBUTE_FLAGS,
            Self::Length(_) => UpdateSubcode::ATTRIBUTE_LENGTH,
            Self::Missing(_) => UpdateSubcode::MISSING_WELL_KNOWN,
            Self::UnrecognizedWellKnown(_) => UpdateSubcode::UNRECOGNIZED_WELL_KNOWN,
            Self::InvalidOrigin => UpdateSubcode::INVALID_ORIGIN,
            Self::MalformedAsPath => UpdateSubcode::MALFORMED_AS_PATH,
            Self::Optional(_) => UpdateSubcode::OPTIONAL_ATTRIBUTE,
            Self::NetworkField => UpdateSubcode::INVALID_NETWORK_FIELD,
        }
    }
}

/// A message that cannot be read. An UPDATE is never here: what is wrong in it is a verdict.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MessageError {
    /// The header is wrong.
    #[error(transparent)]
    Header(#[from] HeaderError),
    /// The OPEN is wrong.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// A ROUTE-REFRESH of a wrong length (RFC 7313 §5): the whole message, for the NOTIFICATION.
    #[error("the length of the ROUTE-REFRESH message is wrong")]
    RefreshLength(alloc::vec::Vec<u8>),
}

impl MessageError {
    /// What the peer is told.
    #[must_use]
    pub fn notification(&self) -> Notification {
        match self {
            Self::Header(error) => error.notification(),
            Self::Open(error) => error.notification(),
            Self::RefreshLength(message) => Notification::new(
                ErrorCode::ROUTE_REFRESH,
                RefreshSubcode::INVALID_LENGTH.0,
                message,
            ),
        }
    }

    /// The type of the message at fault, where its header could be read.
    #[must_use]
    pub const fn message_type(&self) -> Option<MessageType> {
        match self {
            Self::Header(_) => None,
            Self::Open(_) => Some(MessageType::OPEN),
            Self::RefreshLength(_) => Some(MessageType::ROUTE_REFRESH),
        }
    }
}

/// What was to be sent does not fit into a message. The buffer is as it was before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EncodeError {
    /// The message would be longer than the session allows.
    #[error("the message would be longer than the session allows; send fewer attributes")]
    TooLong,
    /// One field holds more than its length octets can say.
    #[error("a field holds more than its length field can say; shorten it")]
    FieldTooLong,
}
