#!/usr/bin/env bash
# Runs all tests: `scripts/test.sh [CARGO TEST'S OPTIONS]`. An engine must be there (scripts/with-engine.sh).
#
# Those on three machines mostly wait, for leases and for rollouts, so they go beside the others; what they print comes
# afterwards, whole.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. scripts/lib/debian.sh

cargo test "$@" --no-run
cargo test "$@" --test cluster --no-run
beside=$(mktemp)
# A process group of their own, so that all of it can be ended with this script, however that ends.
set -m
cargo test "$@" --test cluster >"$beside" 2>&1 </dev/null &
cluster=$!
set +m
trap 'kill -- "-$cluster" 2>/dev/null || true; rm -f "$beside"' EXIT

failed=()
cargo test "$@" || failed+=("those on one machine")
wait "$cluster" || failed+=("those on three machines")
say "the tests on three machines:"
cat "$beside"
[ ${#failed[@]} -eq 0 ] || die "tests failed: ${failed[*]}; their words are above."
