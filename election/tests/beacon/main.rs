//! Beacon election in virtual time.

mod chaos;
mod moves;
mod scenarios;
mod watch;
mod world;
