"""`slipway repository client` against repositories of python-tuf: real processes, a real server, real signals.

    tuf_client.py SLIPWAY        runs every scenario; prints "ok NAME" or "failed NAME: why" for each.

A scenario is a function of this file whose name begins with `does_` or `refuses_`.
"""

import os
import subprocess
import sys
import tempfile
import time
import traceback
from concurrent.futures import ThreadPoolExecutor

from tuf.api.metadata import Metadata
from tuf_repository import Repository, Server, endless, later, new_signer

SLIPWAY = os.path.abspath(sys.argv[1])


class Client:
    """A client with a folder of its own, and the repository that it reads."""

    def __init__(self, repository=None):
        self.repository = repository or Repository()
        self.server = Server(self.repository)
        self.folder = tempfile.mkdtemp(prefix="tuf-client-")
        self.metadata, self.targets = f"{self.folder}/metadata", f"{self.folder}/targets"
        self.options = []
        with open(f"{self.folder}/first.json", "wb") as file:
            file.write(self.repository.first_root)
        assert self.run("init", f"{self.folder}/first.json") == 0
        assert self.server.requests == [], "init makes no request"

    def run(self, *act, names=(), wrap=()):
        words = [word for name in names for word in ("--target-name", name)]
        command = [*wrap, SLIPWAY, "repository", "client", "--metadata-dir", self.metadata, "--metadata-url",
                   f"{self.server.url}/metadata/", *words, "--target-dir", self.targets, "--target-base-url",
                   f"{self.server.url}/targets/", *self.options, *act]
        done = subprocess.run(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, timeout=120)
        self.said = done.stderr
        return done.returncode

    def refresh(self, **named):
        return self.run("refresh", **named)

    def download(self, *names):
        return self.run("download", names=names)

    def stored(self):
        return {name: open(f"{self.metadata}/{name}", "rb").read()
                for name in sorted(os.listdir(self.metadata)) if name.endswith(".json")}

    def downloaded(self):
        return {name: open(f"{self.targets}/{name}", "rb").read() for name in os.listdir(self.targets)}

    def asked(self):
        asked, self.server.requests = self.server.requests, []
        return [path.removeprefix("metadata/") for path in asked]

    def expect_refusal(self, code, act=None):
        """Exit 1 with this code; every trusted file is what it was, byte for byte."""
        before = self.stored()
        result = (act or self.refresh)()
        assert result == 1, f"ended with {result}"
        assert code in self.said, f"{code} expected: {self.said}"
        assert self.stored() == before, f"the store changed: {set(before.items()) ^ set(self.stored().items())}"


    def expect_recovery(self, act=None):
        """The server is honest again: the next try succeeds, and the store is what the repository says."""
        self.server.fault = lambda path: None
        assert (act or self.refresh)() == 0, self.said
        files = self.repository.files
        for role in ("root", "snapshot", "targets"):
            version = self.repository.roles[role].version
            assert self.stored()[f"{role}.json"] == files[f"metadata/{version}.{role}.json"], role
        assert self.stored()["timestamp.json"] == files["metadata/timestamp.json"]


# What it does.

def does_the_workflow_in_order():
    client = Client()
    assert client.refresh() == 0, client.said
    assert client.asked() == ["2.root.json", "timestamp.json", "1.snapshot.json", "1.targets.json"]
    files = client.repository.files
    assert client.stored() == {
        name: files[f"metadata/{file}"] for name, file in [
            ("root.json", "1.root.json"), ("timestamp.json", "timestamp.json"), ("snapshot.json", "1.snapshot.json"),
            ("targets.json", "1.targets.json")]}
    assert client.refresh() == 0
    assert client.asked() == ["2.root.json", "timestamp.json"]


def does_download_in_order_and_once():
    client = Client()
    repository = client.repository
    repository.delegate("area", ["area/*"])
    repository.add_target("top.bin", b"top", algorithms=["sha512"])
    repository.add_target("area/a b+%.bin", b"odd", role="area", algorithms=["sha256", "sha512"])
    repository.publish_all()
    names = ["top.bin", "area/a b+%.bin"]
    assert client.download(*names) == 0, client.said
    asked = client.asked()
    assert asked[:4] == ["2.root.json", "timestamp.json", "2.snapshot.json", "2.targets.json"], asked
    assert asked[4].endswith(".top.bin") and asked[5] == "1.area.json" and asked[6].endswith(".a%20b%2B%25.bin"), asked
    assert sorted(client.downloaded().values()) == [b"odd", b"top"]
    assert client.download(*names) == 0
    assert client.asked() == ["2.root.json", "timestamp.json"]
    assert client.download("nowhere", "top.bin") == 1


