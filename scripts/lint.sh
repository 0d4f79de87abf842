#!/usr/bin/env bash
# Checks the shell scripts: `scripts/lint.sh`.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. scripts/lib/debian.sh

scripts/planted-faults.sh --check

files=(scripts/*.sh scripts/lib/*.sh .ci/run)
for file in "${files[@]}"; do bash -n "$file"; done
if has shellcheck; then
    shellcheck --external-sources --source-path=SCRIPTDIR "${files[@]}"
else
    say "shellcheck is not here, so only the syntax of the scripts was checked: \`apt-get install shellcheck\`."
fi
