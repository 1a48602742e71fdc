"""Commands measured side by side: all rows once, then all rows again, so that a noisy neighbour hits every one of them."""
import os
import statistics
import subprocess
import time
from dataclasses import dataclass, field


@dataclass
class Row:
    name: str
    command: str
    """Shell; runs with -o pipefail."""
    prepare: str = ""
    """Shell, not timed."""
    walls: list = field(default_factory=list)
    processor: list = field(default_factory=list)
    peaks: list = field(default_factory=list)

    @property
    def wall(self):
        return statistics.median(self.walls)

    @property
    def cpu(self):
        """User and system seconds of all its processes."""
        return statistics.median(self.processor)

    @property
    def peak(self):
        """MiB, of its largest process."""
        return max(self.peaks)


def shell(command):
    return ["bash", "-o", "pipefail", "-c", command]


def run(row):
    if row.prepare:
        subprocess.run(shell(row.prepare), check=True, stdout=subprocess.DEVNULL)
    start = time.monotonic()
    process = subprocess.Popen(shell(row.command), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    said = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    took = time.monotonic() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise SystemExit(f"{row.name}: exit code {process.returncode}: {row.command}\n{said.decode(errors='replace')}")
    row.walls.append(took)
    row.processor.append(usage.ru_utime + usage.ru_stime)
    row.peaks.append(usage.ru_maxrss / 1024)


def measure(rows, repeats):
    """A round that is not counted warms the page cache first."""
    for turn in range(repeats + 1):
        for row in rows:
            run(row)
            if turn == 0:
                row.walls.clear()
                row.processor.clear()
                row.peaks.clear()
    return rows
