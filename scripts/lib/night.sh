# The night, for scripts/demo --night: one function a chapter; docs/night.md tells it. Sourced after stage.sh.
# shellcheck shell=bash

source scripts/lib/night-fleet.sh
source scripts/lib/night-release.sh

night() {
    the_fleet
    yesterday
    phase_two
    the_page
    back_to_normal
    stolen
    restored
    the_fix
    the_review
    the_end
}

# Two people approve 1.0 for staging, two for production: the same bytes. It comes to every host, also to those that served by hand
# until now, while clients order. In the evening the controller is backed up.
yesterday() {
    chapter "Yesterday: orders 1.0 in staging, then the same bytes in production; a backup"
    submit "$EXAMPLE/release"
    approve orders@1.0 staging 1 2
    start_rollout 0 rollout start "$EXAMPLE/rollout.yaml"
    promote orders@1.0 1 3
    rollout_file 1.0 '{ query: pilot=true }, 100%' '25%'
    start_rollout 0 rollout start "$WORK/rollout.yaml"
    wait_until 30 "the two hosts that report to nobody have 1.0" hosts_run 1.0 production
    prove "24 hosts of production run 1.0, two that were adopted and two that report to nobody among them" hosts_run 1.0 production
    wait_until 10 "each host has committed it" one_manifest
    prove "staging and production run one manifest, $(manifests | head -c 12)…, and were approved with other people's keys" one_manifest
    prove "more than 100 requests while all of this was changed: $(counted)" many_counted
    prove_none_failed 0 "$(now)" "of these 0 failed"
    slipway-controller backup --dir "$C" --output "$WORK/backup" >>"$WORK/out.log" 2>&1
    for name in pull-3 pull-4; do install_weekly "$name"; done
    say "    the controller is backed up; pull-3 and pull-4 install once a week from now on, three days from here"
}

# 2.0 passes in staging and on the pilot. In the second phase it fails where the program is 32 bits wide. In the middle of that phase
# the controller is killed, and then the store that all hosts share.
phase_two() {
    local killed host
    chapter "22:00: orders 2.0. Its 32-bit variant is broken, and staging has no such host"
    make_release 2.0 major "Amounts to the cent" broken
    snapshot_blobs before
    submit "$WORK/release-2.0"
    snapshot_blobs after
    approve orders@2.0 staging 1 2
    start_rollout 0 rollout start "$EXAMPLE/rollout.yaml" --release orders@2.0
    promote orders@2.0 2 3
    rollout_file 2.0 '{ query: pilot=true }, { query: wave=early }, 100%' '100%'
    slipway rollout start "$WORK/rollout.yaml" --dir "$C" --output name 2>"$WORK/watch" >>"$WORK/out.log" &
    WATCH=$!
    wait_until 60 "the second phase of 2.0 is under way" second_phase_started
    ROLLOUT=$(last_rollout)
    # The hosts that pull have the word from the plain web server, whoever is alive.
    wait_until 20 "every host of the second phase has begun" all_began
    kill_now controller
    killed=$(now)
    ENDED=$(count_ended)
    FAULT=$(now)
    kill_now store
    prove "controller killed (SIGKILL) in mid-phase: $ENDED of ${#EARLY[@]} hosts are done; then the store" test "$ENDED" -lt "${#EARLY[@]}"
    prove_none_failed 0 "$FAULT" "of $(counted) client requests before that 0 failed"

    wait_until 60 "the hosts that had begun have decided" all_ended
    say "    $(seconds_since "$killed") s later, with no controller and no store:"
    prove "the 3 hosts with the 32-bit variant went back to 1.0 by themselves: ${BROKEN[*]}" each_runs 1.0 "${BROKEN[@]}"
    prove "the 6 others of the phase run 2.0, two that pull among them: ${SOUND[*]}" each_runs 2.0 "${SOUND[@]}"
    for host in "${BROKEN[@]}"; do slipway-agent why orders --dir "$WORK/agent/$host" >"$WORK/why-$host" 2>&1 || true; done
    prove "each of the three names its own trouble, none the store" blamed_rightly

    # Who was to fetch 2.0 has it. Those that pull ask the plain web server.
    REVOKED_AT=$(wc -l <"$WORK/web.log")
    start_controller
    say "    controller started again; the store is still gone"
    set +e
    wait "$WATCH"
    [ $? -eq 7 ] || wrong "the watch of the rollout, which had begun before the crash, did not end with 7 (backed out)"
    set -e
    follow <"$WORK/watch" | tail -n 6
    wait_until 60 "production is back on 1.0" hosts_run 1.0 production
    prove "the rollout is backed out, all 24 hosts run 1.0; all of that without the store" hosts_run 1.0 production
    prove "it names those 3 hosts as the cause, each with its own trouble; no back-out is blamed on the store" only_the_variant
    prove "2.0 is revoked in production" is_revoked
}

# One page for whoever is called.
the_page() {
    local began
    chapter "22:01: the page of whoever is called"
    began=$(now)
    slipway rollout show "$ROLLOUT" --dir "$C" >"$WORK/page" 2>&1
    indent "$WORK/page"
    prove "it names the host, the step, the line of its log and the next command, in $(seconds_since "$began") s" page_is_complete
    slipway report review orders@2.0 --dir "$C" >"$WORK/review-2.0"
    indent "$WORK/review-2.0"
    prove "the review of 2.0 is filled in: backed out, 3 hosts failed, time to restore, all of it from the record" review_is_filled "$WORK/review-2.0" backedOut
}

