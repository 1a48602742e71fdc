"""The agent: what it holds when idle, how long it takes to be connected, what an installation and a way back cost.
Peers stand idle in the same minutes: mender-client where it is installed (scripts/bench installs it), and whatever
else AGENTS_SH measures (a script that is given a folder).

    agent.py [CORPUS]        a folder with cli/v1, cli/v2, svc/v1, svc/v2; /work/corpus unless named

Times are of the wall, best of several; beside them stands what the processor worked, and what the disk took for the
same number of fsync in the same minute, for machines that do other things as well.
"""
import json
import os
import resource
import shutil
import subprocess
import sys
import time

from fleet import BIN, Fleet, wait_until

AGENTS_SH = os.environ.get("AGENTS_SH", "")
# Memory is looked at after each of these seconds since the start, so that no moment is chosen.
LOOKS = [45, 75, 105, 135, 165]
BACK_OUTS = 5


def smaps(process, key):
    with open(f"/proc/{process}/smaps_rollup", encoding="ascii") as rollup:
        return next(int(line.split()[1]) for line in rollup if line.startswith(key + ":")) / 1024


def worked(process):
    """Seconds that all threads of a process worked, by the kernel's clock of it."""
    return time.clock_gettime((~process << 3) | 2)


def row(name, found, goal):
    print(f"{name:<52}{found:>24}   goal {goal}")


def definition(product, version):
    return (
        f'product: {product}\nversion: "{version}"\ncategory: minor\nsummary: A bench\nowner: bench\n'
        f"units:\n  - name: files\n    source: ./\n    installTo: /opt/{product}\n    health: none\n"
        "    minimumHealthy: 1ms\n")


def measured(arguments):
    """Wall, processor and peak (MiB) of one command, its children's included."""
    start = time.monotonic()
    process = subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    said = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise SystemExit(f"{' '.join(arguments)}: {process.returncode}\n{said.decode(errors='replace')}")
    return time.monotonic() - start, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


class Halves:
    """The agent of host 0 in two processes, as its Debian package runs it (here both as one user)."""

    def __init__(self, fleet):
        self.fleet = fleet
        self.folder = os.path.join(fleet.folder, "agent-0")
        self.socket = os.path.join(fleet.folder, "halves", "socket")
        os.makedirs(os.path.dirname(self.socket), exist_ok=True)
        self.root = self.network = None

    def start(self):
        self.root = self.fleet.start(
            "slipway-agent", "run", "--dir", self.folder, "--socket", self.socket, "--network-user", "root")
        self.network = self.fleet.start(
            "slipway-agent", "network", "--socket", self.socket, "--tls", os.path.join(self.folder, "tls"))

    def stop(self):
        for process in [self.network, self.root]:
            process.terminate()
            process.wait()


def stop(process):
    process.terminate()
    process.wait()


def looked_at(processes, peers):
    """RSS of each and private-dirty of all together, at each look; the share of a processor between first and last."""
    start = time.monotonic()
    resident, dirty, before = [], [], None
    for second in LOOKS:
        time.sleep(max(0, start + second - time.monotonic()))
        resident.append([smaps(process.pid, "Rss") for process in processes])
        dirty.append(sum(smaps(process.pid, "Private_Dirty") for process in processes))
        if before is None:
            before = ([worked(process.pid) for process in processes], time.monotonic())
            for peer in peers:
                peer.begin()
    for peer in peers:
        peer.end()
    took = time.monotonic() - before[1]
    shares = [(worked(process.pid) - first) / took * 100 for process, first in zip(processes, before[0])]
    return resident, dirty, shares, took


