# The stage of scripts/demo: a folder, its processes, a timeline. Sourced after common.sh, once everything is built.
# shellcheck shell=bash

WORK=$(mktemp -d "${TMPDIR:-/tmp}/slipway-demo.XXXXXX")
C=$WORK/controller
FAILED=no
STARTED=${EPOCHREALTIME/[.,]/}

say() { # a line of the timeline, with the seconds since the start
    local now=$(((${EPOCHREALTIME/[.,]/} - STARTED) / 10000))
    printf '%3d.%02d  %s\n' $((now / 100)) $((now % 100)) "$*"
}

wrong() {
    FAILED=yes
    say "NOT SO: $*"
}

leave() {
    local status=$?
    trap - EXIT INT TERM
    if [ "$status" -ne 0 ] && [ "$status" -ne 130 ]; then
        for log in "$WORK"/*.log; do
            [ -s "$log" ] && { note "--- the end of ${log##*/}"; tail -n 15 "$log" >&2; }
        done
    fi
    [ "$status" -ne 0 ] || [ "$KEEP" = no ] || exit 0
    stop_below "$WORK"
    wait 2>/dev/null || true
    rm -rf "$WORK"
    exit "$status"
}
trap leave EXIT
trap 'exit 130' INT TERM

# start NAME PROGRAM…: in a folder of its own below WORK, which is how stop_below finds it.
start() {
    local name=$1
    shift
    mkdir -p "$WORK/run/$name" "$(dirname "$WORK/$name.log")"
    (cd "$WORK/run/$name" && exec "$@") >>"$WORK/$name.log" 2>&1 &
    echo $! >"$WORK/run/$name.pid"
    disown $!
}

start_controller() { start controller slipway-controller run --dir "$C"; }

is_ready() { slipway hosts list --dir "$C" --output name; }

# The watch's own lines go on as part of the timeline: what is decided and how each host ends, not each of its steps.
follow() {
    local line
    while IFS= read -r line; do
        line=${line#[0-9][0-9]:[0-9][0-9]:[0-9][0-9].[0-9][0-9][0-9]  }
        line=${line#[0-9][0-9]:[0-9][0-9]:[0-9][0-9]  }
        case $line in
        host-*": "*" succeeded" | host-*"backingOut" | host-*"backed out"* | host-*"failed"*) ;;
        host-* | channel:* | "") continue ;;
        esac
        say "    $line"
    done
}

# start_rollout EXPECTED OPTIONS…: starts and follows; the exit code is the rollout's final state.
start_rollout() {
    local expected=$1 status
    shift
    set +e
    slipway "$@" --dir "$C" --output name 3>&1 1>>"$WORK/out.log" 2>&3 | follow
    status=${PIPESTATUS[0]}
    set -e
    [ "$status" -eq "$expected" ] || wrong "slipway $1 $2 ended with $status, expected $expected"
}
