# The night, for scripts/demo --night: one function a chapter; docs/night.md tells it. Sourced after stage.sh.
# shellcheck shell=bash

source scripts/lib/night-fleet.sh

night() {
    the_fleet
    yesterday
    the_end
}

# Two people approve 1.0 for staging, two for production: the same bytes. It comes to every host, also to those that served by hand
# until now, while clients order.
yesterday() {
    chapter "Yesterday: orders 1.0, first in staging, then the same bytes in production"
    slipway release submit "$EXAMPLE/release" --dir "$C" --output name >>"$WORK/out.log" 2>&1
    approve orders@1.0 staging 1 2
    start_rollout 0 rollout start "$EXAMPLE/rollout.yaml"
    slipway release promote orders@1.0 --to production --dir "$C" >>"$WORK/out.log" 2>&1 || true
    approve orders@1.0 production 1 3
    rollout_file 1.0 '{ query: pilot=true }, 100%' '25%'
    start_rollout 0 rollout start "$WORK/rollout.yaml"
    wait_until 20 "the silent hosts have 1.0" hosts_run 1.0 24 production
    prove "all 24 hosts of production run 1.0, two of them the adopted ones, two that report to nobody" hosts_run 1.0 24 production
    prove "$(counted) requests, none of which failed" none_failed
}

the_end() {
    local kept
    stop load
    kept=$(python3 "$ROOT/scripts/lib/night-load.py" verify "http://127.0.0.1:$STORE_PORT" "$WORK/load") || true
    prove "orders: $kept" test "${kept#*, }" = "0 lost"
    [ "$FAILED" = no ] || { say "the night failed"; exit 1; }
    say "done"
}
