"""The agent: what it holds when idle, how long it takes to be connected, what an installation and a way back cost.
Peers, idle, by /work/shared/bench/agents.sh where that is there (AGENTS_SH), in the same run.

    agent.py [CORPUS]        a folder with cli/v1, cli/v2, svc/v1, svc/v2; /work/corpus unless named

Times are of the wall; beside them stands what the processor worked, for machines that do other things as well.
"""
import json
import os
import resource
import shutil
import subprocess
import sys
import time

from fleet import BIN, Fleet

AGENTS_SH = os.environ.get("AGENTS_SH", "/work/shared/bench/agents.sh")
IDLE = 45
MEASURED = 120


def smaps(process, key):
    with open(f"/proc/{process}/smaps_rollup", encoding="ascii") as rollup:
        return next(int(line.split()[1]) for line in rollup if line.startswith(key + ":")) / 1024


def ticks(process):
    with open(f"/proc/{process}/stat", encoding="ascii") as stat:
        fields = stat.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


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


def idle(fleet):
    agent = fleet.agents[0].pid
    time.sleep(IDLE)
    before, start = ticks(agent), time.monotonic()
    time.sleep(MEASURED)
    share = (ticks(agent) - before) / (time.monotonic() - start) * 100
    row("idle, connected: RSS, MiB", f"{smaps(agent, 'Rss'):.1f}", "20")
    row("idle, connected: private-dirty, MiB", f"{smaps(agent, 'Private_Dirty'):.1f}", "6 (both halves)")
    row(f"idle, connected: processor over {MEASURED} s, %", f"{share:.3f}", "0.02")


def start_to_connected(fleet):
    """The agent is ended and started; the controller says when it is there."""
    took = []
    for _ in range(5):
        fleet.agents[0].terminate()
        fleet.agents[0].wait()
        log = os.path.join(fleet.folder, f"slipway-agent-{len(fleet.processes)}.log")
        start = time.monotonic()
        fleet.agents[0] = fleet.start("slipway-agent", "run", "--dir", os.path.join(fleet.folder, "agent-0"))
        pid = fleet.agents[0].pid
        while not connected(pid):
            if time.monotonic() - start > 30:
                raise SystemExit(f"the agent did not connect: {open(log, encoding='utf-8').read()}")
            time.sleep(0.001)
        took.append(time.monotonic() - start)
    row("start to a connection that stands, ms, best of 5", f"{min(took) * 1000:.0f}", "100")


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
        started = min(measured([*agent, "status", *folder])[0] for _ in range(5))
        wall, processor, _ = measured([*agent, "back-out", product, *folder])
        row(
            f"back-out of {product}, without a program's start, ms",
            f"{(wall - started) * 1000:.0f} (CPU {processor * 1000:.0f})", str(limit))


def peers(folder):
    if not os.path.exists(AGENTS_SH):
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
        idle(fleet)
        start_to_connected(fleet)
        if os.path.isdir(corpus):
            packages(fleet, corpus)
        else:
            print(f"no corpus at {corpus}: bench/corpus.py makes one")
        peers(fleet.folder)
    finally:
        fleet.close()


if __name__ == "__main__":
    main()
