"""Whoever took the controller's machine, on its address, with its certificate: night-thief.py FOLDER PORT.

Forges a release of orders for production as Tests/EndToEnd/Harness/thief.py does, under every key that lay on the controller. Hosts
that pull find it in FOLDER/repository. Hosts that hold a stream to the controller hold it here now: each is ordered by name, under the
director's key, to install it, and finds the forged metadata under /repository. Prints "ordered HOST" for each.
"""
import copy
import os
import runpy
import ssl
import sys
import time
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

FOLDER, PORT = sys.argv[1], int(sys.argv[2])
HARNESS = os.path.join(os.path.dirname(__file__), "../../Tests/EndToEnd/Harness/thief.py")
sys.argv = [HARNESS, FOLDER, "production", "orders"]
LOOT = runpy.run_path(HARNESS)


class Controller(SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def __init__(self, *arguments):
        super().__init__(*arguments, directory=FOLDER)

    def do_GET(self):
        if self.path.startswith("/repository/"):
            super().do_GET()
        elif self.path == "/v1/agent/stream":
            self.push()
        else:
            self.send_error(503)

    def do_POST(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_error(503)

    def push(self):
        host = dict(pair for name in self.connection.getpeercert()["subject"] for pair in name)["commonName"]
        word = copy.deepcopy(LOOT["word"])
        word["audience"] = {"host": host}
        self.close_connection = True
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(b"event: assignment\nid: 900000\ndata: " + LOOT["say"](word) + b"\n\n")
        self.wfile.flush()
        # In one piece: the requests of other hosts print from their own threads.
        print(f"ordered {host}\n", end="", flush=True)
        while True:
            time.sleep(5)
            self.wfile.write(b": heartbeat\n\n")
            self.wfile.flush()

    def log_message(self, *_):
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def get_request(self):
        # The handshake is left to the request's own thread.
        connection, address = super().get_request()
        return TLS.wrap_socket(connection, server_side=True, do_handshake_on_connect=False), address

    def handle_error(self, request, client_address):
        pass


TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
TLS.minimum_version = ssl.TLSVersion.TLSv1_3
TLS.load_cert_chain(f"{FOLDER}/tls/server.pem", f"{FOLDER}/tls/server.key.pem")
TLS.load_verify_locations(f"{FOLDER}/ca/authority.pem")
TLS.verify_mode = ssl.CERT_OPTIONAL
Server(("127.0.0.1", PORT), Controller).serve_forever()
