# shellcheck shell=bash
# The network of a cluster on one machine: a namespace for each node, with a cable to the bridge in the manager's.
# Sourced by scripts/cluster.sh, which says what $cluster, $run and $nodes are.
#
# The bridge is not in the machine's own namespace, since a firewall there would have its say (Docker drops what it did
# not ask for). The machine itself has one cable to it, named as the cluster, so that people reach the manager.
: "${cluster:?}" "${run:?}" "${nodes:?}"

netns() { echo "/run/netns/$cluster-$1"; }

# Address of a node, of m, or of the machine ("host").
address_of() {
    case "$1" in
        m) echo "$(subnet).1" ;;
        host) echo "$(subnet).254" ;;
        *) echo "$(subnet).$((10 + ${1#n}))" ;;
    esac
}

subnet() { cat "$run/subnet"; }

network_is_there() { [ -e "$(netns m)" ]; }

plug_network() {
    local node
    if network_is_there; then
        [ -s "$run/subnet" ] || die "there is a cluster named $cluster that another directory's scripts/cluster.sh started: end it from there, or choose another name by ORC_CLUSTER."
        for node in "${nodes[@]}"; do plug "$node" up; done
        return
    fi
    free_subnet >"$run/subnet"
    ip netns add "$cluster-m"
    within m link set lo up
    # One that is not given takes on the address of another cable now and then, and neighbours look for the former.
    within m link add br0 address 02:00:00:00:00:01 type bridge
    within m address add "$(address_of m)/24" dev br0
    within m link set br0 up
    # Cables go by the name of what they lead to, on the bridge's side.
    ip link add "$cluster" type veth peer name host netns "$cluster-m"
    ip address add "$(address_of host)/24" dev "$cluster"
    ip link set "$cluster" up
    within m link set host master br0 up
    for node in "${nodes[@]}"; do
        ip netns add "$cluster-$node"
        within "$node" link set lo up
        within "$node" link add eth0 type veth peer name "$node" netns "$cluster-m"
        within "$node" address add "$(address_of "$node")/24" dev eth0
        within "$node" link set eth0 up
        within m link set "$node" master br0 up
    done
}

# Whether frames pass: `plug NODE up|down`. The node's own end keeps its address.
plug() {
    network_is_there || die "there is no cluster $cluster: run \`$0 up\` first."
    [ "$1" != m ] || die "every cable leads to m: cut n1, n2 or n3."
    within m link set "$1" "$2"
}

unplug_network() {
    local node
    # The cables go with the namespaces.
    for node in m "${nodes[@]}"; do
        [ ! -e "$(netns "$node")" ] || ip netns delete "$cluster-$node"
    done
    # The kernel clears a namespace away in its own time; until then the name is taken.
    ! ip link show "$cluster" >/dev/null 2>&1 || ip link delete "$cluster" 2>/dev/null || true
}

within() { ip -netns "$cluster-$1" "${@:2}"; }

# The first three numbers of a private network that this machine has no way to, other than the way to anywhere.
free_subnet() {
    local third routes
    for third in {77..99}; do
        routes=$(ip -4 route show root "10.213.$third.0/24"; ip -4 route show match "10.213.$third.0/24" | grep -v '^default' || true)
        [ -n "$routes" ] || { echo "10.213.$third" && return; }
    done
    die "this machine has routes to all of 10.213.77.0 to 10.213.99.0, of which a cluster needs one: look at \`ip route\`."
}
