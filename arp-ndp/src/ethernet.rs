#![deny(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::cast_possible_truncation
)]

use alloc::vec::Vec;

use smoltcp::wire::{self, EthernetAddress, EthernetFrame, EthernetProtocol};

use crate::{MacAddr, Refusal};

/// The outside of a frame, once its priority tags are off.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ethernet<'a> {
    pub(crate) destination: MacAddr,
    pub(crate) source: MacAddr,
    pub(crate) protocol: EthernetProtocol,
    pub(crate) payload: &'a [u8],
}

/// Octets before the payload of an untagged frame.
pub(crate) const HEADER_LEN: usize = 14;

impl<'a> Ethernet<'a> {
    /// Reads a frame. A tag of VLAN 0 is a priority without a VLAN and is skipped; any other says
    /// that the frame belongs to another link (802.1Q, and 802.1ad outside it).
    pub(crate) fn decode(frame: &'a [u8]) -> Result<Self, Refusal> {
        let frame = EthernetFrame::new_checked(frame).map_err(|wire::Error| Refusal::Truncated)?;
        let (mut protocol, mut payload) = (frame.ethertype(), frame.payload());
        while matches!(u16::from(protocol), TAG | SERVICE_TAG) {
            let ([priority, vlan, high, low], rest) =
                payload.split_first_chunk().ok_or(Refusal::Truncated)?;
            if priority & 0x0f != 0 || *vlan != 0 {
                return Err(Refusal::VlanTagged);
            }
            (protocol, payload) = (u16::from_be_bytes([*high, *low]).into(), rest);
        }
        Ok(Self {
            destination: MacAddr(frame.dst_addr().0),
            source: MacAddr(frame.src_addr().0),
            protocol,
            payload,
        })
    }
}

/// Clears the buffer, and lays out a frame with a payload of this many octets, all zero.
pub(crate) fn begin(
    buf: &mut Vec<u8>,
    destination: MacAddr,
    source: MacAddr,
    protocol: EthernetProtocol,
    payload: usize,
) -> EthernetFrame<&mut Vec<u8>> {
    buf.clear();
    buf.resize(HEADER_LEN + payload, 0);
    let mut frame = EthernetFrame::new_unchecked(buf);
    frame.set_dst_addr(EthernetAddress(destination.0));
    frame.set_src_addr(EthernetAddress(source.0));
    frame.set_ethertype(protocol);
    frame
}

const TAG: u16 = 0x8100;
const SERVICE_TAG: u16 = 0x88a8;
