//! Beacon election in virtual time.

mod chaos;
mod moves;
mod scenarios;
mod serving;
mod watch;
mod world;
