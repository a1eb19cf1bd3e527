//! Frames made by hand.

use std::{io, os::fd::AsRawFd};

use nix::{
    ifaddrs::getifaddrs,
    sys::socket::{LinkAddr, MsgFlags, sendto},
};
use socket2::{Domain, Socket, Type};

use crate::{
    error::{LabError, Result},
    host::Host,
};

impl Host {
    /// Sends a whole frame by an interface, as it is: from the destination's MAC to the end of the
    /// payload, without checksum. Nothing in it is checked, completed or padded.
    ///
    /// ```no_run
    /// # fn f(client: &vipcast_lab::Host) -> vipcast_lab::Result<()> {
    /// let mut question = vec![0xff; 6];
    /// question.extend(client.mac("eth0")?.0);
    /// question.extend([0x08, 0x06, 0, 1, 8, 0, 6, 4, 0, 1]); // ARP for Ethernet and IPv4: who has
    /// question.extend(client.mac("eth0")?.0);
    /// question.extend([172, 18, 2, 1, 0, 0, 0, 0, 0, 0, 172, 18, 1, 1]);
    /// client.send_frame("eth0", &question)
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`LabError::Topology`] if there is no such interface; [`LabError::Io`] for a frame that is
    /// shorter than its header or longer than the interface takes, and for an interface that is
    /// down.
    pub fn send_frame(&self, ifname: &str, frame: &[u8]) -> Result<()> {
        let action = format!("send {} bytes by {ifname} of {}", frame.len(), self.name());
        let (name, frame) = (ifname.to_owned(), frame.to_vec());
        let sent = self.run(move || send(&name, &frame).transpose())?;
        let what = || format!("{} has no interface {ifname}", self.name());
        let sent = sent.ok_or_else(|| LabError::Topology { what: what() })?;
        sent.map_err(LabError::io(action))
    }
}

/// Sends in the namespace of the calling thread; none if it has no such interface.
fn send(ifname: &str, frame: &[u8]) -> io::Result<Option<()>> {
    let Some(interface) = interface(ifname)? else { return Ok(None) };
    // Of no protocol: it receives nothing.
    let socket = Socket::new(Domain::PACKET, Type::RAW, None)?;
    sendto(socket.as_raw_fd(), frame, &interface, MsgFlags::empty())?;
    Ok(Some(()))
}

/// The address of an interface in the namespace of the calling thread, as a packet socket wants it.
pub(crate) fn interface(ifname: &str) -> io::Result<Option<LinkAddr>> {
    let mut all = getifaddrs()?.filter(|entry| entry.interface_name == ifname);
    Ok(all.find_map(|entry| entry.address?.as_link_addr().copied()))
}
