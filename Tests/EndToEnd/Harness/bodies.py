"""Sends bodies to a controller in every framing and in pieces of any size; tells what each was answered.

    bodies.py PORT SEED COUNT

Prints one line for each: the framing, the size, the status or "closed".
"""

import random
import socket
import ssl
import sys

PORT, SEED, COUNT = int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
BOUND = 64 << 10
chance = random.Random(SEED)
context = ssl.create_default_context()
context.check_hostname = False
context.verify_mode = ssl.CERT_NONE


def framed(framing, body):
    chunks = []
    rest = body
    while rest:
        size = chance.randint(1, 9000)
        chunks.append(b"%x%s\r\n%s\r\n" % (len(rest[:size]), chance.choice([b"", b";a=b"]), rest[:size]))
        rest = rest[size:]
    chunked = b"Transfer-Encoding: chunked\r\n\r\n"
    lengths = {
        "length": len(body), "long": len(body) + chance.randint(1, 1 << 40), "short": chance.randint(0, len(body)),
        "negative": -5, "word": "x", "huge": "9" * 30}
    if framing in lengths:
        return b"Content-Length: %s\r\n\r\n" % str(lengths[framing]).encode() + body
    return {
        "chunked": chunked + b"".join(chunks) + b"0\r\n\r\n",
        "unended": chunked + b"".join(chunks),
        "hugeChunk": chunked + b"fffffffffffffff\r\n" + body,
        "noChunk": chunked + b"zz\r\n" + body,
        "both": b"Content-Length: 3\r\n" + chunked + b"".join(chunks) + b"0\r\n\r\n",
        "two": b"Content-Length: 3\r\nContent-Length: 4\r\n\r\n" + body,
        "none": b"\r\n" + body,
    }[framing]


def exchange(framing, size):
    body = chance.choice([b'{"token":"', b"[" * 50, b"\0\xff", b"{}"])
    body = (body * (size // len(body) + 1))[:size]
    message = b"POST /v1/agent/join HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n" + framed(framing, body)
    with socket.create_connection(("127.0.0.1", PORT), timeout=60) as plain, context.wrap_socket(plain) as stream:
        stream.settimeout(60)
        isCut = chance.random() < 0.1
        if isCut:
            message = message[: chance.randint(1, len(message))]
        try:
            while message:
                for piece in (chance.choice([1, 2, 100]), chance.choice([1000, 30_000])):
                    stream.sendall(message[:piece])
                    message = message[piece:]
            if isCut or framing in ("long", "unended", "hugeChunk"):
                # No more comes: whoever still waits for a body hears it now.
                plain.shutdown(socket.SHUT_WR)
            answer = b""
            while b"\r\n" not in answer:
                more = stream.recv(65536)
                if not more:
                    return "closed"
                answer += more
            return answer.split()[1].decode()
        except (OSError, ValueError):
            return "closed"


for number in range(COUNT):
    framing = chance.choice([
        "length", "chunked", "long", "short", "negative", "word", "huge", "unended", "hugeChunk", "noChunk", "both",
        "two", "none"])
    size = chance.choice([0, 1, 50, 5_000, BOUND - 1, BOUND, BOUND + 1, 3 * BOUND])
    print(framing, size, exchange(framing, size), flush=True)
