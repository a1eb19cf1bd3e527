#!/bin/sh
# Breaks the allocator in a copy, one place at a time, and checks that the test named beside each mutant notices.
#
#   ipam/tests/mutants.sh           all of them, a few minutes
#   ipam/tests/mutants.sh quota     those with this word in their name
set -eu

crate=ipam
needs=""
cases=4000
cargo="--all-features"
. "$(dirname "$0")/../../xtask/mutants/frame.sh"

model=properties/the_allocator_agrees_with_the_model
any_order=properties/the_state_does_not_depend_on_the_order_of_calls
snapshot=properties/a_snapshot_restores_to_the_same_state
what_if=properties/what_if_tells_what_then_happens
quota=properties/a_quota_is_never_exceeded
sound $model $any_order $snapshot $what_if $quota

mutant ports-are-not-compared $model allocator/ledger.rs \
    's/if let Some(user) = self.lowest(users)/if let Some(user) = self.lowest(users).filter(|_| false)/'
mutant any-key-will-do $model allocator/ledger.rs \
    's/if claim.group.is_none() || shared.common_group() != claim.group {/if false {/'
mutant consent-is-not-asked $model allocator/ledger.rs \
    's/if rule == CrossNamespace::WithConsent/if false \&\& rule == CrossNamespace::WithConsent/'
mutant reserved-counts-as-free $model allocator/space.rs \
    's/if reserved || waits.is_some() {/if waits.is_some() {/'
mutant half-of-a-split-is-lost $model allocator/free.rs \
    's/if address != first$/if address == last \&\& address != first/'
mutant buggy-ends-are-kept $model segment.rs \
    's/if self.skips_buggy {/if false {/'
mutant a-new-key-is-not-judged $model allocator/settle.rs \
    's/if !unchanged {/if false {/'
mutant selection-is-forgotten $model allocator/fit.rs \
    's/if selection.is_some_and(/if false \&\& selection.is_some_and(/'
mutant priority-is-ignored $model pools.rs \
    's/(class, pool.priority(), pool.name())/(class, crate::Priority::LAST, pool.name())/'
mutant quota-is-one-too-high $quota allocator/gate.rs \
    's/limit.saturating_sub(used.saturating_add(taken))/limit.saturating_add(1).saturating_sub(used.saturating_add(taken))/'
mutant freed-goes-to-a-queue $any_order allocator/space.rs \
    's/if pools.pool(pool).reuse() == Reuse::LeastRecentlyFreed {/if pools.pool(pool).reuse() != Reuse::HashOfName {/'
mutant history-is-not-written $snapshot allocator/snapshot.rs \
    's/freed: self.space.freed().*/freed: Vec::new(),/'
mutant newcomers-are-not-told $what_if allocator/what_if.rs \
    's/if self.ledger.find(&record.owner).is_none() {/if false {/'
mutant a-remembered-number-is-believed $model allocator/shares.rs \
    's/is_some_and(|it| it.0 == address)/is_some()/'
mutant consent-is-lost-beside-one-port $model allocator/record.rs \
    's/if usual && namespaces.is_empty() =>/if usual \&\& (true || namespaces.is_empty()) =>/'

finish
