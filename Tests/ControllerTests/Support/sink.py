"""A receiver of webhooks that refuses every message once before it takes it.

sink.py PORT_FILE LOG SECRET: each message that is taken is a line of LOG: its id, type, and whether its signature is right.
"""
import hashlib
import hmac
import http.server
import json
import sys

seen = set()


class Sink(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        event = json.loads(body)
        if event["id"] not in seen:
            seen.add(event["id"])
            self.send_response(503)
            self.end_headers()
            return
        signed = self.headers["Slipway-Timestamp"].encode() + b"." + body
        expected = "sha256=" + hmac.new(sys.argv[3].encode(), signed, hashlib.sha256).hexdigest()
        good = hmac.compare_digest(expected, self.headers["Slipway-Signature"])
        with open(sys.argv[2], "a") as log:
            log.write(f'{event["id"]} {event["type"]} {good} {event["specversion"]}\n')
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_):
        pass


server = http.server.HTTPServer(("127.0.0.1", 0), Sink)
with open(sys.argv[1] + ".new", "w") as file:
    file.write(str(server.server_port))
import os  # noqa: E402

os.rename(sys.argv[1] + ".new", sys.argv[1])
server.serve_forever()
