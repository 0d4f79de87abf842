#!/usr/bin/env bash
# Makes sure that a Docker Engine answers, and stops it again: `scripts/engine.sh up|down|status`.
#
# `up` uses the engine at DOCKER_HOST or /var/run/docker.sock. Where none answers it installs Debian's `docker.io` and
# starts it, by systemd where that runs, else as a `dockerd` of its own with its log and pid file under `.run/`.
# `down` stops an engine that `up` started, with its containers, and no other. `status` exits with 0 or 3.
set -euo pipefail
project=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
. "$project/scripts/lib/debian.sh"
. "$project/scripts/lib/docker_api.sh"
. "$project/scripts/lib/process.sh"

run="$project/.run"
note="$run/engine" # who started the engine for this project, and at which boot of this machine
pid_file="$run/dockerd.pid"
log="$run/dockerd.log"
start_deadline_s=60
stop_deadline_s=40 # dockerd itself gives its containers 15 s

up() {
    need curl
    if engine_answers; then
        say "using the Docker Engine $(engine_version) at $(engine_address)."
        return
    fi
    refuse_where_starting_would_not_help
    say "no Docker Engine answers at $(engine_address); starting one."
    mkdir -p "$run"
    mkdir -p /run/lock
    exec 9>/run/lock/orc-engine || die "/run/lock/orc-engine cannot be written, so that two starts could not be told apart."
    flock --wait 300 9 || die "another start of the engine has held /run/lock/orc-engine for five minutes: look at \`fuser /run/lock/orc-engine\`."
    if ! engine_answers; then
        install
        start
    fi
    wait_until_it_answers
    say "Docker Engine $(engine_version) answers at $(engine_address) (started by $(starter))."
}

refuse_where_starting_would_not_help() {
    local address
    address=$(engine_address)
    case "$address" in
        "$default_engine" | unix:///run/docker.sock) ;;
        *) die "no Docker Engine answers at DOCKER_HOST=$address: start that one, or unset DOCKER_HOST to have one started here." ;;
    esac
    [ "$(id -u)" -eq 0 ] && return
    local socket=${address#unix://}
    if [ -S "$socket" ] && [ ! -w "$socket" ]; then
        die "this user may not use $socket: run as root, or \`sudo usermod -aG docker $(id -un)\` and log in again."
    fi
    die "no Docker Engine answers at $address, and starting one needs root: run \`sudo $0 up\`, or start Docker yourself."
}

# Any dockerd will do; Debian's is installed where there is none.
install() {
    has dockerd && return
    local packages=(docker.io ca-certificates) had_containerd=no
    containerd_is_a_service && had_containerd=yes
    has apt-get && apt_update
    # A package of its own since Debian 13.
    [ -n "$(apt-cache show docker-cli 2>/dev/null)" ] && packages+=(docker-cli)
    # Where there is no systemd, the package's attempt to start the service may fail, and with it the installation.
    try_apt_install "${packages[@]}" || has dockerd || die "apt-get could not install ${packages[*]}; its last words are above."
    # With systemd the package has started the engine by now.
    ! systemd_runs || note_systemd "$had_containerd"
}

start() {
    mount_cgroups_where_there_are_none
    if systemd_runs && systemctl cat docker.service >/dev/null 2>&1; then
        local had_containerd=no
        containerd_is_a_service && had_containerd=yes
        [ -n "$(started_by)" ] || note_systemd "$had_containerd"
        # Debian allows a few starts a minute, which short test runs exceed.
        systemctl reset-failed docker.socket docker.service containerd.service 2>/dev/null || true
        systemctl start docker || { say "systemd could not start docker.service."; fail_with_its_log; }
    elif names_a_living /var/run/docker.pid dockerd; then
        say "a dockerd (pid $(cat /var/run/docker.pid)) is already on its way."
    else
        # A pid file that outlived its process makes dockerd refuse to start, or wait for a containerd that is gone.
        forget_unless_living "$pid_file" dockerd
        forget_unless_living /var/run/docker/containerd/containerd.pid containerd
        note dockerd
        setsid dockerd --pidfile "$pid_file" --host "$default_engine" </dev/null >"$log" 2>&1 9>&- &
        dockerd_pid=$!
    fi
}

