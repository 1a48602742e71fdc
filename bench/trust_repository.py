#!/usr/bin/env python3
"""How long a host takes to verify a large repository: cold, and when nothing is new.

    bench/trust_repository.py SLIPWAY [--products 1000] [--versions 20] [--wanted 3] [--runs 20]

Writes a repository with one role per product with keys of its own and `versions` targets each, serves it on loopback,
and times `slipway repository client`: `download` with an empty store (cold), then `refresh` (nothing new). Wall time and
processor time of the whole process, the least of all runs; `init`, which makes no request, tells what of it is the start of
a process, and is taken off in the last lines. A repository of the wanted products alone tells what the transfers cost.
Needs python3-cryptography.
"""

import argparse
import hashlib
import http.server
import json
import os
import resource
import subprocess
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
    def __init__(self, folder, products, versions):
        self.folder = folder
        self.versions = versions
        os.makedirs(f"{folder}/metadata")
        os.makedirs(f"{folder}/targets")
        tops = {name: Key() for name in ("root", "timestamp", "snapshot", "targets")}
        meta, keys, roles = {}, {}, []
        for number in range(products):
            key, product = Key(), f"product{number}"
            name = f"production-{product}"
            keys[key.id] = key.json
            roles.append({
                "keyids": [key.id], "name": name, "paths": [f"production/{product}/*/*"], "terminating": True,
                "threshold": 1})
            meta[f"{name}.json"] = self.write(name, key, {
                "_type": "targets", "targets": dict(self.target(product, n) for n in range(versions))})
        meta["targets.json"] = self.write("targets", tops["targets"], {
            "_type": "targets", "targets": {}, "delegations": {"keys": keys, "roles": roles}})
        snapshot = self.write("snapshot", tops["snapshot"], {"_type": "snapshot", "meta": meta})
        self.write("timestamp", tops["timestamp"], {"_type": "timestamp", "meta": {"snapshot.json": snapshot}})
        self.write("root", tops["root"], {
            "_type": "root", "consistent_snapshot": True, "keys": {key.id: key.json for key in tops.values()},
            "roles": {name: {"keyids": [key.id], "threshold": 1} for name, key in tops.items()}})

    def target(self, product, number):
        text = f"manifest of {product}@1.0.{number}".encode()
        path = f"production/{product}/1.0.{number}/manifest.json"
        digest = hashlib.sha256(text).hexdigest()
        if product in ("product0", "product1", "product2") and number == 0:
            place = f"{self.folder}/targets/production/{product}/1.0.{number}"
            os.makedirs(place)
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
    def __init__(self, folder):
        requests = self.requests = []

        class Handler(http.server.SimpleHTTPRequestHandler):
            disable_nagle_algorithm = True
            protocol_version = "HTTP/1.1"

            def __init__(self, *arguments, **named):
                super().__init__(*arguments, directory=folder, **named)

            def log_request(self, code="-", size="-"):
                requests.append((self.path, code))

            def log_message(self, *arguments):
                pass

        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
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


def processor_seconds():
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("slipway")
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
            server.shutdown()
    for label, figures in results.items():
        print(f"{label}:", ", ".join(
            f"{what} {wall:.1f} ms ({processor:.1f} ms of processor)" for what, (wall, processor) in figures.items()))
    for position, unit in enumerate(("wall", "processor")):
        start = results["large"]["start"][position]
        apart = {what: results["large"][what][position] - start for what in ("cold", "nothing new")}
        print(f"{arguments.products} products, the start of the process ({start:.1f} ms) apart, {unit}:",
              ", ".join(f"{what} {ms:.1f} ms" for what, ms in apart.items()))
        more = {what: results["large"][what][position] - results["small"][what][position] for what in ("cold", "nothing new")}
        print(f"{arguments.products} products cost more than {arguments.wanted}, {unit}:",
              ", ".join(f"{what} {ms:.1f} ms" for what, ms in more.items()))


if __name__ == "__main__":
    main()
