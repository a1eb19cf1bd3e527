//! Frames written by hand, field by field, independent of the code that is tested.

use std::net::{Ipv4Addr, Ipv6Addr};

use vipcast_lab::Mac;

/// An ARP packet in its frame (RFC 826). All fields may be wrong.
#[derive(Clone, Debug)]
pub(crate) struct Arp {
    pub(crate) destination: Mac,
    pub(crate) source: Mac,
    pub(crate) hardware: u16,
    pub(crate) protocol: u16,
    pub(crate) lengths: [u8; 2],
    pub(crate) operation: u16,
    pub(crate) sha: Mac,
    pub(crate) spa: Ipv4Addr,
    pub(crate) tha: Mac,
    pub(crate) tpa: Ipv4Addr,
}

impl Arp {
    /// A broadcast question for `tpa`.
    pub(crate) const fn question(source: Mac, spa: Ipv4Addr, tpa: Ipv4Addr) -> Self {
        Self {
            destination: Mac::BROADCAST,
            source,
            hardware: 1,
            protocol: 0x0800,
            lengths: [6, 4],
            operation: 1,
            sha: source,
            spa,
            tha: Mac::ZERO,
            tpa,
        }
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut bytes = [self.destination.0, self.source.0].concat();
        bytes.extend([0x08, 0x06]);
        bytes.extend(self.hardware.to_be_bytes());
        bytes.extend(self.protocol.to_be_bytes());
        bytes.extend(self.lengths);
        bytes.extend(self.operation.to_be_bytes());
        bytes.extend(self.sha.0);
        bytes.extend(self.spa.octets());
        bytes.extend(self.tha.0);
        bytes.extend(self.tpa.octets());
        bytes
    }
}

/// A neighbour solicitation or advertisement in its frame (RFC 4861 4.3, 4.4).
#[derive(Clone, Debug)]
pub(crate) struct Nd {
    pub(crate) destination: Mac,
    pub(crate) source: Mac,
    pub(crate) hop_limit: u8,
    pub(crate) from: Ipv6Addr,
    pub(crate) to: Ipv6Addr,
    /// 135 or 136.
    pub(crate) kind: u8,
    pub(crate) code: u8,
    /// R, S and O in the topmost bits; the rest is reserved.
    pub(crate) flags: u32,
    pub(crate) target: Ipv6Addr,
    pub(crate) options: Vec<u8>,
    /// Added to the right checksum.
    pub(crate) checksum_off_by: u16,
}

pub(crate) const SOLICITED: u32 = 1 << 30;
pub(crate) const OVERRIDE: u32 = 1 << 29;
pub(crate) const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);

/// The group that questions for an address go to (RFC 4291 2.7.1).
pub(crate) fn solicited_node(address: Ipv6Addr) -> Ipv6Addr {
    let [.., a, b, c] = address.octets();
    Ipv6Addr::new(0xff02, 0, 0, 0, 0, 1, 0xff00 | u16::from(a), u16::from_be_bytes([b, c]))
}

/// Where frames to a group go (RFC 2464 7).
pub(crate) fn group_mac(group: Ipv6Addr) -> Mac {
    let [.., a, b, c, d] = group.octets();
    Mac([0x33, 0x33, a, b, c, d])
}

/// The source or target link-layer address option of Ethernet.
pub(crate) fn link_layer(kind: u8, mac: Mac) -> Vec<u8> {
    [&[kind, 1], &mac.0[..]].concat()
}

impl Nd {
    /// A multicast question for `target` with the source's link-layer address.
    pub(crate) fn question(source: Mac, from: Ipv6Addr, target: Ipv6Addr) -> Self {
        let to = solicited_node(target);
        Self {
            destination: group_mac(to),
            source,
            hop_limit: 255,
            from,
            to,
            kind: 135,
            code: 0,
            flags: 0,
            target,
            options: link_layer(1, source),
            checksum_off_by: 0,
        }
    }

    /// An advertisement of `target` at `source` to all nodes.
    pub(crate) fn advertisement(source: Mac, target: Ipv6Addr, flags: u32) -> Self {
        Self {
            destination: group_mac(ALL_NODES),
            from: target,
            to: ALL_NODES,
            kind: 136,
            flags,
            options: link_layer(2, source),
            ..Self::question(source, target, target)
        }
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut message = vec![self.kind, self.code, 0, 0];
        message.extend(self.flags.to_be_bytes());
        message.extend(self.target.octets());
        message.extend(&self.options);
        let length = u16::try_from(message.len()).unwrap();
        let mut summed = [self.from.octets(), self.to.octets()].concat();
        summed.extend(u32::from(length).to_be_bytes());
        summed.extend([0, 0, 0, 58]);
        summed.extend(&message);
        summed.resize(summed.len().next_multiple_of(2), 0);
        let words = summed.chunks(2).map(|word| u32::from(u16::from_be_bytes([word[0], word[1]])));
        let mut sum: u32 = words.sum();
        while sum > 0xffff {
            sum = (sum & 0xffff) + (sum >> 16);
        }
        let checksum = (!(sum as u16)).wrapping_add(self.checksum_off_by);
        message[2..4].copy_from_slice(&checksum.to_be_bytes());

        let mut bytes = [self.destination.0, self.source.0].concat();
        bytes.extend([0x86, 0xdd, 0x60, 0, 0, 0]);
        bytes.extend(length.to_be_bytes());
        bytes.extend([58, self.hop_limit]);
        bytes.extend(self.from.octets());
        bytes.extend(self.to.octets());
        bytes.extend(message);
        bytes
    }
}
