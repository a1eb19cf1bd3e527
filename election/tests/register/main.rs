//! Agreement in virtual time.

mod chaos;
mod scenarios;
mod world;
