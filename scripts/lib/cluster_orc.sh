# shellcheck shell=bash
# orc on a cluster on one machine: a manager in m, and a worker beside each engine that joins it. Sourced by
# scripts/cluster.sh, which says what $cluster, $run and $nodes are.
: "${cluster:?}" "${run:?}" "${nodes:?}"

start_orc() {
    local binary=$1 node line url
    url="https://$(address_of m):8000"
    start_role "$binary" m manager --manager-host "$(address_of m)"
    [ -e "$run/config.json" ] || ORC_CONFIG="$run/config.json" "$binary" login "$url" --name "$cluster" --pin "$(pin)" \
        --token-file "$run/m/data/trust/admin-token" 2>/dev/null || die "the manager does not let its administrator in: look at $run/m/orc.log."
    for node in "${nodes[@]}"; do
        # One that has joined before needs no line.
        line=()
        [ -e "$run/$node/data/trust/node.pem" ] || line=(--join "$(join_token "$binary")")
        start_role "$binary" "$node" worker --name "$node" "${line[@]}"
    done
    say "a manager answers at $url, with a worker on each of ${nodes[*]}. Speak with it:
  export ORC_CONFIG=$run/config.json
  $binary nodes
  scripts/cluster.sh exec n1 docker ps"
}

# Starts one role on a node and waits until it says that it listens: `start_role BINARY NODE ARGS…`.
start_role() {
    local binary=$1 node=$2 at="$run/$2" deadline=$((SECONDS + 20))
    shift 2
    ! names_a_living "$at/orc.pid" orc || return 0
    mkdir -p "$at"
    : >"$at/orc.out"
    # In its own directory: a .env elsewhere is not its.
    (cd "$at" && DOCKER_HOST=$(engine_of "$node") exec setsid nsenter --net="$(netns "$node")" \
        "$binary" "$@" --data-dir "$at/data" </dev/null >"$at/orc.out" 2>>"$at/orc.log" 9>&-) &
    local pid=$!
    echo "$pid" >"$at/orc.pid"
    until grep -q '^Starting ' "$at/orc.out"; do
        if [ "$SECONDS" -ge "$deadline" ] || ! is_living "$pid"; then
            say "orc $1 did not start on $node; the last lines of its log:"
            tail -n 10 "$at/orc.log" >&2
            exit 1
        fi
        sleep 0.05
    done
}

# What follows `--join` in the line that `orc node token` prints.
join_token() { ORC_CONFIG="$run/config.json" "$1" node token | sed 's/.*--join //'; }

# The digest of the manager's authority, as a client pins it.
pin() { openssl x509 -in "$run/m/data/trust/ca.pem" -outform DER | sha256sum | cut -d ' ' -f 1; }

end_orc() {
    local node
    for node in "${nodes[@]}" m; do end_process "$run/$node/orc.pid" orc 5; done
}
