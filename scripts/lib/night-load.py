"""The clients of the night. night-load.py run URL FOLDER: eight of them put orders and read them back until SIGTERM.
FOLDER/acknowledged: "ID BODY" of each order that was acknowledged, a line each; FOLDER/failed: when and how a request failed;
FOLDER/count: how many requests there were, and how many of them failed, anew ten times a second.

night-load.py verify URL FOLDER: every acknowledged order is in the store at URL with the body that was acknowledged. Prints how many
there are; ends with 1 where one is missing or another.
"""
import http.client
import os
import signal
import sys
import threading
import time
import urllib.parse
import urllib.request

CLIENTS = 8
PAUSE_SECONDS = 0.1


class Tally:
    def __init__(self, folder):
        self.lock = threading.Lock()
        self.requests = self.failures = 0
        self.folder = folder
        self.acknowledged = open(f"{folder}/acknowledged", "a", encoding="ascii", buffering=1)
        self.failed = open(f"{folder}/failed", "a", encoding="utf-8", buffering=1)

    def note(self, problem, what):
        with self.lock:
            self.requests += 1
            if problem:
                self.failures += 1
                self.failed.write(f"{time.time():.2f} {what}: {problem}\n")

    def acknowledge(self, line):
        with self.lock:
            self.acknowledged.write(line + "\n")

    def publish(self):
        with self.lock:
            text = f"{self.requests} {self.failures}\n"
        with open(f"{self.folder}/count.next", "w", encoding="ascii") as file:
            file.write(text)
        os.replace(f"{self.folder}/count.next", f"{self.folder}/count")


def request(address, method, path, body, expected):
    """Why it failed; None: it was answered as it should be."""
    connection = http.client.HTTPConnection(address, timeout=10)
    try:
        connection.request(method, path, body)
        answer = connection.getresponse()
        text = answer.read().decode().strip()
        if answer.status != expected:
            return f"{answer.status} {text[:200]}"
        if method == "GET" and text != body:
            return f"{text[:200]!r} where {body!r} was kept"
        return None
    except (OSError, http.client.HTTPException) as error:
        return repr(error)
    finally:
        connection.close()


def client(number, address, tally, ended):
    order = 0
    while not ended.wait(PAUSE_SECONDS):
        order += 1
        path, body = f"/orders/{number}-{order}", f"{order * 7919 % 100003}-cents"
        problem = request(address, "PUT", path, body, 201)
        tally.note(problem, f"PUT {path}")
        if problem is None:
            tally.acknowledge(f"{number}-{order} {body}")
            tally.note(request(address, "GET", path, body, 200), f"GET {path}")


def run(url, folder):
    address = urllib.parse.urlsplit(url).netloc
    tally, ended = Tally(folder), threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    clients = [threading.Thread(target=client, args=(number, address, tally, ended)) for number in range(CLIENTS)]
    for one in clients:
        one.start()
    while any(one.is_alive() for one in clients):
        tally.publish()
        time.sleep(0.1)
    tally.publish()


def whole_lines(text):
    """Without a last line that is still being written."""
    return text[: text.rfind("\n") + 1].splitlines()


def verify(url, folder):
    # First what was acknowledged, then what is kept: the clients go on meanwhile, and an order that they put between the two would
    # count as lost.
    with open(f"{folder}/acknowledged", encoding="ascii") as file:
        acknowledged = dict(line.split(" ", 1) for line in whole_lines(file.read()))
    with urllib.request.urlopen(f"{url}/orders", timeout=30) as answer:
        kept = dict(line.split(" ", 1) for line in answer.read().decode().splitlines())
    lost = [name for name, body in acknowledged.items() if kept.get(name) != body]
    for name in lost[:10]:
        print(f"acknowledged and not kept: order {name}: {kept.get(name)}", file=sys.stderr)
    print(f"{len(acknowledged)} acknowledged, {len(lost)} lost")
    sys.exit(1 if lost or not acknowledged else 0)


{"run": run, "verify": verify}[sys.argv[1]](sys.argv[2], sys.argv[3])
