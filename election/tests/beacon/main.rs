//! Beacon election in virtual time.
//!
//! What has to hold, and where it is shown. Each run prints its cuts, pauses, heals and takeovers, and
//! has minima for them; `VIPCAST_SIM_SEEDS=20000` runs as many.
//!
//! | | property | tests |
//! |---|---|---|
//! | P1 | no frame at or after the deadline | `Seen::Wrong` in all of `chaos`, `scenarios::who_was_stopped…`, `a_transport_that_takes_nothing…`, `an_owner_whose_beacons_the_kernel_refuses…` |
//! | P2 | never two with a token of the register | `tests/register/chaos.rs` |
//! | P3 | one owner among those who hear each other; overlap of an interval at most | `chaos::whatever_happens…`, `scenarios::each_side_of_a_partition…` |
//! | P4 | a takeover is made in time | `scenarios::a_death_is_found…`, `without_the_burst…` |
//! | P5 | moves are bounded | `moves::an_eligibility_that_swings…`, `serving::an_address_that_no_node_serves…`, `hash::a_node_that_comes_and_goes…` |
//! | P6 | the spread is even | `scenarios::at_cold_start…`, `spread::after_a_hundred…` |
//! | P7 | a death moves only its own | `scenarios::a_death_is_found…`, `spread::after_a_hundred…`, `scenarios::a_link_that_is_unplugged…`, `cap::of_seventy…` |
//! | P8 | epochs rise, and all agree | `chaos`, `scenarios::epochs_rise…` |
//! | P9 | starts and heals are announced | `scenarios::each_side_of_a_partition…` |
//! | P10 | clients send to the owner | the client in `chaos::after_any_faults…` |
//! | P11 | nobody is missed for long | `chaos::whatever_happens…` |
//! | P12 | nothing breaks on any input | `tests/contract.rs`, fuzz targets `election_*` |

mod cap;
mod chaos;
mod crowd;
mod hash;
mod moves;
mod scenarios;
mod serving;
mod size;
mod spread;
mod watch;
mod world;
