"""Asks a running controller for everything its /openapi.yaml describes, rightly and wrongly, by schemathesis.

    contract.py URL AUTHORITY TOKEN_FILE EXAMPLES SEED

Prints the calls that were made and what each status was, as JSON; ends with 1 where an answer was not as documented, was
a failure of the controller's own, or where the token no longer worked at the end. schemathesis loads this file a second
time, for what it is told to do around each call.

Not asked: this description itself beyond reading it; GET /v1/events and GET /v1/rollouts/{id}/events, which never end once they are let in. Not checked: that whatever a schema
allows is accepted, since texts as host queries have a grammar of their own. Whole calls go to what exists, so that there is
something to answer.
"""

import collections
import copy
import json
import os
import ssl
import subprocess
import sys
import tempfile
import threading
import urllib.error
import urllib.request

ENDLESS = ["/v1/events", "/v1/rollouts/{id}/events"]
CHECKS = ",".join([
    "not_a_server_error", "status_code_conformance", "content_type_conformance", "response_headers_conformance",
    "response_schema_conformance", "negative_data_rejection", "missing_required_header", "unsupported_method",
    "allow_header_conformance", "ignored_auth", "problem_is_told"])
# What would end what the rest of the run lives on.
KEPT = {"/v1/hosts/{id}/revoke", "/v1/hosts/{id}/retire"}
# The same, of what is there before the run: ids in earlier answers are asked for again.
KEPT_IDS = {"/v1/grants/{id}/remove": "/v1/grants", "/v1/tokens/{id}/revoke": "/v1/tokens"}


def ask(url, authority, token, path):
    request = urllib.request.Request(url + path, headers={"Authorization": f"Bearer {token}"})
    with urllib.request.urlopen(request, context=ssl.create_default_context(cafile=authority), timeout=60) as answer:
        return json.load(answer)


def run(url, authority, token_file, examples, seed):
    with open(token_file, encoding="utf-8") as file:
        token = file.read().strip()
    known = {}
    for name in ("hosts", "rollouts", "releases"):
        items = ask(url, authority, token, f"/v1/{name}")["items"]
        known[name] = [item["release"] if name == "releases" else item["id"] for item in items]
    for path, listed in KEPT_IDS.items():
        try:
            known[path] = [item["id"] for item in ask(url, authority, token, listed)["items"]]
        except urllib.error.HTTPError as error:
            if error.code != 403:
                raise
            # Who may not look at them may not end them.
            known[path] = []
    with tempfile.TemporaryDirectory() as folder:
        config, counts = os.path.join(folder, "schemathesis.toml"), os.path.join(folder, "counts.json")
        with open(config, "w", encoding="utf-8") as file:
            file.write(f'headers = {{ Authorization = "Bearer {token}" }}\ntls-verify = "{authority}"\n')
            # Preconditions are judged before content (RFC 9110 13.2.1): 412 is an answer to a body that is none, too.
            file.write("[checks]\nnegative_data_rejection.expected-statuses = "
                       '[400, 401, 403, 404, 405, 406, 409, 412, 415, 422, 423, 428, 429, "5xx"]\n')
        environment = os.environ | {
            "SCHEMATHESIS_HOOKS": "contract", "PYTHONPATH": os.path.dirname(os.path.abspath(__file__)),
            "PYTHONDONTWRITEBYTECODE": "1", "CONTRACT_KNOWN": json.dumps(known), "CONTRACT_COUNTS": counts}
        result = subprocess.run(
            [os.path.join(os.path.dirname(sys.executable), "schemathesis"), "--config-file", config, "run",
             url + "/openapi.yaml", "--url", url, "--phases", "coverage,fuzzing", "--checks", CHECKS, "--workers", "2",
             "--max-examples", examples, "--seed", seed, "--exclude-path", ENDLESS[0],
             "--exclude-path", ENDLESS[1], "--no-shrink",
             "--continue-on-failure", "--suppress-health-check", "all", "--request-timeout", "60", "--no-color",
             "--generation-database", "none", "--warnings", "off"],
            env=environment, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True, check=False)
        with open(counts, encoding="utf-8") as file:
            found = json.load(file)
        described = {
            f"{method.upper()} {path}" for path, methods in ask(url, authority, token, "/openapi.yaml")["paths"].items()
            for method in methods if path not in ENDLESS + ["/openapi.yaml"]}
        asked = found.pop("routes")
        print(json.dumps(found | {"unasked": sorted(described - set(asked))}))
    if result.returncode != 0:
        # The end has the summary; the failures stand before it.
        sys.stderr.write(result.stdout[result.stdout.find("= FAILURES"):][:12_000] + result.stdout[-3_000:])
    try:
        ask(url, authority, token, "/v1/keys")
    except urllib.error.HTTPError as error:
        sys.stderr.write(f"the run took its own rights away: {error}\n")
        return 1
    return min(1, result.returncode)


