"""The files of `deploy/`, as they are shipped: only addresses and paths are changed, whole lines at a time."""

import re
import sys
import threading
from pathlib import Path

from websockets.sync.server import serve

from kit.edge import Edge
from kit.shop import GRACE, KEY, LENA, ZOE
from kit.stage import Trouble, free_ports

DEPLOY = Path(__file__).resolve().parents[3] / "deploy"
# As `openssl rand -hex 32` makes one.
SECRET = "4f7c1f0e9a6b5d38c2e17a90b4d6f8123c5e7092a1b4d6f8e0c2a496b8d0f213"
# Here `sub` is the account's id alone.
ZOE, GRACE, LENA = ({**claims, "sub": claims["sub"].removeprefix("acme-")} for claims in (ZOE, GRACE, LENA))
# The files that a run has played.
PLAYED = set()
# Who sees to the rest of `deploy/`.
ELSEWHERE = {
    "identity": "tests/jwt/examples.rs feeds each file with tokens of its issuer",
    "compose.yaml": ".ci/run has dclint read it, and tests/deploy.rs holds what it promises",
    "kubernetes": "tests/kubernetes and tests/kubernetes.rs",
    "helm": "tests/kubernetes",
    "monitoring": "tests/monitoring",
    "traefik": "nobody: there is no package to run, and each file says so",
}
SUBS = {claims["sub"] for claims in (ZOE, GRACE, LENA)}


def shipped(name, lines):
    """The text of a file, with each of these lines replaced wherever it stands; each has to be there."""
    text = (DEPLOY / name).read_text(encoding="utf-8")
    for old, new in lines.items():
        text, count = re.subn(rf"(?m)^([ \t]*){re.escape(old)}$", lambda found, new=new: found[1] + new, text)
        if not count:
            raise Trouble(f"deploy/{name} has no line `{old}` any more")
    PLAYED.add(name)
    return text


def unplayed():
    """What `deploy/` has besides, pages apart."""
    files = (path.relative_to(DEPLOY) for path in DEPLOY.rglob("*") if path.is_file() and path.suffix != ".md")
    return sorted(str(path) for path in files if path.parts[0] not in ELSEWHERE and str(path) not in PLAYED)


class StandIn:
    """The app that is shipped to try the files with: `session=zoe` is Zoe, without a login."""

    def __init__(self, stage):
        (self.port,) = free_ports(1)
        PLAYED.add("stand-in-app.py")
        stage.start("app", sys.executable, DEPLOY / "stand-in-app.py", f"127.0.0.1:{self.port}", port=self.port)


class Echo:
    """An app that says back what it hears over a WebSocket, and what it was told of the visitor."""

    def __init__(self, stage):
        self.ws = stage.ends.enter_context(serve(self.say, "127.0.0.1", 0))
        self.port = self.ws.socket.getsockname()[1]
        threading.Thread(target=self.ws.serve_forever, daemon=True).start()
        stage.ends.callback(self.ws.shutdown)

    @staticmethod
    def say(socket):
        told = " ".join(f"{name.lower()}={value}" for name, value in socket.request.headers.raw_items())
        for heard in socket:
            socket.send(f"{heard} {told}")


class Play:
    """An app, the sidecar with the file that is shipped for an edge, and a port for the edge."""

    def __init__(self, stage, file, app, container=False):
        self.stage, self.secret = stage, SECRET
        self.pandium = stage.pandium({"acme": KEY})
        self.app = app(stage)
        self.listen, self.admin, self.port = free_ports(3)
        key = stage.write("credentials/shared-secret", KEY)
        stage.write("credentials/edge-secret", SECRET)
        listens, behind = ("0.0.0.0:8710", "app:3000") if container else ("127.0.0.1:8710", "127.0.0.1:3000")
        lines = {
            f"listen: {listens}": f"listen: 127.0.0.1:{self.listen}\nadmin: 127.0.0.1:{self.admin}",
            "environment: sandbox": f"base_url: {self.pandium.base}",
        }
        # Some have the app behind the sidecar, too.
        upstream = f"upstream: http://{behind}"
        if upstream in (DEPLOY / file).read_text(encoding="utf-8").splitlines():
            lines[upstream] = f"upstream: http://127.0.0.1:{self.app.port}"
        if container:
            lines["secret: { file: /run/secrets/pandium/shared-secret }"] = f"secret: {{ file: {key} }}"
        # Elsewhere the secrets are where systemd puts them; the file says so itself.
        stage.sidecar(shipped(file, lines), self.admin, CREDENTIALS_DIRECTORY=stage.folder / "credentials")
        self.edge = Edge(stage, self.pandium, self.app, self.port, self.listen, ZOE, SECRET)

    @property
    def base(self):
        return self.edge.base
