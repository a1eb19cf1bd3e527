//! What all datagrams between nodes have in common: magic, version, and a signature.

#![deny(clippy::indexing_slicing, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use alloc::vec::Vec;

use super::{
    keys::{KeyId, Keyring},
    wire::{Refusal, TAG_LEN, Tag},
};
use crate::reader::Reader;

/// What kind of datagram it is.
pub(crate) type Magic = [u8; 2];

/// Begins a datagram in `buf`, which is cleared first.
pub(crate) fn begin(magic: Magic, version: u8, keyring: &Keyring, buf: &mut Vec<u8>) {
    buf.clear();
    let signing = keyring.signing();
    buf.extend(magic);
    buf.push(version);
    buf.push(if signing.is_some() { HMAC_SHA256_128 } else { UNSIGNED });
    buf.extend(signing.map_or(0, |key| key.0).to_be_bytes());
}

/// Signs what was written since, as the keyring says.
pub(crate) fn seal(keyring: &Keyring, buf: &mut Vec<u8>) {
    if let Some(tag) = keyring.signing().and_then(|key| keyring.tag(key, buf)) {
        buf.extend(tag);
    }
}

/// What is between header and signature of a datagram that the keyring believes.
pub(crate) fn open<'a>(
    bytes: &'a [u8],
    ours: Magic,
    version: u8,
    keyring: &Keyring,
) -> Result<&'a [u8], Refusal> {
    let mut header = Reader(bytes);
    let (magic, its_version) = (header.array::<2>(), header.u8());
    let (signature, key) = (header.u8(), header.u16());
    let (Some(magic), Some(its_version)) = (magic, its_version) else {
        return Err(Refusal::NotABeacon);
    };
    if magic != ours {
        return Err(Refusal::NotABeacon);
    }
    if its_version != version {
        return Err(Refusal::Version);
    }
    let (Some(signature), Some(key)) = (signature, key) else {
        return Err(Refusal::NotABeacon);
    };
    match signature {
        UNSIGNED => {
            keyring.verify(None, bytes)?;
            Ok(header.0)
        }
        HMAC_SHA256_128 => {
            let (message, tag) = bytes.split_last_chunk::<TAG_LEN>().ok_or(Refusal::NotABeacon)?;
            let tag: &Tag = tag;
            keyring.verify(Some((KeyId(key), tag)), message)?;
            let (items, _) = header.0.split_last_chunk::<TAG_LEN>().ok_or(Refusal::NotABeacon)?;
            Ok(items)
        }
        _ => Err(Refusal::SignatureKind),
    }
}

const UNSIGNED: u8 = 0;
const HMAC_SHA256_128: u8 = 1;
