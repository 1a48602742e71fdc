"""A plain web server for the repository: night-web.py FOLDER PORT. One line for each request, flushed: "STATUS PATH"."""
import functools
import sys
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer


class Plain(SimpleHTTPRequestHandler):
    def log_request(self, code="-", size="-"):
        # In one piece: other requests print from their own threads.
        print(f"{int(code)} {self.path}\n", end="", flush=True)

    def log_message(self, *_):
        pass


class Server(ThreadingHTTPServer):
    request_queue_size = 128


Server(("127.0.0.1", int(sys.argv[2])), functools.partial(Plain, directory=sys.argv[1])).serve_forever()
