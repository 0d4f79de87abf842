# shellcheck shell=bash
# The Docker Engine API through curl, wherever DOCKER_HOST points. Sourced by the scripts of the folder above.

default_engine=unix:///var/run/docker.sock

engine_address() { printf '%s\n' "${DOCKER_HOST:-$default_engine}"; }

# Calls the engine: `engine_curl /path [curl options]`.
engine_curl() {
    local path=$1 address scheme=http tls=()
    shift
    address=$(engine_address)
    if [ -n "${DOCKER_TLS_VERIFY:-}" ]; then
        local certs=${DOCKER_CERT_PATH:-$HOME/.docker}
        scheme=https tls=(--cacert "$certs/ca.pem" --cert "$certs/cert.pem" --key "$certs/key.pem")
    fi
    case "$address" in
        unix://*) curl -sS --unix-socket "${address#unix://}" "http://localhost$path" "$@" ;;
        tcp://* | http://*) curl -sS --noproxy '*' "${tls[@]}" "$scheme://${address#*://}$path" "$@" ;;
        https://*) curl -sS --noproxy '*' "${tls[@]}" "$address$path" "$@" ;;
        *) die "DOCKER_HOST=$address: these scripts speak unix:// and tcp:// only; forward the socket, and name that." ;;
    esac
}

engine_answers() { engine_curl /_ping --fail --max-time 5 --output /dev/null --no-show-error; }

engine_version() { engine_curl /version --fail --max-time 5 | sed -n 's/.*"Version":"\([^"]*\)","ApiVersion".*/\1/p'; }
