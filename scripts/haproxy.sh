#!/usr/bin/env bash
# Prints the path of HAProxy, beside which services' ports are measured; installs Debian's where there is none.
set -euo pipefail
project=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
. "$project/scripts/lib/debian.sh"

PATH=$PATH:/usr/sbin
if ! has haproxy; then
    need haproxy >&2
    # Debian starts a service with every installation; nobody asked for one here.
    if systemd_runs; then systemctl disable --now --quiet haproxy; fi
fi
command -v haproxy
