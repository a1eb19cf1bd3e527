//! Builds UPDATEs octet by octet, so that a test can break each of them.

#![allow(dead_code, reason = "each test file uses a part")]

pub(crate) mod net;
pub(crate) mod node;

use vipcast_bgp_proto::wire::{DecodeContext, Family, FamilyContext};

/// An UPDATE's body from its three fields.
pub(crate) fn update(withdrawn: &[u8], attributes: &[u8], nlri: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    body.extend_from_slice(&u16::try_from(withdrawn.len()).unwrap().to_be_bytes());
    body.extend_from_slice(withdrawn);
    body.extend_from_slice(&u16::try_from(attributes.len()).unwrap().to_be_bytes());
    body.extend_from_slice(attributes);
    body.extend_from_slice(nlri);
    body
}

/// One attribute with a length octet.
pub(crate) fn attribute(flags: u8, kind: u8, value: &[u8]) -> Vec<u8> {
    let mut bytes = vec![flags, kind, u8::try_from(value.len()).unwrap()];
    bytes.extend_from_slice(value);
    bytes
}

pub(crate) fn origin() -> Vec<u8> {
    attribute(0x40, 1, &[0])
}

/// 65001, as four octets.
pub(crate) fn as_path() -> Vec<u8> {
    attribute(0x40, 2, &[2, 1, 0, 0, 0xFD, 0xE9])
}

pub(crate) fn next_hop() -> Vec<u8> {
    attribute(0x40, 3, &[192, 0, 2, 1])
}

pub(crate) fn local_pref() -> Vec<u8> {
    attribute(0x40, 5, &[0, 0, 0, 100])
}

/// What every external IPv4 route needs.
pub(crate) fn mandatory() -> Vec<u8> {
    [origin(), as_path(), next_hop()].concat()
}

/// 10.0.0.1/32.
pub(crate) const HOST: [u8; 5] = [32, 10, 0, 0, 1];

/// 2001:db8::/32 with next hop 2001:db8::1.
pub(crate) fn mp_reach_value() -> Vec<u8> {
    let mut value = vec![0, 2, 1, 16];
    value.extend_from_slice(&[0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
    value.extend_from_slice(&[0, 32, 0x20, 0x01, 0x0d, 0xb8]);
    value
}

pub(crate) fn mp_reach() -> Vec<u8> {
    attribute(0x80, 14, &mp_reach_value())
}

/// Both unicast families, from another AS.
pub(crate) fn external() -> DecodeContext {
    DecodeContext::new(false, &[Family::IPV4_UNICAST, Family::IPV6_UNICAST])
}

/// Both unicast families, from our AS.
pub(crate) fn internal() -> DecodeContext {
    DecodeContext::new(true, &[Family::IPV4_UNICAST, Family::IPV6_UNICAST])
}

pub(crate) fn with_path_ids(mut context: DecodeContext) -> DecodeContext {
    for family in &mut context.families {
        *family = FamilyContext { add_path: true, ..*family };
    }
    context
}
