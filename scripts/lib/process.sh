# shellcheck shell=bash
# Processes that outlive a script, known by their pid files. Sourced by the scripts of the folder above.

# Whether a process lives. A zombie counts as gone: where process 1 does not reap, it stays for ever.
is_living() {
    case "$(sed -n 's/^State:\t\(.\).*/\1/p' "/proc/$1/status" 2>/dev/null)" in
        '' | Z | X) return 1 ;;
    esac
}

# Whether the process of a pid file lives: `names_a_living FILE NAME`. The number alone may be another's by now.
names_a_living() {
    local pid
    [ -s "$1" ] && pid=$(cat "$1") && is_living "$pid" && [ "$(cat "/proc/$pid/comm" 2>/dev/null)" = "$2" ]
}

forget_unless_living() { names_a_living "$1" "$2" || rm -f "$1"; }

# Ends the process of a pid file by SIGTERM, then SIGKILL, and removes the file: `end_process FILE NAME SECONDS`.
end_process() {
    local file=$1 name=$2 deadline=$((SECONDS + $3)) pid
    if names_a_living "$file" "$name"; then
        pid=$(cat "$file")
        kill -TERM "$pid" || die "$name (pid $pid) is not this user's to stop: run \`sudo $0 down\`."
        while is_living "$pid"; do
            if [ "$SECONDS" -ge "$deadline" ]; then
                say "$name (pid $pid) has not ended within $3 s of SIGTERM; killing it."
                kill -KILL "$pid"
                break
            fi
            sleep 0.1
        done
    fi
    rm -f "$file"
}
