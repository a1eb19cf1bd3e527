//! Bytes to messages and back: RFC 4271 §4, with the extensions that an announcer meets.
//!
//! [`Framer`] cuts a TCP stream into [`Frame`]s. [`Message::decode`] reads one of them. All messages
//! are owned values, except UPDATE: an [`Update`] borrows the frame, was validated in one pass, and
//! carries the [`Verdict`] of RFC 7606; its prefixes and attributes are read when asked for, without
//! an allocation. Writers append to the caller's buffer.
//!
//! Code points that this crate does not know are carried: every registry is a newtype with named
//! constants. IPv4 and IPv6 unicast are typed; the NLRI of other families are handed out as bytes.

#![deny(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::cast_possible_truncation
)]

mod as_path;
mod attribute;
mod attributes;
mod capability;
mod community;
mod error;
mod framer;
mod iana;
mod message;
mod multiprotocol;
mod nlri;
mod notification;
mod open;
mod reader;
mod refresh;
mod update;
mod validate;
mod writer;

pub use as_path::{AsPath, Asns, Segment, SegmentKind, Segments, merge_as4_path};
pub use attribute::{
    Aggregator, AttributeFlags, Elements, Origin, PathAttribute, PathAttributes, RawAttribute,
};
pub use attributes::{Attributes, OtherAttribute};
pub use capability::{
    AddPathMode, Capability, GracefulRestart, GracefulRestartFamily, LongLivedFamily, Role,
};
pub use community::{Community, Element, ExtendedCommunity, LargeCommunity};
pub use error::{EncodeError, HeaderError, MessageError, OpenError, UpdateError};
pub use framer::{Frame, Framer};
pub use iana::{
    Afi, AttributeType, CapabilityCode, CeaseSubcode, ErrorCode, Family, FsmSubcode, HeaderSubcode,
    MessageType, OpenSubcode, RefreshSubcode, RefreshSubtype, Safi, UpdateSubcode,
};
pub use message::{Message, encode_keepalive};
pub use multiprotocol::{MpReach, MpUnreach, NextHop};
pub use nlri::{Ipv4Prefixes, Ipv6Prefixes, Nlri, PathId, Prefixes, put_prefix};
pub use notification::Notification;
pub use open::Open;
pub use refresh::RouteRefresh;
pub use update::{Update, Verdict};
pub use validate::{DecodeContext, FamilyContext, MultiprotocolErrors};
pub use writer::{NlriField, UpdateWriter, encode_end_of_rib};

/// Octets of the header: marker, length, type (RFC 4271 §4.1).
pub const HEADER_LEN: usize = 19;
/// The longest message without RFC 8654.
pub const MAX_MESSAGE_LEN: usize = 4096;
/// The longest message with RFC 8654; OPEN and KEEPALIVE stay within [`MAX_MESSAGE_LEN`].
pub const MAX_EXTENDED_MESSAGE_LEN: usize = 65_535;
