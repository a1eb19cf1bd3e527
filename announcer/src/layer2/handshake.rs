//! The frames of a TCP handshake (RFC 9293 §3.5) that is begun and given up.

use std::net::IpAddr;

use smoltcp::{
    phy::ChecksumCapabilities,
    wire::{
        EthernetAddress, EthernetFrame, EthernetProtocol, EthernetRepr, IpAddress, IpProtocol,
        IpRepr, Ipv4Packet, Ipv6Packet, TcpControl, TcpPacket, TcpRepr, TcpSeqNumber,
    },
};
use vipcast_arp_ndp::MacAddr;

/// One end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct End {
    pub(super) mac: MacAddr,
    pub(super) address: IpAddr,
    pub(super) port: u16,
}

/// An answer to a [`syn`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SynAck {
    pub(super) from: End,
    pub(super) to: End,
    /// The number of the SYN that it answers.
    pub(super) of: u32,
}

/// Asks for a connection.
pub(super) fn syn(from: End, to: End, number: u32, buf: &mut Vec<u8>) {
    segment(from, to, TcpControl::Syn, number, buf);
}

/// Gives it up, so that nothing of it stays at the other end.
pub(super) fn rst(from: End, to: End, number: u32, buf: &mut Vec<u8>) {
    segment(from, to, TcpControl::Rst, number, buf);
}

fn segment(from: End, to: End, control: TcpControl, number: u32, buf: &mut Vec<u8>) {
    let tcp = TcpRepr {
        src_port: from.port,
        dst_port: to.port,
        control,
        seq_number: TcpSeqNumber(number.cast_signed()),
        ack_number: None,
        window_len: u16::MAX,
        window_scale: None,
        max_seg_size: None,
        sack_permitted: false,
        sack_ranges: [None; 3],
        timestamp: None,
        payload: &[],
    };
    let (source, destination) = (IpAddress::from(from.address), IpAddress::from(to.address));
    let protocol = match to.address {
        IpAddr::V4(_) => EthernetProtocol::Ipv4,
        IpAddr::V6(_) => EthernetProtocol::Ipv6,
    };
    let ethernet = EthernetRepr {
        src_addr: EthernetAddress(from.mac.0),
        dst_addr: EthernetAddress(to.mac.0),
        ethertype: protocol,
    };
    let ip = IpRepr::new(source, destination, IpProtocol::Tcp, tcp.buffer_len(), HOPS);
    let checksums = ChecksumCapabilities::default();
    buf.clear();
    buf.resize(ethernet.buffer_len() + ip.buffer_len(), 0);
    let mut frame = EthernetFrame::new_unchecked(buf.as_mut_slice());
    ethernet.emit(&mut frame);
    let packet = frame.payload_mut();
    ip.emit(&mut *packet, &checksums);
    if let Some(rest) = packet.get_mut(ip.header_len()..) {
        let mut rest = TcpPacket::new_unchecked(rest);
        tcp.emit(&mut rest, &source, &destination, &checksums);
    }
}

/// Reads an answer. Its checksum is not looked at: between machines on one host it is left to
/// hardware that is not there, and an answer must repeat a random number anyway.
pub(super) fn syn_ack(frame: &[u8]) -> Option<SynAck> {
    let frame = EthernetFrame::new_checked(frame).ok()?;
    let (from, to, payload): (IpAddr, IpAddr, &[u8]) = match frame.ethertype() {
        EthernetProtocol::Ipv4 => {
            let packet = Ipv4Packet::new_checked(frame.payload()).ok()?;
            let whole = !packet.more_frags() && packet.frag_offset() == 0;
            if packet.next_header() != IpProtocol::Tcp || !whole {
                return None;
            }
            (packet.src_addr().into(), packet.dst_addr().into(), packet.payload())
        }
        EthernetProtocol::Ipv6 => {
            let packet = Ipv6Packet::new_checked(frame.payload()).ok()?;
            if packet.next_header() != IpProtocol::Tcp {
                return None;
            }
            (packet.src_addr().into(), packet.dst_addr().into(), packet.payload())
        }
        _ => return None,
    };
    let tcp = TcpPacket::new_checked(payload).ok()?;
    let agrees = tcp.syn() && tcp.ack() && !tcp.rst() && !tcp.fin();
    agrees.then(|| SynAck {
        from: End { mac: MacAddr(frame.src_addr().0), address: from, port: tcp.src_port() },
        to: End { mac: MacAddr(frame.dst_addr().0), address: to, port: tcp.dst_port() },
        of: tcp.ack_number().0.cast_unsigned().wrapping_sub(1),
    })
}

/// As a kernel's: it may have to pass on to a backend.
const HOPS: u8 = 64;

#[cfg(test)]
mod tests;
