"""Checks with nothing new: the controller and nginx answer 304 for the same file, over TLS 1.3 and kept connections, in turn;
and `slipway-load floor`, which does nothing else, for what NIO and its TLS cost alone."""
import json
import os
import socket
import subprocess
import time

from fleet import BIN, free_port
from load_measures import processor, row

NGINX = """worker_processes 4; pid {folder}/nginx.pid; error_log {folder}/error.log;
events {{ worker_connections 16384; }}
http {{ access_log off; keepalive_requests 100000000; keepalive_timeout 300s; client_body_temp_path {folder}/body;
  server {{ listen 127.0.0.1:{port} ssl backlog=4096; ssl_certificate {folder}/chain.pem; ssl_certificate_key {tls}/server.key;
    ssl_protocols TLSv1.3; location /repository/ {{ alias {repository}/; }} }} }}
"""


class Nginx:
    def __init__(self, bench):
        self.folder = os.path.join(bench.temporary, "nginx")
        os.makedirs(self.folder)
        self.port = free_port()
        tls = os.path.join(bench.controller_folder, "tls")
        key = next(name for name in sorted(os.listdir(tls)) if "key" in name)
        certificate = next(name for name in sorted(os.listdir(tls)) if "key" not in name and name.endswith(".pem"))
        with open(os.path.join(self.folder, "chain.pem"), "w", encoding="ascii") as chain:
            for path in [os.path.join(tls, certificate), bench.authority]:
                with open(path, encoding="ascii") as part:
                    chain.write(part.read())
        os.chmod(bench.temporary, 0o755)
        self.key = os.path.join(tls, key)
        configuration = os.path.join(self.folder, "nginx.conf")
        text = NGINX.format(
            folder=self.folder, port=self.port, tls=tls, repository=os.path.join(bench.controller_folder, "repository"))
        with open(configuration, "w", encoding="ascii") as file:
            file.write("user root;\n" + text.replace(f"{tls}/server.key", self.key))
        self.process = subprocess.Popen(["nginx", "-c", configuration, "-g", "daemon off;"])
        time.sleep(1)

    def processor(self):
        children = subprocess.run(["pgrep", "-P", str(self.process.pid)], capture_output=True, text=True, check=True)
        return sum(processor(int(child)) for child in children.stdout.split())

    def close(self):
        self.process.terminate()
        self.process.wait()


def poll(bench, connections=64, seconds=6):
    """The file of a channel's present word, which a host asks for at each check; it has it already."""
    path = "/repository/metadata/timestamp.json"
    nginx = Nginx(bench)
    floor_port = free_port()
    floor = subprocess.Popen(
        [os.path.join(BIN, "slipway-load"), "floor", str(floor_port), os.path.join(nginx.folder, "chain.pem"), nginx.key])
    try:
        found = {}
        for turn in range(3):
            for name, port, work in [
                ("nginx", nginx.port, nginx.processor), ("slipway", bench.port, lambda: processor(bench.controller.pid)),
                ("floor", floor_port, lambda: processor(floor.pid))
            ]:
                def run(tag, connections, seconds):
                    said = subprocess.run(
                        [os.path.join(BIN, "slipway-load"), "poll", str(port), path, tag, str(connections), str(seconds),
                         bench.identities], capture_output=True, text=True, check=True)
                    return json.loads(said.stdout)
                tag = run("-", 1, 1)["tag"]
                before = work()
                result = run(tag, connections, seconds)
                used = work() - before
                if result["other"]:
                    raise SystemExit(f"{name} answered more than 304: {result}")
                found.setdefault(name, []).append((result["requests"] / seconds, used / result["requests"] * 1e6, result["p99"]))
    finally:
        nginx.close()
        floor.kill()
        floor.wait()
    (theirs, their_work, _), (ours, our_work, p99) = max(found["nginx"]), max(found["slipway"])
    bare, bare_work, _ = max(found["floor"])
    row(f"poll with nothing new, {connections} kept connections", ">= 0.5 x nginx", f"{ours:.0f}/s", f"{ours / theirs:.2f} x nginx {theirs:.0f}/s")
    row("  processor a request", "", f"{our_work:.0f} us CPU", f"nginx {their_work:.0f} us")
    row("  NIO and TLS alone: a second; processor a request", "", f"{bare:.0f}/s", f"{bare_work:.0f} us CPU")
    row("  p99 on the client", "", f"{p99:.1f} ms")
    row("  request and answer", "<= 1 KB", f"{poll_bytes(bench, path)} bytes", "one request")


def poll_bytes(bench, path):
    _, headers = bench.get(path)
    request = (
        f"GET {path} HTTP/1.1\r\nHost: controller.example:8443\r\nUser-Agent: slipway-agent/1.0\r\n"
        f"Accept: */*\r\nIf-None-Match: {headers['ETag']}\r\n\r\n").encode()
    with socket.create_connection(("127.0.0.1", bench.port)) as plain, bench.tls.wrap_socket(plain) as connection:
        connection.sendall(request)
        return len(request) + len(connection.recv(4096))
