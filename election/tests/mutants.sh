#!/bin/sh
# Plants one fault after the other into a copy of the crate, and checks that the tests catch each.
#
#     election/tests/mutants.sh [NAME...]
#
# Needs git and perl. Works in a temporary folder; MUTANTS_TARGET names a target folder to keep.
# The last line says how many were caught; the status is 0 only if all were.
set -eu

root=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
git -C "$root" archive HEAD | tar -x -C "$work"
rm -rf "$work/election"
cp -R "$root/election" "$work/election"
export CARGO_TARGET_DIR="${MUTANTS_TARGET:-$work/target}" RUST_BACKTRACE=0 RUSTFLAGS="-A warnings"
export VIPCAST_SIM_SEEDS="${VIPCAST_SIM_SEEDS:-200}"
cd "$work"

# Those that have to do with what is in the folder.
tests() {
    case "$folder" in
    register) set -- --test register "$@" ;;
    groups | lease) set -- --test groups --test lease "$@" ;;
    *) set -- --test beacon --test contract "$@" ;;
    esac
    timeout 900 cargo test -q -p vipcast-election --lib "$@"
}

echo "without a mutant:"
for folder in beacon register groups; do
    tests >"$work/log" 2>&1 || { tail -40 "$work/log"; echo "the tests fail as they are"; exit 1; }
done
echo "  all pass"

chosen=" $* " caught=0 missed=0

# mutant NAME FILE FROM TO: FROM must occur in FILE, literally.
mutant() {
    name=$1 file=election/src/$folder/$2
    case "$chosen" in "  " | *" $name "*) ;; *) return 0 ;; esac
    cp "$file" "$work/sound"
    FROM=$3 TO=$4 perl -0pi -e 's/\Q$ENV{FROM}\E/$ENV{TO}/' "$file"
    if cmp -s "$file" "$work/sound"; then
        echo "$name: its place was not found in $file"
        exit 1
    fi
    if ! tests --no-run >"$work/log" 2>&1; then
        tail -20 "$work/log"
        echo "$name: does not compile"
        exit 1
    fi
    if tests >"$work/log" 2>&1; then
        echo "  MISSED  $name"
        missed=$((missed + 1))
    else
        by=$(grep -o '^test [^ ]* \.\.\. FAILED\|^---- [^ ]* stdout\|[^ ]* --- FAILED' "$work/log" |
            head -1 | sed 's/^---- //; s/ stdout$//; s/ --- FAILED//')
        echo "  caught  $name (${by:-it never ended})"
        caught=$((caught + 1))
    fi
    cp "$work/sound" "$file"
}

folder=beacon

mutant ignore_not_after domain.rs \
    'if self.up && now >= self.not_after {' 'if false {'
mutant epoch_not_raised domain/decide.rs \
    'last.saturating_add(1)' 'last'
mutant silent_check_skipped domain/receive.rs \
    '.take(MOST_ASKS)' '.take(0)'
mutant queue_believed_before_fencing election.rs \
    ') -> Result<(), Refusal> {
        self.on_time(now);' ') -> Result<(), Refusal> {'
mutant no_start_up_hold domain.rs \
    'self.timers.set(Timer::Hold, now + settings.hold)' 'self.timers.set(Timer::Hold, now)'
mutant takeover_though_others_hear_the_owner domain/decide.rs \
    'heard.any(|peer| peer.hears.contains(&silent.life))' 'heard.any(|_| false)'
mutant winner_does_not_announce_again domain/decide.rs \
    'self.contested.difference(&contested)' 'contested.difference(&contested)'
mutant loser_does_not_stop domain/decide.rs \
    'lost.push(at);' ''
mutant one_way_cut_not_resolved domain/decide.rs \
    'self.mutual() > self.mutual_of(peer)' 'true'
mutant replay_believed domain/receive.rs \
    '(beacon.incarnation, beacon.sequence) <= last' '(beacon.incarnation, beacon.sequence) < (0, last.1)'
mutant lease_renewed_without_a_beacon domain/transmit.rs \
    'self.outbox.hasty = 0;' 'self.outbox.hasty = 0; self.renew(now);'
mutant lease_renewed_by_what_did_not_leave domain/transmit.rs \
    'self.not_after = self.not_after_before;' ''
mutant an_unsent_beacon_is_not_tried_again domain/transmit.rs \
    'is_none_or(|due| soon < due)' 'is_some_and(|due| soon > due)'
mutant everybody_announces domain/surplus.rs \
    'const MOST_CANDIDATES: usize = 64;' 'const MOST_CANDIDATES: usize = 640;'
mutant a_return_pushes_another_out domain/surplus.rs \
    'self.starting || self.surplus' 'false'
mutant all_listeners_enter_at_once domain/surplus.rs \
    'self.wake(due);
            return true;' 'self.wake(due);'
mutant damping_ignored domain/moves.rs \
    'if self.draining || self.may_move(now, at)' 'if true'
mutant drain_gives_up_at_once domain.rs \
    'self.draining = true;
        self.hasten();' 'self.draining = true;
        self.give_up_all();'
mutant tables_never_synced peer.rs \
    'self.stale = self.table.digest() != beacon.digest;' 'self.stale = false;'
mutant signature_not_checked keys.rs \
    'mac.verify_truncated_left(tag).map_err(|_| Refusal::BadSignature)' 'drop((mac, tag)); Ok(())'
mutant life_beyond_detection_allowed config.rs \
    'if config.surely_over(token_life) > detection {' 'if false {'
mutant nobody_confirms_what_is_not_served domain/unserved.rs \
    'const CONFIRMED_BY: usize = 2;' 'const CONFIRMED_BY: usize = 1;'
mutant the_only_witness_needs_no_more domain/unserved.rs \
    'settings.most_failures())' 'settings.failures)'
mutant a_failing_heir_is_good_enough domain/unserved.rs \
    'peer.table.stands(at) && !fails(peer)' 'peer.table.stands(at)'
mutant no_rest_after_not_serving domain/unserved.rs \
    'self.rests.insert(at, Rest { until, over: false, times: times + 1 });' \
    'self.rests.insert(at, Rest { until, over: true, times: times + 1 });'
mutant rest_though_nobody_else_is_left domain/unserved.rs \
    'now >= rest.until || !stands(*at)' 'now >= rest.until'
mutant the_deaf_accuse_all domain/prove.rs \
    'let most = if sure {' 'let most = if sure || true {'
mutant every_node_asks domain/prove.rs \
    'let before = |other: &NodeName| other != name && ring(name, other) < me;' \
    'let before = |other: &NodeName| other != name && ring(name, other) < me && false;'
mutant questions_without_a_bound proofs.rs \
    'self.free_at = now + Duration::from_secs(1) / settings.per_second.max(1);' ''
mutant an_answer_does_not_clear proofs.rs \
    'let had_failed = core::mem::take(&mut proof.failures) > 0;' 'let had_failed = proof.failures > 0;'
mutant moves_after_not_serving_do_not_count domain/decide.rs \
    'self.memory.entry(at).or_default().moves.add(now);
            }' '}'
