"""A push of a real service's files (svc of bench/corpus.py) to real agents and its way back, beside the best of ssh, clush and
ansible on the same machine in the same minutes, where a script that drives them is there (PUSH_SH).

Every host shares this machine's processors with the controller: `host steps alone` is what verifying, unpacking and switching
cost them without any transport.
"""
import os
import re
import resource
import shutil
import subprocess
import time

from fleet import Fleet, resident_kib
from load_measures import processor, row

PUSH_SH = os.environ.get("PUSH_SH", "/work/shared/bench/push.sh")
CORPUS = os.environ.get("CORPUS", "/work/corpus")
PEERS = "floor pipe clush ansible b-floor b-clush b-ansible"


def submit(fleet, version):
    tree = os.path.join(fleet.folder, f"svc-{version}")
    shutil.copytree(os.path.join(CORPUS, "svc", version), os.path.join(tree, "files"), symlinks=True)
    with open(os.path.join(tree, "release.yaml"), "w", encoding="utf-8") as file:
        file.write(
            f'product: svc\nversion: "1.{version[1:]}"\ncategory: minor\nsummary: A bench\nowner: bench\nunits:\n'
            "  - name: files\n    source: ./files\n    installTo: /opt/svc\n    health: none\n    minimumHealthy: 1ms\n    healthyDeadline: 30s\n")
    fleet.slipway("release", "submit", tree)
    rollout = os.path.join(fleet.folder, f"rollout-{version}.yaml")
    with open(rollout, "w", encoding="utf-8") as file:
        file.write(
            f"release: svc@1.{version[1:]}\nenvironment: staging\nhosts: all\nstrategy: bigBang\n"
            "limits: { parallelism: 100%, progressDeadline: 2m }\n")
    return rollout


def timed(fleet, *arguments, expected=0):
    """Wall of the command, and the controller's, the agents' and the command's own processor time meanwhile."""
    agents = [agent.pid for agent in fleet.agents]
    before = processor(fleet.controller.pid), sum(map(processor, agents)), resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.monotonic()
    fleet.slipway(*arguments, expected=expected)
    took, usage = time.monotonic() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    own = usage.ru_utime + usage.ru_stime - before[2].ru_utime - before[2].ru_stime
    return took, processor(fleet.controller.pid) - before[0], sum(map(processor, agents)) - before[1], own


def prepared(fleet, version):
    """The next release as it comes in life: submitted to a fleet that runs the one before. Its patches are made then.

    The rollout's file, and the controller's processor time.
    """
    before = processor(fleet.controller.pid)
    rollout = submit(fleet, version)
    used = -1
    while used != (used := processor(fleet.controller.pid)):
        time.sleep(2)
    return rollout, used - before


def peers(hosts):
    """Seconds of wall by the name of the row; nothing where the script is missing."""
    if not os.path.exists(PUSH_SH):
        print(f"  no peers: {PUSH_SH} is not there")
        return {}
    folder = subprocess.run(["mktemp", "-d"], capture_output=True, text=True, check=True).stdout.strip()
    package = os.path.join(folder, "svc.tgz")
    subprocess.run(["tar", "-czf", package, "-C", os.path.join(CORPUS, "svc", "v2"), "."], check=True)
    said = subprocess.run(
        ["bash", PUSH_SH, package, str(hosts), os.path.join(folder, "work"), "2"], capture_output=True, text=True,
        check=False, env={**os.environ, "TOOLS": PEERS}).stdout
    shutil.rmtree(folder, ignore_errors=True)
    found = {}
    for line in said.splitlines():
        match = re.match(r"(\S.*?)\s{2,}(\d+\.\d+)\s", line) or re.match(r"(.{34}) +(\d+\.\d+)\s", line)
        if match and line.rstrip().endswith("0"):
            found[match.group(1).strip()] = float(match.group(2))
    for name, wall in found.items():
        print(f"  peer: {name}: {wall:.2f} s")
    return found


def best(found, words):
    return min((wall for name, wall in found.items() if any(word in name for word in words)), default=None)


def ratio(theirs, ours):
    return "" if theirs is None else f"{theirs / ours:.1f} x faster"


def measure(hosts=50):
    if not os.path.isdir(os.path.join(CORPUS, "svc")):
        print(f"no corpus at {CORPUS}: bench/corpus.py makes one")
        return
    found = peers(hosts)
    floor, floor_back = found.get("floor: host steps only, -P4"), found.get("back-out floor: flip links, -P4")
    peaks = {}
    for count in (10, hosts):
        fleet = Fleet(count)
        try:
            timed(fleet, "rollout", "start", submit(fleet, "v1"))
            second, preparation = prepared(fleet, "v2")
            before = resident_kib(fleet.controller.pid)
            push = timed(fleet, "rollout", "start", second)
            peaks[count] = resident_kib(fleet.controller.pid) - before
            back = timed(
                fleet, "rollout", "back-out", fleet.last_rollout()["id"], "--reason", "bench", "--yes", expected=7)
        finally:
            fleet.close()
    steps = "" if floor is None else f"{push[0] / floor:.1f} x host steps {floor:.2f} s"
    row(f"push svc to {hosts} agents", "<= 1.5 x steps", f"{push[0]:.2f} s", steps)
    row("  beside the best of ssh, clush", ">= 4 x faster", "", ratio(best(found, ["ssh stdin", "clush --copy"]), push[0]))
    row("  beside ansible", ">= 20 x faster", "", ratio(best(found, ["ansible-playbook, forks"]), push[0]))
    row("  processor: controller; agents; command", "<= 0.3 s", f"{push[1]:.2f}; {push[2]:.2f}; {push[3]:.2f} s")
    row("  before it: taking the release, its patch", "", f"{preparation:.2f} s CPU")
    row(f"  controller grows, 10 agents; {hosts}", "flat in N", "; ".join(f"{kib / 1024:.1f}" for kib in peaks.values()) + " MiB")
    flips = "" if floor_back is None else f"links alone {floor_back:.2f} s"
    row(f"back-out of those {hosts}", "<= 0.4 s", f"{back[0]:.2f} s", flips)
    row("  beside clush", "", "", ratio(best(found, ["back-out clush"]), back[0]))
    row("  processor: controller; agents; command", "", f"{back[1]:.2f}; {back[2]:.2f}; {back[3]:.2f} s")
