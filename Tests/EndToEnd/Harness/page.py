"""Runs the commands of pages of docs/ and of examples' READMEs, as a reader would who copies them into one shell.

usage: page.py FOLDER PAGE...    FOLDER becomes the working folder; `slipway` and the others come by PATH

Each fenced block of the language `sh` is run, in order, with bash -e. What a line promises at its end is held against it:

    command    # prints WORDS         its output holds the words, after half a minute of trying at the latest
    command    # ends with 7          its exit code

Each number from 8000 to 8999 is a port, and is replaced by a free one, the same on all pages. Nothing else is changed.
"""
import os
import re
import shlex
import socket
import subprocess
import sys

PORT = re.compile(r"\b8\d{3}\b")
PROMISE = re.compile(r"^(?P<command>.*\S)\s+# (?:prints (?P<words>.+)|ends with (?P<code>\d+))$")

HEAD = r"""
set -euo pipefail
trap 'echo "$page: this line failed: $BASH_COMMAND" >&2' ERR
prints() {
    local words=$1 command=$2 output= end=$((SECONDS + 30))
    while :; do
        output=$(eval "$command" 2>&1 </dev/null) || true
        case $output in *"$words"*) printf '%s\n' "$output"; return 0 ;; esac
        [ "$SECONDS" -lt "$end" ] || break
        sleep 0.2
    done
    echo "$page: $command: should print: $words; printed: $output" >&2
    exit 1
}
ends_with() {
    local code=0
    (trap - ERR; eval "$2") </dev/null || code=$?
    [ "$code" -eq "$1" ] || { echo "$page: $2: should end with $1; ended with $code" >&2; exit 1; }
}
"""


def blocks(text):
    """The commands of a page."""
    commands, language = [], None
    for line in text.splitlines():
        if line.startswith("```"):
            if language is None:
                language = line[3:].strip()
            else:
                language = None
        elif language == "sh":
            commands.append(line)
    return commands


def free_ports(texts):
    """A free port for each that the commands name, below the range that whoever connects gets one of meanwhile."""
    ports, sockets = {}, []
    candidates = (18000 + (os.getpid() * 97 + step) % 14000 for step in range(14000))
    for number in sorted({number for text in texts for number in PORT.findall(text)}):
        for port in candidates:
            probe = socket.socket()
            sockets.append(probe)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            ports[number] = str(port)
            break
        else:
            sys.exit("no port is free")
    for probe in sockets:
        probe.close()
    return ports


def script(pages):
    lines, commands = [HEAD], {}
    for page in pages:
        with open(page, encoding="utf-8") as file:
            commands[page] = blocks(file.read())
        if not commands[page]:
            sys.exit(f"{page}: it has no commands")
    ports = free_ports([line for page in pages for line in commands[page]])
    for page in pages:
        lines.append(f"page={shlex.quote(os.path.relpath(page, os.path.join(os.path.dirname(__file__), '../../..')))}")
        for line in commands[page]:
            for number, port in ports.items():
                line = re.sub(rf"\b{number}\b", port, line)
            promise = PROMISE.match(line)
            if not promise:
                lines.append(line)
            elif promise["code"]:
                lines.append(f"ends_with {promise['code']} {shlex.quote(promise['command'])}")
            else:
                lines.append(f"prints {shlex.quote(promise['words'])} {shlex.quote(promise['command'])}")
    lines.append("echo every line was run")
    return "\n".join(lines) + "\n"


def main():
    folder, pages = sys.argv[1], sys.argv[2:]
    path = os.path.join(folder, ".page.sh")
    with open(path, "w", encoding="utf-8") as file:
        file.write(script(pages))
    # A person's own settings do not count: commands find their controller by what the page says.
    environment = {**os.environ, "HOME": folder}
    os.chdir(folder)
    sys.exit(subprocess.run(["bash", path], env=environment).returncode)


if __name__ == "__main__":
    main()
