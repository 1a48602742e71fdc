"""Building, updating and installing packages, beside the tools that people use for it now; on two pairs of real releases.

    packages.py [REPEATS]

Everything is read from and written to SLIPWAY_BENCH_FOLDER (default: .build-bench of the checkout); its corpus is kept.
"""
import json
import os
import shutil
import subprocess
import sys

import corpus
from measure import Row, measure, shell

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BIN = os.environ.get("SLIPWAY_BIN", os.path.join(ROOT, ".build", "release"))
FOLDER = os.environ.get("SLIPWAY_BENCH_FOLDER", os.path.join(ROOT, ".build-bench"))
SLIPWAY = os.path.join(BIN, "slipway")
TAR = "tar --sort=name --owner=0 --group=0 --numeric-owner --mtime=@0 --format=gnu -cf - -C"

MISSED = []


def figure(name, value, goal=None, is_met=None, note=""):
    """A line of the table: `goal` as it is written in the issue; `is_met` None where there is none."""
    verdict = "" if is_met is None else ("met" if is_met else "MISSED")
    if is_met is False:
        MISSED.append(name)
    print(f"  {name:<58}{value:>12}  {goal or '':<10}{verdict:<7}{note}", flush=True)


def text_of(command):
    return subprocess.run(shell(command), check=True, capture_output=True, text=True).stdout


def size(path):
    return os.path.getsize(path)


def bytes_of(tree):
    return sum(os.path.getsize(os.path.join(folder, name)) for folder, _, names in os.walk(tree) for name in names)


class Pair:
    """One corpus: v1 and v2 and everything that is made of them."""

    def __init__(self, name):
        self.name = name
        self.trees = os.path.join(FOLDER, "corpus", name)
        self.work = os.path.join(FOLDER, "work", name)
        shutil.rmtree(self.work, ignore_errors=True)
        os.makedirs(self.work)
        self.bytes = bytes_of(self.tree("v1"))
        for number, version in enumerate(["v1", "v2"], start=1):
            with open(self.path(f"{version}.yaml"), "w", encoding="utf-8") as file:
                file.write(
                    f'product: {name}\nversion: "1.{number}"\ncategory: minor\nsummary: The {version} of a real release\n'
                    f"owner: bench\nunits:\n  - {{ name: files, source: ., installTo: /opt/{name}, health: none }}\n")

    def tree(self, version):
        return os.path.join(self.trees, version)

    def path(self, name):
        return os.path.join(self.work, name)

    def build(self, version, base=None, options=""):
        output = self.path(f"{version}{'-warm' if base else ''}.slip")
        warm = f"--base {self.path(base + '.slip')}" if base else ""
        return (f"{SLIPWAY} package build {self.tree(version)} --manifest {self.path(version + '.yaml')}"
                f" --output {output}.new {warm} {options} && mv {output}.new {output}")


def stage_build(pair, repeats):
    work, tree = pair.work, pair.tree("v1")
    rows = measure(
        [Row("gzip -6", f"{TAR} {tree} . | gzip -n -6 > {work}/v1.tgz"),
         Row("pigz -6", f"{TAR} {tree} . | pigz -n -6 > {work}/p.tgz"),
         Row("zstd -3", f"{TAR} {tree} . | zstd -q -3 -T0 -f -o {work}/v1.tzst"),
         Row("cold", pair.build("v1")),
         Row("pigz -6 (v2)", f"{TAR} {pair.tree('v2')} . | pigz -n -6 > {work}/v2.tgz"),
         Row("zstd -3 (v2)", f"{TAR} {pair.tree('v2')} . | zstd -q -3 -T0 -f -o {work}/v2.tzst"),
         Row("warm", pair.build("v2", base="v1"))], repeats)
    _, pigz, zstd, cold, pigz2, zstd2, warm = rows
    rate = pair.bytes / 1e6
    figure("tar | pigz -6, MB/s", f"{rate / pigz.wall:.0f}", note=f"cpu {pigz.cpu:.2f} s")
    figure("tar | zstd -3 -T0, MB/s", f"{rate / zstd.wall:.0f}", note=f"cpu {zstd.cpu:.2f} s")
    figure("cold build, MB/s", f"{rate / cold.wall:.0f}", note=f"cpu {cold.cpu:.2f} s, peak {cold.peak:.0f} MiB")
    figure("warm build, MB/s", f"{rate / warm.wall:.0f}", note=f"cpu {warm.cpu:.2f} s, peak {warm.peak:.0f} MiB")
    ratio = pigz.wall / cold.wall
    figure("cold build, of pigz -6", f"{ratio:.2f} x", ">= 1.2", ratio >= 1.2)
    ratio = pigz2.wall / warm.wall
    figure("warm build, of pigz -6", f"{ratio:.2f} x", ">= 4", ratio >= 4)
    ratio = zstd2.wall / warm.wall
    figure("warm build, of tar | zstd -3 -T0", f"{ratio:.2f} x", ">= 1.2", ratio >= 1.2)
    payload = size(pair.path("v1.slip"))
    ratio = payload / size(pair.path("v1.tgz"))
    figure("whole .slip, of one gzip -6 stream", f"{ratio:.3f} x", "<= 1.05", ratio <= 1.05)
    peak = max(cold.peak, warm.peak)
    figure("peak memory of a build, MiB", f"{peak:.0f}", "<= 96", peak <= 96)
    same = text_of(f"sha256sum {pair.path('v2-warm.slip')} | cut -c1-64")
    subprocess.run(shell(pair.build("v2")), check=True, capture_output=True)
    cold2 = text_of(f"sha256sum {pair.path('v2.slip')} | cut -c1-64")
    os.replace(pair.path("v2-warm.slip"), pair.path("v2.slip"))
    print(f"  (warm and cold v2 are {'the same bytes' if same == cold2 else 'different bytes: changedAt comes from the base'})")