wait_until_it_answers() {
    local deadline=$((SECONDS + start_deadline_s))
    until engine_answers; do
        [ "$SECONDS" -lt "$deadline" ] || { say "the Docker Engine did not answer within $start_deadline_s s."; fail_with_its_log; }
        if [ -n "${dockerd_pid:-}" ] && ! is_living "$dockerd_pid"; then
            say "dockerd ended while it was starting."
            fail_with_its_log
        fi
        sleep 0.1
    done
}

fail_with_its_log() {
    case "$(started_by)" in
        systemd*) say "the last lines of its log:" && journalctl --unit docker --lines 20 --no-pager >&2 ;;
        dockerd) say "the last lines of $log:" && tail -n 20 "$log" >&2 ;;
    esac
    # It may have hung before it wrote the file.
    [ -z "${dockerd_pid:-}" ] || echo "$dockerd_pid" >"$pid_file"
    stop
    exit 1
}

down() {
    if [ -z "$(started_by)" ]; then
        say "no engine was started from here; nothing to stop."
        return
    fi
    stop
    say "the engine that was started from here is stopped, with its containers."
}

stop() {
    case "$(started_by)" in
        systemd) systemctl stop docker.socket docker.service ;;
        systemd+containerd) systemctl stop docker.socket docker.service containerd.service ;;
        dockerd) end_process "$pid_file" dockerd "$stop_deadline_s" ;;
    esac
    rm -f "$note"
}

status() {
    has curl || die "curl is missing, so the engine cannot be asked: run \`apt-get install curl\`."
    if engine_answers; then
        echo "A Docker Engine $(engine_version) answers at $(engine_address), started by $(starter)."
    else
        echo "No Docker Engine answers at $(engine_address)."
        exit 3
    fi
}

# Who started the engine that answers, in words.
starter() {
    case "$(started_by)" in
        systemd*) echo "systemd, for this project" ;;
        dockerd) if names_a_living "$pid_file" dockerd; then echo "this project"; else echo another; fi ;;
        *) echo another ;;
    esac
}

# `systemd`, `systemd+containerd`, `dockerd`, or nothing where no engine was started for this project since the boot.
started_by() {
    local by='' boot=''
    [ -s "$note" ] && read -r by boot <"$note"
    if [ "$boot" = "$(this_boot)" ]; then echo "$by"; fi
}

note() { echo "$1 $(this_boot)" >"$note"; }

note_systemd() { if [ "$1" = yes ]; then note systemd; else note systemd+containerd; fi; }

this_boot() { cat /proc/sys/kernel/random/boot_id; }

containerd_is_a_service() { systemd_runs && systemctl --quiet is-active containerd.service; }

# systemd mounts them; a machine without it may not have. Version 2 where it has the memory controller, else version 1.
mount_cgroups_where_there_are_none() {
    grep -q ' cgroup2\? ' /proc/mounts && return
    say "no cgroups are mounted; mounting them at /sys/fs/cgroup."
    mount -t cgroup2 cgroup2 /sys/fs/cgroup && grep -qw memory /sys/fs/cgroup/cgroup.controllers && return
    umount /sys/fs/cgroup 2>/dev/null || true
    mount -t tmpfs cgroup /sys/fs/cgroup
    local controller enabled
    while read -r controller _ _ enabled; do
        [ "$enabled" = 1 ] || continue
        mkdir -p "/sys/fs/cgroup/$controller"
        mount -t cgroup -o "$controller" cgroup "/sys/fs/cgroup/$controller" || rmdir "/sys/fs/cgroup/$controller"
    done </proc/cgroups
}

case "${1:-}" in
    up | down | status) "$1" ;;
    *)
        echo "usage: scripts/engine.sh up|down|status" >&2
        exit 2
        ;;
esac