def idle(fleet, peers):
    halves = Halves(fleet)
    stop(fleet.agents[0])
    halves.start()
    wait_until("the two halves are online", lambda: fleet.online() == 1)
    resident, dirty, shares, took = looked_at([halves.root, halves.network], peers)
    print(f"  looked at {', '.join(map(str, LOOKS))} s after the start; load {os.getloadavg()[0]:.1f}")
    most = [max(look[number] for look in resident) for number in range(2)]
    row("two halves, idle, connected: RSS of each, MiB", f"{most[0]:.1f} and {most[1]:.1f}", "20 (each)")
    row("  private-dirty of both, MiB, least to most", f"{min(dirty):.1f} to {max(dirty):.1f}", "6")
    row(
        f"  processor over {took:.0f} s, %, root half and network half", f"{shares[0]:.3f} and {shares[1]:.3f}",
        "0.02 (each)")
    halves.stop()
    took = []
    for _ in range(5):
        start = time.monotonic()
        halves.start()
        while not connected(halves.network.pid):
            if time.monotonic() - start > 30:
                raise SystemExit("the two halves did not connect")
            time.sleep(0.001)
        took.append((time.monotonic() - start, worked(halves.root.pid) + worked(halves.network.pid)))
        halves.stop()
    row("  start to a connection that stands, ms, best of 5", best(took), "100")
    fleet.agents[0] = fleet.start("slipway-agent", "run", "--dir", halves.folder)
    resident, dirty, shares, _ = looked_at([fleet.agents[0]], [])
    row("one process, idle, connected: RSS, MiB", f"{max(r[0] for r in resident):.1f}", "20")
    row("  private-dirty, MiB, least to most", f"{min(dirty):.1f} to {max(dirty):.1f}", "")
    row("  processor, %", f"{shares[0]:.3f}", "0.02")


def best(took):
    """Of pairs of wall and processor time."""
    return f"{min(t[0] for t in took) * 1000:.0f} (CPU {min(t[1] for t in took) * 1000:.0f})"