def rsync_bytes(pair):
    copy = pair.path("rsync")
    shutil.copytree(pair.tree("v1"), copy, symlinks=True)
    said = text_of(f"rsync -rlpcz --zc=zlib --no-whole-file --delete --stats {pair.tree('v2')}/ {copy}/").replace(",", "")
    shutil.rmtree(copy)
    lines = dict(line.split(": ", 1) for line in said.splitlines() if ": " in line)
    return int(lines["Total bytes sent"]) + int(lines["Total bytes received"])


def zchunk_bytes(pair):
    for version in ["v1", "v2"]:
        subprocess.run(shell(f"{TAR} {pair.tree(version)} . > {pair.path(version + '.tar')}"), check=True)
        subprocess.run(["zck", "-o", pair.path(version + ".zck"), pair.path(version + ".tar")], check=True, capture_output=True)
    said = text_of(f"zck_delta_size {pair.path('v1.zck')} {pair.path('v2.zck')} 2>&1")
    return next(int(line.split()[2]) for line in said.splitlines() if "Would download" in line)


def stage_update_bytes(pair):
    work = pair.work
    zchunk = zchunk_bytes(pair)
    rsync = rsync_bytes(pair)
    subprocess.run(shell(f"xdelta3 -f -e -6 -S djw -B 536870912 -s {work}/v1.tar {work}/v2.tar {work}/xdelta"), check=True)
    subprocess.run(
        shell(f"zstd -q -19 -T0 --long=30 --patch-from={work}/v1.tar -f {work}/v2.tar -o {work}/zstd19"), check=True)
    full = size(pair.path("v2.tgz"))
    build = Row("patch", f"rm -f {work}/patch && {SLIPWAY} package patch {work}/v1.slip {work}/v2.slip --output {work}/patch")
    measure([build], 1)
    patch = size(f"{work}/patch")
    ways = json.loads(text_of(f"{SLIPWAY} package delta {work}/v1.slip {work}/v2.slip --output json"))
    best = min(size(f"{work}/xdelta"), size(f"{work}/zstd19"))
    for name, count in [("zchunk", zchunk), ("rsync -z", rsync), ("xdelta3 -6", size(f"{work}/xdelta")),
                        ("zstd -19 --patch-from", size(f"{work}/zstd19")), ("our patch", patch)]:
        figure(f"{name}, bytes", count, note=f"{count / full:.4f} of the full .tar.gz")
    if pair.name == "cli":
        figure("patch, of the best pair delta", f"{patch / best:.2f} x", "<= 1.1", patch <= 1.1 * best)
        figure("patch, of rsync -z", f"{patch / rsync:.2f} x", "<= 0.65", patch <= 0.65 * rsync)
        figure("patch, of zchunk", f"{patch / zchunk:.2f} x", "<= 0.2", patch <= 0.2 * zchunk)
    else:
        figure("patch, above the best pair delta", f"{patch - best} B", "<= 3 KB", patch <= best + 3000)
    ranges = ranges_of(ways)
    figure("bytes with no patch, of zchunk", f"{ranges / zchunk:.2f} x", "<= 1.25", ranges <= 1.25 * zchunk,
           f"{ranges} B with the index")
    figure("making the patch, s", f"{build.wall:.1f}", note=f"cpu {build.cpu:.1f} s, peak {build.peak:.0f} MiB")


