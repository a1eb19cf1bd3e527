//! The example `announce` before real routers: what do they believe, what goes over the wire, and
//! what happens when they misbehave? The witnesses are their own command lines, and tshark.

#![allow(clippy::disallowed_methods, reason = "a real kernel answers in real time")]

mod examples;
mod faults;
mod routes;
mod wire;
mod world;

use std::process::ExitCode;

use vipcast_lab::harness::{self, Test, test};

fn main() -> ExitCode {
    let bird = |test: Test| test.needs_tool("bird").needs_tool("birdc");
    let gobgp = |test: Test| test.needs_tool("gobgpd").needs_tool("gobgp");
    let tshark = |test: Test| bird(test).needs_tool("tshark");
    harness::main(vec![
        bird(test("BIRD takes 10,000 routes of each family, and gives them back", routes::bird)),
        gobgp(test("GoBGP takes 10,000 routes of each family, and gives them back", routes::gobgp)),
        bird(test("both families go over IPv6, too", routes::over_ipv6)),
        bird(test("a router that dials in is accepted", routes::a_router_that_dials_in)),
        test("a broken line is refused by its number", routes::a_broken_line_is_refused),
        bird(test("a broken edit changes nothing", routes::a_broken_edit_changes_nothing)),
        tshark(test("a changed community is one UPDATE", wire::a_changed_community)),
        tshark(test("1,000 equal prefixes leave in two UPDATEs", wire::two_updates)),
        tshark(test("a route refresh is answered", wire::a_route_refresh)),
        tshark(test("a stop says Cease", wire::a_stop_says_cease)),
        bird(test("a router's reset is survived", faults::a_reset_is_survived)),
        bird(test("who is unreachable, frozen or deaf delays nobody", faults::bad_company))
            .needs_tool("nft"),
        tshark(test("a frozen router is left at hold time", faults::a_frozen_router)),
        bird(test("routes are back soon after a blackhole", faults::a_healed_blackhole)),
        test("nonsense is answered, and dialed again", faults::nonsense),
        bird(test("a prefix reaches BIRD by blocking sockets", examples::blocking)),
        bird(test("the collector prints what BIRD says", examples::collector)),
    ])
}
