"""The console in Debian's chromium, driven by selenium: ten thousand hosts, and how soon a failed rollout is on somebody's screen.

    console.py [--hosts N] [--keep FOLDER] [--only fleet|failure]

fleet: a controller with N hosts that hold their streams open and do what they are told (bench/load); the first load of the home
page and of a rollout with all of them, each in a browser that keeps nothing, and a change until a page that stands open says it:
at rest, and while N hosts report. --keep as in load.py: joining ten thousand hosts takes a minute.

failure: three real agents, and a release that fails its health check. From the last failing check, as the service itself timed it,
until `slipway rollout start`, the console's first page, which stands open, and a webhook name host, step and the last twenty lines.
"""
import argparse
import http.server
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "Tests", "EndToEnd", "Harness"))

import browser  # noqa: E402
from fleet import BIN, Fleet, wait_until  # noqa: E402
from load import Bench, Hosts, at_most_half, may_open_many  # noqa: E402
from load_measures import processor, row  # noqa: E402

TURNS = 7
WORDS = "return [...document.querySelectorAll('.badge')].map((it) => it.textContent);"


class Screen:
    """A browser that has signed in."""

    def __init__(self, url, token):
        self.url = url
        self.folder = tempfile.TemporaryDirectory(prefix="slipway-bench-browser-")
        self.driver = browser.start(os.path.join(self.folder.name, "profile"))
        browser.sign_in(self.driver, {"url": url, "token": token})
        self.driver.execute_cdp_cmd("Network.enable", {})
        self.driver.execute_cdp_cmd("Network.setCacheDisabled", {"cacheDisabled": True})

    def load(self, path):
        """Milliseconds until the page and all that it needs is there, and the bytes of it."""
        start = time.monotonic()
        self.driver.get(self.url + path)
        return 1000 * (time.monotonic() - start), self.driver.execute_script(browser.LOADED)

    def stand(self, path):
        """Opens the page and waits until its stream is there and it was drawn for it once."""
        self.driver.get(self.url + path)
        browser.wait(self.driver, "the page is live",
                     lambda it: it.find_element("id", "stream").get_attribute("data-state") == "live")

    def close(self):
        self.driver.quit()
        self.folder.cleanup()


def figures(times):
    return f"{statistics.median(times):.0f}, {max(times):.0f} ms"


def start_rollout(bench, product, version, strategy):
    bench.submit(product, version)
    file = os.path.join(bench.temporary, f"{product}-{version}.yaml")
    with open(file, "w", encoding="utf-8") as text:
        text.write(f"release: {product}@{version}\nenvironment: staging\nhosts: all\n{strategy}"
                   "limits: { parallelism: 100%, progressDeadline: 1h }\n")
    bench.slipway("rollout", "start", file, "--detach")
    listed = json.loads(bench.slipway("rollout", "list", "--output", "json"))
    return next(one["id"] for one in reversed(listed) if one["release"] == f"{product}@{version}")


def act(bench, rollout, verb):
    request = urllib.request.Request(
        f"https://127.0.0.1:{bench.port}/v1/rollouts/{rollout}/{verb}", data=b'{"reason":"bench"}', method="POST",
        headers={"Authorization": f"Bearer {bench.token}", "Content-Type": "application/json"})
    urllib.request.urlopen(request, context=bench.tls, timeout=30).read()


def changes(bench, screen, path, rollout):
    """Milliseconds from a command's first byte to the page that says what it did."""
    times = []
    screen.stand(path)
    for turn in range(TURNS):
        verb, says = [("halt", "Halted"), ("resume", "Running")][turn % 2]
        start = time.monotonic()
        act(bench, rollout, verb)
        browser.wait(screen.driver, says, lambda it: says in it.execute_script(WORDS)[:2])
        times.append(1000 * (time.monotonic() - start))
    act(bench, rollout, "resume")
    return times


