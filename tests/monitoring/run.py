"""What others make of what an operator is told: Prometheus' own tool and its Python client read
`/metrics` and the alert rules; and what becomes of a program whose clock is set.

    python tests/monitoring/run.py target/debug/pandium-sidecar --promtool PATH --faketime PATH

Prints a line a check. Everything is started on loopback, and ended.
"""

import argparse
import base64
import http.client
import json
import re
import subprocess
import sys
import time
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

sys.dont_write_bytecode = True
ROOT = Path(__file__).parent.parent.parent
sys.path.insert(1, str(ROOT / "tests" / "real"))

from kit.stage import Stage, Tally, free_ports  # noqa: E402
from prometheus_client import openmetrics, parser  # noqa: E402
from prometheus_client.openmetrics import parser as openmetrics_parser  # noqa: E402,F401

FILE = """\
version: 1
listen: 127.0.0.1:{port}
admin: 127.0.0.1:{admin}
upstream: http://127.0.0.1:{app}
trust: {{ peers: [127.0.0.1] }}
pandium: {{ account: acme, environment: sandbox, secret: {{ file: {key} }} }}
session: {{ from: headers, fields: {{ account_id: X-Account-Id }} }}
claims: {{ sub: "${{session.account_id}}" }}
integrations: {{ gwt2hs: {{ id: 1121 }} }}
routes: {{ link: {{ path: "/pandium/link/:integration" }} }}
timeouts: {{ idle: 30s }}
"""
YEAR = 365 * 24 * 3600


class App(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *_):
        pass


class Sidecar:
    """The program before an app, and a visitor with a connection that is kept."""

    def __init__(self, stage, **environment):
        app = ThreadingHTTPServer(("127.0.0.1", 0), App)
        Thread(target=app.serve_forever, daemon=True).start()
        stage.ends.callback(app.server_close)
        stage.ends.callback(app.shutdown)
        port, self.admin = free_ports(2)
        key = stage.write("key", "0123456789abcdef0123456789abcdef")
        file = FILE.format(port=port, admin=self.admin, app=app.server_port, key=key)
        self.program = stage.sidecar(file, self.admin, **environment)
        self.visitor = http.client.HTTPConnection("127.0.0.1", port, timeout=20)

    def get(self, path, **headers):
        self.visitor.request("GET", path, headers={name.replace("_", "-"): text for name, text in headers.items()})
        answer = self.visitor.getresponse()
        return answer, answer.read()

    def metrics(self, accept):
        address = f"http://127.0.0.1:{self.admin}/metrics"
        with urllib.request.urlopen(urllib.request.Request(address, headers={"Accept": accept}), timeout=20) as answer:
            return answer.headers["Content-Type"], answer.read().decode()


def families(stage, sidecar, accept, kind, parse):
    """What a parser makes of one format."""
    told, text = sidecar.metrics(accept)
    stage.check(told.startswith(kind), f"{kind} is what {accept} gets", told)
    found = {family.name: family for family in parse(text)}
    stage.check(len(found) == 12, f"{kind}: twelve families", sorted(found))
    ours = all(name.startswith("pandium_sidecar_") for name in found)
    stage.check(ours, f"{kind}: all are ours", sorted(found))
    samples = {(each.name, tuple(sorted(each.labels.items()))): each.value for family in found.values() for each in family.samples}
    minted = samples[("pandium_sidecar_mints_total", (("integration", "gwt2hs"), ("outcome", "minted")))]
    stage.check(minted == 3, f"{kind}: three tokens are three", minted)
    took = samples[("pandium_sidecar_mint_duration_seconds_count", ())]
    stage.check(took == 3, f"{kind}: and the histogram has three", took)
    passed = samples[("pandium_sidecar_requests_total", (("code", "200"), ("route", "app")))]
    stage.check(passed == 2, f"{kind}: two requests passed", passed)
    return found, samples, text


