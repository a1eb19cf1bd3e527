//! Received frames in memory that the kernel shares with us: to take one costs no system call.

#![allow(unsafe_code)]

use std::{
    cell::Cell,
    ffi::c_int,
    fmt, io,
    os::fd::{AsRawFd, BorrowedFd},
    ptr::{self, NonNull},
    sync::atomic::{AtomicU32, Ordering},
};

use super::{
    filter::FrameKind,
    sys::{PacketMeta, set_packet_option},
};

/// The receive ring of one packet socket (`PACKET_RX_RING`, `TPACKET_V2`): slots of one size, which
/// the kernel fills in turn and which we give back in turn. A frame that finds its slot not given back
/// is dropped, and counted.
///
/// The third version of the ring hands over blocks, a lone frame only after a timeout.
pub(super) struct Ring {
    base: NonNull<u8>,
    shape: Shape,
    /// The slot that the kernel fills next, or has filled.
    next: Cell<usize>,
}

/// How many frames a ring holds, and how much of each.
#[derive(Debug, Clone, Copy)]
struct Shape {
    /// Octets of a slot, 66 of which are the kernel's.
    slot: usize,
    slots: usize,
}

/// The memory comes in blocks: a multiple of the slots and of any kernel's pages.
const BLOCK: usize = 64 * 1024;

/// Where the link-layer address begins in a slot.
const ADDRESS: usize = size_of::<libc::tpacket2_hdr>().next_multiple_of(libc::TPACKET_ALIGNMENT);

impl Shape {
    /// Of ARP, whatever fills the shortest Ethernet frame: 128 KiB in all. Of ND, more than a whole
    /// Ethernet frame: 512 KiB. Few slots, so that a queue is never old.
    const fn of(kind: FrameKind) -> Self {
        match kind {
            FrameKind::Arp => Self { slot: 128, slots: 1024 },
            FrameKind::Nd => Self { slot: 2048, slots: 256 },
        }
    }

    const fn len(self) -> usize {
        self.slot * self.slots
    }
}

impl Ring {
    /// Gives the socket, which is not bound yet, a ring instead of its receive queue.
    pub(super) fn new(fd: BorrowedFd<'_>, kind: FrameKind) -> io::Result<Self> {
        let shape = Shape::of(kind);
        let request = libc::tpacket_req {
            tp_block_size: BLOCK as _,
            tp_block_nr: (shape.len() / BLOCK) as _,
            tp_frame_size: shape.slot as _,
            tp_frame_nr: shape.slots as _,
        };
        set_packet_option(
            fd,
            libc::PACKET_VERSION,
            &(libc::tpacket_versions::TPACKET_V2 as c_int),
        )?;
        set_packet_option(fd, libc::PACKET_RX_RING, &request)?;
        let access = libc::PROT_READ | libc::PROT_WRITE;
        // SAFETY: no address is asked for, so nothing that is mapped is replaced.
        let base = unsafe {
            libc::mmap(ptr::null_mut(), shape.len(), access, libc::MAP_SHARED, fd.as_raw_fd(), 0)
        };
        if base == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let base = NonNull::new(base.cast()).ok_or(io::ErrorKind::OutOfMemory)?;
        Ok(Self { base, shape, next: Cell::new(0) })
    }

    /// Copies the next frame into `buffer`, as much of it as fits, and gives its slot back. `None` where
    /// the kernel has not filled it.
    pub(super) fn take(&self, buffer: &mut [u8]) -> Option<PacketMeta> {
        let (Shape { slot: size, slots }, next) = (self.shape, self.next.get());
        // SAFETY: `next` is less than `slots`, so this is the begin of a slot in the mapping.
        let slot = unsafe { self.base.add(next * size) };
        // SAFETY: a slot begins with its status, and is aligned to 16; the mapping lives as long as
        // `self`. The kernel writes the status as one word.
        let status = unsafe { AtomicU32::from_ptr(slot.cast().as_ptr()) };
        // Acquire: what the kernel wrote before it is seen.
        let state = status.load(Ordering::Acquire);
        if state & libc::TP_STATUS_USER == 0 {
            return None;
        }
        // SAFETY: the slot is filled, so the kernel leaves it alone until it is given back; no other
        // thread has this ring. It begins with both structures, aligned, of integers only.
        let (header, address) = unsafe {
            let header: libc::tpacket2_hdr = slot.cast().read();
            let address: libc::sockaddr_ll = slot.add(ADDRESS).cast().read();
            (header, address)
        };
        // The frame lies within its slot. That it does is not left to the kernel alone.
        let begin = usize::from(header.tp_mac).min(size);
        let len = (header.tp_snaplen as usize).min(size - begin).min(buffer.len());
        // SAFETY: `len` octets from `begin` on are within the slot, and as many are in `buffer`, which
        // is not part of the mapping.
        unsafe { ptr::copy_nonoverlapping(slot.add(begin).as_ptr(), buffer.as_mut_ptr(), len) };
        // Release: all of it is read before the kernel writes again.
        status.store(libc::TP_STATUS_KERNEL, Ordering::Release);
        self.next.set((next + 1) % slots);
        let tagged = state & libc::TP_STATUS_VLAN_VALID != 0;
        Some(PacketMeta {
            len,
            packet_type: address.sll_pkttype,
            vlan_tci: tagged.then_some(header.tp_vlan_tci),
        })
    }
}

// SAFETY: the mapping belongs to this value alone, and is no thread's own. It is not `Sync`: two that
// take at a time would read a slot that one of them has given back.
unsafe impl Send for Ring {}

impl Drop for Ring {
    fn drop(&mut self) {
        // SAFETY: this is the whole mapping, and nothing borrows from it.
        unsafe { libc::munmap(self.base.as_ptr().cast(), self.shape.len()) };
    }
}

impl fmt::Debug for Ring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ring").field("shape", &self.shape).finish_non_exhaustive()
    }
}
