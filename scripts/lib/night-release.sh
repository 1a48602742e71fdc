# The releases of the night, and what is looked up about them. Sourced by night.sh.
# shellcheck shell=bash

EARLY=(web-0{2..8} pull-{1..2})
BROKEN=(web-0{6..8})
CONNECTED=(web-{01..16} old-{1..2})
declare -A LOG_END
SOUND=(web-0{2..5} pull-{1..2})

submit() { slipway release submit "$1" --dir "$C" --output name >>"$WORK/out.log" 2>&1; }

promote() { # promote RELEASE PERSON…: ends with 6 until they have signed
    slipway release promote "$1" --to production --dir "$C" >>"$WORK/out.log" 2>&1 || [ $? -eq 6 ]
    approve "$1" production "${@:2}"
}

# make_release VERSION CATEGORY SUMMARY [broken]: the example's release under another version. A broken one is sound where it runs as
# 64 bits; its variant for 32 bits finds a number that does not fit.
make_release() {
    local folder=$WORK/release-$1
    cp -r "$EXAMPLE/release" "$folder"
    sed -i -e "s/^version:.*/version: \"$1\"/" -e "s/^category:.*/category: $2/" -e "s/^summary:.*/summary: $3/" "$folder/release.yaml"
    echo "$1" >"$folder/service/VERSION"
    [ "${4:-}" = broken ] || return 0
    cp -r "$folder/service" "$folder/service-32"
    sed -i 's/^    return None$/    return "the ledger is at 4294967296, which does not fit into 32 bits"/' "$folder/service-32/bin/serve"
    sed -i 's|^    source: ./service$|    variants: { all: ./service, i386: ./service-32, armhf: ./service-32 }|' "$folder/release.yaml"
}

rollout_file() { # rollout_file VERSION PHASES PARALLELISM
    cat >"$WORK/rollout.yaml" <<YAML
release: orders@$1
environment: production
hosts: all
strategy: phased
phases: [$2]
limits: { parallelism: $3, offlineGrace: 15s, progressDeadline: 2m }
backOut: rollout
YAML
}

# install_weekly HOST: what is ordered begins on one day of the week, not today; the host asks as often as before.
install_weekly() {
    local file=$WORK/agent/$1/agent.json
    python3 - "$file" <<'EOP'
import datetime, json, sys
settings = json.load(open(sys.argv[1]))
day = (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=3)).strftime("%a")
settings["schedule"] = {"at": f"{day} 03:00", "zone": "UTC", "spread": "1h"}
json.dump(settings, open(sys.argv[1], "w"), indent=2)
EOP
    stop "agent/$1"
    start_agent "$1"
}

# manifests: the digest that each host of both environments says it runs, each once.
manifests() {
    local name
    for name in "${PRODUCTION[@]}" "${STAGING[@]}"; do
        slipway-agent status --dir "$WORK/agent/$name" --output json
    done | python3 -c '
import json, sys
text, at, seen = sys.stdin.read(), 0, set()
while at < len(text.rstrip()):
    value, at = json.JSONDecoder().raw_decode(text, at)
    at += len(text[at:]) - len(text[at:].lstrip())
    seen.add(value["products"][0]["running"]["manifest"])
print("\n".join(sorted(seen)))'
}

one_manifest() { [ "$(manifests | wc -l)" -eq 1 ]; }

# --- the rollout that fails ------------------------------------------------------------------------------------------

snapshot_blobs() { ls "$C/repository/blobs" | sort >"$WORK/blobs-$1"; }

last_rollout() { slipway rollout list --dir "$C" --output name | tail -n 1; }

ask_rollout() { # ask_rollout PYTHON: r is the rollout, as rollout show prints it
    slipway rollout show "${ROLLOUT:-$(last_rollout)}" --dir "$C" --output json | python3 -c "
import json, sys
r = json.load(sys.stdin)
$1" "${@:2}"
}

second_phase_started() { ask_rollout 'sys.exit(0 if r["release"].endswith("@2.0") and r["environment"] == "production" and r["phases"][1]["state"] == "running" else 1)'; }

word_of() { grep -h -F "order=$ROLLOUT/install/1 " "$WORK/agent/$1.log"; }

# Those that are pushed to have begun, and the word for those that pull lies on the plain web server.
all_began() {
    local name
    for name in "${EARLY[@]}"; do
        [[ $name = pull-* ]] || word_of "$name" | grep 'step=stopping' >/dev/null || return 1
    done
    python3 -c 'import base64, json, sys; print(base64.b64decode(json.load(sys.stdin)["payload"]).decode())' \
        <"$C/repository/director/production.orders.json" | grep -F "$ROLLOUT" >/dev/null
}

count_ended() {
    local name count=0
    for name in "${EARLY[@]}"; do if word_of "$name" | grep 'order ended' >/dev/null; then count=$((count + 1)); fi; done
    echo "$count"
}

all_ended() { [ "$(count_ended)" -eq "${#EARLY[@]}" ]; }

# Its word is found wherever it would stand: in what a service answered, in its log, in an error.
blamed_rightly() {
    local name
    for name in "${BROKEN[@]}"; do
        grep -q 'does not fit into 32 bits' "$WORK/why-$name" || return 1
        ! grep -q 'the store at' "$WORK/why-$name" || return 1
    done
}

