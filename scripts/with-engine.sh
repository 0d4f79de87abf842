#!/usr/bin/env bash
# Runs a command with a Docker Engine and the test images there: `scripts/with-engine.sh COMMAND…`.
#
# An engine that had to be started for it is stopped afterwards, however the command ends; one that was there stays.
set -euo pipefail
scripts=$(dirname "${BASH_SOURCE[0]}")

if ! "$scripts/engine.sh" status >/dev/null 2>&1; then
    trap '"$scripts/engine.sh" down' EXIT
fi
"$scripts/engine.sh" up
"$scripts/images.sh"
"$@"