# The store comes back, and with it everything.
back_to_normal() {
    local from
    chapter "22:02: the store is started again"
    start_store
    wait_until 15 "the store answers" answers "$STORE_PORT" healthz
    wait_until 15 "orders are taken again" orders_flow
    from=$(now)
    CALM_FROM=$from
    sleep 3
    verify_orders
    prove "orders: $LOST" test "${LOST#*, }" = "0 lost"
    prove_none_failed "$from" "$(now)" "0 requests failed since: all hosts serve, and none was touched"
    prove "all 24 hosts still run 1.0" hosts_run 1.0 production
}

# The machine of the controller is gone. Whoever has it now has every key that lay there, its certificate and its address.
stolen() {
    chapter "02:00: the controller's machine is stolen, and pushes a release of its own"
    mark_logs
    stop controller
    mv "$C" "$WORK/stolen"
    ln -sfn "$WORK/stolen/repository" "$WORK/www"
    start thief python3 "$ROOT/scripts/lib/night-thief.py" "$WORK/stolen" "$CONTROLLER_PORT"
    wait_until 90 "every host has heard the thief" all_refused
    prove "each of the ${#CONNECTED[@]} connected hosts was ordered by name, under the director's own key" each_ordered
    prove "$(count_refused) of 24 hosts refused it for want of the approvers' signatures (trust.role.signatures)" all_refused
    prove "all 24 run 1.0, and serve" hosts_run 1.0 production
}

# Another machine, yesterday's backup, the same address. What the thief has is worth nothing once its keys are replaced by those of
# root and targets, which people keep; and people sign once more what they had signed since the backup.
restored() {
    local began taken
    chapter "03:00: the controller is set up from yesterday's backup"
    kill_now thief
    C=$WORK/restored
    slipway-controller restore --from "$WORK/backup" --dir "$C" --advance >"$WORK/restore.log" 2>&1
    ln -sfn "$C/repository" "$WORK/www"
    start_controller
    wait_until 15 "the controller answers" is_ready
    began=$(now)
    holds_within 30 list_is_true || wrong "hosts list is not true of every host 30 s after the controller answered"
    taken=$(seconds_since "$began")
    prove "all hosts are back with nobody's help, and hosts list is true of each, $taken s after the controller answered" list_is_true
    ceremony rotate snapshot root-1
    ceremony rotate timestamp root-1
    ceremony rotate director targets
    ceremony renew production-orders approver-1 approver-3
    ceremony renew staging-orders approver-1 approver-3
    say "    what the thief has is replaced, under the keys of root and targets; the approvers signed again what came after the backup"
}

# A fix, under the keys of two of the people who may push emergencies.
the_fix() {
    local push
    chapter "03:10: the fix, signed by two"
    make_release 2.0.1 emergency "Amounts to the cent, also where words are short"
    submit "$WORK/release-2.0.1"
    push=(emergency push orders@2.0.1 --environment production --all --reason "2.0 fails on 32-bit hosts" --change CHG-77 --yes --dir "$C" --output name)
    person approver-1
    slipway "${push[@]}" "${SIGNER[@]}" >>"$WORK/out.log" 2>&1 && wrong "one signature was enough" || [ $? -eq 6 ]
    say "    approver-1 has signed: it waits for another"
    person approver-2
    prove_none_failed "$CALM_FROM" "$(now)" "0 requests failed since the store came back"
    PUSHED_AT=$(now)
    ROLLOUT=$(slipway "${push[@]}" --detach "${SIGNER[@]}" 2>>"$WORK/out.log" | tail -n 1)
    say "    approver-2 has signed: it went out $(seconds_since "$PUSHED_AT") s after the command was given"
    holds_within 60 hosts_run 2.0.1 production || tell_why 2.0.1
    prove "all 24 run 2.0.1 after $(seconds_since "$PUSHED_AT") s" hosts_run 2.0.1 production
    say "    an emergency changes all hosts at once: it cost clients $(failed_between "$PUSHED_AT" "$(now)") requests"
    prove "it reached the 18 connected hosts within $(began_within "${CONNECTED[@]}") s (3 s)" \
        at_most "$(began_within "${CONNECTED[@]}")" 3
    # They ask every two seconds and a fifth at most; the rest is for signing, publishing and starting.
    prove "the two that install once a week began within $(began_within pull-3 pull-4) s: at their next check" \
        at_most "$(began_within pull-3 pull-4)" 4
}

# What happened is written down already; people add what they make of it.
the_review() {
    chapter "09:00: the review"
    slipway release review "$ROLLOUT" --dir "$C" >"$WORK/review" 2>&1 || true
    slipway report review orders@2.0.1 --dir "$C" >>"$WORK/review" 2>&1
    indent "$WORK/review"
    prove "it is filled in but for what people conclude and learn" review_is_filled "$WORK/review" succeeded
    prove "nobody fetched 2.0 again once the controller could revoke it: $(fetches_of_2 $((REVOKED_AT + 1)) '$') requests, $(fetches_of_2 1 "$REVOKED_AT") before" never_again
}

the_end() {
    stop load
    verify_orders
    prove "orders of the whole night: $LOST" test "${LOST#*, }" = "0 lost"
    say "    requests: $(counted), of which $(failed_between 0 "$FAULT") failed before the store was killed and $(failures) in all"
    [ "$FAILED" = no ] || { say "the night failed"; exit 1; }
    say "done"
}
