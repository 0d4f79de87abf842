#!/usr/bin/env bash
# Prints the path of a library that, preloaded into a process, sets that process's clock: `scripts/faketime.sh`.
#
# It is Debian's libfaketime, for tests alone. Its package is unpacked under `.run/`, not installed.
set -euo pipefail
project=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
. "$project/scripts/lib/debian.sh"

mkdir -p "$project/.run"
exec 9>"$project/.run/faketime.lock"
flock --wait 60 9 || die "another start has held $project/.run/faketime.lock for a minute: look at \`fuser $project/.run/faketime.lock\`."
# The one for programs of several threads.
borrow_file libfaketime 'faketime/libfaketimeMT.so.1'
