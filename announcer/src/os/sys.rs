//! The system calls that no safe crate offers: packet socket addresses and options, and many frames in one call.

#![allow(unsafe_code)]

use std::{
    ffi::c_int,
    io, mem,
    os::fd::{AsRawFd, BorrowedFd},
    ptr,
};

/// What the kernel says about one received frame.
#[derive(Debug, Clone, Copy)]
pub(super) struct PacketMeta {
    /// Bytes written to the buffer.
    pub(super) len: usize,
    /// `sll_pkttype`: `PACKET_HOST` and so on.
    pub(super) packet_type: u8,
    /// The VLAN tag (TCI) that was stripped off the frame.
    pub(super) vlan_tci: Option<u16>,
}

/// Binds a packet socket to a link and an ethertype (host order).
pub(super) fn bind_packet(fd: BorrowedFd<'_>, index: u32, ethertype: u16) -> io::Result<()> {
    let address = libc::sockaddr_ll {
        sll_family: libc::AF_PACKET as u16,
        sll_protocol: ethertype.to_be(),
        sll_ifindex: index.cast_signed(),
        sll_hatype: 0,
        sll_pkttype: 0,
        sll_halen: 0,
        sll_addr: [0; 8],
    };
    // SAFETY: `address` is a whole sockaddr_ll that lives through the call, and the length is its own.
    check(unsafe {
        libc::bind(fd.as_raw_fd(), ptr::from_ref(&address).cast(), length_of::<libc::sockaddr_ll>())
    })
}

/// Sets an option of level `SOL_PACKET`, an integer or a structure of integers.
pub(super) fn set_packet_option<T: Copy>(
    fd: BorrowedFd<'_>,
    option: c_int,
    value: &T,
) -> io::Result<()> {
    // SAFETY: the value lives through the call, and the length is its own.
    check(unsafe {
        libc::setsockopt(
            fd.as_raw_fd(),
            libc::SOL_PACKET,
            option,
            ptr::from_ref(value).cast(),
            length_of::<T>(),
        )
    })
}

/// Frames passed on and frames dropped since the last call: the kernel resets both.
pub(super) fn packet_statistics(fd: BorrowedFd<'_>) -> io::Result<(u32, u32)> {
    let mut statistics = libc::tpacket_stats { tp_packets: 0, tp_drops: 0 };
    let mut length = length_of::<libc::tpacket_stats>();
    // SAFETY: the kernel writes at most `length` bytes, which is the size of `statistics`, whose two
    // integers any bytes are valid for.
    check(unsafe {
        libc::getsockopt(
            fd.as_raw_fd(),
            libc::SOL_PACKET,
            libc::PACKET_STATISTICS,
            ptr::from_mut(&mut statistics).cast(),
            &mut length,
        )
    })?;
    // The kernel counts drops among the packets.
    Ok((statistics.tp_packets.wrapping_sub(statistics.tp_drops), statistics.tp_drops))
}

/// Octets that are kept of each frame of a batch: more than any neighbour message has. No power of
/// two, so that the begins of all frames fit a processor's cache together.
pub(super) const SLOT: usize = 1_600;
/// Frames that are taken in one go, and that one call sends, at most.
pub(super) const SLOTS: usize = 32;

/// Sends frames, [`SLOTS`] at most, and says how many of them are in the link's queue; the rest found
/// it full. Never waits; it is an error if none could be sent.
pub(super) fn send_packets<'a>(
    fd: BorrowedFd<'_>,
    frames: impl Iterator<Item = &'a [u8]>,
) -> io::Result<usize> {
    // SAFETY: zero is a valid value for all fields of these C structures (integers, null pointers).
    let (mut vectors, mut headers): ([libc::iovec; SLOTS], [libc::mmsghdr; SLOTS]) =
        unsafe { mem::zeroed() };
    let mut count = 0;
    for ((header, vector), frame) in headers.iter_mut().zip(&mut vectors).zip(frames) {
        // The kernel only reads from it.
        vector.iov_base = frame.as_ptr().cast_mut().cast();
        vector.iov_len = frame.len();
        header.msg_hdr.msg_iov = vector;
        header.msg_hdr.msg_iovlen = 1;
        count += 1;
    }
    // SAFETY: the first `count` headers, which are no more than there are, point to live memory, each
    // with its own length; the kernel writes to the headers alone.
    let sent = unsafe {
        libc::sendmmsg(fd.as_raw_fd(), headers.as_mut_ptr(), count, libc::MSG_DONTWAIT as _)
    };
    usize::try_from(sent).map_err(|_| io::Error::last_os_error())
}

fn check(result: c_int) -> io::Result<()> {
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// The size of a C structure, all of which are small.
const fn length_of<T>() -> libc::socklen_t {
    size_of::<T>() as libc::socklen_t
}
