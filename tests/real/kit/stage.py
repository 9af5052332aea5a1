"""Where a fixture plays: a folder, free ports, and programs that end with it."""

import contextlib
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PATIENCE = 60  # seconds until a program has to answer


class Trouble(Exception):
    """A program did not do what the fixture needs before it can check anything."""


class Tally:
    """Counts checks, and says how each went."""

    def __init__(self):
        self.passed = self.failed = 0

    def check(self, holds, what, seen=None):
        if holds:
            self.passed += 1
        else:
            self.failed += 1
        shown = "" if holds or seen is None else f"\n       seen: {seen}"
        print(f"{'ok    ' if holds else 'FAILED'} {what}{shown}", flush=True)
        return bool(holds)


class Stage:
    """Everything that a fixture starts; whatever happens, it ends with the `with` block."""

    def __init__(self, name, sidecar, tally):
        self.name, self.program, self.tally = name, sidecar, tally
        self.ends, self.sidecars = contextlib.ExitStack(), []

    def __enter__(self):
        self.folder = Path(self.ends.enter_context(tempfile.TemporaryDirectory(prefix="real-")))
        return self

    def __exit__(self, *exception):
        return self.ends.__exit__(*exception)

    def check(self, holds, what, seen=None):
        return self.tally.check(holds, f"{self.name}: {what}", seen)

    def pandium(self, accounts):
        """The stand-in Pandium, with a key for each account."""
        # It wants PyJWT; benches/peers uses the stage without either.
        from kit.pandium import Pandium

        return self.ends.enter_context(Pandium(accounts))

    def write(self, name, text):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    def run(self, *command, **environment):
        """A command that ends by itself; gives what it printed."""
        done = subprocess.run(
            [str(part) for part in command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=os.environ | environment,
            cwd=self.folder,
            timeout=120,
            text=True,
        )
        if done.returncode:
            raise Trouble(f"{command[0]} ended with {done.returncode}: {done.stdout[-2000:]}")
        return done.stdout

    def start(self, name, *command, port, **environment):
        """A server; waits until it takes connections on its port."""
        program = self.begin(name, command, environment)
        program.wait_for(port)
        return program

    def begin(self, name, command, environment):
        with undisturbed():
            program = Program(name, command, self.folder, environment)
            self.ends.callback(program.end)
        return program

    def sidecar(self, config, admin, name="sidecar", **environment):
        """The program under test, with this file."""
        path = self.write(f"{name}.yaml", config)
        command = [self.program, "serve", "--config", path, "--log", "trace", "--log-format", "json"]
        program = self.begin(name, command, environment)
        self.sidecars.append(program)
        program.wait_for(admin)
        return program


class Program:
    """A child in a process group of its own: those that fork are ended with what they forked."""

    def __init__(self, name, command, folder, environment):
        self.name, self.log = name, folder / f"{name}.log"
        with self.log.open("wb") as log:
            self.child = subprocess.Popen(
                [str(part) for part in command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=os.environ | {key: str(value) for key, value in environment.items()},
                cwd=folder,
                start_new_session=True,
            )

    def wait_for(self, port):
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline and self.child.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                return
            except OSError:
                time.sleep(0.02)
        raise Trouble(f"{self.name} does not answer:\n{self.said()[-3000:]}")

    def said(self):
        return self.log.read_text(encoding="utf-8", errors="replace")

    def end(self):
        for how in (signal.SIGTERM, signal.SIGKILL):
            # The group may be there still when its first process is gone, and the other way round.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.child.pid, how)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.child.wait(timeout=5)
        return self.child.returncode


@contextlib.contextmanager
def undisturbed():
    """Between a child's start and the note that it has to be ended, nobody ends us."""
    late = []
    handlers = {each: signal.signal(each, lambda *_: late.append(1)) for each in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for each, handler in handlers.items():
            signal.signal(each, handler)
    if late:
        sys.exit(1)


def free_ports(count):
    """Ports that are free just now, below those that the system takes for connections: one of those could be
    some visitor's before its server has it."""
    below = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    held = []
    while len(held) < count:
        with contextlib.suppress(OSError):
            held.append(socket.create_server(("127.0.0.1", random.randrange(10_000, max(below, 20_000)))))
    ports = [each.getsockname()[1] for each in held]
    for each in held:
        each.close()
    return ports
