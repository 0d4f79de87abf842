# shellcheck shell=bash
# The engines of a cluster on one machine. Sourced by scripts/cluster.sh, which says what $cluster, $run and $nodes are.
#
# Each lives in namespaces of its own for network, mounts and processes. So it touches no other's docker0, firewall or
# mounts, and when the first process there is killed, the kernel ends all others and unmounts everything.
: "${project:?}" "${cluster:?}" "${run:?}" "${nodes:?}"

start_deadline_s=60

engine_of() { echo "unix://$run/$1/docker.sock"; }

# Runs a function with the engine of a node as DOCKER_HOST: `on_engine NODE FUNCTION…`.
on_engine() { DOCKER_HOST=$(engine_of "$1") DOCKER_TLS_VERIFY='' "${@:2}"; }

start_engines() {
    local node deadline=$((SECONDS + start_deadline_s))
    for node in "${nodes[@]}"; do
        names_a_living "$run/$node/engine.pid" unshare || start_engine "$node"
    done
    for node in "${nodes[@]}"; do
        until on_engine "$node" engine_answers 2>/dev/null; do
            if [ "$SECONDS" -ge "$deadline" ] || ! is_living "$(cat "$run/$node/engine.pid")"; then
                say "the engine of $node did not start; the last lines of its logs:"
                tail -n 10 "$run/$node"/{containerd,dockerd}.log >&2
                exit 1
            fi
            sleep 0.05
        done
    done
}

# Not `ip netns exec`: it mounts another /sys, which has no cgroups.
start_engine() {
    local node=$1 at="$run/$1"
    mkdir -p "$at"
    # What a power cut left: an engine would wait for the processes that these files name.
    rm -rf "$at/exec" "$at/containerd-state" "$at/docker.pid" "$at"/*.sock
    # Neither reads what the machine has in /etc.
    echo '{}' >"$at/daemon.json"
    printf 'version = 2\ndisabled_plugins = ["io.containerd.grpc.v1.cri"]\n' >"$at/containerd.toml"
    # Written by itself, so that even a start that is killed here leaves nothing unknown; and here, to be there now.
    (
        echo "$BASHPID" >"$at/engine.pid"
        exec setsid nsenter --net="$(netns "$node")" unshare --mount --pid --fork --kill-child --mount-proc \
            bash -c "$first_process" "$at" "/$cluster-$node" </dev/null >"$at/engine.log" 2>&1 9>&-
    ) &
    echo $! >"$at/engine.pid"
    # bash need not tell of its end.
    disown
}

# shellcheck disable=SC2016 # it is the text of a script
# What runs as process 1 of a node: `$0` is its directory, `$1` its cgroup. It reaps what the engine leaves behind.
first_process='
    set -eu
    at=$0
    # All processes of the node hold it: whoever gets it knows that they are gone.
    exec 8>"$at/alive"
    flock 8
    # Sockets of shims.
    mkdir -p /run/containerd
    mount -t tmpfs tmpfs /run/containerd
    containerd --root "$at/containerd" --state "$at/containerd-state" --address "$at/containerd.sock" \
        --config "$at/containerd.toml" >"$at/containerd.log" 2>&1 &
    until [ -S "$at/containerd.sock" ]; do sleep 0.02; done
    # One that a signal ended is started again, as systemd does.
    while
        dockerd --config-file "$at/daemon.json" --containerd "$at/containerd.sock" --host "unix://$at/docker.sock" \
            --data-root "$at/docker" --exec-root "$at/exec" --pidfile "$at/docker.pid" \
            --exec-opt native.cgroupdriver=cgroupfs --cgroup-parent "$1" >>"$at/dockerd.log" 2>&1
        [ $? -gt 128 ]
    do :; done &
    # The end of one is the end of the node.
    wait -n
'

# As a power cut does: nothing of it is told beforehand.
end_engine() {
    local node=$1 at="$run/$1"
    if names_a_living "$at/engine.pid" unshare; then
        kill -KILL "$(cat "$at/engine.pid")"
    fi
    rm -f "$at/engine.pid"
    if [ -e "$at/alive" ]; then
        flock --wait 20 "$at/alive" true || die "processes of $node are still there 20 s after their end: look at \`fuser $at/alive\`."
    fi
    remove_cgroups "$node"
}

# The kernel counts a process in its cgroup until it is quite gone.
remove_cgroups() {
    local deadline=$((SECONDS + 10)) left
    while true; do
        find /sys/fs/cgroup -depth -type d -path "*/$cluster-$1*" -exec rmdir {} + 2>/dev/null || true
        left=$(find /sys/fs/cgroup -type d -name "$cluster-$1" 2>/dev/null)
        [ -n "$left" ] || return 0
        [ "$SECONDS" -lt "$deadline" ] || die "these cgroups cannot be removed, processes are in them: $left."
        sleep 0.05
    done
}

# Builds the test images once for all engines, and keeps them for the next cluster.
load_images() {
    local kept="$project/.run/cluster-images.tar" before after node
    if [ -s "$kept" ]; then
        for node in "${nodes[@]}"; do load "$node" "$kept"; done
    fi
    before=$(image_ids n1)
    on_engine n1 "$project/scripts/images.sh"
    after=$(image_ids n1)
    if [ "$before" != "$after" ] || [ ! -s "$kept" ]; then
        on_engine n1 engine_curl "/images/get?names=orc-test/echo&names=orc-test/busybox&names=orc-test/healthcheck&names=timboring/echo-server" \
            --fail --output "$kept.new"
        mv "$kept.new" "$kept"
        for node in n2 n3; do load "$node" "$kept"; done
    fi
}

load() {
    on_engine "$1" engine_curl /images/load --fail --output /dev/null --request POST \
        --header 'Content-Type: application/x-tar' --upload-file "$2"
}

image_ids() { on_engine "$1" engine_curl /images/json --fail | { grep -o '"Id":"[^"]*"' || true; } | sort; }