def does_replace_a_target_under_the_same_name():
    client = Client()
    for content in (b"one", b"another"):
        client.repository.add_target("file", content)
        client.repository.publish_all()
        assert client.download("file") == 0, client.said
        assert list(client.downloaded().values()) == [content]


def does_read_a_repository_without_consistent_snapshots():
    client = Client(Repository(consistent=False, hashes=False))
    client.repository.delegate("area", ["area/*"])
    client.repository.add_target("area/file", b"content", role="area")
    client.repository.publish_all()
    assert client.download("area/file") == 0, client.said
    assert client.asked() == [
        "2.root.json", "timestamp.json", "snapshot.json", "targets.json", "area.json", "targets/area/file"]


def does_accept_each_algorithm():
    for kind in ("ed25519", "ecdsa", "rsa"):
        client = Client(Repository(kind=kind))
        client.repository.delegate("area", ["area/*"], kind=kind)
        client.repository.add_target("area/file", b"content", role="area")
        client.repository.publish_all()
        assert client.download("area/file") == 0, f"{kind}: {client.said}"
        client.repository.roles["timestamp"].version += 7
        client.repository.signers["timestamp"] = [new_signer(kind)]
        client.repository.publish("timestamp")
        client.expect_refusal("trust.timestamp.signatures")


def does_encode_role_names_once_and_whole():
    for name in ("/area", "../area", "..", "?", "#", "a b", "%2e%2e", "ü", "a%2Fb", "x" * 200):
        client = Client()
        client.repository.delegate(name, ["*"])
        client.repository.add_target("file", b"content", role=name)
        client.repository.publish_all()
        assert client.download("file") == 0, f"{name}: {client.said}"
        assert len(client.stored()) == 5, client.stored().keys()
        assert sorted(os.listdir(client.folder)) == ["first.json", "metadata", "targets"]


def does_behave_under_a_faked_clock():
    client = Client()
    client.repository.root.expires = later(7)
    client.repository.publish("root")
    assert client.refresh() == 0, client.said
    ahead = ["faketime", "-f", "+8d"]
    client.expect_refusal("trust.root.expired", lambda: client.refresh(wrap=ahead))
    client.repository.root.expires = later(30)
    client.repository.publish("root")
    assert client.refresh(wrap=ahead) == 0, client.said


def does_recover_from_a_fast_forward():
    client = Client()
    repository = client.repository
    repository.roles["snapshot"].version = 1_000_000
    repository.publish("snapshot", "timestamp")
    assert client.refresh() == 0
    repository.roles["snapshot"].version = 1
    repository.publish("snapshot", "timestamp")
    client.expect_refusal("trust.timestamp.rollback")
    for role in ("timestamp", "snapshot"):
        old = repository.signers[role][0].public_key.keyid
        repository.root.revoke_key(old, role)
        repository.signers[role] = [new_signer()]
        repository.root.add_key(repository.signers[role][0].public_key, role)
    repository.publish("root", "snapshot", "timestamp")
    assert client.refresh() == 0, client.said


def does_let_two_processes_take_turns():
    client = Client()
    for number in range(6):
        client.repository.add_target(f"file{number}", b"%d" % number)
    client.repository.publish_all()
    with ThreadPoolExecutor(6) as pool:
        results = list(pool.map(lambda number: Client.download(client, f"file{number}"), range(6)))
    assert results == [0] * 6, (results, client.said)
    assert sorted(client.downloaded().values()) == [b"%d" % number for number in range(6)]


def does_survive_sigkill_between_any_two_writes():
    client = Client()
    assert client.refresh() == 0
    killed = 0
    for call in ("renameat,unlinkat", "fsync"):
        for number in range(1, 40):
            client.repository.publish("root", "targets", "snapshot", "timestamp")
            inject = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={call}", "-e",
                      f"inject={call}:signal=KILL:when={number}"]
            result = client.refresh(wrap=inject)
            for name, text in client.stored().items():
                Metadata.from_bytes(text)
            assert client.refresh() == 0, client.said
            assert client.stored()["snapshot.json"] == client.repository.files[
                f"metadata/{client.repository.roles['snapshot'].version}.snapshot.json"]
            if result == 0:
                break
            killed += 1
        else:
            raise AssertionError("it never got through")
    assert killed >= 3, killed


