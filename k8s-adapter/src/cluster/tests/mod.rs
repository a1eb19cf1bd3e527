//! The adapter against a scripted API server: what a real one does seldom, done on purpose.

mod configuration_state;
mod controller;
mod faults;
mod follow;
mod kills;
mod load;
mod server;
mod speaker;
mod world;
