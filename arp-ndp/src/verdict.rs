use core::fmt;

/// What became of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// It asks for an address that we hold: an answer is queued.
    Answered,
    /// It is well formed and nothing to us: it asks for an address that we do not hold, or answers
    /// somebody.
    NotForUs,
    /// It shows another host that uses an address of ours. It is not answered.
    Conflict,
    /// It answers the question that an address of ours asked its sender.
    Acknowledged,
    /// It shows another host that uses an address that we check, or checks it too.
    InUse,
    /// It is refused, and counted by reason.
    Refused(Refusal),
}

/// Why a frame is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Refusal {
    /// It ends before what its headers promise.
    Truncated,
    /// It is neither ARP nor a Neighbor Solicitation or Advertisement.
    NotArpNorNdp,
    /// Its hardware or protocol is not Ethernet or IPv4, or their lengths are not 6 and 4.
    NotIpv4OverEthernet,
    /// The operation of an ARP packet is neither request nor reply.
    UnknownOperation,
    /// A router may have forwarded it: the IPv6 hop limit is not 255.
    HopLimit,
    /// The ICMPv6 code is not 0.
    Code,
    /// The ICMPv6 checksum is wrong.
    Checksum,
    /// An NDP option has the length 0, or ends past the message.
    OptionLength,
    /// The link-layer address option is not for an Ethernet address.
    LinkLayerOption,
    /// The target of an NDP message is a group.
    Target,
    /// A solicitation from `::` names a link-layer address, or does not go to the target's
    /// solicited-node group.
    UnspecifiedSource,
    /// An advertisement to a group says that it was solicited.
    SolicitedToGroup,
    /// It came in by a link that is not ours.
    UnknownLink,
    /// It carries a VLAN tag: it belongs to another link than the one it came in by.
    VlanTagged,
    /// It is addressed to another host, or to a group that we did not join.
    NotAddressedToUs,
    /// It came from an address of our own: an echo, or a forgery.
    FromUs,
    /// The frame or the sender names a hardware address that is zero or a group: an answer would
    /// go to many.
    SenderMac,
    /// The sender's protocol address is multicast, broadcast or loopback.
    SenderAddress,
    /// The claim's lease has expired: this node slept, or hangs.
    LeaseExpired,
    /// More questions are waiting to be answered than the queue holds.
    QueueFull,
    /// This requester has been answered more often than it may be.
    RequesterRate,
    /// All together have been answered more often than they may be.
    TotalRate,
}

impl Refusal {
    /// All reasons, in their order.
    pub const ALL: [Self; 22] = [
        Self::Truncated,
        Self::NotArpNorNdp,
        Self::NotIpv4OverEthernet,
        Self::UnknownOperation,
        Self::HopLimit,
        Self::Code,
        Self::Checksum,
        Self::OptionLength,
        Self::LinkLayerOption,
        Self::Target,
        Self::UnspecifiedSource,
        Self::SolicitedToGroup,
        Self::UnknownLink,
        Self::VlanTagged,
        Self::NotAddressedToUs,
        Self::FromUs,
        Self::SenderMac,
        Self::SenderAddress,
        Self::LeaseExpired,
        Self::QueueFull,
        Self::RequesterRate,
        Self::TotalRate,
    ];

    /// A short name that never changes, for metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Truncated => "truncated",
            Self::NotArpNorNdp => "not_arp_nor_ndp",
            Self::NotIpv4OverEthernet => "not_ipv4_over_ethernet",
            Self::UnknownOperation => "unknown_operation",
            Self::HopLimit => "hop_limit",
            Self::Code => "code",
            Self::Checksum => "checksum",
            Self::OptionLength => "option_length",
            Self::LinkLayerOption => "link_layer_option",
            Self::Target => "target",
            Self::UnspecifiedSource => "unspecified_source",
            Self::SolicitedToGroup => "solicited_to_group",
            Self::UnknownLink => "unknown_link",
            Self::VlanTagged => "vlan_tagged",
            Self::NotAddressedToUs => "not_addressed_to_us",
            Self::FromUs => "from_us",
            Self::SenderMac => "sender_mac",
            Self::SenderAddress => "sender_address",
            Self::LeaseExpired => "lease_expired",
            Self::QueueFull => "queue_full",
            Self::RequesterRate => "requester_rate",
            Self::TotalRate => "total_rate",
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl core::error::Error for Refusal {}
