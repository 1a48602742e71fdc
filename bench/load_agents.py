"""A push of a real service's files (svc of bench/corpus.py) to real agents and its way back, beside the best of ssh, clush and
ansible on the same machine in the same minutes, where a script that drives them is there (PUSH_SH).

Every host shares this machine's processors with the controller: `host steps alone` is what verifying, unpacking and switching
cost them without any transport.
"""
import os
import re
import resource
import shutil
import statistics
import subprocess
import time

from fleet import Fleet, free_port, resident_kib
from load_measures import processor, row

PUSH_SH = os.environ.get("PUSH_SH", "/work/shared/bench/push.sh")
CORPUS = os.environ.get("CORPUS", "/work/corpus")
ROUNDS = 3
PEERS = "floor pipe clush ansible b-floor b-clush b-ansible"


def submit(fleet, version, number):
    """Release 1.NUMBER with the files of that version; the file of its rollout."""
    tree = os.path.join(fleet.folder, f"svc-{number}")
    shutil.copytree(os.path.join(CORPUS, "svc", version), os.path.join(tree, "files"), symlinks=True)
    with open(os.path.join(tree, "release.yaml"), "w", encoding="utf-8") as file:
        file.write(
            f'product: svc\nversion: "1.{number}"\ncategory: minor\nsummary: A bench\nowner: bench\nunits:\n'
            "  - name: files\n    source: ./files\n    installTo: /opt/svc\n    health: none\n    minimumHealthy: 1ms\n    healthyDeadline: 30s\n")
    fleet.slipway("release", "submit", tree)
    rollout = os.path.join(fleet.folder, f"rollout-{number}.yaml")
    with open(rollout, "w", encoding="utf-8") as file:
        file.write(
            f"release: svc@1.{number}\nenvironment: staging\nhosts: all\nstrategy: bigBang\n"
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


def prepared(fleet, number):
    """The next release as it comes in life: submitted to a fleet that runs the one before. Its patches are made then.

    The rollout's file, and the controller's processor time.
    """
    before = processor(fleet.controller.pid)
    rollout = submit(fleet, "v2", number)
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
        ["bash", PUSH_SH, package, str(hosts), os.path.join(folder, "work"), "1"], capture_output=True, text=True,
        check=False, env={**os.environ, "TOOLS": PEERS, "SSHD_PORT": str(free_port())}).stdout
    shutil.rmtree(folder, ignore_errors=True)
    found = {}
    for line in said.splitlines():
        match = re.match(r"(\S.*?)\s{2,}(\d+\.\d+)\s", line) or re.match(r"(.{34}) +(\d+\.\d+)\s", line)
        if match and line.rstrip().endswith("0"):
            found[match.group(1).strip()] = float(match.group(2))
    return found


def best(found, words):
    return min((wall for name, wall in found.items() if any(word in name for word in words)), default=None)


def ratio(theirs, ours):
    return "" if theirs is None else f"{theirs / ours:.1f} x faster"


def round_of_ours(fleet, number):
    """A push of release 1.NUMBER and its way back: what `timed` says of each, with the processor time before them and the KiB by
    which the controller grew.
    """
    rollout, preparation = prepared(fleet, number)
    before = resident_kib(fleet.controller.pid)
    push = timed(fleet, "rollout", "start", rollout)
    grown = resident_kib(fleet.controller.pid) - before
    back = timed(fleet, "rollout", "back-out", fleet.last_rollout()["id"], "--reason", "bench", "--yes", expected=7)
    return push, back, preparation, grown


def medians(rounds):
    return tuple(map(statistics.median, zip(*rounds)))


def measure(hosts=50):
    if not os.path.isdir(os.path.join(CORPUS, "svc")):
        print(f"no corpus at {CORPUS}: bench/corpus.py makes one")
        return
    peaks, theirs, ours = {}, [], []
    for count in (10, hosts):
        fleet = Fleet(count)
        try:
            timed(fleet, "rollout", "start", submit(fleet, "v1", 1))
            if count != hosts:
                peaks[count] = round_of_ours(fleet, 2)[3]
                continue
            # Ours first: the peers remove their trees, and on ext4 whoever makes a file in the minutes after that looks past every
            # inode that was freed (`recently_deleted`), which was a third of the agents' processor time.
            for number in range(2, 2 + ROUNDS):
                ours.append(round_of_ours(fleet, number))
                print(f"  (load {os.getloadavg()[0]:.1f}: {ours[-1][0][0]:.2f} s, back {ours[-1][1][0]:.2f} s)")
            for _ in range(ROUNDS):
                theirs.append(peers(hosts))
                print(f"  (load {os.getloadavg()[0]:.1f}: {theirs[-1]})")
            peaks[count] = ours[0][3]
        finally:
            fleet.close()
    found = {name: statistics.median(one[name] for one in theirs if name in one) for name in theirs[0]}
    push, back, preparation = medians(one[0] for one in ours), medians(one[1] for one in ours), ours[0][2]
    floor, floor_back = found.get("floor: host steps only, -P4"), found.get("back-out floor: flip links, -P4")
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
