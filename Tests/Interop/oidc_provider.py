"""A small OpenID Connect provider for tests: real keys (joserfc), real HTTP over TLS, and a door by which a test says what
goes wrong. It ends when its folder is gone, and after ten minutes.

usage: oidc_provider.py FOLDER    writes authority.pem, then its address as url, into FOLDER
"""
import base64
import datetime
import hashlib
import hmac
import http.server
import ipaddress
import json
import os
import secrets
import ssl
import sys
import threading
import time
import urllib.parse

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding
from joserfc import jws
from joserfc.jwk import ECKey, OKPKey, RSAKey

ALGORITHMS = {"rsa": "RS256", "ec": "ES256", "ed": "EdDSA"}
folder = sys.argv[1]
lock = threading.Lock()


def make_keys(generation):
    name = {"use": "sig"}
    return {
        "rsa": RSAKey.generate_key(2048, {**name, "kid": f"rsa-{generation}", "alg": "RS256"}),
        # Without alg, as some large providers publish theirs.
        "ec": ECKey.generate_key("P-256", {**name, "kid": f"ec-{generation}"}),
        "ed": OKPKey.generate_key("Ed25519", {**name, "kid": f"ed-{generation}", "alg": "EdDSA"}),
    }


class World:
    generation = 1
    keys = make_keys(1)
    stranger = RSAKey.generate_key(2048, {"kid": "rsa-1"})
    counts = {}
    mode = "good"
    user = {"sub": "alice-1", "groups": ["operators"]}
    # What the next id token of the token endpoint says otherwise.
    override = {}
    lifetime = 600
    codes = {}
    refresh = {}
    clients = {"slipway-cli": None, "slipway-console": "console-secret"}


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def sign(claims, kind="rsa", header=None):
    header = dict(header or {})
    if kind in ALGORITHMS:
        key = World.keys[kind]
        header = {"alg": ALGORITHMS[kind], "kid": key.kid, **header}
        header = {name: value for name, value in header.items() if value is not None}
        return raw_sign(header, claims, key)
    if kind == "stranger":
        return raw_sign({"alg": "RS256", "kid": World.keys["rsa"].kid, **header}, claims, World.stranger)
    parts = b64(json.dumps({"alg": "none", **header}).encode()) + "." + b64(json.dumps(claims).encode())
    if kind == "none":
        return parts + "."
    # The old confusion: the public key as the secret of an HMAC.
    key = World.keys["rsa"]
    parts = b64(json.dumps({"alg": "HS256", "kid": key.kid, **header}).encode()) + "." + b64(json.dumps(claims).encode())
    return parts + "." + b64(hmac.new(key.as_pem(private=False), parts.encode(), hashlib.sha256).digest())


def raw_sign(header, claims, key):
    if "crit" in header:
        # The library makes none that it does not understand.
        text = b64(json.dumps(header).encode()) + "." + b64(json.dumps(claims).encode())
        return text + "." + b64(key.private_key.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256()))

    registry = jws.JWSRegistry(algorithms=["RS256", "ES256", "EdDSA"], strict_check_header=False)
    return jws.serialize_compact(header, json.dumps(claims).encode(), key, registry=registry)


