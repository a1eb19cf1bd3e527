//! The operating-system layer on a real kernel, in network namespaces of its own.
//!
//! A harness of its own, because the test runner's threads cannot enter a user namespace: `main` does
//! it before there is any. Runs as root or as an ordinary user; where user namespaces are forbidden it
//! says so and fails.

mod delivery;
mod guard;
mod instance;
mod links;
mod packets;
mod routes;
mod world;

use std::process::ExitCode;

use libtest_mimic::{Arguments, Trial};

/// Given to this program when it starts itself for the test of `AbortOnUnwind`.
const UNWIND: &str = "unwind-under-guard";

macro_rules! trials {
    ($($module:ident: $($test:ident),+ $(,)?;)+) => {
        vec![$($(
            Trial::test(concat!(stringify!($module), "::", stringify!($test)), || {
                $module::$test();
                Ok(())
            })
        ),+),+]
    };
}

fn main() -> ExitCode {
    if std::env::args().nth(1).as_deref() == Some(UNWIND) {
        instance::unwind_under_guard();
    }
    let arguments = Arguments::from_args();
    if let Err(error) = world::enter() {
        eprintln!(
            "these tests need network namespaces, and this user may not make any ({error}).\n\
             Run them as root, or allow user namespaces: \
             sysctl kernel.unprivileged_userns_clone=1 \
             kernel.apparmor_restrict_unprivileged_userns=0"
        );
        return ExitCode::FAILURE;
    }
    let trials = trials! {
        packets:
            questions_and_answers_are_received_with_what_the_kernel_knows,
            what_is_no_arp_for_ipv4_does_not_pass,
            frames_of_an_unknown_vlan_do_not_pass_and_priority_tags_do,
            own_frames_are_not_heard,
            solicitations_pass_and_other_ipv6_does_not,
            targets_narrow_the_filter_and_widen_it_again,
            many_frames_are_taken_at_once_in_their_order,
            many_frames_are_sent_at_once_in_their_order,
            frames_that_find_the_queue_full_are_counted,
            a_link_that_goes_down_and_up_is_heard_again,
            a_missing_link_is_an_error;
        links:
            a_snapshot_shows_links_and_addresses,
            every_change_is_noticed_and_shown,
            a_lost_and_regained_carrier_makes_a_difference,
            lost_notifications_count_as_a_change;
        routes:
            the_gateways_of_both_families_are_found,
            a_route_that_drops_an_outside_address_does_not_hide_the_gateway,
            local_addresses_are_known_with_the_link_that_has_them;
        delivery:
            an_address_is_added_tagged_and_removed,
            an_ipv6_address_is_ready_at_once_and_never_preferred,
            the_kernel_takes_packets_for_what_was_added,
            a_foreign_address_is_left_alone_and_reported,
            orphans_of_a_killed_run_are_found_and_swept,
            what_was_added_is_removed_on_drop,
            a_loopback_that_is_down_is_an_error;
        guard:
            the_kernel_answers_for_a_local_address_without_the_guard,
            the_kernel_is_silent_and_the_packet_socket_still_hears,
            own_requests_leave_with_the_links_own_address,
            the_set_follows_and_the_guard_is_removed,
            a_table_that_is_found_is_replaced_in_one_step,
            a_table_that_was_deleted_is_put_in_place_again,
            the_sources_are_the_links_own_addresses;
        instance:
            a_second_instance_is_refused_until_the_first_is_gone,
            each_network_namespace_has_a_lock_of_its_own,
            a_thread_that_unwinds_ends_the_process;
    };
    libtest_mimic::run(&arguments, trials).exit_code()
}