def fleet(hosts, keep):
    bench = Bench(hosts, keep)
    # As many as may have two connections each; the others are offline.
    count = at_most_half(hosts)
    load = Hosts(bench, count)
    screen = None
    try:
        load.connect(count, 500)
        load.ask("inventories", 500)
        wait_until("inventories are stored", lambda: load.ask("status")["acknowledged"] >= count, 180)
        load.ask("work", 2000)
        version = int(time.time())
        rollout = start_rollout(
            bench, "console", f"{version}.0.0", "strategy: phased\nphases: [{ hosts: 100, bake: 1h }, 50%, 100%]\n")
        wait_until("the pilots report", lambda: load.ask("status")["orders"] >= 50, 60)
        screen = Screen(f"https://127.0.0.1:{bench.port}", os.path.join(bench.controller_folder, "admin.token"))
        for name, path in [("home", "/"), ("rollout", f"/console/rollouts/{rollout}")]:
            before = processor(bench.controller.pid)
            loads = [screen.load(path) for _ in range(TURNS)]
            work = (processor(bench.controller.pid) - before) / TURNS
            row(f"{name}, {count} hosts: first load, middle, worst", "<= 1000 ms", figures([it[0] for it in loads]),
                f"{work:.2f} s CPU of the controller each")
            row("  bytes", "< 200 KB", f"{max(it[1] for it in loads) / 1000:.0f} KB")
            row("  a change shows itself, at rest", "<= 2000 ms", figures(changes(bench, screen, path, rollout)))
        bench.slipway("rollout", "abort", rollout, "--reason", "bench")
        load.ask("work", 8000)
        rollout = start_rollout(bench, "crowd", f"{version}.0.0", "strategy: bigBang\n")
        times, path = [], f"/console/rollouts/{rollout}"
        screen.stand(path)
        first = load.ask("status")
        times = changes(bench, screen, path, rollout)
        reports = load.ask("status")["acknowledged"] - first["acknowledged"]
        row(f"  a change shows itself, while {count} hosts report", "<= 2000 ms", figures(times), f"{reports} reports meanwhile")
    finally:
        if screen:
            screen.close()
        load.close()
        bench.close()


class Sink:
    """Takes webhooks, and notes when each came."""

    def __init__(self):
        came = self.came = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                came.append((time.time(), json.dumps(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))))
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


class Command:
    """A command, and when it said what."""

    def __init__(self, *arguments):
        self.said = []
        self.process = subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.thread = threading.Thread(target=self.read)
        self.thread.start()

    def read(self):
        whole = ""
        for line in self.process.stdout:
            whole += line
            self.said.append((time.time(), whole))
        self.process.wait()


HEALTHZ = """
CHECKS = 0


def healthz():
    global CHECKS
    CHECKS += 1
    print(f"line {START + CHECKS}: check at {time.time():.3f} failed", flush=True)
    return 500, "no"


START = 40
for number in range(1, START + 1):
    print(f"line {number}: starting", flush=True)
"""


def broken_release(folder):
    """The example's second version with a longer log, each line of which is another; each check says when it was."""
    target = os.path.join(folder, "broken")
    shutil.copytree(os.path.join(ROOT, "examples", "web-service", "v3"), target)
    program = os.path.join(target, "service", "bin", "serve")
    with open(program, encoding="utf-8") as file:
        text = file.read()
    text = re.sub(r"\ndef healthz\(\):\n(?:    .*\n|\n)+", lambda _: HEALTHZ + "\n\n", text, count=1)
    with open(program, "w", encoding="utf-8") as file:
        file.write(text.replace("import sys\n", "import sys\nimport time\n", 1))
    return target


def names_it(text):
    """When the last check failed, where the text names a host, the step and the last twenty lines; nil: it does not yet."""
    text = text.replace("\\n", "\n")
    numbers = sorted({int(it) for it in re.findall(r"line (\d+):", text)})
    checks = [float(it) for it in re.findall(r"check at ([0-9.]+) failed", text)]
    if len(numbers) < 20 or numbers[-1] - numbers[0] != len(numbers) - 1 or not checks or "host-" not in text:
        return None
    return max(checks) if re.search(r"\bchecking\b", text) else None


