use alloc::{boxed::Box, collections::BTreeMap};
use core::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::wire::{Refusal, TAG_LEN, Tag};

/// Names a key on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(pub u16);

/// A secret that the nodes of a cluster share.
#[derive(Clone, PartialEq, Eq)]
pub struct Key(Box<[u8]>);

/// What is sent, and what is believed.
///
/// To begin with keys, give all nodes a keyring that is [`ReceiveOnly`](Self::ReceiveOnly), then
/// make all [`Permissive`](Self::Permissive), then [`Enforce`](Self::Enforce). To change a key, add
/// the new one to all keyrings, then sign with it everywhere, then take the old one out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthMode {
    /// Beacons are sent unsigned. Unsigned ones are believed, and signed ones if the key fits.
    ReceiveOnly,
    /// Beacons are signed. Unsigned ones are believed too.
    Permissive,
    /// Beacons are signed, and only signed ones are believed.
    Enforce,
}

/// The keys of a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keyring {
    keys: BTreeMap<KeyId, Key>,
    /// `None` without keys.
    with: Option<(KeyId, AuthMode)>,
}

impl Key {
    /// A key of at least 16 octets; 32 random ones are a good key.
    ///
    /// # Errors
    /// It is shorter.
    pub fn new(secret: &[u8]) -> Result<Self, KeyringError> {
        if secret.len() < SHORTEST_KEY {
            return Err(KeyringError::KeyTooShort { octets: secret.len() });
        }
        Ok(Self(secret.into()))
    }

    fn mac(&self, message: &[u8]) -> Option<Hmac<Sha256>> {
        // HMAC takes keys of any length, so this is always there.
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).ok()?;
        mac.update(message);
        Some(mac)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(..)")
    }
}

impl Keyring {
    /// Without keys: everything is believed. Whoever reaches the segment can take or stop any
    /// address.
    #[must_use]
    pub const fn insecure() -> Self {
        Self { keys: BTreeMap::new(), with: None }
    }

    /// These keys; beacons are signed with `sign_with`, where the mode says so.
    ///
    /// # Errors
    /// That key is not among them.
    pub fn new(
        mode: AuthMode,
        sign_with: KeyId,
        keys: impl IntoIterator<Item = (KeyId, Key)>,
    ) -> Result<Self, KeyringError> {
        let keys: BTreeMap<_, _> = keys.into_iter().collect();
        if !keys.contains_key(&sign_with) {
            return Err(KeyringError::SigningKeyMissing { key: sign_with });
        }
        Ok(Self { keys, with: Some((sign_with, mode)) })
    }

    /// The key that a beacon is to be signed with.
    pub(super) fn signing(&self) -> Option<KeyId> {
        let (key, mode) = self.with?;
        (mode != AuthMode::ReceiveOnly).then_some(key)
    }

    pub(super) fn tag(&self, key: KeyId, message: &[u8]) -> Option<Tag> {
        let mac = self.keys.get(&key)?.mac(message)?;
        mac.finalize().into_bytes().first_chunk::<TAG_LEN>().copied()
    }

    /// Whether to believe the message.
    pub(super) fn verify(
        &self,
        signed: Option<(KeyId, &Tag)>,
        message: &[u8],
    ) -> Result<(), Refusal> {
        let Some((_, mode)) = self.with else { return Ok(()) };
        let Some((id, tag)) = signed else {
            return match mode {
                AuthMode::Enforce => Err(Refusal::Unsigned),
                AuthMode::ReceiveOnly | AuthMode::Permissive => Ok(()),
            };
        };
        let key = self.keys.get(&id).ok_or(Refusal::UnknownKey)?;
        let mac = key.mac(message).ok_or(Refusal::BadSignature)?;
        mac.verify_truncated_left(tag).map_err(|_| Refusal::BadSignature)
    }
}

/// Why a [`Key`] or [`Keyring`] is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyringError {
    /// It could be guessed.
    #[error("a key of {octets} octets is too short: use at least {SHORTEST_KEY}")]
    KeyTooShort {
        /// How long it is.
        octets: usize,
    },
    /// Nothing could be signed.
    #[error("key {} is to sign, and is not among the keys: add it", key.0)]
    SigningKeyMissing {
        /// Which one.
        key: KeyId,
    },
}

const SHORTEST_KEY: usize = 16;
