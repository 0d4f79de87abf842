#!/usr/bin/env bash
# Runs all tests: `scripts/test.sh [CARGO TEST'S OPTIONS]`. An engine must be there (scripts/with-engine.sh).
#
# Those on three machines mostly wait, for leases and for rollouts, and the simulation only computes, so both go beside
# the others, the simulation behind everybody; what they print comes afterwards, whole.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. scripts/lib/debian.sh

beside=(cluster simulation)
cargo test "$@" --no-run
cargo test "$@" "${beside[@]/#/--test=}" --no-run

words=$(mktemp -d)
groups=()
end_all() {
    local group
    for group in "${groups[@]}"; do kill -- "-$group" 2>/dev/null || true; done
    rm -rf "$words"
}
trap end_all EXIT
# A process group each, so that all of it can be ended with this script, however that ends.
set -m
for test in "${beside[@]}"; do
    politely=()
    [ "$test" != simulation ] || politely=(nice -n 19)
    "${politely[@]}" cargo test "$@" --test "$test" >"$words/$test" 2>&1 </dev/null &
    groups+=($!)
done
set +m

failed=()
cargo test "$@" || failed+=("those on one machine")
for at in "${!beside[@]}"; do
    wait "${groups[at]}" || failed+=("the ${beside[at]}")
    say "the ${beside[at]}:"
    cat "$words/${beside[at]}"
done
[ ${#failed[@]} -eq 0 ] || die "tests failed: ${failed[*]}; their words are above."
