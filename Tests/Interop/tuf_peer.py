"""python-tuf and securesystemslib as the other side of our TUF code, without a network.

    tuf_peer.py read FOLDER                    reads FOLDER/N/metadata and FOLDER/N/targets, as ngclient does from a server,
                                               for each line "N NOW TARGET…" of its input, beginning with 1.root.json; one
                                               line a target: "N <sha256> TARGET" or "N absent TARGET"
    tuf_peer.py write FOLDER COUNT             writes COUNT repositories, FOLDER/N from the seed N: delegations, thresholds,
                                               several roots, all algorithms, with and without consistent snapshots; prints
                                               one line a target: "N <sha256> TARGET"
    tuf_peer.py canonical                      reads one JSON text a line, prints the hexadecimal of its canonical form

NOW is in seconds since 1970. Texts between fields are tabs.
"""
import datetime
import hashlib
import json
import os
import random
import sys
from urllib.parse import quote

from securesystemslib.formats import encode_canonical
from securesystemslib.signer import CryptoSigner
from tuf.api import exceptions
from tuf.api.metadata import (
    DelegatedRole, Delegations, Metadata, MetaFile, Root, Snapshot, TargetFile, Targets, Timestamp,
)
from tuf.api.serialization.json import JSONSerializer
from tuf.ngclient import Updater
from tuf.ngclient.fetcher import FetcherInterface


class FolderFetcher(FetcherInterface):
    """Answers from a folder as a web server would."""

    def _fetch(self, url):
        path = url.removeprefix("folder://")
        if not os.path.isfile(path):
            raise exceptions.DownloadHTTPError(f"{path} is absent", 404)
        with open(path, "rb") as file:
            yield file.read()


def read(folder):
    for line in sys.stdin:
        number, now, *targets = line.rstrip("\n").split("\t")
        for found, target in read_one(f"{folder}/{number}", int(now), targets):
            print(number, found, target, sep="\t")


def read_one(repository, now, targets):
    work = os.path.join(repository, "work")
    for name in ("metadata", "targets"):
        os.makedirs(os.path.join(work, name), exist_ok=True)
    with open(os.path.join(repository, "metadata", "1.root.json"), "rb") as file:
        root = file.read()
    updater = Updater(
        metadata_dir=os.path.join(work, "metadata"),
        metadata_base_url=f"folder://{repository}/metadata/",
        target_dir=os.path.join(work, "targets"),
        target_base_url=f"folder://{repository}/targets/",
        fetcher=FolderFetcher(),
        bootstrap=root,
    )
    updater._trusted_set.reference_time = datetime.datetime.fromtimestamp(now, datetime.timezone.utc)
    updater.refresh()
    for target in targets:
        info = updater.get_targetinfo(target)
        if info is None:
            yield "absent", target
            continue
        with open(updater.download_target(info), "rb") as file:
            yield hashlib.sha256(file.read()).hexdigest(), target


def write(folder, count):
    # Keys are dear: each repository draws its own from these.
    pool = [CryptoSigner.generate_ed25519() for _ in range(40)]
    pool += [CryptoSigner.generate_ecdsa() for _ in range(20)] + [CryptoSigner.generate_rsa() for _ in range(4)]
    for seed in range(1, int(count) + 1):
        for found, target in write_one(f"{folder}/{seed}", random.Random(seed), pool):
            print(seed, found, target, sep="\t")


def write_one(repository, chance, pool):
    signers_left = chance.sample(pool, len(pool))
    new_signer = signers_left.pop
    consistent = chance.random() < 0.8
    metadata = os.path.join(repository, "metadata")
    os.makedirs(metadata)
    expires = datetime.datetime(2030, 1, 1, tzinfo=datetime.timezone.utc)
    tops = {name: [new_signer() for _ in range(chance.randint(1, 3))]
            for name in ("root", "timestamp", "snapshot", "targets")}

    def publish(name, file, signers):
        file.signatures.clear()
        for signer in signers:
            file.sign(signer, append=True)
        versioned = name == "root" or (consistent and name != "timestamp")
        version = f"{file.signed.version}." if versioned else ""
        text = file.to_bytes(JSONSerializer(compact=chance.random() < 0.5))
        with open(os.path.join(metadata, f"{version}{name}.json"), "wb") as out:
            out.write(text)
        if chance.random() < 0.5:
            return MetaFile(file.signed.version)
        return MetaFile.from_data(file.signed.version, text, chance.choice(hashes))

    hashes = [["sha256"], ["sha512"], ["sha256", "sha512"]]

    root = Root(expires=expires, consistent_snapshot=consistent)
    for name, signers in tops.items():
        for signer in signers:
            root.add_key(signer.public_key, name)
        root.roles[name].threshold = chance.randint(1, len(signers))
    publish("root", Metadata(root), tops["root"])
    for _ in range(chance.randint(0, 3)):
        old = tops["root"]
        tops["root"] = [new_signer()]
        for signer in old:
            root.revoke_key(signer.public_key.keyid, "root")
        root.add_key(tops["root"][0].public_key, "root")
        root.roles["root"].threshold = 1
        root.version += 1
        publish("root", Metadata(root), old + tops["root"])

    def some_targets(prefix):
        files = {}
        for number in range(chance.randint(0, 3)):
            path = f"{prefix}/{number}.bin"
            files[path] = TargetFile.from_data(path, path.encode(), ["sha256"] + chance.choice([[], ["sha512"]]))
        return files

    listed = {}
    snapshot = Snapshot(expires=expires, version=chance.randint(1, 9))
    top = Targets(expires=expires, version=chance.randint(1, 9))
    top.targets = some_targets("top")
    listed.update(top.targets)
    top.delegations = Delegations({}, {})
    for number in range(chance.randint(1, 4)):
        name = chance.choice(["role", "a b", "ü", "x.y"]) + str(number)
        signers = [new_signer() for _ in range(chance.randint(1, 3))]
        terminating = bool(chance.randint(0, 1))
        paths, prefixes = [f"area{number}/*"], None
        if chance.random() < 0.2:
            paths, prefixes, terminating = None, list("0123456789abcdef"), False
        top.delegations.roles[name] = DelegatedRole(
            name, [], chance.randint(1, len(signers)), terminating, paths, prefixes)
        for signer in signers:
            top.add_key(signer.public_key, name)
        role = Targets(expires=expires, version=chance.randint(1, 9))
        role.targets = some_targets(f"area{number}")
        listed.update(role.targets)
        snapshot.meta[f"{name}.json"] = publish(quote(name, ""), Metadata(role), signers)
    snapshot.meta["targets.json"] = publish("targets", Metadata(top), tops["targets"])
    described = publish("snapshot", Metadata(snapshot), tops["snapshot"])
    timestamp = Timestamp(expires=expires, version=chance.randint(1, 9), snapshot_meta=described)
    publish("timestamp", Metadata(timestamp), tops["timestamp"])
    for path, target in listed.items():
        yield target.hashes["sha256"], path


def canonical():
    for line in sys.stdin:
        print(encode_canonical(json.loads(line)).encode().hex())


if __name__ == "__main__":
    {"read": read, "write": write, "canonical": canonical}[sys.argv[1]](*sys.argv[2:])
