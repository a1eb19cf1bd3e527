#!/bin/sh
# Breaks the allocator in a copy, one place at a time, and checks that the property named beside each mutant notices.
#
#   ipam/tests/mutants.sh          all of them, a few minutes
#   ipam/tests/mutants.sh quota    those with this word in their name
#
# A mutant that no longer applies, that does not compile or that survives is a failure.
set -eu

root=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp -r "$root/ipam" "$root/Cargo.lock" "$work/"
# The workspace with this crate alone.
awk '/^members = \[/ { print "members = [\"ipam\"]"; skip = 1 } !skip { print } /^\]/ { skip = 0 }' \
    "$root/Cargo.toml" > "$work/Cargo.toml"
cp -r "$work/ipam/src" "$work/original"
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$work/target}/mutants"
export RUST_BACKTRACE=0 PROPTEST_CASES="${PROPTEST_CASES:-4000}"

property() {
    cargo test --quiet --manifest-path "$work/ipam/Cargo.toml" --all-features \
        --test properties -- --exact "$1" > "$work/output" 2>&1
}

failures=0
count=0
only=${1:-}

# mutant NAME PROPERTY FILE SED
mutant() {
    case "$1" in *"$only"*) ;; *) return ;; esac
    count=$((count + 1))
    sed "$4" "$work/original/$3" > "$work/ipam/src/$3"
    if cmp -s "$work/original/$3" "$work/ipam/src/$3"; then
        verdict="DOES NOT APPLY"
    elif property "$2"; then
        verdict="SURVIVES"
    elif grep -q '^test result: FAILED' "$work/output"; then
        verdict="caught"
    else
        verdict="DOES NOT COMPILE"
    fi
    cp "$work/original/$3" "$work/ipam/src/$3"
    [ "$verdict" = caught ] || failures=$((failures + 1))
    printf '%-16s %-28s %s\n' "$verdict" "$1" "$2"
}

model=the_allocator_agrees_with_the_model
for name in $model the_state_does_not_depend_on_the_order_of_calls \
    a_snapshot_restores_to_the_same_state what_if_tells_what_then_happens a_quota_is_never_exceeded; do
    property "$name" || { cat "$work/output"; echo "$name fails without a mutant"; exit 1; }
done

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
mutant quota-is-one-too-high a_quota_is_never_exceeded allocator/gate.rs \
    's/limit.saturating_sub(used.saturating_add(taken))/limit.saturating_add(1).saturating_sub(used.saturating_add(taken))/'
mutant freed-goes-to-a-queue the_state_does_not_depend_on_the_order_of_calls allocator/space.rs \
    's/if pools.pool(pool).reuse() == Reuse::LeastRecentlyFreed {/if pools.pool(pool).reuse() != Reuse::HashOfName {/'
mutant history-is-not-written a_snapshot_restores_to_the_same_state allocator/snapshot.rs \
    's/freed: self.space.freed().*/freed: Vec::new(),/'
mutant newcomers-are-not-told what_if_tells_what_then_happens allocator/what_if.rs \
    's/if self.ledger.find(&record.owner).is_none() {/if false {/'

echo "$count mutants, $failures not caught"
[ "$failures" = 0 ] && [ "$count" -gt 0 ]
