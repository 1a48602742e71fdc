"""A fleet of real processes for the benchmarks: one controller, some agents, all below one temporary folder."""
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.request

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BIN = os.environ.get("SLIPWAY_BIN", os.path.join(ROOT, ".build", "release"))
# Another version's agent, for a fleet of two versions.
AGENT_BIN = os.environ.get("SLIPWAY_AGENT_BIN", BIN)
EXAMPLE = os.path.join(ROOT, "examples", "web-service", "v1")


def path(name):
    return os.path.join(AGENT_BIN if name == "slipway-agent" else BIN, name)


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def wait_until(what, question, limit=30):
    end = time.monotonic() + limit
    while not question():
        if time.monotonic() > end:
            raise SystemExit(f"gave up waiting: {what}")
        time.sleep(0.02)


def version_at(port):
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/version", timeout=1) as answer:
            return answer.read().decode().strip()
    except OSError:
        return None


def is_healthy(port):
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=1) as answer:
            return answer.status == 200
    except OSError:
        return False


def resident_kib(process):
    with open(f"/proc/{process}/status", encoding="ascii") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS:"))


def release_folder(folder, version):
    """The example service under another version."""
    target = os.path.join(folder, f"release-{version}")
    shutil.copytree(EXAMPLE, target)
    path = os.path.join(target, "release.yaml")
    with open(path, encoding="utf-8") as file:
        text = file.read().replace('version: "1.0"', f'version: "{version}"')
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    with open(os.path.join(target, "service", "VERSION"), "w", encoding="utf-8") as file:
        file.write(version + "\n")
    return target


class Fleet:
    def __init__(self, hosts):
        self.folder = tempfile.mkdtemp(prefix="slipway-bench-")
        self.controller_folder = os.path.join(self.folder, "controller")
        self.processes = []
        self.ports = []
        self.slipway("init", "--dir", self.controller_folder, "--listen", f"127.0.0.1:{free_port()}", connect=False)
        self.controller = self.start("slipway-controller", "run", "--dir", self.controller_folder)
        wait_until("the controller answers", lambda: self.try_slipway("hosts", "list"))
        join = self.slipway("hosts", "invite", "--uses", str(hosts)).strip()
        self.agents = []
        for number in range(hosts):
            agent = os.path.join(self.folder, f"agent-{number}")
            port = free_port()
            subprocess.run(
                [path("slipway-agent"), "join", join, "--dir", agent, "--root",
                 os.path.join(self.folder, f"host-{number}"), "--variable", f"PORT={port}"],
                check=True, capture_output=True)
            self.ports.append(port)
            self.agents.append(self.start("slipway-agent", "run", "--dir", agent))
        wait_until("all agents are online", lambda: self.online() == hosts)

    def start(self, name, *arguments):
        run = os.path.join(self.folder, "run")
        os.makedirs(run, exist_ok=True)
        log = open(os.path.join(self.folder, f"{name}-{len(self.processes)}.log"), "ab")
        process = subprocess.Popen(
            [path(name), *arguments], cwd=run, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.processes.append(process)
        return process

    def run_slipway(self, *arguments, connect=True):
        where = ["--dir", self.controller_folder] if connect else []
        return subprocess.run([os.path.join(BIN, "slipway"), *arguments, *where], capture_output=True, text=True)

    def try_slipway(self, *arguments):
        return self.run_slipway(*arguments).returncode == 0

    def slipway(self, *arguments, connect=True, expected=0):
        result = self.run_slipway(*arguments, connect=connect)
        if result.returncode != expected:
            raise SystemExit(f"slipway {' '.join(arguments)} ended with {result.returncode}:\n{result.stderr}")
        return result.stdout

    def online(self):
        hosts = json.loads(self.slipway("hosts", "list", "--output", "json"))
        return sum(1 for host in hosts if host["contact"] == "online")

    def last_rollout(self):
        last = json.loads(self.slipway("rollout", "list", "--output", "json"))[-1]["id"]
        return json.loads(self.slipway("rollout", "show", last, "--output", "json"))

    def everyone_answers(self, version):
        answers = [version_at(port) for port in self.ports]
        if answers != [version] * len(answers):
            raise SystemExit(f"expected {version} everywhere, found {answers}")

    def close(self):
        for process in self.processes:
            process.kill()
            process.wait()
        kill_below(self.folder)
        shutil.rmtree(self.folder, ignore_errors=True)


def kill_below(folder):
    """Services outlive their agent on purpose: they are found by the folder that only they work in."""
    found = True
    while found:
        found = False
        for name in filter(str.isdigit, os.listdir("/proc")):
            try:
                if os.readlink(f"/proc/{name}/cwd").startswith(folder + "/"):
                    os.kill(int(name), signal.SIGKILL)
                    found = True
            except OSError:
                pass
        time.sleep(0.05)
