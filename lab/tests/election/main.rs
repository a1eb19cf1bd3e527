//! Nodes that elect by beacons, on a real network: who answers, who takes over, who stays silent.

#![allow(clippy::disallowed_methods, reason = "real nodes agree in real time")]

mod agreement;
mod common;
mod deaf;
mod forgery;
mod keys;
mod rebalance;
mod refused;
mod segments;
mod serving;
mod takeover;
mod transport;
mod upgrade;
mod who_has;

use std::process::ExitCode;

use vipcast_lab::harness::{self, test};

fn main() -> ExitCode {
    let mut tests = vec![
        test(
            "nodes elect by beacons, and another takes over from a dead one",
            takeover::another_takes_over,
        ),
        test(
            "who was paused says nothing about what another took meanwhile",
            takeover::a_sleeper_stays_silent,
        ),
        test(
            "a planned stop loses none of a probe each millisecond",
            takeover::a_drain_loses_nothing,
        ),
        test(
            "an upgrade node by node to beacons that say more, and back, loses none of a probe each millisecond",
            upgrade::an_upgrade_and_back_loses_nothing,
        ),
        test("nothing moves when a node joins", takeover::a_join_moves_nothing),
        test("by hash, a death moves what the dead node had", takeover::by_hash),
        test(
            "a node with two links that loses one loses only what is on it",
            segments::only_the_cut_segment_moves,
        ),
        test(
            "forged, replayed and truncated beacons change nothing and are counted",
            forgery::forged_beacons_change_nothing,
        ),
        test("a wrong key is refused with a reason, and healed", keys::a_wrong_key_is_refused),
        test("keys are changed without an outage", keys::keys_are_changed_without_an_outage),
        test("a key file that everybody can read is refused", keys::a_public_key_file_is_refused),
        test("a node alone that hears others elect says so", keys::a_foreign_beacon_is_an_alarm),
        test(
            "an owner whose answers are lost is replaced, though it is heard",
            serving::a_muted_owner_is_replaced,
        )
        .needs_tool("nft"),
        test(
            "an owner that nobody can connect to is replaced, though it answers by ARP",
            serving::an_owner_that_cannot_be_connected_to_is_replaced,
        )
        .needs_tool("nft")
        .needs_tool("ss"),
        test(
            "where nobody's answers come through, nothing moves",
            serving::where_all_are_muted_nothing_moves,
        )
        .needs_tool("nft"),
        test(
            "a node that hears nobody takes no client from those who hear each other",
            deaf::who_hears_nobody_takes_no_client,
        ),
        test(
            "an owner whose beacons its kernel refuses is silent before another takes over",
            refused::who_cannot_send_beacons_is_silent_first,
        )
        .needs_tool("nft"),
        test("beacons go to a list of nodes", transport::beacons_to_peers),
        test("nodes without IPv4 elect by IPv6", transport::beacons_over_ipv6),
        test(
            "a partition delays assignments, and no address serves two services",
            agreement::a_partition_delays_assignments,
        ),
        test(
            "assignments outlive all nodes, and the loss of one state",
            agreement::assignments_outlive_nodes_and_a_lost_state,
        ),
        test(
            "a released address rests while a member is away",
            agreement::a_released_address_rests_while_a_member_is_away,
        ),
        test(
            "without founders the first founds alone",
            agreement::without_founders_the_first_founds_alone,
        ),
        test("who has an address, since when, and who knows it", who_has::who_has),
    ];
    if rebalance::is_asked_for() {
        tests.push(test(
            "with a budget a node that joins gets its share, and no probe is lost",
            rebalance::a_join_gets_its_share,
        ));
    }
    harness::main(tests)
}
