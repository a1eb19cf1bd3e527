//! How interfaces and networks are written.

use ipnet::IpNet;

use crate::error::{LabError, Result};

/// Checks what the kernel would only call an invalid argument.
pub(crate) fn check_ifname(name: &str) -> Result<()> {
    let legal = |byte: u8| byte != b'/' && byte != b':' && byte.is_ascii_graphic();
    if (1..=15).contains(&name.len()) && name.bytes().all(legal) && name != "." && name != ".." {
        return Ok(());
    }
    Err(LabError::BadName { name: name.to_owned() })
}

/// Parses an address with its prefix length.
pub(crate) fn parse_net(text: &str) -> Result<IpNet> {
    text.parse().map_err(|_| LabError::Unparsable {
        text: text.to_owned(),
        wanted: "an address with its prefix length, like 10.0.0.1/24",
    })
}
