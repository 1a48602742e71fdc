"""Pairs of consecutive real releases as plain trees, made from PyPI wheels: what the figures of packages are measured on.

    corpus.py FOLDER

Makes FOLDER/cli/v1, v2 (158 MB, 10 544 files: one patch step of awscli) and FOLDER/svc/v1, v2 (2 MB, 178 files: one patch
step of flask), unless they are there. Times are 2024-01-01, modes 0644 and 0755.
"""
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile

PLATFORMS = ["manylinux_2_28_x86_64", "manylinux_2_27_x86_64", "manylinux2014_x86_64", "any"]
TIME = 1704067200

CLI = ("docutils==0.19 jmespath==1.0.1 python-dateutil==2.9.0.post0 six==1.17.0 urllib3==2.5.0 PyYAML==6.0.2 rsa==4.7.2"
       " pyasn1==0.6.1 colorama==0.4.6 s3transfer==0.14.0").split()
SVC = "click==8.1.8 jinja2==3.1.6 markupsafe==3.0.2 itsdangerous==2.2.0 blinker==1.9.0 werkzeug==3.1.3".split()
TREES = {
    "cli/v1": ["awscli==1.46.1", "botocore==1.44.4"] + CLI,
    "cli/v2": ["awscli==1.46.2", "botocore==1.44.5"] + CLI,
    "svc/v1": ["flask==3.1.1"] + SVC,
    "svc/v2": ["flask==3.1.2"] + SVC,
}


def make(tree, requirements):
    wheels = tempfile.mkdtemp(prefix="slipway-wheels-")
    unpacked = tree + ".partial"
    shutil.rmtree(unpacked, ignore_errors=True)
    os.makedirs(unpacked)
    try:
        platforms = [word for platform in PLATFORMS for word in ("--platform", platform)]
        subprocess.run(
            [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--only-binary=:all:", *platforms,
             "--python-version", "3.12", "--implementation", "cp", "--abi", "cp312", "--abi", "abi3", "--abi", "none",
             "-d", wheels, *requirements], check=True)
        for wheel in sorted(os.listdir(wheels)):
            with zipfile.ZipFile(os.path.join(wheels, wheel)) as archive:
                archive.extractall(unpacked)
    finally:
        shutil.rmtree(wheels, ignore_errors=True)
    for folder, _, names in os.walk(unpacked, topdown=False):
        inside = set(folder[len(unpacked):].split("/"))
        for name in names:
            path = os.path.join(folder, name)
            os.chmod(path, 0o755 if ".so" in name or inside & {"bin", "scripts"} else 0o644)
            os.utime(path, (TIME, TIME))
        os.chmod(folder, 0o755)
        os.utime(folder, (TIME, TIME))
    os.rename(unpacked, tree)


def corpus(folder):
    for name, requirements in TREES.items():
        tree = os.path.join(folder, name)
        if not os.path.isdir(tree):
            make(tree, requirements)
    return folder


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    corpus(os.path.abspath(sys.argv[1]))