def ranges_of(ways):
    """Members and index, as `package delta` counts them."""
    return ways["ranges"]["bytes"]


def stage_install(pair, repeats):
    work = pair.work
    aside = f"mkdir -p {work}/old && {{ [ ! -e {work}/new ] || mv {work}/new {work}/old/$RANDOM$RANDOM; }} && mkdir {work}/new && sync -f {work}"
    unpack = f"{SLIPWAY} package unpack"
    subprocess.run(shell(f"cd {work} && sha256sum v1.tzst > v1.sum && sha256sum v2.tzst > v2.sum"), check=True)
    for name, version in [("installed", "v1")]:
        subprocess.run(shell(f"{unpack} {work}/{version}.slip {work}/{name}"), check=True, stdout=subprocess.DEVNULL)
    repository = f"{work}/ostree"
    subprocess.run(
        shell(f"ostree init --repo={repository} --mode=bare-user-only && for v in v1 v2; do ostree commit --repo={repository}"
              f" -b $v --tree=dir={pair.trees}/$v --owner-uid=0 --owner-gid=0 --no-xattrs; done"),
        check=True, stdout=subprocess.DEVNULL)

    def peer(version):
        return f"cd {work} && sha256sum -c --quiet {version}.sum && zstd -q -dc {version}.tzst | tar -xf - -C new && sync -f new"

    rows = [
        Row("verify, zstd -dc | tar x, sync (v1)", peer("v1"), aside),
        Row("cold install", f"{unpack} {work}/v1.slip {work}/new/tree", aside),
        Row("verify, zstd -dc | tar x, sync (v2)", peer("v2"), aside),
        Row("update install", f"{unpack} {work}/v2.slip {work}/new/tree --base {work}/installed", aside),
        Row("update install, files linked",
            f"{unpack} {work}/v2.slip {work}/new/tree --base {work}/installed --unchanged link", aside),
        Row("update install with the patch",
            f"{unpack} {work}/v2.slip {work}/new/tree --base {work}/installed --patch {work}/patch", aside),
        Row("ostree checkout -H", f"ostree --repo={repository} checkout -U -H v2 {work}/new/tree && sync -f {work}/new", aside),
        Row("cp -a, sync", f"cp -a {pair.tree('v2')} {work}/new/tree && sync -f {work}/new", aside),
    ]
    cold_peer, cold, update_peer, update, linked, patched, ostree, copy = measure(rows, repeats)
    for row in rows:
        figure(f"{row.name}, s", f"{row.wall:.2f}", note=f"cpu {row.cpu:.2f} s, peak {row.peak:.0f} MiB")
    ratio = cold_peer.wall / cold.wall
    figure("cold install, of verify, zstd -dc, tar x, syncfs", f"{ratio:.2f} x", ">= 1.5", ratio >= 1.5)
    ratio = update_peer.wall / update.wall
    figure("update install, of the same", f"{ratio:.2f} x", note="files copied: the default")
    ratio = update_peer.wall / linked.wall
    figure("update install, files linked, of the same", f"{ratio:.2f} x", ">= 3", ratio >= 3)
    # Like with like: -H links, too.
    ratio = linked.wall / ostree.wall
    figure("update install, files linked, of ostree checkout -H", f"{ratio:.2f} x", "<= 1.5", ratio <= 1.5)
    peak = max(cold.peak, update.peak, linked.peak)
    figure("peak memory of unpacking, MiB", f"{peak:.0f}", "<= 32", peak <= 32)
    figure("peak memory of applying the patch, MiB", f"{patched.peak:.0f}", "<= 48", patched.peak <= 48)
    different = subprocess.run(["diff", "-r", pair.tree("v1"), f"{work}/installed"], capture_output=True, text=True)
    if different.returncode != 0:
        raise SystemExit(f"the installed tree is not the source tree: {different.stdout[:500]}")


def main():
    repeats = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    corpus.corpus(os.path.join(FOLDER, "corpus"))
    print(f"{repeats} repeats, medians; {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    for name in ["cli", "svc"]:
        pair = Pair(name)
        print(f"\n{name}: {pair.bytes / 1e6:.1f} MB\n build")
        stage_build(pair, repeats)
        print(" update bytes")
        stage_update_bytes(pair)
        print(" install")
        stage_install(pair, repeats)
        shutil.rmtree(pair.work, ignore_errors=True)
    print(f"\n{len(MISSED)} goals missed" + (": " + "; ".join(MISSED) if MISSED else ""))
    return 0


if __name__ == "__main__":
    sys.exit(main())
