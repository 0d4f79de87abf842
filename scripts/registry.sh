#!/usr/bin/env bash
# Two image registries on loopback for tests, one open and one with a login: `scripts/registry.sh up|down [DIRECTORY]`.
#
# `up` prints where they are, as KEY=value lines on stdout, and again when they are already up. Everything they have is
# in the directory, `.run/registry` unless another is named; `down` stops them and removes it. They are Debian's
# docker-registry. Its package is not installed, since that would start a third one on every address.
set -euo pipefail
project=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
. "$project/scripts/lib/debian.sh"
. "$project/scripts/lib/process.sh"

user=orc
password=secret
start_deadline_s=20

up() {
    mkdir -p "$directory"
    exec 9>"$directory.lock"
    flock --wait 60 9 || die "another start has held $directory.lock for a minute: look at \`fuser $directory.lock\`."
    local program
    program=$(borrow docker-registry docker-registry)
    start open ''
    start login "auth: {htpasswd: {realm: orc, path: $directory/htpasswd}}"
    echo "ORC_TEST_REGISTRY=$(address_of open)"
    echo "ORC_TEST_REGISTRY_LOGIN=$(address_of login)"
    echo "ORC_TEST_REGISTRY_USER=$user"
    echo "ORC_TEST_REGISTRY_PASSWORD=$password"
}

# Starts one registry on a free port of its own choice: `start NAME 'YAML LINE'`.
start() {
    local name=$1 auth=$2 at="$directory/$1"
    ! names_a_living "$at.pid" docker-registry || return 0
    # The registry knows bcrypt only; the second field is its cost and the salt.
    echo "$user:$(perl -e 'print crypt($ARGV[0], q{$2y$05$orcorcorcorcorcorcorcO})' "$password")" >"$directory/htpasswd"
    cat >"$at.yml" <<YAML
version: 0.1
log: {level: info}
storage: {filesystem: {rootdirectory: $at}, delete: {enabled: true}}
http: {addr: "127.0.0.1:0"}
$auth
YAML
    setsid "$program" serve "$at.yml" </dev/null >"$at.log" 2>&1 9>&- &
    local pid=$! deadline=$((SECONDS + start_deadline_s))
    echo "$pid" >"$at.pid"
    until [ -n "$(address_of "$name")" ]; do
        if [ "$SECONDS" -ge "$deadline" ] || ! is_living "$pid"; then
            say "the registry did not start; the last lines of its log:"
            tail -n 20 "$at.log" >&2
            exit 1
        fi
        sleep 0.05
    done
}

address_of() { sed -n 's/.*listening on \(127\.0\.0\.1:[0-9]*\).*/\1/p' "$directory/$1.log" | tail -n 1; }

down() {
    local name
    for name in open login; do end_process "$directory/$name.pid" docker-registry 10; done
    rm -rf "$directory" "$directory.lock"
}

directory=${2:-$project/.run/registry}
case "$directory" in /*) ;; *) directory=$PWD/$directory ;; esac
case "${1:-}" in
    up | down) "$1" ;;
    *)
        echo "usage: scripts/registry.sh up|down [DIRECTORY]" >&2
        exit 2
        ;;
esac
