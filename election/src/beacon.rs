//! Election among nodes that hear each other's heartbeats.

mod keys;
pub mod wire;

pub use self::keys::{AuthMode, Key, KeyId, Keyring, KeyringError};
