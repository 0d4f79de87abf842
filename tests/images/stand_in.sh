#!/bin/sh
# Stands in for the images of the Compose projects under tests/compose/stacks: every program of theirs that a project
# calls is this file under another name, and does as much of it as a deployment sees.
#
# Started, it answers on each TCP port of STAND_IN_PORTS until SIGTERM, in HTTP, and a Redis client's PING.
# The programs of health checks ask that server, so that they tell whether it is up. Only busybox is needed.
set -u

main() {
    case "${0##*/}" in
        entrypoint.sh) begin "$@" ;;
        stand-in-answer) answer ;;
        answers) get "http://$1:$2/" >/dev/null ;;
        curl) curl "$@" ;;
        pg_isready) pg_isready "$@" ;;
        redis-cli) [ "$*" = ping ] && printf 'PING\r\n' | nc -w 2 127.0.0.1 6379 ;;
        healthcheck.sh) get http://127.0.0.1:3306/ >/dev/null ;;
        healthcheck) get http://127.0.0.1:3001/ >/dev/null ;;
        # Sidekiq names its process after its version, and its health check looks for that.
        bundle) if [ "$*" = 'exec sidekiq' ]; then exec sh /bin/sidekiq 6 stand-in; else serve; fi ;;
        *) serve ;;
    esac
}

# As entry points of images do it: a program that the image has is run, all else are words to the server.
begin() {
    if [ "${1-}" = db ]; then exit 0; fi
    if [ $# -gt 0 ] && command -v "$1" >/dev/null; then exec "$@"; fi
    serve
}

serve() {
    trap 'exit 0' TERM INT
    local port
    for port in $STAND_IN_PORTS; do nc -ll -p "$port" -e /bin/stand-in-answer & done
    tail -f /dev/null &
    wait
}

# One connection: what is asked comes from standard input.
answer() {
    local asked header cr
    cr=$(printf '\r')
    read -r asked || exit 0
    case "$asked" in PING*) printf '+PONG\r\n'; exit ;; esac
    while read -r header && [ "$header" != "$cr" ]; do :; done
    printf 'HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\nOK\n'
}

get() { timeout 20 wget -q -O - "$1"; }

curl() {
    local url
    for url in "$@"; do :; done
    get "$url"
}

# A name that is left out, as where a variable is not set, is as wrong to the real one.
pg_isready() {
    local option
    while getopts d:h:U: option; do
        case "$OPTARG" in '' | -*) exit 3 ;; esac
    done
    get http://127.0.0.1:5432/ >/dev/null || exit 2
}

main "$@"
