use std::net::IpAddr;

use vipcast_ipam::AddressRange;

use crate::Problem;

/// A CIDR or `first-last`; MetalLB takes no address without a prefix length.
pub(crate) fn metallb_range(text: &str) -> Result<AddressRange, Problem> {
    if let Ok(address) = text.trim().parse::<IpAddr>() {
        return Err(Problem::LoneAddress { address });
    }
    text.parse().map_err(Problem::BadRange)
}
