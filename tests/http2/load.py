"""h2load against the real program, in clear text and over TLS: every request of it succeeds.

    python tests/http2/load.py target/debug/pandium-sidecar
"""

import argparse
import http.server
import re
import signal
import sys
import threading
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(1, str(Path(__file__).parent.parent / "real"))

from kit.stage import Stage, Tally, free_ports  # noqa: E402

REQUESTS = 4000
LARGE = 256 * 1024

CONFIG = """\
version: 1
listen:
  - {{ address: "127.0.0.1:{clear}", http2: true }}
  - {{ address: "127.0.0.1:{tls}", http2: true, tls: {{ cert: {cert}, key: {key} }} }}
admin: 127.0.0.1:{admin}
upstream: http://127.0.0.1:{app}
trust: {{ peers: 127.0.0.1 }}
pandium: {{ account: acme, environment: sandbox, secret: {{ file: {secret} }} }}
session:
  from: headers
  fields: {{ account_id: X-Account-Id }}
claims:
  sub: ${{session.account_id}}
  ti:
    xti:
      connector_name: ${{integration.connector_name}}
      integration_name: ${{integration.integration_name}}
integrations:
  gwt2hs: {{ id: 1121, connector_name: gwt }}
log: {{ access: false, level: info }}
"""


class App(http.server.BaseHTTPRequestHandler):
    """Answers by the path, and counts what it is asked."""

    protocol_version = "HTTP/1.1"
    asked, dirty, lock = 0, [], threading.Lock()

    def answer(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        with App.lock:
            App.asked += 1
            if self.headers.get_all("Host") != ["127.0.0.1"] or any(name.startswith(":") for name in self.headers):
                App.dirty.append(str(self.headers))
        told = b"x" * LARGE if self.path == "/large" else body or b"fine"
        self.send_response(200)
        self.send_header("Content-Length", str(len(told)))
        self.end_headers()
        self.wfile.write(told)

    do_GET = do_POST = answer

    def log_message(self, *_):
        """Nothing is said of a request."""


class Server(http.server.ThreadingHTTPServer):
    """160 streams become as many connections at once."""

    request_queue_size = 512


def app(stage):
    server = Server(("127.0.0.1", 0), App)
    stage.ends.callback(server.shutdown)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_address[1]


def load(stage, address, path, *more, requests=REQUESTS):
    """Runs h2load; its own count of what succeeded, and by which protocol."""
    said = stage.run(
        "h2load", "-n", requests, "-c", 8, "-m", 20, "-H", "X-Account-Id: 42", "-H", ":authority: 127.0.0.1", *more,
        f"{address}{path}",
    )
    done = re.search(r"(\d+) done, (\d+) succeeded, (\d+) failed, (\d+) errored, (\d+) timeout", said)
    status = re.search(r"status codes: (\d+) 2xx, (\d+) 3xx", said)
    counts = [int(count) for count in done.groups()] if done else None
    whole = counts == [requests, requests, 0, 0, 0]
    protocol = re.search(r"Application protocol: (\S+)", said)
    return whole, [int(count) for count in status.groups()], protocol and protocol[1], said


def play(stage):
    clear, tls, admin = free_ports(3)
    cert, key = stage.folder / "cert.pem", stage.folder / "key.pem"
    stage.run(
        "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
        "-subj", "/CN=app.test", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", cert,
    )
    secret = stage.write("secret", "0123456789abcdef0123456789abcdef")
    text = CONFIG.format(clear=clear, tls=tls, admin=admin, app=app(stage), cert=cert, key=key, secret=secret)
    stage.sidecar(text, admin)
    body = stage.write("body", "b" * 100_000)
    for name, address, protocol in [
        ("clear text", f"http://127.0.0.1:{clear}", "h2c"),
        ("TLS", f"https://127.0.0.1:{tls}", "h2"),
    ]:
        before = App.asked
        for what, path, status, *more in [
            ("mints", "/pandium/install/gwt2hs", [0, REQUESTS]),
            ("pass", "/page", [REQUESTS, 0]),
        ]:
            whole, counted, spoken, said = load(stage, address, path, *more)
            fine = whole and counted == status and spoken == protocol
            stage.check(fine, f"{name}: {REQUESTS} requests, all of which {what}", said)
        stage.check(App.asked == before + REQUESTS, f"{name}: the app saw each that passes once", App.asked - before)
        whole, counted, _, said = load(stage, address, "/large", requests=400)
        stage.check(whole and counted == [400, 0], f"{name}: 400 answers of 256 KiB", said)
        whole, counted, _, said = load(stage, address, "/up", "-d", body, requests=400)
        stage.check(whole and counted == [400, 0], f"{name}: 400 bodies of 100 kB", said)
    stage.check(not App.dirty, "the app saw nothing that is of HTTP/2 alone", App.dirty[:3])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program", type=Path, help="the built sidecar")
    program = parser.parse_args().program.resolve()
    # Whoever ends us by SIGTERM, a time limit for one, ends the programs too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    tally = Tally()
    with Stage("http2", program, tally) as stage:
        play(stage)
    print(f"{tally.passed} checks passed, {tally.failed} failed")
    sys.exit(1 if tally.failed else 0)


if __name__ == "__main__":
    main()