def formats(stage, wanted):
    """Both formats, by Prometheus' Python client; the older by promtool, too."""
    sidecar = Sidecar(stage)
    for _ in range(3):
        sidecar.get("/pandium/install/gwt2hs", X_Account_Id="42")
    for path in ("/", "/other"):
        sidecar.get(path)
    plain, of_plain, text = families(
        stage, sidecar, "text/plain", "text/plain; version=0.0.4", parser.text_string_to_metric_families
    )
    newer, of_newer, _ = families(
        stage,
        sidecar,
        "application/openmetrics-text; version=1.0.0",
        "application/openmetrics-text; version=1.0.0",
        openmetrics.parser.text_string_to_metric_families,
    )
    kinds = {family.name: family.type for family in newer.values()}
    stage.check(kinds["pandium_sidecar_config"] == "info", "OpenMetrics knows an info", kinds)
    stage.check(kinds["pandium_sidecar_mint_duration_seconds"] == "histogram", "and a histogram", kinds)
    stage.check(of_plain.keys() == of_newer.keys(), "both tell the same", of_plain.keys() ^ of_newer.keys())
    linted = subprocess.run([wanted.promtool, "check", "metrics"], input=text, text=True, capture_output=True, timeout=60)
    stage.check(linted.returncode == 0, "promtool finds nothing to mend in /metrics", linted.stderr)


def rules(stage, wanted):
    """The rules that are shipped, by promtool."""
    folder = ROOT / "deploy" / "monitoring"
    for what in (["check", "rules", "alerts.yaml"], ["test", "rules", "alerts_test.yaml"]):
        done = subprocess.run([wanted.promtool, *what], cwd=folder, text=True, capture_output=True, timeout=60)
        stage.check(done.returncode == 0, f"promtool {' '.join(what)}", done.stdout + done.stderr)


def issued(body):
    """When a token says that it was made."""
    token = re.search(r"tenant=[^.]+\.([^.]+)\.", json.loads(body)["url"]).group(1)
    return json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))["iat"]


def clock(stage, wanted):
    """A clock that is set a year back, and two forth, while visitors come. Only what tells the time of
    day is moved, as when somebody sets it: the monotonic clock goes on as it does."""
    setting = stage.write("clock", "+0\n")
    sidecar = Sidecar(
        stage,
        LD_PRELOAD=wanted.faketime,
        FAKETIME_TIMESTAMP_FILE=setting,
        FAKETIME_NO_CACHE=1,
        FAKETIME_DONT_FAKE_MONOTONIC=1,
        DONT_FAKE_MONOTONIC=1,
    )
    sidecar.get("/")
    kept = sidecar.visitor.sock
    for shift in (0, -YEAR, YEAR, 0):
        setting.write_text(f"{shift:+d}\n", encoding="utf-8")
        answer, body = sidecar.get("/pandium/link/gwt2hs", X_Account_Id="42")
        off = abs(issued(body) - (time.time() + shift)) if answer.status == 200 else body
        stage.check(answer.status == 200 and off < 30, f"with a clock {shift:+d} s off, tokens are made at its time", off)
        answer, body = sidecar.get("/")
        stage.check((answer.status, body) == (200, b"ok"), f"with a clock {shift:+d} s off, requests pass", answer.status)
        stage.check(sidecar.visitor.sock is kept, "and nobody's connection is closed over it")
        with urllib.request.urlopen(f"http://127.0.0.1:{sidecar.admin}/-/decisions", timeout=20) as told:
            mints = json.load(told)["mints"]
        stage.check(mints[0]["generation"] == 1 and mints[0]["account"] == "acme", "decisions are told", mints[:1])
    _, text = sidecar.metrics("text/plain")
    slow = re.search(r'request_duration_seconds_bucket\{le="60.0"\} (\d+)', text).group(1)
    stage.check(slow == "9", "no request seems to have taken a year", slow)
    stage.check(sidecar.program.end() == 0, "it ends as it should", sidecar.program.said()[-2000:])


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("program", type=Path, help="the built sidecar")
    arguments.add_argument("--promtool", type=Path, required=True)
    arguments.add_argument("--faketime", type=Path, required=True, help="libfaketime.so.1")
    wanted = arguments.parse_args()
    tally = Tally()
    for part in (formats, rules, clock):
        with Stage(part.__name__, wanted.program.resolve(), tally) as stage:
            part(stage, wanted)
    print(f"{tally.passed} passed, {tally.failed} failed")
    sys.exit(1 if tally.failed else 0)


if __name__ == "__main__":
    main()
