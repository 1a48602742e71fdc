"""Push of the example service to N local agents, and its back-out, beside the floor: copying the same tree N times and
starting it. Minimum healthy time is excluded from ours and not waited for by the floor.

    push_and_back_out.py [HOSTS] [REPEATS]
"""
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time

from fleet import EXAMPLE, Fleet, free_port, is_healthy, kill_below, release_folder, resident_kib

MINIMUM_HEALTHY = 1.0


def median(values):
    return statistics.median(values)


def rollout_file(folder, version):
    path = os.path.join(folder, f"rollout-{version}.yaml")
    with open(path, "w", encoding="utf-8") as file:
        file.write(
            f"release: web-service@{version}\nenvironment: staging\nhosts: all\nstrategy: bigBang\n"
            "limits: { parallelism: 100%, progressDeadline: 2m }\n")
    return path


def seconds(action):
    start = time.monotonic()
    action()
    return time.monotonic() - start


def floor(hosts, copy):
    """cp or rsync of the tree to every folder at once, start, first healthy answer of the last one."""
    folder = tempfile.mkdtemp(prefix="slipway-floor-")
    ports = [free_port() for _ in range(hosts)]
    services = []

    def one(number):
        target = os.path.join(folder, f"host-{number}")
        subprocess.run(copy + [EXAMPLE + "/service/", target + "/"], check=True)
        services.append(subprocess.Popen(
            [os.path.join(target, "bin", "serve")], cwd=target, env={"PORT": str(ports[number])},
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
        while not is_healthy(ports[number]):
            time.sleep(0.01)

    def all_of_them():
        threads = [threading.Thread(target=one, args=(number,)) for number in range(hosts)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    try:
        return seconds(all_of_them)
    finally:
        kill_below(folder)
        for service in services:
            service.wait()
        shutil.rmtree(folder, ignore_errors=True)


def main():
    hosts = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    repeats = int(sys.argv[2]) if len(sys.argv) > 2 else 3
    fleet = Fleet(hosts)
    try:
        time.sleep(3)  # idle figures are taken before the fleet has done anything but join
        agent_idle = median([resident_kib(agent.pid) for agent in fleet.agents])
        controller_idle = resident_kib(fleet.controller.pid)

        first, pushes, back_outs, copies, rsyncs = None, [], [], [], []
        for turn in range(repeats + 1):
            version = f"{10 + turn}.0"
            before = f"{10 + turn - 1}.0"
            fleet.slipway("release", "submit", release_folder(fleet.folder, version))
            took = seconds(lambda: fleet.slipway("rollout", "start", rollout_file(fleet.folder, version)))
            fleet.everyone_answers(version)
            if turn == 0:
                first = took - MINIMUM_HEALTHY
                continue
            pushes.append(took - MINIMUM_HEALTHY)
            rollout = fleet.last_rollout()["id"]
            took = seconds(
                lambda: fleet.slipway("rollout", "back-out", rollout, "--reason", "benchmark", "--yes", expected=7))
            # The brake: one host goes back first and must be healthy, then the others; two waits.
            back_outs.append(took - 2 * MINIMUM_HEALTHY)
            fleet.everyone_answers(before if turn == 1 else "10.0")
            copies.append(floor(hosts, ["cp", "-r", "-T"]))
            if shutil.which("rsync"):
                rsyncs.append(floor(hosts, ["rsync", "-a"]))
        agent_used = median([resident_kib(agent.pid) for agent in fleet.agents])
        controller_used = resident_kib(fleet.controller.pid)
    finally:
        fleet.close()

    copy = median(copies)
    print(f"{hosts} local agents, {repeats} repeats, medians; minimum healthy time excluded; load {os.getloadavg()[0]:.1f}\n")
    print(f"{'':34}{'seconds':>9}{'goal':>9}{'of cp -r':>10}")
    rows = [("first push (command to last healthy)", first, None), ("push of an update", median(pushes), 2.0),
            ("back-out of all", median(back_outs), 1.0), ("floor: cp -r and start", copy, None)]
    if rsyncs:
        rows.append(("floor: rsync -a and start", median(rsyncs), None))
    for name, value, goal in rows:
        print(f"{name:<36}{value:>7.2f}{'' if goal is None else f'<= {goal:.1f}':>9}{value / copy:>9.1f}x")
    print(f"\n{'resident memory (MiB)':<36}{'idle':>7}{'after':>9}")
    print(f"{'slipway-agent':<36}{agent_idle / 1024:>7.1f}{agent_used / 1024:>9.1f}")
    print(f"{'slipway-controller':<36}{controller_idle / 1024:>7.1f}{controller_used / 1024:>9.1f}")
    missed = median(pushes) > 2.0 or median(back_outs) > 1.0
    if missed:
        print("\nA goal was missed.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
