//! Kernel settings of a network namespace.

use std::{fs, io, path::Path};

use crate::error::{LabError, Result};

/// The same start for every host, whatever the machine beneath was tuned to: addresses are usable
/// at once, nobody is solicited, ARP behaves as the kernel's own defaults say.
pub(crate) const HOST: &[(&str, &str)] = &[
    ("net.ipv4.ip_forward", "0"),
    ("net.ipv4.ping_group_range", "0 0"),
    ("net.ipv4.conf.all.rp_filter", "0"),
    ("net.ipv4.conf.default.rp_filter", "0"),
    ("net.ipv4.conf.all.arp_ignore", "0"),
    ("net.ipv4.conf.default.arp_ignore", "0"),
    ("net.ipv4.conf.all.arp_announce", "0"),
    ("net.ipv4.conf.default.arp_announce", "0"),
    ("net.ipv4.conf.all.arp_filter", "0"),
    ("net.ipv4.conf.default.arp_filter", "0"),
    ("net.ipv4.conf.all.arp_accept", "0"),
    ("net.ipv4.conf.default.arp_accept", "0"),
    ("net.ipv4.conf.all.arp_notify", "0"),
    ("net.ipv4.conf.default.arp_notify", "0"),
    ("net.ipv6.conf.all.disable_ipv6", "0"),
    ("net.ipv6.conf.default.disable_ipv6", "0"),
    ("net.ipv6.conf.all.forwarding", "0"),
    ("net.ipv6.conf.default.accept_ra", "0"),
    ("net.ipv6.conf.default.autoconf", "0"),
    ("net.ipv6.conf.all.accept_dad", "0"),
    ("net.ipv6.conf.default.accept_dad", "0"),
    ("net.ipv6.conf.default.dad_transmits", "0"),
    ("net.ipv6.conf.default.router_solicitations", "0"),
];

/// For a namespace that holds nothing but a switch.
pub(crate) const NO_IPV6: &[(&str, &str)] =
    &[("net.ipv6.conf.all.disable_ipv6", "1"), ("net.ipv6.conf.default.disable_ipv6", "1")];

/// For a namespace that holds nothing but a switch which asks for group members: it has a link-local
/// address at once, and solicits nobody.
pub(crate) const QUERIER: &[(&str, &str)] = &[
    ("net.ipv6.conf.default.disable_ipv6", "0"),
    ("net.ipv6.conf.default.accept_ra", "0"),
    ("net.ipv6.conf.default.accept_dad", "0"),
    ("net.ipv6.conf.default.dad_transmits", "0"),
    ("net.ipv6.conf.default.router_solicitations", "0"),
];

/// For a host that passes packets on.
pub(crate) const ROUTER: &[(&str, &str)] =
    &[("net.ipv4.ip_forward", "1"), ("net.ipv6.conf.all.forwarding", "1")];

/// Writes settings in the namespace of the calling thread. A kernel without IPv6 has none of its
/// settings; that is no error here.
pub(crate) fn write_all(settings: &[(&str, &str)]) -> Result<()> {
    for (name, value) in settings {
        match write(name, value) {
            Err(LabError::Io { source, .. })
                if source.kind() == io::ErrorKind::NotFound && name.starts_with("net.ipv6.") => {}
            other => other?,
        }
    }
    Ok(())
}

/// Writes one setting. Dots separate; a name with a slash is taken as a path, for interface names
/// that contain a dot.
pub(crate) fn write(name: &str, value: &str) -> Result<()> {
    fs::write(path(name), value).map_err(LabError::io(format!("set {name} to {value}")))
}

/// Reads one setting, without the line's end.
pub(crate) fn read(name: &str) -> Result<String> {
    let text = fs::read_to_string(path(name)).map_err(LabError::io(format!("read {name}")))?;
    Ok(text.trim_end().to_owned())
}

fn path(name: &str) -> std::path::PathBuf {
    let relative = if name.contains('/') { name.to_owned() } else { name.replace('.', "/") };
    Path::new("/proc/sys").join(relative)
}