only_the_variant() {
    ask_rollout '
blamed = {h["host"] for h in r["hosts"] if "evidence" in h}
assert blamed == set(sys.argv[1:]), blamed
assert not any("the store at" in json.dumps(h) for h in r["hosts"]), "the store is blamed"
assert r["state"] == "backedOut" and "store" not in r["reason"], r' "${BROKEN[@]}"
}

is_revoked() {
    slipway release show orders@2.0 --dir "$C" --output json | python3 -c '
import json, sys
sys.exit(0 if any(e["environment"] == "production" and e.get("revocation") for e in json.load(sys.stdin)["environments"]) else 1)'
}

# fetches_of_2 FROM TO: how often files that came with 2.0 were asked for, by lines of the web server's log.
fetches_of_2() {
    comm -13 "$WORK/blobs-before" "$WORK/blobs-after" >"$WORK/blobs-2"
    sed -n "$1,$2p" "$WORK/web.log" | grep -c -F -f "$WORK/blobs-2" || true
}

never_again() { [ "$(fetches_of_2 1 "$REVOKED_AT")" -gt 0 ] && [ "$(fetches_of_2 $((REVOKED_AT + 1)) '$')" -eq 0 ]; }

page_is_complete() {
    local host
    for host in "${BROKEN[@]}"; do grep -q "$host" "$WORK/page" || return 1; done
    grep -q checking "$WORK/page" && grep -q 'does not fit into 32 bits' "$WORK/page" && grep -q -E '^next +slipway ' "$WORK/page"
}

# --- the store -------------------------------------------------------------------------------------------------------

orders_flow() {
    local before
    before=$(wc -l <"$WORK/load/acknowledged")
    sleep 0.5
    [ "$(wc -l <"$WORK/load/acknowledged")" -gt $((before + 10)) ]
}

# Says how many orders were acknowledged and how many of them are lost.
verify_orders() {
    LOST=$(python3 "$ROOT/scripts/lib/night-load.py" verify "http://127.0.0.1:$STORE_PORT" "$WORK/load") || true
}

# --- the stolen controller, and the new one --------------------------------------------------------------------------

mark_logs() {
    local name
    for name in "${PRODUCTION[@]}"; do LOG_END[$name]=$(wc -c <"$WORK/agent/$name.log"); done
}

since_mark() { tail -c "+$((LOG_END[$1] + 1))" "$WORK/agent/$1.log"; }

each_ordered() {
    local name
    for name in "${CONNECTED[@]}"; do grep -q -x "ordered $name" "$WORK/thief.log" || return 1; done
}

count_refused() {
    local name count=0
    for name in "${PRODUCTION[@]}"; do
        if since_mark "$name" | grep 'trust\.role\.signatures' >/dev/null; then count=$((count + 1)); fi
    done
    echo "$count"
}

all_refused() { [ "$(count_refused)" -eq 24 ]; }

# What hosts list says against what each host's own link says; the silent ones are on no list.
list_is_true() {
    local name
    for name in "${PRODUCTION[@]}" "${STAGING[@]}"; do
        [[ $name = quiet-* ]] || echo "$name $(running "$name")"
    done >"$WORK/truth"
    slipway hosts list --dir "$C" --output json | python3 -c '
import json, sys
truth = dict(line.split() for line in open(sys.argv[1]))
listed = {h["id"]: [p.get("running") for p in h["products"]] for h in json.load(sys.stdin) if h["contact"] == "online"}
wrong = {name: (version, listed.get(name)) for name, version in truth.items() if listed.get(name) != [version]}
print(len(wrong), "are not as they are listed:", wrong)
sys.exit(1 if wrong or len(truth) != 24 else 0)' "$WORK/truth"
}

# --- the fix ---------------------------------------------------------------------------------------------------------

# began_within NAME…: the seconds from PUSHED_AT until the last of these hosts had begun the fix, by their own logs.
began_within() {
    local name
    for name in "$@"; do
        grep -m 1 -F "order=$ROLLOUT/install/" "$WORK/agent/$name.log" | cut -d' ' -f1 || echo never
    done | python3 -c '
import datetime, sys
times = [datetime.datetime.fromisoformat(line.strip()).timestamp() for line in sys.stdin]
print(f"{max(times) - float(sys.argv[1]):.2f}")' "$PUSHED_AT"
}

# tell_why VERSION: which hosts of production do not run it, and what the rollout and their agents say.
tell_why() {
    local name
    for name in "${PRODUCTION[@]}"; do
        if each_runs "$1" "$name"; then continue; fi
        wrong "$name runs $(running "$name"), its service is $(service_version "${PORT[$name]}")"
        grep -F "order=$ROLLOUT/" "$WORK/agent/$name.log" | tail -n 5
        slipway-agent why orders --dir "$WORK/agent/$name" 2>&1 | tail -n 20 || true
    done
    slipway rollout show "$ROLLOUT" --dir "$C" 2>&1 | tail -n 60
}

# review_is_filled FILE OUTCOME: all fields but the two that only people can fill.
review_is_filled() {
    [ "$(grep -c '(to be said)' "$1")" -eq 2 ] && grep -q -E "^outcome .* $2 " "$1" \
        && awk '/^filled +[0-9]+ of [0-9]+$/ { left = $4 - $2 } END { exit left == 2 ? 0 : 1 }' "$1"
}

at_most() { python3 -c 'import sys; sys.exit(0 if float(sys.argv[1]) <= float(sys.argv[2]) else 1)' "$1" "$2"; }
