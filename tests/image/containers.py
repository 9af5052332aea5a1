"""One container of the image, as it has to be run: read-only, without capabilities, as 65532."""

import contextlib
import json
import subprocess
import tempfile
import time
import uuid
from pathlib import Path

PATIENCE = 60  # seconds until something has to happen
KEY = "0123456789abcdef0123456789abcdef"

CONFIG = """version: 1
upstream: http://127.0.0.1:8080
trust: { peers: [127.0.0.1] }
pandium:
  account: acme
  environment: sandbox
  secret: { file: /run/secrets/pandium/shared-secret }
session:
  from: headers
  fields: { account_id: X-Account-Id }
claims: { sub: "${session.account_id}" }
integrations: { gwt2hs: { id: 1121 } }
shutdown: { grace: 20s }
"""

# Played in the container's own network, by this machine's python: the image has nothing to do it with.
# The second half of its answer comes when the test says so, by a file.
APP = """
import http.server, os, sys, time
class App(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "8")
        self.end_headers()
        self.wfile.write(b"slow")
        self.wfile.flush()
        while not os.path.exists(sys.argv[1]):
            time.sleep(0.05)
        self.wfile.write(b"down")
    def log_message(self, *_):
        pass
http.server.HTTPServer(("127.0.0.1", 8080), App).serve_forever()
"""


def until(what, holds):
    """What `holds` returns, once that is something."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        found = holds()
        if found:
            return found
        time.sleep(0.1)
    raise SystemExit(f"not within {PATIENCE} s: {what}")


def inspect(shop, name):
    return json.loads(shop.run("podman", "inspect", "--type", "container", name))[0]


def inside(pid, *command):
    """A command in the network of a container."""
    return ["nsenter", "--target", str(pid), "--net", *command]


def get(pid, path, *more, port=8710):
    """Status and headers of an answer, as curl shows them."""
    command = inside(pid, "curl", "-sS", "-m", "20", "-i", *more, f"http://127.0.0.1:{port}{path}")
    return subprocess.run(command, capture_output=True, text=True, timeout=30, stdin=subprocess.DEVNULL).stdout


@contextlib.contextmanager
def files():
    """The file and the secret, readable for whoever the container is."""
    with tempfile.TemporaryDirectory(prefix="image-") as folder:
        config, secret = Path(folder) / "config", Path(folder) / "secret"
        Path(folder).chmod(0o755)
        for place, name, text in [(config, "config.yaml", CONFIG), (secret, "shared-secret", KEY + "\n")]:
            place.mkdir()
            (place / name).write_text(text)
        yield config, secret


@contextlib.contextmanager
def running(shop, image):
    name = f"pandium-sidecar-{uuid.uuid4().hex[:8]}"
    with files() as (config, secret):
        shop.run("podman", "run", "--detach", "--name", name, "--network=none", "--read-only", "--read-only-tmpfs=false",
                 "--cap-drop=all", "--security-opt=no-new-privileges", "--log-driver=k8s-file",
                 f"--volume={config}:/etc/pandium-sidecar:ro", f"--volume={secret}:/run/secrets/pandium:ro", image)
        try:
            yield name
        finally:
            shop.run("podman", "rm", "--force", "--time=0", name)


def play(shop, image, tally):
    with running(shop, image) as name:
        until("healthy", lambda: not shop.health(name))
        tally.check(True, "container: its health check says ready")
        pid = inspect(shop, name)["State"]["Pid"]
        restricted(pid, tally)
        minted = get(pid, "/pandium/install/gwt2hs", "-H", "X-Account-Id: 42")
        wanted = "location: https://imp.sandbox.pandium.com/acme/tenants/create/1121?tenant="
        tally.check("302" in minted[:20] and wanted in minted.lower(), "container: sends a visitor to Pandium", minted[:200])
        drain(shop, name, pid, tally)


def restricted(pid, tally):
    status = Path(f"/proc/{pid}/status").read_text()
    fields = dict(line.split(":", 1) for line in status.splitlines() if ":" in line)
    tally.check(set(fields["Uid"].split()) == {"65532"} and set(fields["Gid"].split()) == {"65532"}, "container: is 65532",
                fields["Uid"])
    tally.check({fields[name].strip().strip("0") for name in ("CapEff", "CapPrm", "CapBnd", "CapInh")} == {""},
                "container: has no capability", fields["CapBnd"])
    tally.check(fields["NoNewPrivs"].strip() == "1", "container: cannot gain one")
    root = next(line for line in Path(f"/proc/{pid}/mounts").read_text().splitlines() if line.split()[1] == "/")
    tally.check("ro" in root.split()[3].split(","), "container: its root cannot be written", root)


def drain(shop, name, pid, tally):
    """SIGTERM while an answer is under way: it goes on to its end, and the program ends with 0."""
    with tempfile.TemporaryDirectory(prefix="drain-") as folder:
        release, got = Path(folder) / "release", Path(folder) / "got"
        app = subprocess.Popen(inside(pid, "python3", "-c", APP, str(release)), stdin=subprocess.DEVNULL)
        visitor = None
        try:
            until("the app", lambda: listens(pid, 8080))
            with got.open("wb") as out:
                visitor = subprocess.Popen(inside(pid, "curl", "-sS", "-N", "-m", "60", "http://127.0.0.1:8710/"),
                                           stdout=out, stdin=subprocess.DEVNULL)
            until("half an answer", lambda: got.read_bytes() == b"slow")
            shop.run("podman", "kill", "--signal=TERM", name)
            until("nobody is let in", lambda: not listens(pid, 8710))
            tally.check(inspect(shop, name)["State"]["Running"], "container: SIGTERM lets nobody in, and waits for who is there")
            release.touch()
            visitor.wait(PATIENCE)
            tally.check(got.read_bytes() == b"slowdown", "container: what was under way is answered whole", got.read_bytes())
            state = until("the end", lambda: (it := inspect(shop, name)["State"]) and not it["Running"] and it)
            tally.check(state["ExitCode"] == 0, "container: and ends with 0", state["ExitCode"])
        finally:
            for process in (app, visitor):
                if process:
                    process.kill()
                    process.wait()


def listens(pid, port):
    """Whether somebody listens at a port of a container's network."""
    wanted = f":{port:04X} 00000000:0000 0A"
    try:
        return wanted in Path(f"/proc/{pid}/net/tcp").read_text()
    except OSError:
        return False
