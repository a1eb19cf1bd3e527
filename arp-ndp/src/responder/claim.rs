use core::net::IpAddr;

/// Names a link: its interface index.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkId(pub u32);

/// Names a lease, whose deadline bounds every claim under it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LeaseId(pub u32);

/// The right to speak for an address on a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The address.
    pub address: IpAddr,
    /// The link to answer and announce on.
    pub link: LinkId,
    /// Which tenure this is: a claim with another epoch is announced anew.
    pub epoch: u64,
    /// The lease that bounds it.
    pub lease: LeaseId,
}

/// A frame that came in.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'a> {
    /// The link it came in by.
    pub link: LinkId,
    /// The VLAN that the kernel stripped from it, if it was tagged. 0 is a priority tag alone.
    pub vlan: Option<u16>,
    /// The frame, from the destination address on.
    pub bytes: &'a [u8],
}