def does_survive_sigkill_while_a_target_is_fetched():
    client = Client()
    client.repository.add_target("file", b"content" * 100_000)
    client.repository.publish_all()
    killed = 0
    for call in ("renameat,unlinkat", "fsync", "write,pwrite64"):
        for number in (1, 2, 3, 5, 8, 13, 21, 34):
            for name in os.listdir(client.targets) if os.path.isdir(client.targets) else ():
                os.remove(f"{client.targets}/{name}")
            inject = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={call}", "-e",
                      f"inject={call}:signal=KILL:when={number}"]
            killed += client.run("download", names=["file"], wrap=inject) != 0
            # A name is never half of its bytes.
            for name in os.listdir(client.targets) if os.path.isdir(client.targets) else ():
                if not name.startswith("."):
                    assert open(f"{client.targets}/{name}", "rb").read() == b"content" * 100_000, name
            client.expect_recovery(lambda: client.download("file"))
            assert client.downloaded() == {"file": b"content" * 100_000}
    assert killed >= 6, killed


# What it refuses.

def refuses_another_answer_than_404_for_the_next_root():
    client = Client()
    assert client.refresh() == 0
    client.repository.publish("timestamp")
    for status in (301, 302, 307, 308, 401, 403, 429, 500, 503):
        other = {"Content-Length": "0", "Location": f"{client.server.url}/metadata/1.root.json"}
        client.repository.publish("timestamp")
        client.server.fault = lambda path: (status, other, []) if path.endswith("2.root.json") else None
        client.expect_refusal("error")
        assert client.asked()[-1] == "2.root.json"
        client.expect_recovery()
        client.asked()


def refuses_redirects_and_absence():
    for file in ("timestamp.json", "2.snapshot.json", "2.targets.json"):
        for status in (302, 404):
            client = Client()
            assert client.refresh() == 0
            client.repository.publish("targets", "snapshot", "timestamp")
            head = {"Content-Length": "0", "Location": f"{client.server.url}/metadata/{file}?again"}
            client.server.fault = lambda path: (status, head, []) if path.endswith(file) else None
            before = client.stored().get(file.removeprefix("2."))
            assert client.refresh() == 1
            assert client.stored().get(file.removeprefix("2.")) == before
            client.expect_recovery()


def refuses_endless_data():
    for head in ({}, {"Content-Length": str(1 << 40)}, {"Transfer-Encoding": "chunked"}):
        for file in ("2.root.json", "timestamp.json", "2.snapshot.json", "2.targets.json"):
            client = Client()
            client.repository.publish("targets", "snapshot", "timestamp")
            client.server.fault = lambda path: (200, head, endless()) if path.endswith(file) else None
            role = file.removeprefix("2.")
            before = client.stored().get(role)
            assert client.refresh() == 1, file
            assert client.stored().get(role) == before
            assert client.server.sent < 64 << 20, client.server.sent
            client.expect_recovery()


def refuses_endless_targets():
    for head in ({}, {"Content-Length": str(1 << 40)}, {"Transfer-Encoding": "chunked"}):
        client = Client()
        client.repository.add_target("file", b"content")
        client.repository.publish_all()
        client.server.fault = lambda path: (200, head, endless()) if path.startswith("targets/") else None
        assert client.download("file") == 1
        assert client.downloaded() == {} and client.server.sent < 64 << 20
        client.expect_recovery(lambda: client.download("file"))
        assert client.downloaded() == {"file": b"content"}


def refuses_one_byte_per_second():
    def trickle():
        while True:
            yield b" "
            time.sleep(1)

    client = Client()
    client.repository.add_target("file", b"content" * 10)
    client.repository.publish_all()
    client.options = ["--timeout", "2"]
    for file in ("2.root.json", "timestamp.json", "2.snapshot.json", "2.targets.json", "targets/"):
        for head in ({"Content-Length": "60"}, {}):
            client.server.fault = lambda path: (200, head, trickle()) if file in path else None
            role = file.removeprefix("2.")
            before, start = client.stored().get(role), time.monotonic()
            assert client.download("file") == 1, file
            assert "effects.http.timeout" in client.said, client.said
            assert time.monotonic() - start < 60
            assert client.stored().get(role) == before
            assert not os.path.isdir(client.targets) or client.downloaded() == {}
    client.expect_recovery(lambda: client.download("file"))
    # The head itself may not come for ever either.
    client.repository.publish("timestamp")
    client.server.fault = lambda path: time.sleep(10) if path.endswith("timestamp.json") else None
    client.expect_refusal("effects.http.timeout")
    client.expect_recovery()


