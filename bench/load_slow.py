"""Connections that take their time (`slipway-load slow`), and what those notice of it who do not."""
import os
import subprocess
import time

from fleet import BIN
from load_measures import processor, row, share

COUNT = 5000
RATIO_MAX = 1.10


def slow(bench, interactive, may_open_many, count=COUNT, seconds=60):
    """p99 of somebody who looks at the rollouts: without, with, and without them again. Whether that is within the goal."""
    def look():
        looker = interactive(bench)
        time.sleep(seconds)
        looker.end()
        return looker

    before = look()
    child = subprocess.Popen(
        [os.path.join(BIN, "slipway-load"), "slow", str(bench.port), str(count), str(seconds)], stdout=subprocess.PIPE,
        text=True, preexec_fn=lambda: (may_open_many(), os.nice(5)))
    opened, attempts = map(int, child.stdout.readline().split())
    work, theirs = processor(bench.controller.pid), processor(child.pid)
    among = look()
    work = (processor(bench.controller.pid) - work) / seconds * 100
    theirs = (processor(child.pid) - theirs) / seconds * 100
    again = (int(child.stdout.readline().split()[1]) - attempts) / seconds
    child.wait()
    time.sleep(5)
    after = look()
    alone = share(before.times + after.times, 0.99)
    row(f"{opened} slow connections: others' p50, p99 alone", "", f"{share(before.times + after.times, 0.5):.1f}, {alone:.1f} ms",
        f"{len(before.times + after.times)} requests")
    row("  among them", "p99 + <= 10 %", f"{share(among.times, 0.5):.1f}, {share(among.times, 0.99):.1f} ms",
        f"x {share(among.times, 0.99) / alone:.2f}, {among.failures} failed")
    holds = share(among.times, 0.99) <= alone * RATIO_MAX and among.failures == 0
    row("  processor meanwhile: controller; their program", "", f"{work:.0f}; {theirs:.0f} % of a core",
        f"{again:.0f} connections a second closed and opened again")
    return holds

