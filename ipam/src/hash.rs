//! One fixed hash: FNV-1a with a final mix (MurmurHash3's). No result may depend on it except where
//! [`Reuse::HashOfName`](crate::Reuse::HashOfName) says so, and there it must never change.

use crate::{Owner, address::Address};

const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const PRIME: u64 = 0x0000_0100_0000_01b3;

pub(crate) fn of_owner(owner: &Owner) -> u64 {
    of_texts(owner.namespace(), owner.name())
}

pub(crate) fn of_texts(first: &str, second: &str) -> u64 {
    mix(fold(fold(OFFSET, first), second))
}

pub(crate) fn of_address(address: Address) -> u64 {
    let (high, low) = address.words();
    mix(low ^ mix(high))
}

/// A place in a line of `length` addresses, which follows from the owner's name alone.
pub(crate) fn place(owner: &Owner, length: u128) -> u128 {
    let low = of_owner(owner);
    let high = mix(low ^ OFFSET);
    let wide = u128::from(high) << 64 | u128::from(low);
    wide.checked_rem(length).unwrap_or(0)
}

/// Each text is closed by a byte that no text contains, so that `a/bc` and `ab/c` differ.
fn fold(state: u64, text: &str) -> u64 {
    let bytes = text.bytes().chain(core::iter::once(0xff));
    bytes.fold(state, |state, byte| (state ^ u64::from(byte)).wrapping_mul(PRIME))
}

const fn mix(mut state: u64) -> u64 {
    state ^= state >> 33;
    state = state.wrapping_mul(0xff51_afd7_ed55_8ccd);
    state ^= state >> 33;
    state = state.wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    state ^ state >> 33
}
