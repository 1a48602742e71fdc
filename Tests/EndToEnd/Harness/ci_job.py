"""Runs the one job of a workflow of GitHub Actions or of GitLab CI as its runner would: its steps in order, its variables, the
identity token that it asks for. Steps that fetch or install what is here already are left out.

usage: ci_job.py FILE FOLDER CONTROLLER TOKEN    FOLDER is the checkout; the job's controller is CONTROLLER instead of its own
"""
import http.server
import json
import os
import subprocess
import sys
import threading
import urllib.parse

import yaml

AUDIENCE = "https://slipway.example.com"
path, folder, controller, token = sys.argv[1:]
with open(path, encoding="utf-8") as file:
    workflow = yaml.safe_load(file)


class TokenServer(http.server.BaseHTTPRequestHandler):
    """What GitHub's runner has for jobs that may `id-token: write`."""

    def do_GET(self):
        asked = urllib.parse.parse_qs(urllib.parse.urlparse(self.path).query)
        right = self.headers.get("Authorization") == "Bearer of-the-job" and asked.get("audience") == [AUDIENCE]
        body = json.dumps({"value": token}).encode() if right else b"{}"
        self.send_response(200 if right else 401)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def run(steps, environment):
    for step in steps:
        code = subprocess.run(["bash", "-eo", "pipefail", "-c", step], cwd=folder, env=environment).returncode
        if code:
            return code
    return 0


def github():
    (job,) = workflow["jobs"].values()
    environment = {**os.environ, **workflow["env"], "RUNNER_TEMP": folder, "GITHUB_STEP_SUMMARY": folder + "/summary"}
    # YAML 1.1 reads the key `on` as true.
    assert workflow[True]["push"]["tags"] == ["v*"]
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), TokenServer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    if workflow["permissions"].get("id-token") == "write":
        environment["ACTIONS_ID_TOKEN_REQUEST_URL"] = f"http://127.0.0.1:{server.server_address[1]}/?api-version=2"
        environment["ACTIONS_ID_TOKEN_REQUEST_TOKEN"] = "of-the-job"
    steps = [step["run"] for step in job["steps"] if "run" in step and step["name"] != "Install slipway"]
    return run(steps, {**environment, "SLIPWAY_CONTROLLER": controller})


def gitlab():
    (job,) = [value for value in workflow.values() if isinstance(value, dict) and "script" in value]
    environment = {**os.environ, **job["variables"]}
    for name, asked in job["id_tokens"].items():
        if asked["aud"] == AUDIENCE:
            environment[name] = token
    environment["SLIPWAY_CONTROLLER"] = controller
    assert all("apt-get install" in step for step in job["before_script"])
    code = run(["\n".join(job["script"])], environment)
    run(job["after_script"], environment)
    return code


sys.exit(github() if "jobs" in workflow else gitlab())
