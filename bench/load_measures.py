"""What the benches of the controller share."""
import os


def processor(process):
    """Seconds, user and system, of all its threads."""
    with open(f"/proc/{process}/stat", encoding="ascii") as stat:
        fields = stat.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def row(name, goal, found, ratio=""):
    print(f"{name:<58}{goal:>16}{found:>26}  {ratio}", flush=True)


def share(values, part):
    return sorted(values)[min(len(values) - 1, int(len(values) * part))] if values else float("nan")
