"""A TUF repository of somebody else's, made with python-tuf and served on loopback with the faults that a test plants."""

import datetime
import http.server
import threading
import time
from urllib.parse import quote

from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import (
    DelegatedRole, Delegations, Metadata, MetaFile, Root, Snapshot, TargetFile, Targets, Timestamp)
from tuf.api.serialization.json import JSONSerializer

TOPS = ("root", "timestamp", "snapshot", "targets")


def later(days=30):
    return datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0) + datetime.timedelta(days=days)


def new_signer(kind="ed25519"):
    return {
        "ed25519": CryptoSigner.generate_ed25519, "ecdsa": CryptoSigner.generate_ecdsa,
        "rsa": CryptoSigner.generate_rsa}[kind]()


class Repository:
    """Roles are changed as python-tuf objects, then `publish` signs the next version of each that is named."""

    def __init__(self, consistent=True, kind="ed25519", hashes=True):
        self.files, self.hashes, self.published = {}, hashes, set()
        self.signers = {name: [new_signer(kind)] for name in TOPS}
        self.roles = {
            "root": Root(expires=later(), consistent_snapshot=consistent), "timestamp": Timestamp(expires=later()),
            "snapshot": Snapshot(expires=later()), "targets": Targets(expires=later())}
        for name in TOPS:
            self.root.add_key(self.signers[name][0].public_key, name)
        self.publish("root", "targets", "snapshot", "timestamp")
        self.first_root = self.files["metadata/1.root.json"]

    @property
    def root(self):
        return self.roles["root"]

    @property
    def consistent(self):
        return self.root.consistent_snapshot

    def publish(self, *names, also_signed_by=()):
        for name in names:
            role = self.roles[name]
            if name in self.published:
                role.version += 1
            self.published.add(name)
            file = Metadata(role)
            for signer in [*self.signers[name], *also_signed_by]:
                file.sign(signer, append=True)
            text = file.to_bytes(JSONSerializer(compact=False))
            versioned = name == "root" or (self.consistent and name != "timestamp")
            self.files[f"metadata/{f'{role.version}.' if versioned else ''}{quote(name, '')}.json"] = text
            described = MetaFile.from_data(role.version, text, ["sha256", "sha512"]) if self.hashes else MetaFile(
                role.version)
            if name == "snapshot":
                self.roles["timestamp"].snapshot_meta = described
            elif name not in ("root", "timestamp"):
                self.roles["snapshot"].meta[f"{name}.json"] = described

    def publish_all(self):
        self.publish(*[name for name in self.roles if name not in TOPS], "targets", "snapshot", "timestamp")

    def add_target(self, path, content, role="targets", algorithms=("sha256",)):
        target = TargetFile.from_data(path, content, list(algorithms))
        self.roles[role].targets[path] = target
        folder, slash, name = path.rpartition("/")
        for digest in target.hashes.values():
            self.files[f"targets/{quote(f'{folder}{slash}{digest}.{name}' if self.consistent else path)}"] = content

    def delegate(self, name, paths, parent="targets", terminating=False, kind="ed25519"):
        holder = self.roles[parent]
        if holder.delegations is None:
            holder.delegations = Delegations({}, {})
        holder.delegations.roles[name] = DelegatedRole(name, [], 1, terminating, paths)
        self.signers[name] = [new_signer(kind)]
        holder.add_key(self.signers[name][0].public_key, name)
        self.roles[name] = Targets(expires=later())


class Server(http.server.ThreadingHTTPServer):
    """Serves `repository`; `fault(path)` may give an answer of its own: (status, headers, chunks)."""

    daemon_threads = True

    def __init__(self, repository):
        self.repository, self.fault, self.requests, self.sent = repository, lambda path: None, [], 0
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, request, client_address):
        pass


class Handler(http.server.BaseHTTPRequestHandler):
    disable_nagle_algorithm = True
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        path = self.path.lstrip("/")
        self.server.requests.append(path)
        answer = self.server.fault(path)
        if answer is None:
            content = self.server.repository.files.get(path)
            status = 200 if content is not None else 404
            answer = (status, {"Content-Length": str(len(content or b""))}, [content or b""])
        status, headers, chunks = answer
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        chunked = headers.get("Transfer-Encoding") == "chunked"
        try:
            for chunk in chunks:
                self.wfile.write(b"%x\r\n%s\r\n" % (len(chunk), chunk) if chunked else chunk)
                self.server.sent += len(chunk)
            if chunked:
                self.wfile.write(b"0\r\n\r\n")
        except OSError:
            self.close_connection = True
        if "Content-Length" not in headers and not chunked:
            self.close_connection = True

    def log_message(self, *arguments):
        pass


def endless():
    while True:
        yield b" " * 65536
        time.sleep(0)
