//! UPDATE messages of every shape, and how ours reads and writes them.

use std::net::IpAddr;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use vipcast_bgp_proto::{
    Asn,
    wire::{Attributes, DecodeContext, Family, Frame, NlriField, Update, UpdateWriter, Verdict},
};

/// A message, and what it announces.
#[derive(Clone, Debug)]
pub struct Message {
    /// The shape, for people.
    pub name: &'static str,
    /// From the marker on.
    pub bytes: Vec<u8>,
    /// In the order of the message.
    pub prefixes: Vec<IpNet>,
}

impl Message {
    /// Whether its prefixes are IPv4 ones.
    #[must_use]
    pub fn is_ipv4(&self) -> bool {
        matches!(self.prefixes.first(), Some(IpNet::V4(_)))
    }
}

/// ORIGIN, an AS path of two, and the next hop where the prefixes follow the attributes.
#[must_use]
pub fn attributes(ipv4: bool) -> Attributes {
    Attributes {
        as_path: vec![Asn(65001), Asn(65002)],
        next_hop: ipv4.then(|| [192, 0, 2, 1].into()),
        ..Attributes::default()
    }
}

/// Where the prefixes of a family go.
#[must_use]
pub fn field(ipv4: bool) -> NlriField {
    if ipv4 {
        return NlriField::Nlri;
    }
    let next_hop = IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, 0, 1]).into();
    NlriField::MpReach { family: Family::IPV6_UNICAST, next_hop }
}

/// The shapes: full messages of one length and of many, in both families, and a small one.
#[must_use]
pub fn messages() -> Vec<Message> {
    // In equal parts: any length from 8 to 32, 24, 22, 20. As MetalLB's users write pools, and as the table of the
    // Internet has them.
    let mut state = 1_u32;
    let mixed: Vec<u8> = (0..2000)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            [8 + (state % 25) as u8, 24, 22, 20][(state >> 8) as usize % 4]
        })
        .collect();
    vec![
        message("IPv4, full, /32", true, usize::MAX, |_| 32),
        message("IPv4, full, mixed", true, usize::MAX, |at| mixed[at % mixed.len()]),
        message("IPv4, full, /24", true, usize::MAX, |_| 24),
        message("IPv4, three /24", true, 3, |_| 24),
        message("IPv6, full, /128", false, usize::MAX, |_| 128),
        message("IPv6, full, /48", false, usize::MAX, |_| 48),
    ]
}

fn message(name: &'static str, ipv4: bool, most: usize, len: impl Fn(usize) -> u8) -> Message {
    let mut block = Vec::new();
    attributes(ipv4).encode(true, &mut block).expect("fits");
    let mut bytes = Vec::new();
    let mut writer = UpdateWriter::new(&mut bytes, field(ipv4), &block, 4096).expect("fits");
    let mut prefixes = Vec::new();
    for at in 0..most {
        let address: IpAddr = if ipv4 {
            // Below multicast, which one of the rivals refuses.
            (0x0a00_0000 + (at as u32).wrapping_mul(2_654_435_761) % 0x00ff_ffff)
                .to_be_bytes()
                .into()
        } else {
            ((0x2001_0db8 << 96) | (at as u128) << 80 | at as u128).to_be_bytes().into()
        };
        let prefix = IpNet::new(address, len(at)).expect("short enough").trunc();
        if !writer.push(None, prefix) {
            break;
        }
        prefixes.push(prefix);
    }
    writer.finish();
    Message { name, bytes, prefixes }
}

/// What a session with four-octet AS numbers and both families has agreed on.
#[must_use]
pub fn context() -> DecodeContext {
    DecodeContext::new(false, &[Family::IPV4_UNICAST, Family::IPV6_UNICAST])
}

/// The fold of an IPv4 prefix, the same for everybody.
#[must_use]
#[inline]
pub const fn fold_ipv4(sum: u64, address: u32, len: u8) -> u64 {
    sum.wrapping_add(address as u64 ^ len as u64)
}

/// The fold of an IPv6 prefix, the same for everybody.
#[must_use]
#[inline]
pub const fn fold_ipv6(sum: u64, address: u128, len: u8) -> u64 {
    sum.wrapping_add(address as u64 ^ (address >> 64) as u64 ^ len as u64)
}

/// Ours: the header, the verdict of RFC 7606, and every prefix.
///
/// # Panics
///
/// When the verdict is not to accept.
#[must_use]
pub fn decode(bytes: &[u8], context: &DecodeContext) -> u64 {
    let frame = Frame::new(bytes, false).expect("sound");
    let update = Update::decode(frame.body(), context);
    assert_eq!(update.verdict(), Verdict::Accept);
    update.reachable().fold(0, |sum, nlri| {
        let sum = nlri
            .ipv4()
            .fold(sum, |sum, (_, net)| fold_ipv4(sum, net.addr().to_bits(), net.prefix_len()));
        nlri.ipv6()
            .fold(sum, |sum, (_, net)| fold_ipv6(sum, net.addr().to_bits(), net.prefix_len()))
    })
}

/// Prefixes by family, of which one is empty.
#[derive(Clone, Debug)]
pub struct Prefixes(Vec<Ipv4Net>, Vec<Ipv6Net>);

impl Prefixes {
    /// Those of a message.
    #[must_use]
    pub fn of(message: &Message) -> Self {
        let all = || message.prefixes.iter().copied();
        let ipv4 = |net| if let IpNet::V4(net) = net { Some(net) } else { None };
        let ipv6 = |net| if let IpNet::V6(net) = net { Some(net) } else { None };
        Self(all().filter_map(ipv4).collect(), all().filter_map(ipv6).collect())
    }
}

/// Ours: attributes and every prefix, into a buffer that is used again.
///
/// # Panics
///
/// When they do not fit.
pub fn encode(ipv4: bool, attributes: &Attributes, prefixes: &Prefixes, to: &mut Buffers) {
    to.block.clear();
    attributes.encode(true, &mut to.block).expect("fits");
    to.message.clear();
    let mut writer =
        UpdateWriter::new(&mut to.message, field(ipv4), &to.block, 4096).expect("fits");
    assert_eq!(writer.push_ipv4(&prefixes.0), prefixes.0.len());
    assert_eq!(writer.push_ipv6(&prefixes.1), prefixes.1.len());
    writer.finish();
}

/// Ours as the speaker does it: the prefixes are kept in their wire form.
///
/// # Panics
///
/// When they do not fit.
pub fn encode_kept(ipv4: bool, attributes: &[u8], prefixes: &[u8], to: &mut Buffers) {
    to.message.clear();
    let mut writer =
        UpdateWriter::new(&mut to.message, field(ipv4), attributes, 4096).expect("fits");
    assert!(writer.push_encoded(prefixes));
    writer.finish();
}

/// Appends the wire form of a prefix.
pub fn put_prefix(buf: &mut Vec<u8>, prefix: IpNet) {
    vipcast_bgp_proto::wire::put_prefix(buf, None, prefix);
}

/// What writing needs.
#[derive(Clone, Debug, Default)]
pub struct Buffers {
    /// The message.
    pub message: Vec<u8>,
    block: Vec<u8>,
}