class Mender:
    """mender-client as Debian has it, idle, with nobody to talk to: what a host pays before anything is installed."""

    def __init__(self, folder):
        self.folder = os.path.join(folder, "mender")
        os.makedirs(self.folder)
        self.process = None
        self.before = None

    def begin(self):
        settings = {
            "ServerURL": "https://127.0.0.1:1", "DBus": {"Enabled": False}, "UpdatePollIntervalSeconds": 1800,
            "RetryPollIntervalSeconds": 30}
        with open(os.path.join(self.folder, "c.json"), "w", encoding="utf-8") as file:
            json.dump(settings, file)
        with open(os.path.join(self.folder, "device_type"), "w", encoding="utf-8") as file:
            file.write("device_type=x\n")
        log = open(os.path.join(self.folder, "log"), "ab")
        self.process = subprocess.Popen(
            ["mender", "--config", os.path.join(self.folder, "c.json"), "--data", self.folder, "daemon"],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.before = time.monotonic()

    def end(self):
        if self.process.poll() is not None:
            print("  mender-client ended: see what its Debian package wants")
            return
        share = worked(self.process.pid) / (time.monotonic() - self.before) * 100
        row(
            "mender-client, idle, alone: RSS; private-dirty, MiB",
            f"{smaps(self.process.pid, 'Rss'):.1f}; {smaps(self.process.pid, 'Private_Dirty'):.1f}", "(peer)")
        row("  processor with its start, %", f"{share:.3f}", "(peer)")
        stop(self.process)


def start_to_connected(fleet):
    """The agent is ended and started; the kernel says when it is connected."""
    took = []
    for _ in range(5):
        stop(fleet.agents[0])
        start = time.monotonic()
        fleet.agents[0] = fleet.start("slipway-agent", "run", "--dir", os.path.join(fleet.folder, "agent-0"))
        pid = fleet.agents[0].pid
        while not connected(pid):
            if time.monotonic() - start > 30:
                raise SystemExit("the agent did not connect")
            time.sleep(0.001)
        took.append((time.monotonic() - start, worked(pid)))
    row("  start to a connection that stands, ms, best of 5", best(took), "100")


def connected(process):
    """An established TCP connection of that process."""
    try:
        inodes = {
            os.readlink(f"/proc/{process}/fd/{name}")[8:-1]
            for name in os.listdir(f"/proc/{process}/fd")
            if os.readlink(f"/proc/{process}/fd/{name}").startswith("socket:")}
    except OSError:
        return False
    with open("/proc/net/tcp", encoding="ascii") as table:
        return any(line.split()[3] == "01" and line.split()[9] in inodes for line in list(table)[1:])


def packages(fleet, corpus):
    host = json.loads(fleet.slipway("hosts", "list", "--output", "json"))[0]["id"]
    fleet.agents[0].terminate()
    fleet.agents[0].wait()
    agent = [os.path.join(BIN, "slipway-agent")]
    folder = ["--dir", os.path.join(fleet.folder, "agent-0")]
    for product, limit in [("cli", 400), ("svc", 50)]:
        peaks, files = [], []
        for number, version in enumerate(["v1", "v2"], start=1):
            tree = os.path.join(fleet.folder, f"{product}-{version}")
            shutil.copytree(os.path.join(corpus, product, version), tree, symlinks=True)
            with open(os.path.join(tree, "release.yaml"), "w", encoding="utf-8") as file:
                file.write(definition(product, f"1.{number}"))
            fleet.slipway("release", "submit", tree)
            out = os.path.join(fleet.folder, f"{product}-{version}.slip")
            fleet.slipway(
                "release", "export", f"{product}@1.{number}", "--host", host, "--valid", "1d", "--output", out)
            files.append(out)
        for out in files:
            wall, processor, peak = measured(
                [*agent, "install", out, "--receipt", os.path.join(fleet.folder, "receipt"), *folder])
            peaks.append(peak)
            print(f"  install {os.path.basename(out)}: {wall:.2f} s, processor {processor:.2f} s, peak {peak:.1f} MiB")
        if product == "cli":
            row("installing cli (v1, then v2 over it): peak, MiB", f"{max(peaks):.1f}", "48")
        backed_out(fleet, agent, folder, product, limit)


def backed_out(fleet, agent, folder, product, limit):
    """The way back, several times: between them the journal and the link are put where they were."""
    state, kept = os.path.join(fleet.folder, "agent-0"), os.path.join(fleet.folder, f"kept-{product}")
    shutil.copytree(state, kept, symlinks=True)
    link = os.path.join(fleet.folder, "host-0", "opt", product)
    newer = os.readlink(link)
    took, waits = [], []
    for _ in range(BACK_OUTS):
        started = min(measured([*agent, "status", *folder])[:2] for _ in range(3))
        wall, processor, _ = measured([*agent, "back-out", product, *folder])
        took.append((wall - started[0], processor - started[1]))
        waits.append(flushed(fleet.folder))
        shutil.rmtree(state)
        shutil.copytree(kept, state, symlinks=True)
        os.symlink(newer, link + ".next")
        os.rename(link + ".next", link)
    row(f"back-out of {product}, without a program's start, ms, best of {BACK_OUTS}", best(took), str(limit))
    least, most = min(waits) * 1000, max(waits) * 1000
    print(f"  {FLUSHES} small writes with fsync in the same minute: {least:.1f} to {most:.1f} ms")


# As many as a way back of files has: the journal when it is opened and its two entries, and the link's folder.
FLUSHES = 4


def flushed(folder):
    path = os.path.join(folder, "flushed")
    start = time.monotonic()
    with open(path, "ab", buffering=0) as file:
        for _ in range(FLUSHES):
            file.write(b"x" * 500)
            os.fsync(file.fileno())
    took = time.monotonic() - start
    os.remove(path)
    return took


def other_peers(folder):
    if not AGENTS_SH:
        return
    work = os.path.join(folder, "peers")
    os.makedirs(work)
    subprocess.run(["bash", AGENTS_SH, work], check=False)


def main():
    corpus = sys.argv[1] if len(sys.argv) > 1 else "/work/corpus"
    size = os.path.getsize(os.path.join(BIN, "slipway-agent")) / 1e6
    print(f"load {os.getloadavg()[0]:.1f}, {os.cpu_count()} processors, {resource.getpagesize()} B pages")
    row("the program, MB", f"{size:.1f}", "32")
    fleet = Fleet(1)
    try:
        mender = [Mender(fleet.folder)] if shutil.which("mender") else []
        if not mender:
            print("no mender-client on this host: apt-get install mender-client, for the peer's figures")
        idle(fleet, mender)
        start_to_connected(fleet)
        if os.path.isdir(corpus):
            packages(fleet, corpus)
        else:
            print(f"no corpus at {corpus}: bench/corpus.py makes one")
        other_peers(fleet.folder)
    finally:
        fleet.close()


if __name__ == "__main__":
    main()
