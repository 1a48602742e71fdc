# The stage of the night: hosts, store, HAProxy, clients, people, and what is asked of them. Sourced by night.sh.
# shellcheck shell=bash

EXAMPLE=$ROOT/examples/haproxy
PEOPLE=$WORK/people
# A host of the second architecture is this machine as a 32-bit program sees it (personality(2)): its agent is told i686 by the
# kernel, or armv8l, and takes the release's variant for that.
NARROW=(setarch linux32)
declare -A PORT

PUSHED=(web-{01..16})
PULLING=(pull-{1..4})
SILENT=(quiet-{1..2})
ADOPTED=(old-{1..2})
STAGING=(stage-{1..2})
PRODUCTION=("${PUSHED[@]}" "${ADOPTED[@]}" "${PULLING[@]}" "${SILENT[@]}")

chapter() {
    echo
    say "== $*"
}

# prove CLAIM COMMAND…: the claim is printed as proved where the command succeeds, else as what is not so.
prove() {
    local claim=$1
    shift
    if "$@" >>"$WORK/out.log" 2>&1; then say "   PROVED $claim"; else wrong "$claim"; fi
}

# As a page within the timeline, without the lines' ends that no terminal shows.
indent() { sed -e 's/^/          | /' -e 's/\(.\{170\}\).*/\1…/' -e 's/[[:blank:]]*…$/…/' -e 's/[[:blank:]]*$//' "$1"; }

# What a watch says, without what the hosts say that do as they should.
follow() {
    local line host='^(web|pull|quiet|old|stage)-[0-9]+:'
    while IFS= read -r line; do
        [[ $line =~ ^[0-9:.]+\ \ (.*) ]] && line=${BASH_REMATCH[1]}
        [[ -z $line || $line = channel:* ]] && continue
        [[ $line =~ $host && ! $line =~ failed|backed\ out ]] && continue
        say "    ${line:0:180}"
    done
}

# holds_within SECONDS COMMAND…: waits for it; false where it does not come.
holds_within() {
    local deadline=$((${EPOCHREALTIME/[.,]/} + $1 * 1000000))
    shift
    until "$@" >>"$WORK/out.log" 2>&1; do
        [ "${EPOCHREALTIME/[.,]/}" -lt "$deadline" ] || return 1
        sleep 0.2
    done
}

stop() { # stop NAME: SIGTERM, and waits
    local process
    process=$(cat "$WORK/run/$1.pid")
    kill "$process" 2>/dev/null || true
    wait_until 20 "$1 ends" gone "$process"
}

gone() { ! kill -0 "$1" 2>/dev/null; }

kill_now() { kill -KILL "$(cat "$WORK/run/$1.pid")"; }

# --- people ----------------------------------------------------------------------------------------------------------

# person NAME: their key, what they trust, and the root that they were given.
person() { SIGNER=(--key-file "$PEOPLE/$1.pem" --trust "$WORK/trust/$1" --root "$PEOPLE/root.json" --yes); }

approve() { # approve RELEASE ENVIRONMENT PERSON…
    local release=$1 environment=$2 number
    shift 2
    for number in "$@"; do
        person "approver-$number"
        slipway release approve "$release" --environment "$environment" "${SIGNER[@]}" --dir "$C" >>"$WORK/out.log" 2>&1
    done
    say "    $release: approved for $environment with the keys of $# people"
}

# ceremony rotate|renew ROLE HOLDER…: somebody proposes the change, the holders sign it.
ceremony() {
    local change holder
    slipway keys "$1" "$2" --dir "$C" >"$WORK/change" 2>&1 || die "keys $1 $2: $(cat "$WORK/change")"
    change=$(sed -n 's/^Proposed as \(c[0-9]*\).*/\1/p' "$WORK/change")
    for holder in "${@:3}"; do
        person "$holder"
        slipway keys sign "$change" "${SIGNER[@]}" --dir "$C" >>"$WORK/out.log" 2>&1 || wrong "keys sign $change as $holder"
    done
}

# --- hosts -----------------------------------------------------------------------------------------------------------

labels() { # of a host, for the invitation
    case $1 in
    web-01) echo --label pilot=true ;;
    web-0[2-8] | pull-[12]) echo --label wave=early ;;
    esac
}

