#!/usr/bin/env python3
"""The rollout engine alone: plan, reports, memory and host queries for 1 000 and 100 000 hosts, the four measures over
100 000 rollouts, and made-up worlds.

    bench/rollout.py [HOSTS …]

There is no peer: nothing else is as narrow. Times are of the processor, on one core; bytes are what the process grew by,
beside the plan; a report is decided and applied. Reports per second that do not fall with the number of hosts are the
point."""
import json
import os
import resource
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SLIPWAY = os.path.join(os.environ.get("SLIPWAY_BIN", os.path.join(ROOT, ".build/release")), "slipway")
WORLDS = 1000
ROLLOUTS = 100_000


def slipway(*arguments):
    # Memory that is freed goes back at once: else the process's growth is of what was there in passing.
    environment = {**os.environ, "MALLOC_MMAP_THRESHOLD_": "65536"}
    done = subprocess.run(
        [SLIPWAY, "simulate", *arguments], check=True, stdout=subprocess.PIPE, text=True, env=environment)
    return done.stdout


def main():
    for hosts in sys.argv[1:] or ["1000", "100000"]:
        got = json.loads(slipway("--measure", hosts, "--output", "json"))
        print(f"{got['hosts']} hosts: plan {got['planMilliseconds']} ms, {got['reportsPerSecond']} reports/s, "
              f"{got['bytesPerHostUnderWay']} bytes a host under way, {got['bytesPerHostDone']} done; "
              f"query over {got['records']} records {got['queryMilliseconds']} ms")
    got = json.loads(slipway("--measure-rollouts", str(ROLLOUTS), "--output", "json"))
    print(f"{got['rollouts']} rollouts in the log: read in {got['readMilliseconds']} ms, the four measures of all and of each "
          f"product in {got['measuresMilliseconds']} ms, {got['failures']} failures among them")
    for fleet in ([], ["--hosts", "100"]):
        start, before = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
        said = json.loads(slipway("--seeds", str(WORLDS), *fleet, "--output", "json"))
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        busy = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        print(f"{WORLDS} made-up worlds {'of 100 hosts ' if fleet else ''}in {time.monotonic() - start:.1f} s on "
              f"{os.cpu_count()} cores, {busy:.1f} s of processors: {said['simulatedMillisecondsOfHundredHosts'] / 3600000:.0f} hours of 100 hosts, "
              f"{said['reports']} reports, {len(said['failures'])} failed seeds")


if __name__ == "__main__":
    main()
