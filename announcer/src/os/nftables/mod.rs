//! The few nftables messages that the guard needs (`linux/netfilter/nf_tables.h`).
//!
//! Numbers are in network byte order, expressions hand values to each other in registers.

mod batch;
mod expression;

pub(super) use batch::{Batch, table_exists};
pub(super) use expression::{Expression, MetaKey, Verdict};

/// The family of all our tables, `NFPROTO_ARP`.
const FAMILY: u8 = 3;
/// The element of any list, `NFTA_LIST_ELEM`.
const LIST_ELEMENT: u16 = 1;
/// The bytes of a value, `NFTA_DATA_VALUE`.
const DATA_VALUE: u16 = 1;
/// The number by which rules of a batch refer to a set of the same batch; we have one set.
const SET_ID: u32 = 1;

/// Where in the ARP path a chain is called.
#[derive(Debug, Clone, Copy)]
pub(super) enum Hook {
    /// Frames on their way to the kernel's ARP.
    Input = 0,
    /// Frames that the kernel's ARP sends.
    Output = 1,
}
