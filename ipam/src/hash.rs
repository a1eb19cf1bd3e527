//! One fixed hash: multiply and fold, with MurmurHash3's final mix. No result may depend on it except where
//! [`Reuse::HashOfName`](crate::Reuse::HashOfName) says so, and there it must never change.

use crate::{Owner, address::Address};

const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;

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

/// Half of a hash: enough to find something, and all that an entry needs to remember.
pub(crate) const fn tag(hash: u64) -> u32 {
    (hash >> 32) as u32
}

/// A place in a line of `length` addresses, which follows from the owner's name alone.
pub(crate) fn place(owner: &Owner, length: u128) -> u128 {
    let low = of_owner(owner);
    let high = mix(low ^ OFFSET);
    let wide = u128::from(high) << 64 | u128::from(low);
    wide.checked_rem(length).unwrap_or(0)
}

/// Eight bytes at a time; the length tells `a/bc` and `ab/c` apart.
fn fold(state: u64, text: &str) -> u64 {
    let (words, rest) = text.as_bytes().as_chunks();
    let words = words.iter().map(|word| u64::from_le_bytes(*word));
    let last = rest.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte));
    let last = (!rest.is_empty()).then_some(last);
    words.chain(last).fold(state ^ text.len() as u64, |state, word| {
        let state = (state ^ word).wrapping_mul(FACTOR);
        state ^ state >> 32
    })
}

const fn mix(mut state: u64) -> u64 {
    state ^= state >> 33;
    state = state.wrapping_mul(0xff51_afd7_ed55_8ccd);
    state ^= state >> 33;
    state = state.wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    state ^ state >> 33
}
