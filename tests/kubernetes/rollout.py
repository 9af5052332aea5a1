"""A rollout, without a cluster: many sidecars, a Service that tells of each end too late, and visitors
who install all the while.

    python tests/kubernetes/rollout.py PROGRAM [--pods 20]

Each pod is the program on ports of its own. The Service sends every visitor to any pod in its list, on a
connection of their own, and hears late of a pod that is to end, as endpoints do. The native sidecar gets
its SIGTERM after the app's preStop, which is longer than that: no visitor may be turned away. To see that
the visitors would notice, the same again with SIGTERM at once: some have to be. Says also what the pods
cost when nothing happens.
"""

import argparse
import contextlib
import http.client
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

VISITORS, PATIENCE = 4, 60
CONFIG = """version: 1
listen: 127.0.0.1:0
admin: 127.0.0.1:0
trust: { peers: [127.0.0.1] }
pandium:
  account: acme
  environment: sandbox
  secret: { file: secret }
session:
  from: headers
  fields: { account_id: X-Account-Id }
claims:
  sub: ${session.account_id}
  ti: { xti: { connector_name: "${integration.connector_name}", integration_name: "${integration.integration_name}" } }
integrations:
  gwt2hs: { id: 1121, connector_name: gwt }
"""


class Pod:
    def __init__(self, program, folder):
        command = [program, "serve", "--config", "config.yaml", "--log-format", "json", "--workers", "1"]
        self.child = subprocess.Popen(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                      stderr=subprocess.STDOUT)
        # It says where it serves, and then where its health is: with that it is ready.
        self.port = self.said("serving")
        self.said("health")
        threading.Thread(target=self.child.stdout.read, daemon=True).start()

    def said(self, word):
        for line in self.child.stdout:
            told = json.loads(line)
            if told["message"] == word:
                return int(told["listen"].rsplit(":", 1)[1])
        raise SystemExit(f"a pod did not start: {self.child.wait(PATIENCE)}")

    def end(self):
        self.child.send_signal(signal.SIGTERM)
        return self.child.wait(PATIENCE)

    def cost(self):
        """Its memory in KiB, that of the program's file too, and the processor's time that it had, in
        seconds."""
        rollup = Path(f"/proc/{self.child.pid}/smaps_rollup").read_text()
        resident = next(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Rss:"))
        ticks = Path(f"/proc/{self.child.pid}/stat").read_text().rpartition(")")[2].split()
        return resident, (int(ticks[11]) + int(ticks[12])) / os.sysconf("SC_CLK_TCK")


class Service:
    """Where visitors are sent, and what became of them."""

    def __init__(self):
        self.pods, self.lost, self.over = [], [], threading.Event()
        self.visits = [0] * VISITORS

    def visit(self, visitor):
        while not self.over.is_set():
            pod = random.choice(self.pods)
            try:
                line = http.client.HTTPConnection("127.0.0.1", pod.port, timeout=PATIENCE)
                line.request("GET", "/pandium/install/gwt2hs", headers={"X-Account-Id": "42"})
                answer = line.getresponse().status
                line.close()
            except (OSError, http.client.HTTPException) as error:
                answer = type(error).__name__
            if answer != 302:
                self.lost.append(answer)
            self.visits[visitor] += 1

    def go_on(self, times):
        """Waits until each visitor has come so many times more."""
        wanted = [count + times for count in self.visits]
        self.until(lambda: all(count >= least for count, least in zip(self.visits, wanted, strict=True)))

    def until(self, holds):
        deadline = time.monotonic() + PATIENCE
        while not holds():
            if time.monotonic() > deadline:
                raise SystemExit(f"not within {PATIENCE} s: {self.visits} visits, {len(self.lost)} lost")
            time.sleep(0.01)


def rollout(program, folder, service, held):
    """Every pod is replaced by another, a quarter at a time; gives how those that went ended."""
    old, ends = list(service.pods), []
    step = max(1, len(old) // 4)
    for start in range(0, len(old), step):
        going = old[start:start + step]
        service.pods = service.pods + [Pod(program, folder) for _ in going]
        if not held:
            lost = len(service.lost)
            ends += [pod.end() for pod in going]
            service.until(lambda lost=lost: len(service.lost) > lost)
        # Their end has begun, and visitors still come to them.
        service.go_on(20)
        service.pods = [pod for pod in service.pods if pod not in going]
        if held:
            # Whoever was sent to them has been there.
            service.go_on(2)
            ends += [pod.end() for pod in going]
    return ends


@contextlib.contextmanager
def cluster(program, folder, count):
    service = Service()
    try:
        service.pods = [Pod(program, folder) for _ in range(count)]
        yield service
    finally:
        service.over.set()
        for pod in service.pods:
            pod.child.kill()
            pod.child.wait()


def play(program, folder, count, held):
    with cluster(program, folder, count) as service:
        if held:
            tell_cost(service.pods)
        visitors = [threading.Thread(target=service.visit, args=[number]) for number in range(VISITORS)]
        for visitor in visitors:
            visitor.start()
        ends = rollout(program, folder, service, held)
        service.over.set()
        for visitor in visitors:
            visitor.join()
        return service, ends


def tell_cost(pods):
    """Two looks, ten seconds apart, at pods that do nothing."""
    before = [pod.cost() for pod in pods]
    time.sleep(10)
    after = [pod.cost() for pod in pods]
    memory = sum(resident for resident, _ in after) / len(pods) / 1024
    used = sum(now - then for (_, then), (_, now) in zip(before, after, strict=True)) / len(pods) / 10
    print(f"{len(pods)} pods at rest: {memory:.1f} MiB resident each, {used * 1000:.1f} ms of a core in a second each")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program", type=Path)
    parser.add_argument("--pods", type=int, default=20)
    arguments = parser.parse_args()
    failed = 0
    with tempfile.TemporaryDirectory(prefix="rollout-") as folder:
        (Path(folder) / "config.yaml").write_text(CONFIG)
        (Path(folder) / "secret").write_text("0123456789abcdef0123456789abcdef")
        for held in (True, False):
            service, ends = play(arguments.program.resolve(), folder, arguments.pods, held)
            right = set(ends) == {0} and held != bool(service.lost)
            failed += not right
            how = "held by preStop" if held else "told at once"
            print(f"{'ok    ' if right else 'FAILED'} {len(ends)} pods replaced, {how}: {sum(service.visits)} installs, "
                  f"{len(service.lost)} lost{' ' + str(set(service.lost)) if service.lost else ''}, ends {set(ends)}")
    print(f"{2 - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
