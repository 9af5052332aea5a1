"""What a server spends: CPU and memory of all its processes, under load or idle."""

import contextlib
import os
import shlex
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from kit.stage import Trouble
from servers import ROOT

CONNECTIONS = 64


@dataclass(frozen=True)
class Load:
    micros: float  # CPU of the server for a request
    rate: float  # requests a second
    busy: float  # the share of the time that the server ran
    waited: float  # the share of the time that it could have run, and others did


@dataclass(frozen=True)
class Waits:
    median: float  # in microseconds
    late: float  # the 99th percentile
    micros: float


def processes(pid):
    """All of the session that the process was started in, with those that it forked."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            if stat.read_text().rpartition(")")[2].split()[3] == str(pid):
                found.append(stat.parent)
    return found


def times(pid):
    """For each thread, the nanoseconds that it ran, and that it waited for the core."""
    spent = {}
    for process in processes(pid):
        for task in (process / "task").iterdir():
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                ran, waited, _ = (task / "schedstat").read_text().split()
                spent[task.name] = (int(ran), int(waited))
    return spent


def between(before, after):
    """Seconds run and waited. A thread that has ended meanwhile takes its part with it."""
    new = (0, 0)
    return [sum(after[task][i] - before.get(task, new)[i] for task in after) / 1e9 for i in (0, 1)]


def memory(pid):
    """KiB resident (RSS), and the same with what is shared divided among those who share it (PSS)."""
    rss = pss = 0
    for process in processes(pid):
        for line in (process / "smaps_rollup").read_text().splitlines():
            name, *value = line.split()
            rss += int(value[0]) if name == "Rss:" else 0
            pss += int(value[0]) if name == "Pss:" else 0
    return rss, pss


def load(folder, server, work, seconds, beside=None):
    """As many requests as it can answer, by wrk."""
    script = folder / "load.lua"
    script.write_text(work.script(), encoding="utf-8")
    address = f"http://127.0.0.1:{server.port}{work.path}"
    # It ends by a signal: its own clock knows whole seconds only.
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", "-d1h", "-s", str(script), address]
    before = times(server.pid)
    wrk = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
    watcher = watch(beside)
    try:
        time.sleep(seconds)
    finally:
        wrk.send_signal(signal.SIGINT)
        said = wrk.communicate(timeout=30)[0]
        if watcher:
            watcher.send_signal(signal.SIGINT)
            watcher.wait(timeout=60)
    ran, waited = between(before, times(server.pid))
    requests, lasted, errors = map(int, said.splitlines()[-1].split())
    if errors or not requests:
        raise Trouble(f"{server.name} {work.path}: {errors} of {requests} requests failed")
    lasted /= 1e6
    return Load(ran / requests * 1e6, requests / lasted, ran / lasted, waited / lasted)


def watch(command):
    """Somebody else's eye on the server, perf's for one, while the load lasts."""
    return command and subprocess.Popen(shlex.split(command), stdin=subprocess.DEVNULL, stdout=2)


def steady(folder, client, server, work, rate, seconds):
    """Waits at a fixed rate, by our own client."""
    request = folder / "request"
    request.write_bytes(work.request())
    count = int(rate * seconds)
    command = [client, f"127.0.0.1:{server.port}", request, rate, count, CONNECTIONS]
    before = times(server.pid)
    done = subprocess.run([str(part) for part in command], stdout=subprocess.PIPE, text=True, timeout=seconds + 60)
    ran, _ = between(before, times(server.pid))
    if done.returncode:
        raise Trouble(f"{server.name} {work.path}: the steady client failed")
    median, late = map(float, done.stdout.split())
    return Waits(median, late, ran / count * 1e6)


def build_steady(folder):
    """One file without dependencies: rustc alone, by the toolchain of the project."""
    client = folder / "steady"
    source = ROOT / "benches/peers/steady.rs"
    subprocess.run(["rustc", "--edition", "2024", "-O", "-o", client, source], cwd=ROOT, check=True, timeout=120)
    return client


def build_sidecar():
    return build("pandium-sidecar", "--bin", "pandium-sidecar")


def build_bare():
    return build("examples/bare", "--example", "bare")


def build(product, *which):
    subprocess.run(["cargo", "build", "--release", "--locked", *which], cwd=ROOT, check=True)
    return Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "release" / product
