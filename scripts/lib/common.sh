# Shared by the scripts: sourced, never run. Sets ROOT and BIN; installs what is missing. SLIPWAY_BIN=FOLDER takes built
# programs from there instead of building them.
# shellcheck shell=bash

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
BIN=${SLIPWAY_BIN:-$ROOT/.build/release}

# What the build links against (libcrypto, zlib, libdeflate, zstd, libarchive, SQLite, libpq), and python3 for the example service and the web server.
BUILD_PACKAGES=(git ca-certificates pkg-config libssl-dev zlib1g-dev libdeflate-dev libzstd-dev libarchive-dev libsqlite3-dev libpq-dev python3 tzdata)

note() { printf '%s\n' "$*" >&2; }

die() {
    note "error: $*"
    exit 1
}

# install_missing PACKAGE…: Debian packages, as root or through sudo; nothing happens where all are there.
install_missing() {
    local package missing=()
    if ! command -v dpkg-query >/dev/null; then
        note "This is no Debian or Ubuntu: make sure that these are installed: $*"
        return 0
    fi
    for package in "$@"; do
        [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing+=("$package")
    done
    [ ${#missing[@]} -gt 0 ] || return 0

    local as=()
    if [ "$(id -u)" -eq 0 ]; then
        note "Installing as root: ${missing[*]}"
    elif command -v sudo >/dev/null; then
        note "Installing through sudo: ${missing[*]}"
        as=(sudo)
    else
        die "these packages are missing, and there is neither root nor sudo to install them: ${missing[*]}"
    fi
    "${as[@]}" env DEBIAN_FRONTEND=noninteractive apt-get update -qq >&2
    "${as[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >&2
}

# What a build needs: our libraries, and the C++ headers without which Swift's own compiler cannot link anything.
install_for_build() {
    local packages=("${BUILD_PACKAGES[@]}" "$@")
    compgen -G '/usr/include/c++/*/vector' >/dev/null && [ -e /usr/include/stdio.h ] || packages+=(g++)
    install_missing "${packages[@]}"
}

# Swift is not in Debian: it is never installed behind anyone's back.
need_swift() {
    if ! command -v swift >/dev/null; then
        note "The Swift toolchain (6.2 or later) is missing. Get it in one of these ways, then run this again:"
        note "  curl -O https://download.swift.org/swiftly/linux/swiftly-\$(uname -m).tar.gz"
        note "  tar zxf swiftly-\$(uname -m).tar.gz && ./swiftly init     (installs the latest toolchain)"
        note "  or see https://www.swift.org/install/linux/debian/12/"
        note "  or work in the container image swift:6.3-bookworm"
        exit 1
    fi
    local version
    version=$(swift --version 2>/dev/null | sed -n 's/.*Swift version \([0-9]*\.[0-9]*\).*/\1/p' | head -1)
    case $version in
    6.[2-9] | 6.[1-9][0-9] | [7-9].* | [1-9][0-9].*) ;;
    *) die "Swift ${version:-of an unknown version} is too old: 6.2 or later is needed, see https://www.swift.org/install" ;;
    esac
}

# One static release without symbols, for the demo, the self-hosting test and the benchmark: always the same flags, so it is
# built once.
build_release() {
    [ -z "${SLIPWAY_BIN:-}" ] || return 0
    note "Building the release (a few minutes the first time) …"
    (cd "$ROOT" && swift build -c release --static-swift-stdlib -Xlinker -s 1>&2)
}

# need_from_pypi NAME VERSION [MORE…]: a package in a virtual environment of its own, .build/NAME. Outside of CI what needs it is
# skipped where PyPI is not to be had.
need_from_pypi() {
    local name=$1 version=$2 folder=$ROOT/.build/$1
    shift 2
    if ! "$folder/bin/python" -c "import importlib.metadata, sys; sys.exit(importlib.metadata.version('${name}') != '$version')" 2>/dev/null; then
        note "Installing $name $version into .build/$name"
        rm -rf "$folder"
        /usr/bin/python3 -m venv "$folder"
        if ! "$folder/bin/pip" install --quiet --disable-pip-version-check "$name$*==$version" >&2; then
            [ "${CI:-}" != true ] || die "$name could not be installed from PyPI"
            note "$name could not be installed from PyPI: its tests are skipped."
            rm -rf "$folder"
            return 1
        fi
    fi
}

# need_schemathesis: names its Python in SLIPWAY_TEST_SCHEMATHESIS.
need_schemathesis() {
    ! need_from_pypi schemathesis 4.32.5 || export SLIPWAY_TEST_SCHEMATHESIS=$ROOT/.build/schemathesis/bin/python
}

# need_ansible: names the folder of its programs in SLIPWAY_TEST_ANSIBLE.
need_ansible() {
    ! need_from_pypi ansible-core 2.19.14 || export SLIPWAY_TEST_ANSIBLE=$ROOT/.build/ansible-core/bin
}

# need_moto: names its Python in SLIPWAY_TEST_MOTO.
need_moto() {
    ! need_from_pypi moto 5.2.5 '[server]' || export SLIPWAY_TEST_MOTO=$ROOT/.build/moto/bin/python
}

# need_browser: Debian's chromium, driven by selenium, and axe-core in a virtual environment of their own; names its Python in
# SLIPWAY_TEST_BROWSER. Outside of CI the test of the console is skipped where there is none.
need_browser() {
    local selenium=4.51.0 axe=0.1.0 folder=$ROOT/.build/browser
    if [ "${CI:-}" = true ]; then
        install_missing chromium chromium-driver python3-venv fonts-dejavu-core
    elif ! command -v chromium >/dev/null || ! command -v chromedriver >/dev/null; then
        note "There is no chromium with chromedriver (apt-get install chromium chromium-driver): the console's test is skipped."
        return 0
    fi
    if ! "$folder/bin/python" -c "import importlib.metadata as m, sys; sys.exit((m.version('selenium'), m.version('axe-core-python')) != ('$selenium', '$axe'))" 2>/dev/null; then
        note "Installing selenium $selenium and axe-core into .build/browser"
        rm -rf "$folder"
        /usr/bin/python3 -m venv "$folder"
        if ! "$folder/bin/pip" install --quiet --disable-pip-version-check "selenium==$selenium" "axe-core-python==$axe" >&2; then
            [ "${CI:-}" != true ] || die "selenium could not be installed from PyPI"
            note "selenium could not be installed from PyPI: the console's test is skipped."
            rm -rf "$folder"
            return 0
        fi
    fi
    export SLIPWAY_TEST_BROWSER=$folder/bin/python
}

# free_port: a TCP port that nobody listens on now; below the range that the system hands out by itself.
free_port() {
    local port try
    for try in $(seq 200); do
        port=$((18000 + (RANDOM * 32768 + RANDOM) % 14000))
        case " ${PORTS_TAKEN:-} " in *" $port "*) continue ;; esac
        if ! (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
            PORTS_TAKEN="${PORTS_TAKEN:-} $port"
            PORT_FOUND=$port
            return 0
        fi
    done
    die "no free port was found in $try tries"
}

# wait_until SECONDS WHAT COMMAND…: polls; dies when it takes longer.
wait_until() {
    local deadline=$((${EPOCHREALTIME/[.,]/} + $1 * 1000000)) what=$2
    shift 2
    until "$@" >/dev/null 2>&1; do
        [ "${EPOCHREALTIME/[.,]/}" -lt "$deadline" ] || die "gave up waiting: $what"
        sleep 0.05
    done
}

# stop_below FOLDER: ends every process whose working folder is below FOLDER, again and again until there is none: an agent
# that is still alive starts a service anew that was ended before it. Services outlive their agent on purpose, so they are
# found by the folder that only they work in.
stop_below() {
    local folder process where found=yes
    folder=$(cd "$1" 2>/dev/null && pwd -P) || return 0
    while [ "$found" = yes ]; do
        found=no
        for process in /proc/[0-9]*; do
            where=$(readlink "$process/cwd" 2>/dev/null) || continue
            case $where in
            "$folder"/*)
                kill -KILL "${process#/proc/}" 2>/dev/null && found=yes
                ;;
            esac
        done
        [ "$found" = no ] || sleep 0.05
    done
}

# count_reports FILE…: names each failed test with what it said, as "failed: CLASS NAME: MESSAGE", then adds up what the
# reports of tests say, as "N passed, N failed". A report that cannot be read is a failure: its run ended before its end.
count_reports() {
    python3 - "$@" <<'EOF'
import sys
import xml.etree.ElementTree as tree

passed = failed = 0
for name in sys.argv[1:]:
    try:
        suites = list(tree.parse(name).getroot().iter("testsuite"))
    except (OSError, tree.ParseError) as problem:
        print(f"failed: the run of {name.rsplit('/', 1)[-1]}: no report was written, or half of one: {problem}")
        failed += 1
        continue
    for suite in suites:
        for case in suite.iter("testcase"):
            for failure in case.iter("failure"):
                message = " ".join(failure.get("message", "").split())[:600]
                print(f"failed: {case.get('classname')} {case.get('name')}: {message}")
        bad = int(suite.get("failures", 0)) + int(suite.get("errors", 0))
        failed += bad
        passed += int(suite.get("tests", 0)) - bad - int(suite.get("skipped", 0) or 0)
print(f"{passed} passed, {failed} failed")
EOF
}
