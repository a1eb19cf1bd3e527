//! Numbers, entries and changes as bytes, in datagrams and in records.

use alloc::vec::Vec;

use super::{
    Ballot, Stamp, VoterId,
    document::{Changes, Key},
};
use crate::reader::Reader;

pub(super) fn put_ballot(buf: &mut Vec<u8>, ballot: Ballot) {
    buf.extend(ballot.round.to_be_bytes());
    buf.extend(ballot.voter.0.to_be_bytes());
}

pub(super) fn put_stamp(buf: &mut Vec<u8>, stamp: Stamp) {
    put_ballot(buf, stamp.ballot);
    buf.extend(stamp.sequence.to_be_bytes());
}

/// Lengths of key and value, then both; a value that is gone has no length that could be.
pub(super) fn put_entry(buf: &mut Vec<u8>, key: &[u8], value: Option<&Vec<u8>>) {
    let len = |bytes: &[u8]| u16::try_from(bytes.len()).unwrap_or(GONE).to_be_bytes();
    buf.extend(len(key));
    buf.extend(value.map_or(GONE.to_be_bytes(), |value| len(value)));
    buf.extend(key);
    buf.extend(value.into_iter().flatten());
}

pub(super) fn put_changes(buf: &mut Vec<u8>, changes: &Changes) {
    changes.iter().for_each(|(key, value)| put_entry(buf, key, value.as_ref()));
}

pub(super) fn ballot(from: &mut Reader<'_>) -> Option<Ballot> {
    let (round, voter) = from.u64().zip(from.u64())?;
    Some(Ballot { round, voter: VoterId(voter) })
}

pub(super) fn stamp(from: &mut Reader<'_>) -> Option<Stamp> {
    let (ballot, sequence) = ballot(from).zip(from.u64())?;
    Some(Stamp { ballot, sequence })
}

pub(super) fn entry(from: &mut Reader<'_>) -> Option<(Key, Option<Vec<u8>>)> {
    let (key_len, value_len) = from.u16().zip(from.u16())?;
    let key = from.take(usize::from(key_len))?.to_vec();
    if value_len == GONE {
        return Some((key, None));
    }
    Some((key, Some(from.take(usize::from(value_len))?.to_vec())))
}

/// All that follow, each key once.
pub(super) fn changes(from: &mut Reader<'_>) -> Option<Changes> {
    let mut changes = Changes::new();
    while !from.is_empty() {
        let (key, value) = entry(from)?;
        if changes.insert(key, value).is_some() {
            return None;
        }
    }
    Some(changes)
}

const GONE: u16 = u16::MAX;