is_narrow() { [[ $1 = web-0[678] || $1 = web-1[56] ]]; }

environment_of() { if [[ $1 = stage-* ]]; then echo staging; else echo production; fi; }

# enrol HOST: joins, or only follows; its files lie below host/HOST, its agent's below agent/HOST.
enrol() {
    local name=$1 options string pulled
    mkdir -p "$WORK/agent" "$WORK/host/$name/opt"
    options=(--dir "$WORK/agent/$name" --variable "PORT=${PORT[$name]}" --variable "STORE=http://127.0.0.1:$STORE_PORT"
        --variable "BALANCER=$WORK/haproxy.sock" --variable "BALANCED=$(environment_of "$name")/$name")
    pulled=("http://127.0.0.1:$WEB_PORT" --channel production.orders --check-interval "${CHECK_SECONDS}s")
    if [[ $name = quiet-* ]]; then
        slipway-agent follow "${pulled[@]}" --root "$PEOPLE/root.json" --environment production --host "$name" \
            "${options[@]}" --install-root "$WORK/host/$name"
        return
    fi
    # shellcheck disable=SC2046
    string=$(slipway hosts invite --environment "$(environment_of "$name")" --label "name=$name" $(labels "$name") --dir "$C")
    options+=(--root "$WORK/host/$name")
    [[ $name != pull-* ]] || options+=(--pull "${pulled[@]}")
    if [[ $name = old-* ]]; then options+=(--variable "PREDECESSOR=$WORK/run/$name-by-hand.pid"); fi
    slipway-agent join "$string" "${options[@]}"
    if [[ $name = old-* ]]; then slipway-agent adopt /opt/orders --product orders --unit web --dir "$WORK/agent/$name"; fi
}

start_agent() {
    local as=()
    if is_narrow "$1"; then as=("${NARROW[@]}"); fi
    start "agent/$1" ${as[@]+"${as[@]}"} slipway-agent run --dir "$WORK/agent/$1"
}

