#!/usr/bin/env python3
"""How long a host takes to verify a large repository: cold, and when nothing is new.

    bench/trust_repository.py [--slipway SLIPWAY] [--agent SLIPWAY-AGENT] [--products 1000] [--versions 20] [--wanted 3] [--runs 20]

Writes a repository with one role per product with keys of its own and `versions` targets each, serves it on loopback,
and times `slipway repository client`: `download` with an empty store (cold), then `refresh` (nothing new). Wall time and
processor time of the whole process, the least of all runs; `init`, which makes no request, tells what of it is the start of
a process, and is taken off in the last lines. A repository of the wanted products alone tells what the transfers cost.

`release approve` up to its question is the approver's difference: the candidate is the next version of one role, the trusted
metadata are in a folder of the approver's own, empty (first) or one version behind (again).

Beside it python-tuf, the reference client, does the same cold download from the same server, where scripts/test has installed it.

The real agent follows the wanted channels of the large repository for half a minute, one check a second: what a
check where nothing is new costs its whole process, in processor time and in bytes of request and answer.
The programs are those of the release build unless others are named. Needs python3-cryptography.
"""

import argparse
import base64
import datetime
import glob
import hashlib
import http.server
import json
import os
import resource
import ipaddress
import signal
import ssl
import subprocess
import tarfile
import tempfile
import threading
import time

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519


class Key:
    def __init__(self):
        self.private = ed25519.Ed25519PrivateKey.generate()
        public = self.private.public_key().public_bytes(
            serialization.Encoding.Raw, serialization.PublicFormat.Raw).hex()
        self.json = {"keytype": "ed25519", "keyval": {"public": public}, "scheme": "ed25519"}
        self.id = hashlib.sha256(canonical(self.json)).hexdigest()


def canonical(value):
    # Our names and texts hold neither controls nor anything beyond ASCII.
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


class Repository:
    def __init__(self, folder, products, versions, manifests=()):
        self.folder = folder
        self.versions = versions
        # Of product0, by version: real ones, where somebody reads them.
        self.manifests = dict(manifests)
        self.director = Key()
        os.makedirs(f"{folder}/metadata")
        os.makedirs(f"{folder}/targets")
        tops = {name: Key() for name in ("root", "timestamp", "snapshot", "targets")}
        meta, keys, roles = {}, {}, []
        for number in range(products):
            key, product = Key(), f"product{number}"
            name = f"production-{product}"
            keys[key.id] = key.json
            self.roles = getattr(self, "roles", {})
            self.roles[name] = key
            roles.append({
                "keyids": [key.id], "name": name, "paths": [f"production/{product}/*/*"], "terminating": True,
                "threshold": 1})
            meta[f"{name}.json"] = self.write(name, key, {
                "_type": "targets", "targets": dict(self.target(product, n) for n in range(versions))})
        meta["targets.json"] = self.write("targets", tops["targets"], {
            "_type": "targets", "targets": {}, "delegations": {"keys": keys, "roles": roles},
            "x-slipway": {"director": {"keys": {self.director.id: self.director.json}, "threshold": 1}}})
        snapshot = self.write("snapshot", tops["snapshot"], {"_type": "snapshot", "meta": meta})
        self.write("timestamp", tops["timestamp"], {"_type": "timestamp", "meta": {"snapshot.json": snapshot}})
        self.write("root", tops["root"], {
            "_type": "root", "consistent_snapshot": True, "keys": {key.id: key.json for key in tops.values()},
            "roles": {name: {"keyids": [key.id], "threshold": 1} for name, key in tops.items()}})

    def target(self, product, number):
        text = self.manifests.get(f"{product}@1.0.{number}", f"manifest of {product}@1.0.{number}".encode())
        path = f"production/{product}/1.0.{number}/manifest.json"
        digest = hashlib.sha256(text).hexdigest()
        if product in ("product0", "product1", "product2") and number == 0:
            place = f"{self.folder}/targets/production/{product}/1.0.{number}"
            os.makedirs(place, exist_ok=True)
            with open(f"{place}/{digest}.manifest.json", "wb") as file:
                file.write(text)
        return path, {"hashes": {"sha256": digest}, "length": len(text)}

    def write(self, role, key, signed):
        signed.update(expires="2036-01-01T00:00:00Z", spec_version="1.0.34", version=1)
        signature = {"keyid": key.id, "sig": key.private.sign(canonical(signed)).hex()}
        text = canonical({"signatures": [signature], "signed": signed})
        name = f"{role}.json" if role == "timestamp" else f"1.{role}.json"
        with open(f"{self.folder}/metadata/{name}", "wb") as file:
            file.write(text)
        return {"hashes": {"sha256": hashlib.sha256(text).hexdigest()}, "length": len(text), "version": 1}