def id_token(client, nonce):
    now = int(time.time())
    claims = {
        "iss": url, "aud": client, "iat": now, "exp": now + World.lifetime, **World.user, **World.override,
    }
    if nonce is not None and "nonce" not in World.override:
        claims["nonce"] = nonce
    return sign(claims)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, status, value, headers=()):
        body = value if isinstance(value, bytes) else json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        for name, text in headers:
            self.send_header(name, text)
        self.end_headers()
        self.wfile.write(body)

    def body(self):
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def do_GET(self):
        with lock:
            self.get()

    def do_POST(self):
        body = self.body()
        with lock:
            self.post(body)

    def get(self):
        path, _, query = self.path.partition("?")
        World.counts[path] = World.counts.get(path, 0) + 1
        if path == "/control/counts":
            return self.answer(200, World.counts)
        if World.mode == "down":
            return self.answer(503, {})
        if path == "/.well-known/openid-configuration":
            return self.answer(200, {
                "issuer": url if World.mode != "impostor" else "https://elsewhere.example",
                "authorization_endpoint": url + "/authorize", "token_endpoint": url + "/token",
                "jwks_uri": url + "/jwks", "response_types_supported": ["code"],
                "subject_types_supported": ["public"], "id_token_signing_alg_values_supported": ["RS256"],
                "code_challenge_methods_supported": ["S256"],
            })
        if path == "/jwks":
            if World.mode == "redirect":
                return self.answer(302, {}, [("Location", url + "/jwks2")])
            keys = [key.as_dict(private=False) for key in World.keys.values()]
            if World.mode == "oversized":
                keys[0]["x5c"] = ["A" * (1 << 20)]
            if World.mode == "many":
                keys = [{**keys[0], "kid": f"k{number}"} for number in range(100)]
            return self.answer(200, {"keys": keys})
        if path == "/authorize":
            return self.authorize(dict(urllib.parse.parse_qsl(query)))
        self.answer(404, {})

    def authorize(self, asked):
        target = asked.get("redirect_uri", "")
        good = (
            asked.get("response_type") == "code" and asked.get("client_id") in World.clients
            and "openid" in asked.get("scope", "").split() and asked.get("code_challenge_method") == "S256"
            and len(asked.get("code_challenge", "")) == 43 and asked.get("state") and asked.get("nonce")
            and (target.startswith("http://127.0.0.1:") or target.endswith("/console/sign-in/company/callback")))
        if not good:
            return self.answer(400, {"error": "invalid_request"})
        code = secrets.token_urlsafe(24)
        World.codes[code] = asked
        parts = urllib.parse.urlencode({"code": code, "state": asked["state"], "iss": url})
        self.answer(302, {}, [("Location", f"{target}?{parts}")])

    def post(self, body):
        World.counts[self.path] = World.counts.get(self.path, 0) + 1
        if self.path.startswith("/control/"):
            return self.control(self.path.removeprefix("/control/"), json.loads(body or b"{}"))
        if World.mode == "down":
            return self.answer(503, {})
        if self.path != "/token":
            return self.answer(404, {})
        form = dict(urllib.parse.parse_qsl(body.decode()))
        client, secret = form.get("client_id"), None
        if (self.headers.get("Authorization") or "").startswith("Basic "):
            client, _, secret = base64.b64decode(self.headers["Authorization"][6:]).decode().partition(":")
            client, secret = urllib.parse.unquote_plus(client), urllib.parse.unquote_plus(secret)
        if client not in World.clients or World.clients[client] != secret:
            return self.answer(401, {"error": "invalid_client"})
        if form.get("grant_type") == "refresh_token":
            if World.refresh.pop(form.get("refresh_token"), None) != client:
                return self.answer(400, {"error": "invalid_grant"})
            return self.tokens(client, None, True)
        asked = World.codes.pop(form.get("code"), None)
        challenge = b64(hashlib.sha256(form.get("code_verifier", "").encode()).digest())
        if (form.get("grant_type") != "authorization_code" or asked is None or asked["client_id"] != client
                or asked["redirect_uri"] != form.get("redirect_uri") or asked["code_challenge"] != challenge):
            return self.answer(400, {"error": "invalid_grant"})
        self.tokens(client, asked["nonce"], "offline_access" in asked["scope"].split())

    def tokens(self, client, nonce, refreshes):
        answer = {
            "access_token": secrets.token_urlsafe(16), "token_type": "Bearer", "expires_in": World.lifetime,
            "id_token": id_token(client, nonce),
        }
        if refreshes:
            answer["refresh_token"] = secrets.token_urlsafe(16)
            World.refresh[answer["refresh_token"]] = client
        self.answer(200, answer)

    def control(self, verb, asked):
        if verb == "sign":
            now = int(time.time())
            claims = {"iss": url, "aud": "slipway-cli", "iat": now, "exp": now + 600, **World.user}
            for name, seconds in asked.get("at", {}).items():
                claims[name] = now + seconds
            claims.update(asked.get("claims", {}))
            claims = {name: value for name, value in claims.items() if value is not None}
            return self.answer(200, {"token": sign(claims, asked.get("key", "rsa"), asked.get("header"))})
        if verb == "rotate":
            World.generation += 1
            World.keys = make_keys(World.generation)
        for name in ("mode", "user", "override", "lifetime"):
            if name in asked:
                setattr(World, name, asked[name])
        self.answer(200, {})


def certificate():
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "insecure-test provider")])
    now = datetime.datetime.now(datetime.timezone.utc)
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(x509.random_serial_number()).not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=2))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True).sign(key, hashes.SHA256()))
    pem = made.public_bytes(serialization.Encoding.PEM)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    with open(os.path.join(folder, "server.pem"), "wb") as file:
        file.write(pem + private)
    with open(os.path.join(folder, "authority.pem"), "wb") as file:
        file.write(pem)


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def get_request(self):
        connection, address = super().get_request()
        connection.settimeout(60)
        return connection, address

    def handle_error(self, *_):
        pass

    def finish_request(self, request, address):
        # In the connection's own thread: a slow handshake holds nobody up.
        self.RequestHandlerClass(context.wrap_socket(request, server_side=True), address, self)


certificate()
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.minimum_version = ssl.TLSVersion.TLSv1_3
context.load_cert_chain(os.path.join(folder, "server.pem"))
server = Server(("127.0.0.1", 0), Handler)
url = f"https://127.0.0.1:{server.server_address[1]}"
threading.Thread(target=server.serve_forever, daemon=True).start()
with open(os.path.join(folder, "url.new"), "w") as file:
    file.write(url)
os.rename(os.path.join(folder, "url.new"), os.path.join(folder, "url"))
# A test that was killed leaves the folder behind.
ends = time.monotonic() + 600
while os.path.exists(os.path.join(folder, "url")) and time.monotonic() < ends:
    time.sleep(1)
