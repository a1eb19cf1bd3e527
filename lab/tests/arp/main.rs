//! vipcast's ARP and NDP on a real network: whom a takeover moves, whom it hears, what it answers and
//! what the kernel answers beside it, on which links, and what leaves a node that may not speak.

#![allow(clippy::disallowed_methods, reason = "a real kernel answers in real time")]

mod beside;
mod fence;
mod flood;
mod gateways;
mod guard;
mod judge;
mod links;
mod neighbours;
mod questions;
mod scale;
mod switches;
mod takeover;
mod wire;
mod world;

use std::process::ExitCode;

use vipcast_lab::harness::{self, test};

fn main() -> ExitCode {
    harness::main(vec![
        test("a takeover is acknowledged by gateway and client", gateways::acknowledged),
        test("a silent gateway is told, and heard when it is back", gateways::silent),
        test("no stranger's answer counts, and no answer twice", gateways::strangers_do_not_count),
        test("a router's entry is moved from every state", takeover::every_state).needs_tool("ip"),
        test("a client that has just refreshed is moved", takeover::a_fresh_client),
        test("a client that drops gratuitous ARP is moved", takeover::a_strict_client),
        test("a router that takes untracked advertisements learns at once", takeover::untracked),
        test("a takeover moves what keepalived's does, and more", beside::plain)
            .needs_tool("keepalived"),
        test("a takeover moves a router that believes no announcement", beside::strict)
            .needs_tool("keepalived"),
        test("links are chosen by name and expression", links::by_name),
        test("a link is chosen by what it reaches", links::by_route).needs_tool("ip"),
        test("a link that a list excludes stays silent, and it is told why", links::by_list),
        test("a member of a bridge is left alone and named", links::members).needs_tool("ip"),
        test("a new name and a new hardware address are followed", links::changes).needs_tool("ip"),
        test("an address without a link says so", links::nowhere),
        test("a kernel that answers too is told, and silenced by a flag", guard::by_flag),
        test("a bridge that forgets quickly floods nothing", switches::no_flooding),
        test("a bridge that snoops needs our group joins", switches::joins_matter)
            .needs_tool("nft"),
        test("ARP moves the kernel's entries as our table says", neighbours::arp_table)
            .needs_tool("ip"),
        test("NDP moves the kernel's entries as our table says", neighbours::ndp_table)
            .needs_tool("ip"),
        test("untracked advertisements are taken as our table says", neighbours::untracked_table),
        test("ARP is answered as the kernel does, and more strictly", questions::arp_table)
            .needs_tool("keepalived"),
        test("NDP is answered as the kernel does, and more strictly", questions::ndp_table)
            .needs_tool("keepalived"),
        test("tshark finds every ARP frame as the RFCs say", judge::arp).needs_tool("tshark"),
        test("tshark finds every NDP frame as the RFCs say", judge::ndp).needs_tool("tshark"),
        test("nothing leaves after a claim's end, stopped under a flood", fence::stopped),
        test("a burst is answered to its last question", flood::to_the_last),
        test("one address is announced at once", || scale::announce(1)).needs_tool("ip"),
        test("1,000 addresses are announced in their order", || scale::announce(1_000))
            .needs_tool("ip"),
        test("10,000 addresses are announced in their order", || scale::announce(10_000))
            .needs_tool("ip"),
        test("all groups of 10,000 addresses are joined", scale::groups).needs_tool("ip"),
    ])
}