class Server(http.server.ThreadingHTTPServer):
    def __init__(self, folder, documents=None, certificate=None):
        requests = self.requests = []
        documents = documents or {}

        class Handler(http.server.SimpleHTTPRequestHandler):
            def do_GET(self):
                """Files with entity tags, as any web server gives; or a document that a test has ready."""
                path = self.path.split("?")[0]
                body = documents.get(path)
                if body is None:
                    try:
                        with open(self.translate_path(path.removeprefix("/repository")), "rb") as file:
                            body = file.read()
                    except OSError:
                        return self.answer(404, b"")
                tag = '"%s"' % hashlib.sha256(body).hexdigest()[:32]
                if self.headers.get("If-None-Match") == tag:
                    return self.answer(304, b"", tag)
                self.answer(200, body, tag)

            def answer(self, status, body, tag=None):
                lines = [f"HTTP/1.1 {status} x", "Server: bench", f"Date: {self.date_time_string()}"]
                lines += [f"ETag: {tag}"] if tag else []
                lines += [] if status == 304 else [f"Content-Length: {len(body)}"]
                head = ("\r\n".join(lines) + "\r\n\r\n").encode()
                asked = len(self.raw_requestline) + len(bytes(self.headers))
                requests.append((self.path, status, asked + len(head) + len(body)))
                self.wfile.write(head + body)

            disable_nagle_algorithm = True
            protocol_version = "HTTP/1.1"

            def __init__(self, *arguments, **named):
                super().__init__(*arguments, directory=folder, **named)

            def log_message(self, *arguments):
                pass

        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self.socket = context.wrap_socket(self.socket, server_side=True)
            self.url = self.url.replace("http", "https")
        threading.Thread(target=self.serve_forever, daemon=True).start()


def measure(slipway, folder, url, wanted, runs):
    """(wall, processor) milliseconds, the least of the runs: cold, nothing new, and the process alone (`init`)."""
    figures = {"start": [], "cold": [], "nothing new": []}

    def run(what, *arguments):
        start, used = time.perf_counter(), processor_seconds()
        subprocess.run([slipway, "repository", "client", *arguments], check=True)
        figures[what].append(((time.perf_counter() - start) * 1000, (processor_seconds() - used) * 1000))

    names = [word for n in range(wanted) for word in ("--target-name", f"production/product{n}/1.0.0/manifest.json")]
    for number in range(runs):
        store = ["--metadata-dir", f"{folder}/store{number}"]
        run("start", *store, "init", f"{folder}/metadata/1.root.json")
        remote = ["--metadata-url", f"{url}/metadata"]
        run("cold", *store, *remote, *names, "--target-dir", f"{folder}/files{number}", "--target-base-url",
            f"{url}/targets", "download")
        run("nothing new", *store, *remote, "refresh")
    return {what: tuple(min(column) for column in zip(*times)) for what, times in figures.items()}


PEER = """
import sys, time
from tuf.ngclient import Updater
folder, root, url, wanted = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
start = time.process_time()
updater = Updater(f"{folder}/metadata", f"{url}/metadata/", f"{folder}/files", f"{url}/targets/", bootstrap=open(root, "rb").read())
updater.refresh()
for number in range(wanted):
    info = updater.get_targetinfo(f"production/product{number}/1.0.0/manifest.json")
    updater.download_target(info)
print((time.process_time() - start) * 1000)
"""


def measure_peer(python, folder, url, wanted, runs):
    """Milliseconds of processor of the cold download alone, without the start of Python; the least of the runs."""
    used = []
    for number in range(runs):
        for name in ("metadata", "files"):
            os.makedirs(f"{folder}/peer{number}/{name}")
        done = subprocess.run(
            [python, "-c", PEER, f"{folder}/peer{number}", f"{folder}/metadata/1.root.json", url, str(wanted)],
            check=True, capture_output=True, text=True)
        used.append(float(done.stdout))
    return min(used)


