"""Connections that take their time, and what those notice of it who do not.

    load_slow.py PORT COUNT SECONDS     opens them, says so, keeps them that many seconds (a process of its own)

Each is a TLS connection from one of 64 addresses of this machine that sends the head of a request a byte at a time. What the
controller closes is opened again, so there are always as many.
"""
import asyncio
import os
import ssl
import subprocess
import sys
import time

from load_measures import processor, row, share

COUNT = 5000
ADDRESSES = 64


async def one(number, port, context, opened):
    while True:
        try:
            reader, writer = await asyncio.open_connection(
                "127.0.0.1", port, ssl=context, server_hostname="localhost", ssl_handshake_timeout=60,
                local_addr=(f"127.0.1.{number % ADDRESSES + 1}", 0))
        except OSError:
            await asyncio.sleep(1)
            continue
        opened.add(number)
        try:
            while not reader.at_eof():
                writer.write(b"G" if number % 2 else b"x")
                await writer.drain()
                await asyncio.sleep(7)
        except OSError:
            pass
        opened.discard(number)
        writer.close()


async def keep(port, count, seconds):
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    opened, tasks = set(), []
    for number in range(count):
        tasks.append(asyncio.create_task(one(number, port, context, opened)))
        if number % 20 == 19:
            await asyncio.sleep(0.05)
    while len(opened) < count * 0.95:
        await asyncio.sleep(0.1)
    print(len(opened), flush=True)
    await asyncio.sleep(seconds)
    print(len(opened), flush=True)
    os._exit(0)


def slow(bench, interactive, count=COUNT, seconds=30):
    """p99 of somebody who looks at the rollouts: without, with, and without them again."""
    def look():
        looker = interactive(bench)
        time.sleep(seconds)
        looker.end()
        return looker

    before = look()
    child = subprocess.Popen(
        [sys.executable, os.path.abspath(__file__), str(bench.port), str(count), str(seconds)], stdout=subprocess.PIPE,
        text=True, preexec_fn=lambda: os.nice(5))
    opened, work = int(child.stdout.readline()), processor(bench.controller.pid)
    among = look()
    work = (processor(bench.controller.pid) - work) / seconds * 100
    child.stdout.readline()
    child.wait()
    time.sleep(5)
    after = look()
    alone = share(before.times + after.times, 0.99)
    row(f"{opened} slow connections: others' p50, p99 alone", "", f"{share(before.times + after.times, 0.5):.1f}, {alone:.1f} ms",
        f"{len(before.times + after.times)} requests")
    row("  among them", "p99 + <= 10 %", f"{share(among.times, 0.5):.1f}, {share(among.times, 0.99):.1f} ms",
        f"x {share(among.times, 0.99) / alone:.2f}, {among.failures} failed, {work:.0f} % of a core")


if __name__ == "__main__":
    import resource
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    asyncio.run(keep(*map(int, sys.argv[1:])))
