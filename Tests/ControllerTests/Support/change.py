"""A change-management system: has not decided when it is asked first, then says what DECISION says.

change.py PORT_FILE LOG SECRET DECISION: each question is a line of LOG: release, stage, whether its signature is right, ids.
"""
import hashlib
import hmac
import http.server
import json
import os
import sys

asked = []


class Desk(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        question = json.loads(body)
        signed = self.headers["Slipway-Timestamp"].encode() + b"." + body
        expected = "sha256=" + hmac.new(sys.argv[3].encode(), signed, hashlib.sha256).hexdigest()
        good = hmac.compare_digest(expected, self.headers["Slipway-Signature"])
        asked.append(question)
        with open(sys.argv[2], "a") as log:
            ids = ",".join(change["id"] for change in question["changes"])
            log.write(f'{question["release"]} {question["stage"]} {good} {ids}\n')
        verdict = "pending" if len(asked) == 1 else sys.argv[4]
        answer = json.dumps({"answer": verdict, "reference": "CHG0042", "reason": "of the test"}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_):
        pass


server = http.server.HTTPServer(("127.0.0.1", 0), Desk)
with open(sys.argv[1] + ".new", "w") as file:
    file.write(str(server.server_port))
os.rename(sys.argv[1] + ".new", sys.argv[1])
server.serve_forever()
