//! The system calls that no safe crate offers: packet socket addresses, options and ancillary data.

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

/// Sets an integer option of level `SOL_PACKET`.
pub(super) fn set_packet_option(fd: BorrowedFd<'_>, option: c_int, value: c_int) -> io::Result<()> {
    // SAFETY: the value is a c_int that lives through the call, and the length is its own.
    check(unsafe {
        libc::setsockopt(
            fd.as_raw_fd(),
            libc::SOL_PACKET,
            option,
            ptr::from_ref(&value).cast(),
            length_of::<c_int>(),
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

/// Receives one frame; what does not fit into `buffer` is cut off. Never waits.
pub(super) fn receive_packet(fd: BorrowedFd<'_>, buffer: &mut [u8]) -> io::Result<PacketMeta> {
    // SAFETY: zero is a valid value for all fields of these C structures (integers, null pointers).
    let (mut address, mut header): (libc::sockaddr_ll, libc::msghdr) = unsafe { mem::zeroed() };
    let mut vector = libc::iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: buffer.len() };
    // u64 for the alignment of cmsghdr; 64 bytes hold one header and one tpacket_auxdata.
    let mut control = [0_u64; 8];
    header.msg_name = ptr::from_mut(&mut address).cast();
    header.msg_namelen = length_of::<libc::sockaddr_ll>();
    header.msg_iov = &mut vector;
    header.msg_iovlen = 1;
    header.msg_control = control.as_mut_ptr().cast();
    header.msg_controllen = size_of_val(&control) as _;
    // SAFETY: all pointers in `header` are to live memory that nothing else uses during the call, each
    // with its own length.
    let received = unsafe { libc::recvmsg(fd.as_raw_fd(), &mut header, libc::MSG_DONTWAIT) };
    let len = usize::try_from(received).map_err(|_| io::Error::last_os_error())?;
    Ok(PacketMeta { len, packet_type: address.sll_pkttype, vlan_tci: vlan_tci(&header) })
}

/// Octets that are kept of each frame of a batch: more than any neighbour message has. No power of
/// two, so that the begins of all frames fit a processor's cache together.
pub(super) const SLOT: usize = 1_600;
/// Frames that one call receives at most.
pub(super) const SLOTS: usize = 32;

/// Receives what waits, up to [`SLOTS`] frames, each into a buffer of its own, and says what came into
/// which. Never waits; it is an error if nothing was there.
pub(super) fn receive_packets(
    fd: BorrowedFd<'_>,
    buffers: &mut [[u8; SLOT]; SLOTS],
    metas: &mut [PacketMeta; SLOTS],
) -> io::Result<usize> {
    // As above: 64 aligned bytes for one header and one tpacket_auxdata.
    let mut controls = [[0_u64; 8]; SLOTS];
    let mut vectors = buffers
        .each_mut()
        .map(|buffer| libc::iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: buffer.len() });
    // SAFETY: zero is a valid value for all fields of this C structure (integers, null pointers).
    let mut headers: [libc::mmsghdr; SLOTS] = unsafe { mem::zeroed() };
    for ((header, vector), control) in headers.iter_mut().zip(&mut vectors).zip(&mut controls) {
        header.msg_hdr.msg_iov = vector;
        header.msg_hdr.msg_iovlen = 1;
        header.msg_hdr.msg_control = control.as_mut_ptr().cast();
        header.msg_hdr.msg_controllen = size_of_val(control) as _;
    }
    // SAFETY: all pointers in the headers are to live memory that nothing else uses during the call,
    // each with its own length, and there are SLOTS headers.
    let received = unsafe {
        libc::recvmmsg(
            fd.as_raw_fd(),
            headers.as_mut_ptr(),
            SLOTS as _,
            libc::MSG_DONTWAIT as _,
            ptr::null_mut(),
        )
    };
    let count = usize::try_from(received).map_err(|_| io::Error::last_os_error())?;
    for (meta, header) in metas.iter_mut().zip(&headers).take(count) {
        let len = header.msg_len as usize;
        *meta = PacketMeta { len, packet_type: 0, vlan_tci: vlan_tci(&header.msg_hdr) };
    }
    Ok(count)
}

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

/// The tag in the `PACKET_AUXDATA` of a message that `recvmsg` has filled in.
fn vlan_tci(header: &libc::msghdr) -> Option<u16> {
    // SAFETY: the caller's control buffer is alive, aligned, and `msg_controllen` long as the kernel
    // set it; the macros stay within it.
    let mut next = unsafe { libc::CMSG_FIRSTHDR(header) };
    while !next.is_null() {
        // SAFETY: not null, so it points to a whole, aligned cmsghdr in the control buffer.
        let control = unsafe { &*next };
        // SAFETY: CMSG_LEN only computes.
        let whole = unsafe { libc::CMSG_LEN(length_of::<libc::tpacket_auxdata>()) };
        if control.cmsg_level == libc::SOL_PACKET
            && control.cmsg_type == libc::PACKET_AUXDATA
            && control.cmsg_len as usize >= whole as usize
        {
            // SAFETY: the length was checked; the data may be unaligned, and is integers only.
            let data: libc::tpacket_auxdata =
                unsafe { ptr::read_unaligned(libc::CMSG_DATA(next).cast()) };
            let valid = data.tp_status & libc::TP_STATUS_VLAN_VALID != 0;
            return valid.then_some(data.tp_vlan_tci);
        }
        // SAFETY: `next` is a header of this message.
        next = unsafe { libc::CMSG_NXTHDR(header, next) };
    }
    None
}

fn check(result: c_int) -> io::Result<()> {
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// The size of a C structure, all of which are small.
const fn length_of<T>() -> libc::socklen_t {
    size_of::<T>() as libc::socklen_t
}