mutant not_serving_outruns_the_damping domain/unserved.rs \
    'given_up.retain(|at| self.may_move(now, *at));' ''

mutant the_deaf_keep_what_they_hold domain/decide.rs \
    'let peers = peers.filter(|(name, _)| !self.deaf.contains(*name));' ''
mutant who_begins_to_hear_gets_no_time peer.rs \
    'self.deaf_since.is_none() || begins' 'self.deaf_since.is_none()'

folder=register

mutant sent_before_it_is_kept say.rs \
    'if self.store.is_unsaved() {' 'if false {'
mutant own_vote_counted_before_it_is_kept lead.rs \
    'if self.store.is_unsaved() {' 'if false {'
mutant leads_without_copying_the_latest lead.rs \
    '**accepted > stamp)' '**accepted > stamp && false)'
mutant half_is_a_majority lead.rs \
    'count * 2 > voters.len()' 'count * 2 >= voters.len()'
mutant promise_broken hear.rs \
    'if ballot < self.store.promised {' 'if false {'
mutant delta_applied_to_another_state hear.rs \
    '.filter(|(from, _)| *from == self.store.accepted)' ''
mutant digest_not_compared hear.rs \
    'if document.digest() == status.digest {' 'if true {'
mutant agreed_though_another_ballot hear.rs \
    'status.committed.ballot == ballot && stamp.ballot == ballot' 'true'
mutant disloyal_voters hear.rs \
    'now >= self.loyal_until && self.leads(now).is_none()' 'true'
mutant token_from_now_on lead.rs \
    'leading.sent.get(&heard.echo).copied()' 'Some(now)'
mutant leads_before_it_is_sure lead.rs \
    'if leading.ready && ' 'if '
mutant torn_record_kept store.rs \
    'if torn || records == 0 {' 'if records == 0 {'
mutant founded_though_one_is_missing founding.rs \
    '_ => return,' '_ => {}'
mutant second_change_before_the_first_is_agreed propose.rs \
    'if self.store.accepted != self.store.committed {' 'if false {'

folder=groups

mutant a_record_of_another_count_is_ignored view.rs \
    'self.strangers().find(|(_, end)| now < *end)' 'self.strangers().find(|_| false)'
mutant taken_whatever_count_is_founded view.rs \
    '(_, Some(found), _) if found != mine =>' '(_, Some(found), _) if found == 0 =>'
mutant taken_before_the_count_is_founded view.rs \
    '(_, None, _) => Standing::Founding' '(_, None, _) => Standing::Contends'
mutant the_group_depends_on_who_may_hold_it election/tokens.rs \
    'Group::of_address(unit.address, self.config.count())' \
    'Group { of: self.config.count().count(), number: contenders.nodes.len() as u16 % self.config.count().count() }'
mutant tokens_outlive_their_record election/contend.rs \
    'let tenure = self.machine.tenure(now);' 'let tenure = self.machine.tenure(now).or(self.tenure);'
mutant drained_without_giving_up election.rs \
    'place.machine.step_down(now);
        }' '}'
mutant what_one_may_not_announce_is_announced election/tokens.rs \
    'if !contenders.nodes.contains_key(&holder) {' 'if contenders.nodes.is_empty() {'
mutant everybody_is_first turn.rs \
    '(*number, before.min(MOST_STEPS))' '(*number, 0)'

folder=lease

mutant held_from_the_answer_on machine.rs \
    'let not_after = asked.sent + self.config.hold();' 'let not_after = now + self.config.hold();'
mutant renewed_by_a_write_that_changed_nothing machine.rs \
    'if asked.wish == Wish::Hold && self.expected().as_ref() == Some(&version) {' 'if false {'
mutant held_for_as_long_as_others_wait machine.rs \
    'let not_after = asked.sent + self.config.hold();' 'let not_after = asked.sent + self.config.duration() * 2;'
mutant taken_after_the_hold machine/seen.rs \
    'let wait = record.duration.max(config.duration());' 'let wait = config.hold() / 2;'
mutant late_answers_are_believed machine.rs \
    'asked.number == number' 'asked.number >= number'
mutant a_new_tenure_with_the_old_number machine.rs \
    'Some(record) if self.is_ours(record) && goes_on => record.transitions' \
    'Some(record) if self.is_ours(record) => record.transitions'

echo "$caught caught, $missed missed"
[ "$missed" -eq 0 ]
