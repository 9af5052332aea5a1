"""How each program is started for the same work: one worker, no access log, the same waits."""

import contextlib
import errno
import os
import shutil
import sys
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from kit.stage import Program, Trouble, free_ports
from work import KEY

HERE = Path(__file__).parent
FILES = HERE / "files"
ROOT = HERE.parent.parent
NJS = Path("/usr/lib/nginx/modules/ngx_http_js_module.so")

PEERS = ("haproxy", "caddy", "envoy", "bare")
NEEDED = {"nginx": "nginx", "wrk": "wrk"}

# Behind the lines of benches/mint.yaml.
SIDECAR = """
listen: 127.0.0.1:{port}
admin: 127.0.0.1:{admin}
upstream: {upstream}
log: {{ level: {level}, access: false }}
"""


@dataclass
class Ground:
    """What they share: the binary under test, the cores, the app behind, and an address to send people to."""

    program: Path
    cores: tuple[int, int]
    bare: Path | None = None
    origin: int = 0
    socket: Path = Path()
    location: str = "https://imp.pandium.com/"
    nice: int = 0


@dataclass(frozen=True)
class Recipe:
    command: list
    port: int
    environment: dict = field(default_factory=dict)


@dataclass(frozen=True)
class Server:
    name: str
    port: int
    program: Program

    @property
    def pid(self):
        return self.program.child.pid


def fill(file, **values):
    text = (FILES / file).read_text(encoding="utf-8")
    for key, value in values.items():
        text = text.replace(f"@{key.upper()}@", str(value))
    return text


def sidecar(stage, ground, name, unix=False, level="warn"):
    port, admin = free_ports(2)
    upstream = f"unix:{ground.socket}" if unix else f"http://127.0.0.1:{ground.origin}"
    text = (HERE.parent / "mint.yaml").read_text(encoding="utf-8")
    path = stage.write(f"{name}.yaml", text + SIDECAR.format(port=port, admin=admin, upstream=upstream, level=level))
    command = [ground.program, "serve", "--config", path, "--workers", 1, "--log-format", "json"]
    return Recipe(command, port, {"BENCH_SECRET": KEY})


def nginx(stage, ground, name, unix=False, file="nginx.conf"):
    [port] = free_ports(1)
    app = f"unix:{ground.socket}" if unix else f"127.0.0.1:{ground.origin}"
    text = fill(file, name=name, port=port, app=app, location=ground.location, files=FILES)
    return Recipe(nginx_command(stage.write(f"{name}/nginx.conf", text)), port)


def nginx_command(path):
    return ["nginx", "-p", f"{path.parent}/", "-e", "stderr", "-c", path]


def haproxy(stage, ground, name):
    [port] = free_ports(1)
    return Recipe(["haproxy", "-db", "-f", stage.write("haproxy.cfg", filled("haproxy.cfg", ground, port))], port)


def caddy(stage, ground, name):
    [port] = free_ports(1)
    path = stage.write("Caddyfile", filled("Caddyfile", ground, port))
    command = ["caddy", "run", "--adapter", "caddyfile", "--config", path]
    return Recipe(command, port, {"GOMAXPROCS": 1, "HOME": stage.folder, "XDG_DATA_HOME": stage.folder})


def envoy(stage, ground, name):
    [port] = free_ports(1)
    path = stage.write("envoy.yaml", filled("envoy.yaml", ground, port))
    options = ["--concurrency", 1, "--log-level", "error", "--use-dynamic-base-id"]
    return Recipe([find("envoy"), "-c", path, *options], port)


def bare(stage, ground, name):
    [port] = free_ports(1)
    return Recipe([ground.bare, port, ground.origin], port)


def filled(name, ground, port):
    return fill(name, port=port, origin=ground.origin)


RECIPES = {
    "sidecar": sidecar,
    "sidecar-audit": partial(sidecar, level="info"),
    "sidecar-unix": partial(sidecar, unix=True),
    "nginx": nginx,
    "nginx-njs": partial(nginx, file="nginx-njs.conf"),
    "nginx-unix": partial(nginx, unix=True),
    "haproxy": haproxy,
    "caddy": caddy,
    "envoy": envoy,
    "bare": bare,
}


def start(stage, ground, name):
    """Starts one on the first core, and waits until it takes connections."""
    recipe = RECIPES[name](stage, ground, name)
    with pinned(ground.cores[0]):
        program = stage.start(name, *recipe.command, port=recipe.port, **recipe.environment)
    hasten(program.child.pid, ground.nice)
    return Server(name, recipe.port, program)


def origin(stage, ground):
    """The app behind all of them, on the core of the load."""
    [ground.origin], ground.socket = free_ports(1), stage.folder / "origin.sock"
    path = stage.write("origin/nginx.conf", "")
    stage.write("origin/64k", "x" * 65536)
    stage.write("origin/post", "")
    text = fill("origin.conf", origin=ground.origin, socket=ground.socket, folder=path.parent, kibibyte="x" * 1024)
    path.write_text(text, encoding="utf-8")
    program = stage.start("origin", *nginx_command(path), port=ground.origin)
    hasten(program.child.pid, ground.nice)


def hasten(process, nice):
    """Where the kernel groups processes by session, their own niceness counts within a session only.

    There may be no such groups, or the process is in that of the whole system, which has no niceness.
    """
    try:
        Path(f"/proc/{process}/autogroup").write_text(str(nice))
    except OSError as error:
        if error.errno not in (errno.ENOENT, errno.EINVAL):
            raise


@contextlib.contextmanager
def pinned(core):
    """What is started in here stays on this core."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def find(name):
    """A program on the path, or beside this Python, or in the environment that .ci/run makes."""
    places = [os.environ.get("PATH", ""), str(Path(sys.executable).parent), str(ROOT / ".ci/cache/venv/bin")]
    return shutil.which(name, path=os.pathsep.join(places))


def require():
    """What there is no benchmark without."""
    missing = [package for name, package in NEEDED.items() if not find(name)]
    missing += [] if NJS.exists() else ["libnginx-mod-http-js"]
    if missing:
        raise Trouble(f"not installed: {' '.join(missing)} (Debian packages)")
