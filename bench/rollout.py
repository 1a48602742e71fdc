#!/usr/bin/env python3
"""The rollout engine alone: plan, reports, memory and host queries for 1 000 and 100 000 hosts, and made-up worlds.

    bench/rollout.py [HOSTS …]

There is no peer: nothing else is as narrow. Times are of the processor, on one core; bytes are what the process grew by,
beside the plan; a report is decided and applied. Reports per second that do not fall with the number of hosts are the
point."""
import json
import os
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SLIPWAY = os.path.join(os.environ.get("SLIPWAY_BIN", os.path.join(ROOT, ".build/release")), "slipway")
WORLDS = 1000


def slipway(*arguments):
    done = subprocess.run([SLIPWAY, "simulate", *arguments], check=True, stdout=subprocess.PIPE, text=True)
    return done.stdout


def main():
    for hosts in sys.argv[1:] or ["1000", "100000"]:
        got = json.loads(slipway("--measure", hosts, "--output", "json"))
        print(f"{got['hosts']} hosts: plan {got['planMilliseconds']} ms, {got['reportsPerSecond']} reports/s, "
              f"{got['bytesPerHostUnderWay']} bytes a host under way, {got['bytesPerHostDone']} done; "
              f"query over {got['records']} records {got['queryMilliseconds']} ms")
    start = time.monotonic()
    said = slipway("--seeds", str(WORLDS))
    print(f"{WORLDS} made-up worlds in {time.monotonic() - start:.1f} s on {os.cpu_count()} cores:\n{said}", end="")


if __name__ == "__main__":
    main()