def instruct():
    import atexit

    import schemathesis

    known = json.loads(os.environ["CONTRACT_KNOWN"])
    lock = threading.Lock()
    statuses, routes = collections.Counter(), collections.Counter()

    @schemathesis.serializer("application/x-tar", "application/vnd.slipway.package")
    def raw(_, value):
        return value if isinstance(value, bytes) else str(value).encode()

    def items_of(path):
        if path.startswith("/v1/releases/"):
            return [dict(zip(("product", "version"), name.split("@"))) for name in known["releases"]]
        for kind in ("hosts", "rollouts"):
            if path.startswith(f"/v1/{kind}/{{id}}"):
                return [{"id": one} for one in known[kind]]
        return []

    def fill(body):
        """Words that mean something, where any word would do: what is refused at the first look shows little."""
        words = {
            "environment": "staging", "hosts": "all", "reason": "why", "person": "sam", "set": "viewer", "wait": "1s",
            "lifetime": "1h", "valid": "1h", "release": known["releases"][0], "summary": "what", "words": "what"}
        for name, value in body.items():
            if isinstance(value, dict):
                fill(value)
            elif isinstance(value, str) and name in words:
                body[name] = words[name]
            elif isinstance(value, list):
                for item in value:
                    if isinstance(item, dict):
                        fill(item)

    @schemathesis.hook
    def before_call(context, case, kwargs):
        meta = case.meta
        path = case.operation.path
        if path in KEPT_IDS and case.path_parameters.get("id") in known[path]:
            case.path_parameters["id"] = "grant-of-nobody"
        isWhole = meta is not None and meta.generation.mode.is_positive
        if not isWhole or path in KEPT or not hash(case.id) % 4:
            return
        if case.path_parameters and items_of(path):
            case.path_parameters.update(items_of(path)[0])
        if isinstance(case.body, dict):
            case.body = copy.deepcopy(case.body)
            fill(case.body)

    @schemathesis.hook
    def after_call(context, case, response):
        with lock:
            statuses[response.status_code] += 1
            routes[case.operation.label] += response.status_code < 300

    @schemathesis.check
    def problem_is_told(context, response, case):
        if response.status_code < 400:
            return
        if response.status_code == 503 and case.operation.path == "/readyz":
            return
        problem = response.json()
        assert problem["status"] == response.status_code, "the status in the problem is another"
        assert problem["type"] == "/problems/" + problem["code"], "the type does not name the code"
        assert problem["remedy"] and problem["detail"], "nothing is said"

    @atexit.register
    def tell():
        with open(os.environ["CONTRACT_COUNTS"], "w", encoding="utf-8") as file:
            json.dump({
                "calls": sum(statuses.values()), "statuses": {str(key): statuses[key] for key in sorted(statuses)},
                "succeeded": sum(1 for count in routes.values() if count), "operations": len(routes), "routes": list(routes)}, file)


if __name__ == "__main__":
    sys.exit(run(*sys.argv[1:]))
elif "CONTRACT_COUNTS" in os.environ:
    instruct()
