#!/bin/sh
# Breaks the responder in a copy, one place at a time, and checks that the test named beside each mutant notices.
#
#   arp-ndp/tests/mutants.sh           all of them, a few minutes
#   arp-ndp/tests/mutants.sh lease     those with this word in their name
set -eu

crate=arp-ndp
needs="sans-io sim"
cases=1000
cargo=""
. "$(dirname "$0")/../../xtask/mutants/frame.sh"

true_and_owed=properties/what_leaves_is_true_and_what_is_owed_is_said
only_good=properties/only_good_questions_for_held_addresses_are_answered
here=responder::tests
sound $true_and_owed $only_good contract/the_responder_keeps_the_contract

mutant the-lease-is-ignored $true_and_owed responder.rs \
    's/now < lease.not_after/now < lease.not_after || true/'
mutant the-lease-ends-a-moment-late $here::nothing_leaves_at_or_after_the_leases_end responder.rs \
    's/now < lease.not_after/now <= lease.not_after/'
mutant an-announcement-outlives-the-lease contract/the_responder_keeps_the_contract responder.rs \
    's/\.filter(|_| self.lease_holds(now, held))//'
mutant an-answer-outlives-the-lease $here::nothing_leaves_at_or_after_the_leases_end responder/judge.rs \
    's/filter(|_| holds \&\& fresh)/filter(|_| held.is_some() \&\& fresh)/'
mutant a-tenure-inherits-answers $here::an_answer_is_not_carried_into_a_tenure_that_follows_at_once \
    responder/judge.rs 's/filter(|held| held.tenure == tenure)/filter(|held| held.tenure >= tenure)/'
mutant old-questions-are-answered $here::limit::a_question_that_waited_through_a_gap_is_not_answered responder/judge.rs \
    's/filter(|_| holds \&\& fresh)/filter(|_| holds \&\& (fresh || holds))/'
mutant the-broadcast-sender-is-answered $only_good responder/judge.rs \
    's/if !one_host {/if false {/'
mutant other-hosts-are-answered-for $only_good responder/judge.rs \
    's/if !question.is_addressed_to(mac) {/if false {/'
mutant vlans-are-answered $only_good responder/judge.rs \
    's/frame.vlan.is_some_and(|vlan| vlan != 0)/frame.vlan.is_some_and(|vlan| vlan == 4095)/'
mutant the-checksum-is-not-verified ndp::tests::a_wrong_checksum_is_refused ndp.rs \
    's/if !icmp.verify_checksum(&from, &to) {/if false {/'
mutant routers-may-forward-questions ndp::tests::what_linux_refuses_is_refused_by_name ndp.rs \
    's/if ip.hop_limit() != HOP_LIMIT {/if false {/'
mutant nobody-may-name-an-address ndp::tests::what_linux_refuses_is_refused_by_name ndp.rs \
    's/(to != solicited_node(target) || source_mac.is_some())/(to != solicited_node(target))/'
mutant owners-do-not-override $true_and_owed ndp.rs \
    's/overriding: true,/overriding: false,/'
mutant routers-are-told-to-replace \
    $here::ndp::routers_that_do_not_know_an_address_are_told_and_nothing_of_theirs_is_replaced ndp.rs \
    's/overriding: false,/overriding: true,/'
mutant a-renewed-lease-is-not-announced $true_and_owed responder.rs \
    's/ended.is_some_and(|ended| ended <= now)/ended.is_some_and(|_| false)/'
mutant a-link-that-is-back-is-not-announced $true_and_owed responder.rs \
    's/self.claims_on(link).into_iter().for_each(|key| self.announce(key));/let _ = self.claims_on(link);/'
mutant an-answer-before-the-question-counts \
    $here::acknowledge::only_the_asked_neighbours_answer_to_this_claim_after_its_start_counts \
    responder/acknowledge.rs 's/!asking.open || asking.sent == 0/!asking.open/'
mutant what-is-told-to-all-acknowledges \
    $here::acknowledge::only_the_asked_neighbours_answer_to_this_claim_after_its_start_counts \
    responder/judge.rs 's/let to_us = .*/let to_us = true;/'
mutant a-silent-gateway-is-not-told $here::acknowledge::a_silent_gateway_is_an_event_once responder/acknowledge.rs \
    's/self.events.unanswered(ask_key);//'
mutant the-defence-is-a-weapon \
    $here::conflict::an_address_is_defended_once_in_ten_seconds_however_many_attack_rfc_5227_2_4_c \
    responder/conflict.rs 's/held.defended.is_none_or(|last| now >= last + interval)/interval >= interval/'
mutant repeats-go-before-firsts $here::announce::a_new_address_does_not_wait_for_the_repeats_of_others \
    responder/announce.rs 's/Class::First, key, What::Announce/Class::Later, key, What::Announce/'
mutant questions-wait-for-announcements \
    $here::announce::all_first_announcements_and_gateway_questions_leave_before_any_repeat \
    responder/acknowledge.rs 's/if gateway { Class::First }/if gateway { Class::Later }/'
mutant the-pace-is-ignored \
    $here::announce::each_link_has_a_pace_of_its_own_and_no_second_has_more_frames \
    responder/pace.rs 's/if ready > now {/if ready > now \&\& rate.burst == 0 {/'
mutant requesters-fill-the-memory properties/a_flood_of_anything_fills_nothing lru.rs \
    's/self.slots.len() < self.capacity/self.slots.len() < usize::MAX/'
mutant one-flooder-silences-all $here::limit::a_flooder_is_held_to_its_rate_and_silences_nobody_else responder/limit.rs \
    's/touch(number(requester), Bucket::default)/touch(number(requester).min(0), Bucket::default)/'

finish