# What a host runs, by its own link: no word of the controller's.
running() {
    local target
    target=$(readlink "$WORK/host/$1/opt/orders") || return 1
    target=${target##*/}
    echo "${target%-*}"
}

# hosts_run VERSION ENVIRONMENT: its hosts show the release, and their services answer so.
hosts_run() {
    if [ "$2" = production ]; then each_runs "$1" "${PRODUCTION[@]}"; else each_runs "$1" "${STAGING[@]}"; fi
}

each_runs() { # each_runs VERSION HOST…
    local name
    for name in "${@:2}"; do
        [ "$(running "$name")" = "$1" ] && [ "$(service_version "${PORT[$name]}")" = "$1" ] || return 1
    done
}

service_version() {
    (
        exec 3<>"/dev/tcp/127.0.0.1/$1" || exit 1
        printf 'GET /version HTTP/1.0\r\n\r\n' >&3
        tail -n 1 <&3
    ) 2>/dev/null
}

all_online() { [ "$(slipway hosts list --dir "$C" | grep -c ' online ')" -ge "$1" ]; }

# --- clients ---------------------------------------------------------------------------------------------------------

counted() { cut -d' ' -f1 "$WORK/load/count"; }
failures() { cut -d' ' -f2 "$WORK/load/count"; }
many_counted() { [ "$(counted)" -gt 100 ]; }
# failed_between FROM TO: how many requests failed from one moment to another, in seconds since 1970; list_failed: which, and how.
list_failed() { awk -v from="$1" -v to="$2" '$1 >= from && $1 < to' "$WORK/load/failed"; }
failed_between() { list_failed "$@" | wc -l; }
# prove_none_failed FROM TO CLAIM: where it is not so, the first that failed, and what HAProxy had to say of its servers.
prove_none_failed() {
    prove "$3" test "$(failed_between "$1" "$2")" -eq 0
    list_failed "$1" "$2" | head -n 5
    [ "$(failed_between "$1" "$2")" -eq 0 ] || tail -n 15 "$WORK/haproxy.log"
}
now() { echo "${EPOCHREALTIME/,/.}"; }
seconds_since() { python3 -c 'import sys; print(f"{float(sys.argv[2]) - float(sys.argv[1]):.1f}")' "$1" "$(now)"; }

# --- the whole stage -------------------------------------------------------------------------------------------------

write_balancer() {
    local name
    sed -e '/^frontend/,$d' "$EXAMPLE/haproxy.cfg"
    printf 'frontend orders\n    bind "127.0.0.1:${FRONT}"\n    default_backend production\n'
    for name in production staging; do
        printf 'backend %s\n' "$name"
        sed -n '/^backend web/,$p' "$EXAMPLE/haproxy.cfg" | grep -v -e '^backend' -e '^    server '
        server_lines "$name"
    done
}

server_lines() {
    local name
    for name in "${PRODUCTION[@]}" "${STAGING[@]}"; do
        [ "$(environment_of "$name")" = "$1" ] || continue
        printf '    server %s "127.0.0.1:%s"\n' "$name" "${PORT[$name]}"
    done
}

# Two hosts serve by hand, as they did before there was Slipway.
serve_by_hand() {
    local name
    for name in "${ADOPTED[@]}"; do
        mkdir -p "$WORK/host/$name/opt"
        cp -r "$EXAMPLE/release/service" "$WORK/host/$name/opt/orders"
        echo 0.9 >"$WORK/host/$name/opt/orders/VERSION"
        start "$name-by-hand" env "PORT=${PORT[$name]}" "STORE=http://127.0.0.1:$STORE_PORT" "$WORK/host/$name/opt/orders/bin/serve"
    done
}

answers() { # answers PORT PATH: with 200
    (
        exec 3<>"/dev/tcp/127.0.0.1/$1" || exit 1
        printf 'GET /%s HTTP/1.0\r\n\r\n' "$2" >&3
        head -n 1 <&3 | grep ' 200 ' >/dev/null
    ) 2>/dev/null
}

start_store() { start store "$EXAMPLE/store" "$WORK/store.sqlite" "$STORE_PORT"; }

the_fleet() {
    local name jobs=()
    CHECK_SECONDS=2
    chapter "The fleet: 24 hosts in production behind HAProxy, two in staging, three people with keys, one store"
    for name in CONTROLLER_PORT WEB_PORT STORE_PORT FRONT_PORT; do
        free_port
        printf -v "$name" %s "$PORT_FOUND"
    done
    for name in "${PRODUCTION[@]}" "${STAGING[@]}"; do
        free_port
        PORT[$name]=$PORT_FOUND
    done
    slipway init --dir "$C" --listen "127.0.0.1:$CONTROLLER_PORT" --profile team --offline-keys "$PEOPLE" --product orders \
        >>"$WORK/out.log" 2>&1
    start_controller
    ln -s "$C/repository" "$WORK/www"
    start web python3 "$ROOT/scripts/lib/night-web.py" "$WORK/www" "$WEB_PORT"
    start_store
    wait_until 15 "the store answers" answers "$STORE_PORT" healthz
    serve_by_hand
    write_balancer >"$WORK/haproxy.cfg"
    start haproxy env "RUN=$WORK" "FRONT=$FRONT_PORT" haproxy -db -f "$WORK/haproxy.cfg"
    wait_until 15 "HAProxy answers for the two hosts that serve by hand" answers "$FRONT_PORT" healthz
    wait_until 15 "the controller answers" is_ready

    for name in "${PRODUCTION[@]}" "${STAGING[@]}"; do
        enrol "$name" >>"$WORK/out.log" 2>&1 &
        jobs+=($!)
    done
    for name in "${jobs[@]}"; do wait "$name" || die "a host could not be enrolled, see $WORK/out.log"; done
    for name in "${PRODUCTION[@]}" "${STAGING[@]}"; do start_agent "$name"; done
    wait_until 30 "24 hosts are online" all_online 24
    say "    16 pushed and 2 adopted, 4 that pull and 2 that pull and report to nobody, 2 in staging"

    mkdir "$WORK/load"
    start load python3 "$ROOT/scripts/lib/night-load.py" run "http://127.0.0.1:$FRONT_PORT" "$WORK/load"
    wait_until 10 "clients order" test -s "$WORK/load/acknowledged"
    say "    8 clients order without a pause that one could notice, and read each order back"
}