def refuses_json_trickery():
    client = Client()
    assert client.refresh() == 0
    client.repository.publish("timestamp")
    honest = client.repository.files["metadata/timestamp.json"]
    version = b'"version": 2'
    assert version in honest
    tricks = [
        b"", b"{", b"\xef\xbb\xbf" + honest, honest + b"{}", honest + b"\0", honest.replace(version, b'"version": 2.0'),
        honest.replace(version, b'"version": 2, "version": 3'), honest.replace(version, b'"version": NaN'),
        honest.replace(version, b'"version": 9223372036854775808'), honest.replace(version, b'"version": 2e0'),
        honest.replace(version, b'"version": "2"'), honest.replace(version, b'"version": 2, "x": "\\ud800"'),
        honest.replace(version, b'"version": 2, "x": [1,]'), honest.replace(version, b'"version": 2, "x": "\xff"'),
        b"[" * 8000, b'{"a":' * 3000, b'{"signed":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    ]
    for trick in tricks:
        client.repository.files["metadata/timestamp.json"] = trick
        client.expect_refusal("error")
    client.repository.files["metadata/timestamp.json"] = honest
    assert client.refresh() == 0, client.said


def refuses_names_that_are_no_names():
    for name in ("../../escaped", "/etc/escaped", "a/../b", "a\0b", "a//b", ".", "x" * 300):
        client = Client()
        client.repository.add_target("plain", b"content")
        client.repository.roles["targets"].targets[name] = client.repository.roles["targets"].targets["plain"]
        client.repository.publish_all()
        if "\0" not in name:
            assert client.download(name) == 1, name
        assert client.download("plain") == 0, client.said
        assert list(client.downloaded()) == ["plain"]
    client = Client()
    client.repository.delegate("x" * 300, ["*"])
    client.repository.publish_all()
    assert client.refresh() == 1


def refuses_a_rollback_and_mixed_files():
    client = Client()
    old = dict(client.repository.files)
    client.repository.publish("targets", "snapshot", "timestamp")
    assert client.refresh() == 0
    new = dict(client.repository.files)
    client.repository.files["metadata/timestamp.json"] = old["metadata/timestamp.json"]
    client.expect_refusal("trust.timestamp.rollback")
    client.repository.files = new
    client.repository.publish("targets", "snapshot", "timestamp")
    honest = client.repository.files["metadata/3.targets.json"]
    client.repository.files["metadata/3.targets.json"] = new["metadata/2.targets.json"]
    assert client.refresh() == 1
    assert client.stored()["targets.json"] == new["metadata/2.targets.json"]
    client.repository.files["metadata/3.targets.json"] = honest
    assert client.refresh() == 0, client.said


def refuses_targets_with_other_bytes():
    client = Client()
    client.repository.add_target("file", b"content")
    client.repository.publish_all()
    place = next(path for path in client.repository.files if path.startswith("targets/"))
    for content in (b"CONTENT", b"content and more", b"con"):
        client.repository.files[place] = content
        assert client.download("file") == 1
        assert client.downloaded() == {}
    client.repository.files[place] = b"content"
    assert client.download("file") == 0, client.said


def refuses_to_believe_damaged_files_of_its_own():
    client = Client()
    assert client.refresh() == 0
    honest = client.stored()
    for name in honest:
        for damage in (lambda text: text[: len(text) // 2], lambda text: b"", lambda text: text.replace(b"1", b"7")):
            with open(f"{client.metadata}/{name}", "wb") as file:
                file.write(damage(honest[name]))
            assert client.refresh() == 0, f"{name}: {client.said}"
            assert client.stored() == honest or client.refresh() == 0 and client.stored().items() <= honest.items(), name
    # Swapped: each stands under the other's name.
    for one, other in (("snapshot.json", "targets.json"), ("timestamp.json", "snapshot.json")):
        for name, text in ((one, honest[other]), (other, honest[one])):
            with open(f"{client.metadata}/{name}", "wb") as file:
                file.write(text)
        assert client.refresh() == 0, client.said
        assert client.stored()[one] == honest[one]


def main():
    scenarios = [value for name, value in globals().items() if name.startswith(("does_", "refuses_"))]
    wanted = sys.argv[2:]
    for scenario in scenarios:
        name = scenario.__name__
        if wanted and name not in wanted:
            continue
        try:
            scenario()
            print(f"ok {name}", flush=True)
        except Exception:
            print(f"failed {name}: {traceback.format_exc()!r}", flush=True)


main()