def seconds(said):
    """Of texts with their times: how long after the last failing check one named it all, and how many lines it had."""
    for at, text in said:
        if checked := names_it(text):
            return at - checked
    raise SystemExit(f"it never said host, step and twenty lines:\n{said[-1][1] if said else 'nothing'}")


def watch(screen, command):
    """What the page says until it names a failure, or until five seconds after the command has ended."""
    said, end = [(0, "")], None
    while not names_it(said[-1][1]) and (end is None or time.monotonic() < end):
        said.append((time.time(), browser.text(screen.driver)))
        if end is None and not command.thread.is_alive():
            end = time.monotonic() + 5
        time.sleep(0.02)
    return said


def failure(turns=5):
    sink, times = Sink(), {"slipway rollout start": [], "the console's first page": [], "a webhook": []}
    fleet = Fleet(3)
    screen = None
    try:
        with open(os.path.join(fleet.controller_folder, "webhook.secret"), "w", encoding="ascii") as file:
            file.write("bench")
        with open(os.path.join(fleet.controller_folder, "notifications.json"), "w", encoding="ascii") as file:
            json.dump({"sinks": [{"name": "bench", "kind": "webhook", "secretFile": "webhook.secret",
                                  "url": f"http://127.0.0.1:{sink.server.server_port}/"}]}, file)
        broken = broken_release(fleet.folder)
        fleet.slipway("release", "submit", os.path.join(ROOT, "examples", "web-service", "v1"))
        fleet.slipway("rollout", "start", os.path.join(ROOT, "examples", "web-service", "bigbang.yaml"))
        with open(os.path.join(fleet.controller_folder, "client.json"), encoding="utf-8") as file:
            url = json.load(file)["url"]
        screen = Screen(url, os.path.join(fleet.controller_folder, "admin.token"))
        for turn in range(turns):
            version = f"{turn + 3}.0"
            with open(os.path.join(broken, "release.yaml"), encoding="utf-8") as file:
                text = re.sub(r'version: ".*"', f'version: "{version}"', file.read(), count=1)
            with open(os.path.join(broken, "release.yaml"), "w", encoding="utf-8") as file:
                file.write(text)
            fleet.slipway("release", "submit", broken)
            rollout = os.path.join(fleet.folder, "rollout.yaml")
            with open(rollout, "w", encoding="utf-8") as file:
                file.write(f"release: web-service@{version}\nenvironment: staging\nhosts: all\nstrategy: phased\n"
                           "phases: [1, 100%]\nlimits: { parallelism: 100%, progressDeadline: 2m }\n")
            screen.stand("/")
            sink.came.clear()
            command = Command(os.path.join(BIN, "slipway"), "rollout", "start", rollout, "--dir", fleet.controller_folder)
            page = watch(screen, command)
            command.thread.join()
            wait_until("the webhook", lambda: any(names_it(text) for _, text in list(sink.came)), 30)
            times["slipway rollout start"].append(seconds(command.said))
            times["the console's first page"].append(seconds(page))
            times["a webhook"].append(seconds(list(sink.came)))
        for name, found in times.items():
            row(f"failed check to host, step, 20 lines: {name}", "<= 5 s",
                f"{statistics.median(found):.2f}, {max(found):.2f} s")
    finally:
        if screen:
            screen.close()
        fleet.close()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--hosts", type=int, default=10_000)
    parser.add_argument("--keep")
    parser.add_argument("--only", default="fleet,failure")
    chosen = parser.parse_args()
    may_open_many()
    print(f"load {os.getloadavg()[0]:.1f}, {os.cpu_count()} processors\n{'':58}{'goal':>16}{'middle, worst':>26}")
    if "fleet" in chosen.only.split(","):
        fleet(chosen.hosts, chosen.keep)
    if "failure" in chosen.only.split(","):
        failure()
    print(f"  (load {os.getloadavg()[0]:.1f})")


if __name__ == "__main__":
    main()
