#!/usr/bin/env bash
# Three Docker Engines on one machine, each in a network of its own: `scripts/cluster.sh up|status|down`.
#
#   up [ORC]        starts what does not run; with the path of the binary also a manager and a worker beside each engine
#   down            ends all of it, with its containers, and leaves no trace; also after a crash
#   status          exits with 0 where all engines answer, else with 3
#   exec NODE CMD…  runs a command where a node is, with its engine as DOCKER_HOST; the nodes are n1, n2, n3 and m
#   cut NODE        pulls the node's cable; `heal NODE` plugs it in again
#   kill NODE       is the power cut of a node: its engine, its containers and its worker end at once, `up` starts it again
#
# The manager's node, m, is where the cables of the others meet. Everything is under .run/CLUSTER/, and has a name that
# begins with CLUSTER: ORC_CLUSTER, or else "orc". It takes root and the packages docker.io, iproute2, iptables, curl.
set -euo pipefail
project=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
. "$project/scripts/lib/debian.sh"
. "$project/scripts/lib/docker_api.sh"
. "$project/scripts/lib/process.sh"

cluster=${ORC_CLUSTER:-orc}
run="$project/.run/$cluster"
nodes=(n1 n2 n3)
. "$project/scripts/lib/cluster_network.sh"
. "$project/scripts/lib/cluster_engine.sh"
. "$project/scripts/lib/cluster_orc.sh"

up() {
    refuse_where_it_cannot_be
    local binary=''
    [ $# -eq 0 ] || binary=$(realpath --canonicalize-existing "$1") || die "there is no $1: run \`cargo build --release\`."
    install
    hold_lock
    mkdir -p "$run"
    # One that stops half-way ends what it started.
    trap 'end_what_began $?' EXIT
    plug_network
    start_engines
    load_images
    [ -z "$binary" ] || start_orc "$binary"
}

end_what_began() {
    [ "$1" -eq 0 ] || end_all
    exit "$1"
}

down() {
    [ -d "$run" ] || { network_is_there || return 0; }
    [ "$(id -u)" -eq 0 ] || die "ending a cluster needs root: run \`sudo $0 down\`."
    hold_lock
    end_all
}

end_all() {
    end_orc
    local node
    for node in "${nodes[@]}"; do end_engine "$node"; done
    unplug_network
    rm -rf "$run"
}

status() {
    local node answers=yes
    for node in "${nodes[@]}"; do
        if on_engine "$node" engine_answers 2>/dev/null; then
            echo "$node: a Docker Engine answers at $(engine_of "$node")."
        else
            echo "$node: no Docker Engine answers."
            answers=no
        fi
    done
    [ "$answers" = yes ] || exit 3
}

exec_in() {
    local node
    node=$(known_node "$1")
    shift
    [ $# -gt 0 ] || usage
    [ -e "$(netns "$node")" ] || die "there is no node $node: run \`$0 up\` first."
    [ "$node" = m ] || export DOCKER_HOST
    [ "$node" = m ] || DOCKER_HOST=$(engine_of "$node")
    [ ! -e "$run/config.json" ] || export ORC_CONFIG="$run/config.json"
    exec nsenter --net="$(netns "$node")" "$@"
}

kill_node() {
    local node
    node=$(known_node "$1")
    ! names_a_living "$run/$node/orc.pid" orc || kill -KILL "$(cat "$run/$node/orc.pid")"
    [ "$node" = m ] || end_engine "$node"
}

known_node() {
    case "$1" in
        n1 | n2 | n3 | m) echo "$1" ;;
        *) die "there is no node $1: there are n1, n2, n3, and m, the manager's." ;;
    esac
}

refuse_where_it_cannot_be() {
    case "$cluster" in
        *[!a-z0-9-]* | [!a-z]* | ?????????????*) die "ORC_CLUSTER=$cluster: it is the beginning of names of network interfaces, so at most 12 of a-z, 0-9 and -, the first a letter." ;;
    esac
    [ "$(id -u)" -eq 0 ] || die "network namespaces and Docker Engines need root: run \`sudo $0 up\`."
    unshare --net --mount --pid --fork true 2>/dev/null ||
        die "this machine lets nobody make network, mount and process namespaces (unshare is refused): run it on a machine of its own, or in a container with --privileged."
    grep -q ' cgroup2\? ' /proc/mounts || die "no cgroups are mounted, and Docker needs them: run \`scripts/engine.sh up\` once, which mounts them."
}

install() {
    need curl
    need ip iproute2
    need iptables
    need nsenter util-linux
    # The package starts an engine for the whole machine where systemd runs; that is Debian's way, and does no harm.
    has dockerd || apt_install docker.io ca-certificates
}

# Two starts of the same cluster would start twice what is there once.
hold_lock() {
    local lock=/run/lock/$cluster-cluster
    mkdir -p /run/lock
    exec 9>"$lock" || die "$lock cannot be written."
    flock --wait 120 9 || die "another start of this cluster has held $lock for two minutes: look at \`fuser $lock\`."
}

usage() {
    echo "usage: scripts/cluster.sh up [ORC]|status|down|exec NODE CMD…|cut NODE|heal NODE|kill NODE" >&2
    exit 2
}

case "${1:-} $#" in
    'up 1' | 'up 2' | 'status 1' | 'down 1') "$@" ;;
    exec\ *) shift && [ $# -gt 0 ] || usage && exec_in "$@" ;;
    'cut 2') plug "$(known_node "$2")" down ;;
    'heal 2') plug "$(known_node "$2")" up ;;
    'kill 2') kill_node "$2" ;;
    *) usage ;;
esac