def approve(slipway, folder, products, versions, runs):
    """(wall, processor) milliseconds of the approver's difference, the least of the runs: first and again."""
    manifests = {}
    for number in (versions - 1, versions):
        manifests[f"product0@1.0.{number}"] = manifest(slipway, folder, f"1.0.{number}")
    repository = Repository(f"{folder}/repository", products, versions, manifests)
    role, text = "production-product0", manifests[f"product0@1.0.{versions}"]
    digest = hashlib.sha256(text).hexdigest()
    os.makedirs(f"{folder}/repository/blobs")
    with open(f"{folder}/repository/blobs/{digest}", "wb") as file:
        file.write(text)
    with open(f"{folder}/repository/metadata/1.{role}.json", "rb") as file:
        signed = json.load(file)["signed"]
    signed["version"] = 2
    signed["targets"].update([(f"production/product0/1.0.{versions}/manifest.json",
                               {"hashes": {"sha256": digest}, "length": len(text)})])
    key = repository.roles[role]
    proposal = hashlib.sha256(f"{role} {hashlib.sha256(canonical(signed)).hexdigest()}\n".encode()).hexdigest()
    holder = {"name": "alice", "keyID": key.id, "hasSigned": False, "onController": False}
    change = {"id": "c1", "state": "open", "summary": "s", "proposedAt": "2026-01-01T00:00:00Z", "proposedBy": "bob",
              "digest": proposal, "candidates": [{"role": role, "signed": signed}],
              "standings": [{"role": role, "delegator": "targets", "threshold": 1, "votes": 0, "signers": [holder]}]}
    certify(f"{folder}/server.pem")
    server = Server(f"{folder}/repository", {
        f"/v1/releases/product0/1.0.{versions}/approvals": json.dumps(change).encode()}, f"{folder}/server.pem")
    with open(f"{folder}/alice.pem", "wb") as file:
        os.chmod(file.name, 0o600)
        file.write(key.private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    with open(f"{folder}/token", "w") as file:
        os.chmod(file.name, 0o600)
        file.write("t")
    figures = {"first": [], "again": []}
    for number in range(runs):
        for what in figures:
            start, used = time.perf_counter(), processor_seconds()
            done = subprocess.run(
                [slipway, "release", "approve", f"product0@1.0.{versions}", "--environment", "production", "--key-file",
                 f"{folder}/alice.pem", "--controller", server.url, "--token-file", f"{folder}/token", "--authority",
                 f"{folder}/server.pem", "--trust", f"{folder}/trust{number}", "--root",
                 f"{folder}/repository/metadata/1.root.json"],
                stdin=subprocess.DEVNULL, capture_output=True, text=True)
            said = done.stdout + done.stderr
            assert f"product0@1.0.{versions} may be installed in production" in said, said
            figures[what].append(((time.perf_counter() - start) * 1000, (processor_seconds() - used) * 1000))
    server.shutdown()
    return {what: tuple(min(column) for column in zip(*times)) for what, times in figures.items()}


def manifest(slipway, folder, version):
    tree = tempfile.mkdtemp(dir=folder)
    with open(f"{tree}/release.yaml", "w") as file:
        file.write(
            f'product: product0\nversion: "{version}"\ncategory: emergency\nsummary: s\nowner: o\nunits:\n'
            "  - { name: app, type: tree, source: ./files, installTo: /opt/app, health: none }\n")
    os.mkdir(f"{tree}/files")
    with open(f"{tree}/files/data", "w") as file:
        file.write(version)
    subprocess.run([slipway, "package", "build", tree, "--output", f"{tree}/p.slip"], check=True, capture_output=True)
    with tarfile.open(f"{tree}/p.slip") as package:
        return package.extractfile("manifest.json").read()


def certify(path):
    """A key with a certificate for this machine, by itself."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "bench")])
    now = datetime.datetime.utcnow()
    here = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    made = x509.CertificateBuilder(
        name, name, key.public_key(), 1, now - datetime.timedelta(days=1), now + datetime.timedelta(days=30),
    ).add_extension(here, False).add_extension(x509.BasicConstraints(True, 0), True).sign(key, hashes.SHA256())
    with open(path, "wb") as file:
        file.write(made.public_bytes(serialization.Encoding.PEM) + key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))


def follow(agent, folder, products, versions, wanted, seconds=30):
    """Of one check where nothing is new: milliseconds of processor, requests, bytes."""
    repository = Repository(f"{folder}/repository", products, versions)
    director = f"{folder}/repository/director"
    os.makedirs(f"{director}/sets")
    names, digests = sorted(f"production.product{n}" for n in range(wanted)), {}
    for name in names:
        product = name.split(".")[1]
        path, target = repository.target(product, 0)
        payload = canonical({
            "order": {"rollout": "r-1", "action": "install", "attempt": 1}, "environment": "production",
            "audience": {"channel": {"name": name, "bucketBound": 0, "included": [], "excluded": []}},
            "release": f"{product}@1.0.0", "manifest": target["hashes"]["sha256"], "targetPath": path, "counter": 1,
            "expiresAt": "2036-01-01T00:00:00Z", "revoked": []})
        kind = "application/vnd.slipway.assignment+json"
        bound = b"DSSEv1 %d %s %d %s" % (len(kind), kind.encode(), len(payload), payload)
        signature = base64.b64encode(repository.director.private.sign(bound)).decode()
        word = canonical({
            "payload": base64.b64encode(payload).decode(), "payloadType": kind,
            "signatures": [{"keyid": repository.director.id, "sig": signature}]})
        with open(f"{director}/{name}.json", "wb") as file:
            file.write(word)
        digests[name] = hashlib.sha256(word).hexdigest()
    identity = hashlib.sha256("".join(f"{name}\n" for name in names).encode()).hexdigest()[:32]
    with open(f"{director}/sets/{identity}.json", "wb") as file:
        file.write(canonical({"channels": digests}))
    server = Server(f"{folder}/repository")
    home = f"{folder}/agent"
    os.makedirs(f"{home}/trust", 0o700)
    for name in ("root.json", "pinned-root"):
        with open(f"{folder}/repository/metadata/1.root.json", "rb") as source, open(f"{home}/trust/{name}", "wb") as to:
            to.write(source.read())
    with open(f"{home}/agent.json", "w") as file:
        json.dump({
            "host": "bench", "environment": "production", "delivery": "pull", "repository": server.url, "channels": names,
            "checkInterval": "1s", "root": f"{folder}/root", "variables": {}, "labels": {}}, file)
    process = subprocess.Popen([agent, "run", "--single", "--dir", home, "--log-level", "error"])

    def used():
        total = 0
        for path in glob.glob(f"/proc/{process.pid}/task/*/schedstat"):
            with open(path) as file:
                total += int(file.read().split()[0])
        return total / 1e6

    try:
        while sum("/sets/" in path and status == 304 for path, status, _ in server.requests) < 3:
            assert process.poll() is None and len(server.requests) < 500, server.requests[-5:]
            time.sleep(0.1)
        before, asked, began = used(), len(server.requests), time.monotonic()
        time.sleep(seconds)
        spent, requests = used() - before, server.requests[asked:]
        checks = sum("/sets/" in path for path, _, _ in requests)
        assert checks > seconds / 2, requests
        return spent / checks, len(requests) / checks, max(size for _, _, size in requests)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()
        server.shutdown()


def processor_seconds():
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    parser.add_argument("--slipway", default=f"{root}/.build/release/slipway")
    parser.add_argument("--agent", default=f"{root}/.build/release/slipway-agent")
    parser.add_argument("--python", default=f"{root}/.build/python-tuf/bin/python")
    parser.add_argument("--products", type=int, default=1000)
    parser.add_argument("--versions", type=int, default=20)
    parser.add_argument("--wanted", type=int, default=3)
    parser.add_argument("--runs", type=int, default=20)
    arguments = parser.parse_args()
    results = {}
    for label, products in (("small", arguments.wanted), ("large", arguments.products)):
        with tempfile.TemporaryDirectory() as folder:
            Repository(folder, products, arguments.versions)
            if label == "large":
                sizes = {name: os.path.getsize(f"{folder}/metadata/1.{name}.json") for name in ("snapshot", "targets")}
                print("bytes:", sizes)
            server = Server(folder)
            results[label] = measure(arguments.slipway, folder, server.url, arguments.wanted, arguments.runs)
            peer = None
            if label == "large" and os.path.exists(arguments.python):
                peer = measure_peer(arguments.python, folder, server.url, arguments.wanted, min(arguments.runs, 5))
            server.shutdown()
    for label, figures in results.items():
        print(f"{label}:", ", ".join(
            f"{what} {wall:.1f} ms ({processor:.1f} ms of processor)" for what, (wall, processor) in figures.items()))
    for position, unit in enumerate(("wall", "processor")):
        start = results["large"]["start"][position]
        apart = {what: results["large"][what][position] - start for what in ("cold", "nothing new")}
        print(f"{arguments.products} products, the start of the process ({start:.1f} ms) apart, {unit}:",
              ", ".join(f"{what} {ms:.1f} ms" for what, ms in apart.items()))
        if unit == "processor" and peer:
            print(f"cold, of python-tuf's {peer:.0f} ms of processor without its start: {peer / apart['cold']:.1f} x faster")
        more = {what: results["large"][what][position] - results["small"][what][position] for what in ("cold", "nothing new")}
        print(f"{arguments.products} products cost more than {arguments.wanted}, {unit}:",
              ", ".join(f"{what} {ms:.1f} ms" for what, ms in more.items()))
    with tempfile.TemporaryDirectory() as folder:
        figures = approve(arguments.slipway, folder, arguments.products, arguments.versions, min(arguments.runs, 10))
        print("the approver's difference:", ", ".join(
            f"{what} {wall:.0f} ms ({processor:.0f} ms of processor)" for what, (wall, processor) in figures.items()))
    with tempfile.TemporaryDirectory() as folder:
        spent, requests, size = follow(
            arguments.agent, folder, arguments.products, arguments.versions, arguments.wanted)
        print(f"an agent with {arguments.wanted} channels and nothing new: {spent:.2f} ms of processor, {requests:.2f} "
              f"requests a check, at most {size} bytes each")


if __name__ == "__main__":
    main()
