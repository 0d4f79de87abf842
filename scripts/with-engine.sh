#!/usr/bin/env bash
# Runs a command with a Docker Engine and the test images there: `scripts/with-engine.sh COMMAND…`.
#
# Registries and clusters that the command started, and an engine that had to be started for it, are stopped afterwards,
# however it ends. An engine that was there stays.
set -euo pipefail
scripts=$(dirname "${BASH_SOURCE[0]}")

stop=()
"$scripts/engine.sh" status >/dev/null 2>&1 || stop=("$scripts/engine.sh" down)
trap '"$scripts/registry.sh" down; ORC_CLUSTER=orc-test "$scripts/cluster.sh" down; ORC_CLUSTER=orc-bench "$scripts/cluster.sh" down; "${stop[@]}"' EXIT

"$scripts/engine.sh" up
"$scripts/images.sh"
"$@"
