# The frame of the scripts `tests/mutants.sh`, which set these and then source it:
#
#   crate     the folder of the crate whose code is broken
#   needs     the folders of the workspace that its tests need besides; may be empty
#   cases     how many cases proptest tries
#   cargo     what `cargo test` is told besides; may be empty
#
# Then they call `sound TEST...`, `mutant NAME TEST FILE SED` for each mutant, and `finish`. A TEST is `file/name` for one
# of an integration test, or the path of one beside the code. A mutant that no longer applies, that does not compile or
# that survives is a failure. The first argument of the script chooses the mutants with this word in their name.
#
# Each run has a copy of the code and a target folder of its own, so that two runs do not disturb each other.
# shellcheck shell=sh disable=SC2154
set -eu

root=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d)
CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$root/target}/mutants/$crate-$$
export CARGO_TARGET_DIR RUST_BACKTRACE=0 PROPTEST_CASES="${PROPTEST_CASES:-$cases}"
trap 'rm -rf "$work" "$CARGO_TARGET_DIR"' EXIT
trap 'exit 1' HUP INT TERM

# The workspace with this crate and what it needs alone.
members=
for folder in $crate $needs; do
    cp -r "$root/$folder" "$work/"
    members="$members\"$folder\", "
done
cp "$root/Cargo.lock" "$work/"
awk -v members="$members" \
    '/^members = \[/ { print "members = [" members "]"; skip = 1 } !skip { print } /^\]/ { skip = 0 }' \
    "$root/Cargo.toml" > "$work/Cargo.toml"
cp -r "$work/$crate/src" "$work/original"

failures=0
count=0
only=${1:-}

# passes TEST
passes() {
    case "$1" in
        */*) where="--test ${1%%/*}" ;;
        *) where=--lib ;;
    esac
    # shellcheck disable=SC2086
    cargo test --quiet --manifest-path "$work/$crate/Cargo.toml" $cargo $where \
        -- --exact "${1##*/}" > "$work/output" 2>&1
}

# sound TEST...: they pass as long as nothing is broken.
sound() {
    for name; do
        passes "$name" || { cat "$work/output"; echo "$name fails without a mutant"; exit 1; }
    done
}

# mutant NAME TEST FILE SED
mutant() {
    case "$1" in *"$only"*) ;; *) return 0 ;; esac
    count=$((count + 1))
    sed "$4" "$work/original/$3" > "$work/$crate/src/$3"
    if cmp -s "$work/original/$3" "$work/$crate/src/$3"; then
        verdict="DOES NOT APPLY"
    elif passes "$2"; then
        verdict="SURVIVES"
    elif grep -q '^test result: FAILED' "$work/output"; then
        verdict="caught"
    else
        verdict="DOES NOT COMPILE"
    fi
    cp "$work/original/$3" "$work/$crate/src/$3"
    [ "$verdict" = caught ] || failures=$((failures + 1))
    printf '%-16s %-40s %s\n' "$verdict" "$1" "$2"
}

finish() {
    echo "$count mutants, $failures not caught"
    [ "$failures" = 0 ] && [ "$count" -gt 0 ]
}
