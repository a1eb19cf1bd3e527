use crate::{NodeName, Segment, Unit};

/// What is said to the machine.
#[derive(Clone, Copy, Debug)]
pub enum BeaconInput<'a> {
    /// A datagram came in.
    Datagram {
        /// By a link of this segment.
        segment: &'a Segment,
        /// The UDP payload.
        bytes: &'a [u8],
    },
    /// Somebody answered an [`Ask`](BeaconTransmit::Ask) or a [`Prove`](BeaconTransmit::Prove) by ARP
    /// or ND.
    Answer {
        /// For which address, and where.
        unit: &'a Unit,
        /// The node whose beacons come from the hardware address that answered; `None` if that
        /// address is no node's.
        by: Option<&'a NodeName>,
    },
    /// The holder accepted a TCP connection that was tried for a [`Prove`](BeaconTransmit::Prove).
    Connected {
        /// To which address, and where.
        unit: &'a Unit,
        /// The node whose beacons come from the hardware address that accepted.
        by: &'a NodeName,
    },
    /// A link of the segment has come, or the last one has gone.
    Link {
        /// Which segment.
        segment: &'a Segment,
        /// Whether there is a link now.
        up: bool,
    },
}

/// What the machine wants sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BeaconTransmit {
    /// The bytes in the buffer, to all nodes of this segment.
    Beacon(Segment),
    /// One ARP request or Neighbor Solicitation for the address: its owner is silent. An answer is
    /// told as [`BeaconInput::Answer`].
    Ask {
        /// Which address, and where.
        unit: Unit,
        /// Who should answer.
        owner: NodeName,
    },
    /// The same, to a living owner: does it serve what it holds? Best sent to the hardware address
    /// that its beacons come from, so that other hosts are not troubled. With
    /// [`ServeProof::connect`](super::ServeProof::connect), open a TCP connection besides, in frames
    /// to that hardware address (a socket might reach this node itself), and tell success as
    /// [`BeaconInput::Connected`]. Silence needs no telling.
    Prove {
        /// Which address, and where.
        unit: Unit,
        /// Who should answer.
        owner: NodeName,
    },
}

/// Something that a person should look at.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Notice {
    /// Another node on the segment has the name of this one. It is not listened to.
    SameName(Segment),
    /// A host that is no node of ours answers for the address.
    ForeignAnswer(Unit),
    /// This node holds the address, and others find that it does not answer for it. It is given up if
    /// another may have it, and has not moved too often of late.
    NotServed(Unit),
    /// The address came here, and has changed its holder five times within
    /// [`MOVES_WINDOW`](crate::placement::MOVES_WINDOW), failovers counted in: a fabric may have
    /// frozen it elsewhere (RFC 7432 §15.1).
    Restless(Unit),
}
