"""python-tuf and securesystemslib as the other side of our TUF code, without a network.

    tuf_peer.py read REPOSITORY WORK TARGET…   reads metadata/ and targets/ as ngclient does from a server, beginning with
                                               1.root.json; one line a target: "<sha256> TARGET" or "absent TARGET"
    tuf_peer.py write REPOSITORY SEED          writes a repository: delegations, thresholds, several roots; prints one line
                                               a target: "<sha256> TARGET"
    tuf_peer.py canonical                      reads one JSON text a line, prints the hexadecimal of its canonical form

The clock is set by the caller: NOW (seconds since 1970) in the environment, else it is the system's.
"""
import datetime
import hashlib
import json
import os
import random
import sys

from securesystemslib.formats import encode_canonical
from securesystemslib.signer import CryptoSigner
from tuf.api import exceptions
from tuf.api.metadata import (
    DelegatedRole, Delegations, Metadata, MetaFile, Root, Snapshot, TargetFile, Targets, Timestamp,
)
from tuf.ngclient import Updater, UpdaterConfig
from tuf.ngclient.fetcher import FetcherInterface


class FolderFetcher(FetcherInterface):
    """Answers from a folder as a web server would."""

    def _fetch(self, url):
        path = url.removeprefix("folder://")
        if not os.path.isfile(path):
            raise exceptions.DownloadHTTPError(f"{path} is absent", 404)
        with open(path, "rb") as file:
            yield file.read()


def read(repository, work, *targets):
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
    if "NOW" in os.environ:
        now = datetime.datetime.fromtimestamp(int(os.environ["NOW"]), datetime.timezone.utc)
        updater._trusted_set.reference_time = now
    updater.refresh()
    for target in targets:
        info = updater.get_targetinfo(target)
        if info is None:
            print("absent", target)
            continue
        with open(updater.download_target(info), "rb") as file:
            print(hashlib.sha256(file.read()).hexdigest(), target)


def write(repository, seed):
    chance = random.Random(int(seed))
    metadata = os.path.join(repository, "metadata")
    os.makedirs(metadata)
    expires = datetime.datetime(2030, 1, 1, tzinfo=datetime.timezone.utc)
    tops = {name: [CryptoSigner.generate_ed25519() for _ in range(chance.randint(1, 3))]
            for name in ("root", "timestamp", "snapshot", "targets")}

    def publish(name, file, signers):
        file.signatures.clear()
        for signer in signers:
            file.sign(signer, append=True)
        version = "" if name == "timestamp" else f"{file.signed.version}."
        file.to_file(os.path.join(metadata, f"{version}{name}.json"))

    root = Root(expires=expires, consistent_snapshot=True)
    for name, signers in tops.items():
        for signer in signers:
            root.add_key(signer.public_key, name)
        root.roles[name].threshold = chance.randint(1, len(signers))
    publish("root", Metadata(root), tops["root"])
    for _ in range(chance.randint(0, 3)):
        old = tops["root"]
        tops["root"] = [CryptoSigner.generate_ed25519()]
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
            files[path] = TargetFile.from_data(path, path.encode(), ["sha256"])
        return files

    listed = {}
    snapshot = Snapshot(expires=expires, version=chance.randint(1, 9))
    top = Targets(expires=expires, version=chance.randint(1, 9))
    top.targets = some_targets("top")
    listed.update(top.targets)
    top.delegations = Delegations({}, {})
    for number in range(chance.randint(1, 4)):
        name = chance.choice(["role", "a b", "ü", "x.y"]) + str(number)
        signers = [CryptoSigner.generate_ed25519() for _ in range(chance.randint(1, 3))]
        paths = [f"area{number}/*"]
        top.delegations.roles[name] = DelegatedRole(
            name, [], chance.randint(1, len(signers)), bool(chance.randint(0, 1)), paths)
        for signer in signers:
            top.add_key(signer.public_key, name)
        role = Targets(expires=expires, version=chance.randint(1, 9))
        role.targets = some_targets(f"area{number}")
        listed.update(role.targets)
        publish_name = __import__("urllib.parse").parse.quote(name, "")
        publish(publish_name, Metadata(role), signers)
        snapshot.meta[f"{name}.json"] = MetaFile(role.version)
    publish("targets", Metadata(top), tops["targets"])
    snapshot.meta["targets.json"] = MetaFile(top.version)
    publish("snapshot", Metadata(snapshot), tops["snapshot"])
    timestamp = Timestamp(expires=expires, version=chance.randint(1, 9), snapshot_meta=MetaFile(snapshot.version))
    publish("timestamp", Metadata(timestamp), tops["timestamp"])
    for path, target in listed.items():
        print(target.hashes["sha256"], path)


def canonical():
    for line in sys.stdin:
        print(encode_canonical(json.loads(line)).encode().hex())


if __name__ == "__main__":
    {"read": read, "write": write, "canonical": canonical}[sys.argv[1]](*sys.argv[2:])
