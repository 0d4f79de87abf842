#!/usr/bin/env bash
# Plants one fault after the other and checks that the simulation finds each: `scripts/planted-faults.sh [NAME…]`.
#
# A fault is a patch of one line or a few, tests/planted/NAME.patch, that begins with what it does wrong. It is planted
# into a copy of the sources, never here. `scripts/planted-faults.sh --check` only checks that all of them can be planted.
set -euo pipefail
project=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$project"
. scripts/lib/debian.sh
need git

check=
[ "${1:-}" != --check ] || { check=yes; shift; }
names=("$@")
[ ${#names[@]} -gt 0 ] || mapfile -t names < <(basename --suffix=.patch tests/planted/*.patch)

copy="$project/.run/planted"
mkdir -p "$copy"
# What was removed since the last run goes.
rm -rf "${copy:?}"/*
# What git knows of and what is new; Cargo tells by its times what has changed since the last run.
git ls-files --cached --others --exclude-standard -z src migrations tests benches Cargo.toml Cargo.lock build.rs |
    tar --null --files-from=- --create | tar --extract --directory "$copy"

plant() { git -C "$copy" apply --directory="${copy#"$project"/}" "$@"; }

missed=0
for at in "${!names[@]}"; do
    name=${names[at]}
    patch="$project/tests/planted/$name.patch"
    [ -f "$patch" ] || die "there is no fault $name: the faults are tests/planted/*.patch."
    plant --check "$patch" || die "$name cannot be planted any more: the lines that it changes have changed. Write it anew."
    [ -z "$check" ] || continue
    say "$((at + 1)) of ${#names[@]}: $name — $(head -n 1 "$patch")"
    plant "$patch"
    told=$(CARGO_TARGET_DIR="$project/target/planted" cargo test --quiet --locked --manifest-path "$copy/Cargo.toml" \
        --profile sim --test simulation every_history 2>&1 || true)
    plant --reverse "$patch"
    if promise=$(grep --max-count=1 ' is broken: ' <<<"$told"); then
        say "  found: ${promise:0:120}"
    elif grep --quiet '^test result: ok' <<<"$told"; then
        say "  NOT FOUND."
        missed=$((missed + 1))
    else
        printf '%s\n' "$told" | tail -n 20 >&2
        die "$name does not build, or ends in another way; the last words are above."
    fi
done
[ "$missed" -eq 0 ] || die "$missed of ${#names[@]} planted faults were not found by the simulation."
[ -n "$check" ] || say "all ${#names[@]} planted faults were found."
