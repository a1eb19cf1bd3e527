//! Election among nodes that hear each other's heartbeats.

mod config;
mod counters;
mod domain;
mod election;
mod keys;
mod peer;
mod table;
pub mod wire;

pub use self::{
    config::{BeaconConfig, BeaconConfigError, BeaconSettings},
    counters::BeaconCounters,
    election::{BeaconElection, BeaconInput, BeaconTransmit, Notice},
    keys::{AuthMode, Key, KeyId, Keyring, KeyringError},
};
