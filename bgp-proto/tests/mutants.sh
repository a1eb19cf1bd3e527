#!/bin/sh
# Breaks the speaker in a copy, one place at a time, and checks that the test named beside each mutant notices.
#
#   bgp-proto/tests/mutants.sh               all of them, a few minutes
#   bgp-proto/tests/mutants.sh collision     those with this word in their name
set -eu

crate=bgp-proto
needs="sans-io sim"
cases=256
cargo=""
. "$(dirname "$0")/../../xtask/mutants/frame.sh"

sound properties/a_router_converges_to_the_table contract/a_speaker_keeps_the_contract_of_machines

mutant collision-the-lower-identifier-wins \
    peer/rfc4271_6_8_of_two_connections_the_one_dialed_by_the_higher_identifier_survives \
    peer/collision.rs 's/peer_dominates == connection.incoming/peer_dominates != connection.incoming/'
mutant collision-the-as-breaks-no-tie peer/rfc6286_2_3_with_equal_identifiers_the_one_dialed_by_the_higher_as_survives \
    peer/collision.rs 's/ours < theirs/ours.0 < theirs.0/'
mutant a-restarted-peer-is-turned-away \
    peer/rfc4724_4_2_a_new_connection_of_a_restarting_peer_replaces_the_established_one_silently \
    peer/collision.rs 's/late \&\& restarts$/!late \&\& restarts/'
mutant a-notification-is-answered properties/two_peers_keep_their_promises_under_random_events \
    fsm/transition.rs 's/Event::NotifMsg(told) => self.tear(now, None, DownReason::Received(told), effects)/Event::NotifMsg(told) => self.tell(now, told, effects)/'
mutant a-hard-reset-keeps-routes peer/rfc4724_4_2_and_rfc8538_which_losses_retain_the_neighbors_routes \
    peer/restart.rs 's/by_notification \&\& !told.is_hard_reset()/by_notification/'
mutant what-tcp-took-still-counts-as-stuck peer/two_peers_that_dial_each_other_settle_on_one_connection \
    fsm/timers.rs '/pub fn on_taken/,/}/s/self.stop(Timer::SendHold);//'
mutant a-full-transport-is-written-to speaker/a_router_that_does_not_read_is_told_only_how_things_are_in_the_end \
    peer/machine.rs 's/let free = !connection.blocked \&\& /let free = /'
mutant an-update-without-prefixes-is-trusted rfc7606/section_5_2_a_withdraw_without_reachable_prefixes_becomes_a_reset \
    wire/update.rs 's/if no_routes \&\& self.verdict/if false \&\& no_routes \&\& self.verdict/'
mutant internal-attributes-come-from-outside \
    rfc7606/section_7_5_7_9_7_10_internal_attributes_from_outside_are_discarded_whatever_they_hold \
    wire/validate.rs 's/if internal_only \&\& !context.internal/if internal_only \&\& false/'
mutant prefixes-of-any-length rfc7606/section_5_3_prefixes_in_the_body_that_are_too_long_or_overrun_reset_with_3_10 \
    wire/nlri.rs 's/if bits > BITS {/if bits == u8::MAX {/'
mutant a-stale-as4-path-is-merged vectors/rfc6793_4_2_3_merging_of_as4_path \
    wire/update.rs 's/if !self.aggregator_is_new() =>/if true =>/'
mutant an-open-may-be-long vectors/rfc4271_6_1_header_errors \
    wire/framer.rs 's/if extended \&\& kind != MessageType::OPEN/if extended/'
mutant what-has-changed-since-is-sent speaker/what_waited_to_be_packed_and_has_changed_since_is_not_sent \
    rib_out/changes.rs 's/is_some_and(|c| c.version == version)/is_some_and(|c| c.version >= version)/'
mutant a-moved-route-is-lost properties/a_router_converges_to_the_table \
    rib_out/family.rs 's/its.index = place.index;//'
mutant what-was-never-told-is-withdrawn \
    speaker/only_the_audience_is_told_and_whoever_leaves_it_sees_a_withdrawal \
    rib_out/changes.rs 's/known.then_some(Action::Withdraw)/(known || true).then_some(Action::Withdraw)/'
mutant no-end-of-rib speaker/rfc4724_2_an_end_of_rib_is_sent_for_each_family_even_without_routes \
    rib_out/cursor.rs 's/end: Some(End::EndOfRib),/end: None,/'
mutant the-limit-is-ignored properties/a_send_limit_is_kept_and_used \
    rib_out/cursor.rs 's/|| context.allowance > 0/|| context.allowance < usize::MAX/'
mutant local-pref-leaves-the-as \
    speaker/rfc4271_5_1_towards_another_as_ours_is_in_front_and_internal_attributes_stay_at_home \
    rib_out/policy.rs 's/attributes.local_pref = None;//'
mutant a-long-prefix-ends-early nlri/a_field_of_prefixes_reads_as_it_does_octet_by_octet \
    wire/nlri.rs 's/bits.wrapping_sub(17) < 8;/bits.wrapping_sub(17) < 9;/'
mutant bits-behind-a-prefix-stay nlri/a_field_of_prefixes_reads_as_it_does_octet_by_octet \
    wire/nlri.rs 's/        \*first = mask;/        *first = u32::MAX;/'
mutant one-host-route-makes-a-run append/prefixes_appended_together_are_those_appended_one_by_one \
    wire/writer.rs 's/block.iter().all(|prefix|/block.iter().any(|prefix|/'
mutant a-full-message-overflows append/prefixes_appended_together_are_those_appended_one_by_one \
    wire/writer.rs 's/if !fits \&\& after > room {/if !fits \&\& after > room + 1 {/'

finish
