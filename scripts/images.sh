#!/usr/bin/env bash
# Builds the images that the tests and the README's example run, where the engine lacks them: `scripts/images.sh`.
#
#   timboring/echo-server:latest   a stand-in, only where the real one is not on the engine
#   orc-test/echo:latest           always ours: tests/images/echo_server.rs, with faults on demand
#   orc-test/busybox:latest        Debian's busybox-static, its applets linked in /bin
#   orc-test/healthcheck:latest    the same with a HEALTHCHECK: `touch /tmp/unhealthy` makes it fail, `rm` heals it
#
# They are imported as one layer through the Engine API: no build tool, no registry, no docker command is needed.
set -euo pipefail
project=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
. "$project/scripts/lib/debian.sh"
. "$project/scripts/lib/docker_api.sh"

echo_server="$project/tests/images/echo_server.rs"
# An image built by an older version of these files is built anew.
recipe=$(cat "$project/scripts/images.sh" "$echo_server" | sha256sum | cut -c 1-16)
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT

main() {
    need curl
    engine_answers || die "no Docker Engine answers at $(engine_address): run scripts/engine.sh up first."
    is_current orc-test/echo:latest || build_echo
    stand_in_for timboring/echo-server
    is_current orc-test/busybox:latest || build_busybox
    is_current orc-test/healthcheck:latest || build_healthcheck
    drop_what_was_replaced
}

build_echo() {
    say "building orc-test/echo:latest from tests/images/echo_server.rs."
    has cc || apt_install gcc libc6-dev
    empty_root
    "${RUSTC:-rustc}" --edition 2024 -O -C target-feature=+crt-static -C panic=abort -C strip=symbols \
        -o "$root/echo_server" "$echo_server" || die "tests/images/echo_server.rs did not compile."
    import orc-test/echo 'EXPOSE 7777/tcp' 'ENTRYPOINT ["/echo_server"]'
}

build_busybox() {
    say "building orc-test/busybox:latest from Debian's busybox-static."
    fill_with_busybox
    import orc-test/busybox 'ENV PATH=/bin' 'CMD ["sh"]'
}

build_healthcheck() {
    say "building orc-test/healthcheck:latest from Debian's busybox-static."
    fill_with_busybox
    import orc-test/healthcheck 'ENV PATH=/bin' \
        'HEALTHCHECK --interval=500ms --timeout=2s --retries=2 CMD ["test", "!", "-e", "/tmp/unhealthy"]' \
        'CMD ["sh", "-c", "trap \"exit 0\" TERM; tail -f /dev/null & wait"]'
}

# The real image is left alone: only a stand-in bears our label.
stand_in_for() {
    local image=$1
    is_current "$image:latest" && return
    if exists "$image:latest" && ! matches "$image:latest" orc-test.recipe; then
        return
    fi
    say "the real $image:latest is not on the engine: orc-test/echo:latest stands in for it under that name."
    engine_curl "/images/orc-test/echo:latest/tag?repo=$image&tag=latest" --fail --request POST
}

fill_with_busybox() {
    local busybox applet
    busybox=$(borrow busybox-static busybox)
    # The other package, `busybox`, is linked with libraries that the image does not have.
    ! ldd "$busybox" >/dev/null 2>&1 || die "$busybox is not static: run \`apt-get install busybox-static\`."
    empty_root
    mkdir -p "$root/bin" "$root/etc" "$root/root"
    cp "$busybox" "$root/bin/busybox"
    for applet in $("$busybox" --list); do
        [ "$applet" = busybox ] || ln -s busybox "$root/bin/$applet"
    done
    echo 'root:x:0:0:root:/root:/bin/sh
nobody:x:65534:65534:nobody:/:/bin/false' >"$root/etc/passwd"
    echo 'root:x:0:
nogroup:x:65534:' >"$root/etc/group"
}

empty_root() {
    rm -rf "$root"
    mkdir -m 755 "$root"
    mkdir -m 1777 "$root/tmp"
}

# Makes an image of what is in $root: `import NAME 'DOCKERFILE LINE'…`.
import() {
    local name=$1 line changes=(--url-query "changes=LABEL orc-test.recipe=$recipe") answer
    shift
    for line in "$@"; do changes+=(--url-query "changes=$line"); done
    # A failure may come after the 200, as a line of the answer.
    answer=$(tar --create --directory "$root" --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner . |
        engine_curl "/images/create?fromSrc=-&repo=$name&tag=latest" "${changes[@]}" \
            --request POST --header 'Content-Type: application/x-tar' --upload-file -)
    case "$answer" in
        *'"status":"sha256:'*) ;;
        *) die "the engine did not take the image $name: $answer" ;;
    esac
}

# A name that is imported anew leaves its former image without one.
drop_what_was_replaced() {
    local filters='{"dangling":["true"],"label":["orc-test.recipe"]}'
    engine_curl /images/prune --fail --output /dev/null --request POST --url-query "filters=$filters"
}

exists() { matches "$1" ''; }

is_current() { matches "$1" "orc-test.recipe=$recipe"; }

# Whether the engine has an image of this name, and with this label unless that is empty.
matches() {
    local filters='{"reference":["'$1'"]}'
    [ -z "$2" ] || filters='{"reference":["'$1'"],"label":["'$2'"]}'
    [ "$(engine_curl /images/json --fail --get --data-urlencode "filters=$filters")" != '[]' ]
}

main
