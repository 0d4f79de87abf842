# shellcheck shell=bash
# Words to the user, and what Debian's packages provide. Sourced by the scripts of the folder above; prints to stderr.

say() { printf '%s: %s\n' "$(basename "$0")" "$*" >&2; }

die() {
    say "$*"
    exit 1
}

has() { command -v "$1" >/dev/null 2>&1; }

# Where systemd is the init system, services are its to start and stop.
systemd_runs() { [ -d /run/systemd/system ]; }

# apt-get, its chatter kept for the case that it fails.
apt() {
    local chatter
    chatter=$(DEBIAN_FRONTEND=noninteractive apt-get --quiet --yes -o DPkg::Lock::Timeout=120 -o APT::Sandbox::User=root "$@" </dev/null 2>&1) && return
    printf '%s\n' "$chatter" | tail -n 20 >&2
    return 1
}

apt_update() {
    [ "$(id -u)" -eq 0 ] || return 0
    apt update || say "apt-get update failed; going on with the package lists that are here."
}

# Installs packages, saying so; where that cannot be, says what to do instead and ends the script.
apt_install() { try_apt_install "$@" || die "apt-get could not install $*; its last words are above."; }

try_apt_install() {
    has apt-get || die "$* is missing and there is no apt-get here: install $* with this system's package manager."
    [ "$(id -u)" -eq 0 ] || die "$* is missing and installing needs root: run \`sudo apt-get install $*\`."
    say "installing $* with apt-get."
    apt_update
    apt install --no-install-recommends "$@" || return 1
}

# Makes sure of one program: `need PROGRAM [PACKAGE]`.
need() {
    has "$1" && return
    apt_install "${2:-$1}"
    has "$1" || die "the package ${2:-$1} is installed, but there is no program $1 on the PATH."
}

# Prints the path of a program: the installed one, else one out of a Debian package that is unpacked under `.run/`, not
# installed, so that no service starts by itself and nothing of this machine changes. `borrow PACKAGE PROGRAM`.
borrow() { command -v "$2" || borrow_file "$1" "bin/$2"; }

# The same for any file of a package, by the end of its path: `borrow_file PACKAGE FOLDER/FILE`.
borrow_file() {
    local package=$1 name=$2 at="${project:?}/.run/packages/$1" file
    file=$(unpacked "$at" "$name")
    if [ -z "$file" ]; then
        has apt-get || die "$name is missing and there is no apt-get here: install $package with this system's package manager."
        say "unpacking Debian's $package under .run/ (it is not installed)."
        mkdir -p "$at"
        (cd "$at" && { apt download "$package" 2>/dev/null || { apt_update && apt download "$package"; }; }) ||
            die "apt-get could not download $package; its last words are above. Run \`apt-get update\` as root and try again."
        dpkg-deb --extract "$at"/*.deb "$at" || die "the package $package could not be unpacked under $at."
        rm -f "$at"/*.deb
        file=$(unpacked "$at" "$name")
        [ -n "$file" ] || die "Debian's $package has no $name any more: look with \`find $at\`."
    fi
    printf '%s\n' "$file"
}

unpacked() { [ ! -d "$1" ] || find "$1" -path "*$2" -type f | head -n 1; }
