use super::{DATA_VALUE, LIST_ELEMENT, SET_ID};
use crate::os::netlink::message::MessageBuilder;

/// A step of a rule. The value goes through register 1; a comparison or look-up that fails ends the
/// rule.
#[derive(Debug, Clone, Copy)]
pub(in crate::os) enum Expression<'a> {
    /// Loads `len` bytes of the ARP packet, from `offset` after the Ethernet header.
    Load { offset: u32, len: u32 },
    /// Loads something that the kernel knows about the packet.
    Meta(MetaKey),
    /// Goes on if the loaded value is this one.
    Equals(&'a [u8]),
    /// Goes on if the loaded value is in the set.
    InSet(&'a str),
    /// Loads a constant.
    Constant(&'a [u8]),
    /// Overwrites `len` bytes of the ARP packet with the loaded value.
    Store { offset: u32, len: u32 },
    /// Counts packets and bytes.
    Counter,
    /// Ends the rule and the chain.
    Verdict(Verdict),
}

#[derive(Debug, Clone, Copy)]
pub(in crate::os) enum MetaKey {
    /// The index of the link that the packet leaves by, in host byte order.
    OutputIndex = 5,
}

#[derive(Debug, Clone, Copy)]
pub(in crate::os) enum Verdict {
    Drop = 0,
}

const REGISTER_VERDICT: u32 = 0;
const REGISTER: u32 = 1;
const NETWORK_HEADER: u32 = 1;

impl Expression<'_> {
    /// Appends the step to a list of steps.
    pub(super) fn append(self, list: MessageBuilder) -> MessageBuilder {
        let (name, data): (_, &dyn Fn(MessageBuilder) -> MessageBuilder) = match self {
            Self::Load { offset, len } => ("payload", &move |data| {
                data.be32(1, REGISTER).be32(2, NETWORK_HEADER).be32(3, offset).be32(4, len)
            }),
            Self::Store { offset, len } => ("payload", &move |data| {
                data.be32(5, REGISTER).be32(2, NETWORK_HEADER).be32(3, offset).be32(4, len)
            }),
            Self::Meta(key) => ("meta", &move |data| data.be32(2, key as u32).be32(1, REGISTER)),
            Self::Equals(value) => ("cmp", &move |data| {
                let equal = 0;
                data.be32(1, REGISTER)
                    .be32(2, equal)
                    .nested(3, |inner| inner.attribute(DATA_VALUE, value))
            }),
            Self::InSet(set) => {
                ("lookup", &move |data| data.be32(2, REGISTER).string(1, set).be32(4, SET_ID))
            }
            Self::Constant(value) => ("immediate", &move |data| {
                data.be32(1, REGISTER).nested(2, |inner| inner.attribute(DATA_VALUE, value))
            }),
            Self::Counter => ("counter", &|data| data),
            Self::Verdict(verdict) => ("immediate", &move |data| {
                data.be32(1, REGISTER_VERDICT).nested(2, |inner| {
                    let code = 1;
                    inner.nested(2, |data| data.be32(code, verdict as u32))
                })
            }),
        };
        list.nested(LIST_ELEMENT, |element| element.string(1, name).nested(2, data))
    }
}
