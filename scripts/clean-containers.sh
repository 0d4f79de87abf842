#!/usr/bin/env bash
# Removes every container that bears orc's label, running or not: `scripts/clean-containers.sh`.
#
# Stop orc first: a worker that is up starts its tasks again. Tasks and history in the data directory stay.
set -euo pipefail
project=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
. "$project/scripts/lib/debian.sh"
. "$project/scripts/lib/docker_api.sh"

need curl
engine_answers || die "no Docker Engine answers at $(engine_address): run scripts/engine.sh up first."
ids=$(engine_curl /containers/json --fail --get --data all=true --data-urlencode 'filters={"label":["orc.cluster"]}' |
    { grep -o '"Id":"[0-9a-f]*"' || true; } | cut -d '"' -f 4)
for id in $ids; do
    # 404 and 409: somebody else is removing it.
    status=$(engine_curl "/containers/$id?force=true" --request DELETE --output /dev/null --write-out '%{http_code}')
    case "$status" in
        204 | 404 | 409) say "removed ${id:0:12}." ;;
        *) die "the engine answered $status when asked to remove ${id:0:12}." ;;
    esac
done
[ -n "$ids" ] || say "no container on $(engine_address) bears the label orc.cluster."
