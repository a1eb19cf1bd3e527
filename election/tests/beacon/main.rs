//! Beacon election in virtual time.

mod chaos;
mod scenarios;
mod world;
