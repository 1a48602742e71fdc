"""Fetches one target from a published repository with python-tuf's ngclient, the reference client, and prints its digest.

    tuf_fetch.py --base-url URL --root 1.root.json --target PATH --work FOLDER

The client is given nothing but the first root: it walks root, timestamp, snapshot and the delegations by itself.
"""
import argparse
import hashlib
import os

from tuf.ngclient import Updater


def main():
    parser = argparse.ArgumentParser()
    for name in ("--base-url", "--root", "--target", "--work"):
        parser.add_argument(name, required=True)
    options = parser.parse_args()
    metadata = os.path.join(options.work, "metadata")
    targets = os.path.join(options.work, "targets")
    os.makedirs(metadata, exist_ok=True)
    os.makedirs(targets, exist_ok=True)
    with open(options.root, "rb") as file:
        root = file.read()
    updater = Updater(
        metadata_dir=metadata,
        metadata_base_url=options.base_url + "/metadata/",
        target_dir=targets,
        target_base_url=options.base_url + "/targets/",
        bootstrap=root,
    )
    updater.refresh()
    info = updater.get_targetinfo(options.target)
    if info is None:
        raise SystemExit(f"no role that may name {options.target} names it")
    path = updater.download_target(info)
    with open(path, "rb") as file:
        digest = hashlib.sha256(file.read()).hexdigest()
    print(f"{digest}  {options.target}")


if __name__ == "__main__":
    main()
