"""The sidecar beside nginx, HAProxy, Caddy and Envoy, on the same work: see README.md here.

    python3 benches/peers/run.py [--rows NAME…] [--peers NAME…] [--rounds N] [--seconds S] [--markdown]
    python3 benches/peers/run.py --check

Everything is on loopback, in a temporary folder, and ended with it. Tables go to standard output,
the checks before them to standard error. It fails if an answer is wrong, never because of a figure.
"""

import argparse
import contextlib
import os
import resource
import signal
import sys
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.append(str(Path(__file__).parent.parent.parent / "tests/real"))

import report  # noqa: E402
from kit.stage import Stage, Tally, Trouble  # noqa: E402
from measure import build_bare, build_sidecar, build_steady  # noqa: E402
from play import Effort, Play  # noqa: E402
from rows import LOADS, OTHERS  # noqa: E402
from servers import PEERS, Ground, find, hasten, origin, require  # noqa: E402

ROWS = (*LOADS, *OTHERS)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--program", type=Path, help="the built sidecar; without it, `cargo build --release`")
    parser.add_argument("--rows", nargs="+", choices=ROWS, default=ROWS, metavar="ROW", help=", ".join(ROWS))
    parser.add_argument("--peers", nargs="*", choices=PEERS, help="besides nginx; those that are installed")
    parser.add_argument("--rounds", type=int, default=5, help="of which the medians are shown [5]")
    parser.add_argument("--seconds", type=float, default=3, help="of load, a server and round [3]")
    parser.add_argument("--rate", type=int, default=4000, help="requests a second, in the row `latency` [4000]")
    parser.add_argument("--nice", type=int, default=0, help="-10 for a machine with neighbours; wants root [0]")
    parser.add_argument("--watch", metavar="COMMAND", help="beside each load of ours, with {pid} and {row} filled in")
    parser.add_argument("--markdown", action="store_true")
    parser.add_argument("--check", action="store_true", help="everything once and short, and no figures")
    return parser.parse_args()


def effort(wanted):
    if wanted.check:
        return Effort(rounds=1, seconds=0.2, warm=0, rate=500, idle=(20, 40), settle=0, starts=1)
    return Effort(wanted.rounds, wanted.seconds, rate=wanted.rate, starts=2 * wanted.rounds + 1)


def installed(wanted):
    """The peers that take part; one that was asked for by name has to be there."""
    there = [name for name in PEERS if name == "bare" or find(name)]
    missing = [name for name in wanted or () if name not in there]
    if missing:
        raise Trouble(f"not installed: {' '.join(missing)}")
    return [name for name in there if wanted is None or name in wanted]


def prepare():
    """Files enough for all the connections, and two cores: one for a server, one for everything else."""
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    cores = sorted(os.sched_getaffinity(0))[:2]
    if len(cores) < 2:
        raise Trouble("it takes two cores")
    os.sched_setaffinity(0, {cores[1]})
    return tuple(cores)


def run(wanted):
    require()
    peers = installed(wanted.peers)
    # Before the cores are dealt: cargo wants both.
    program = (wanted.program or build_sidecar()).resolve()
    bare = build_bare() if "bare" in peers else None
    ground = Ground(program, prepare(), bare, nice=wanted.nice)
    with Stage("peers", program, Tally()) as stage:
        os.setpriority(os.PRIO_PROCESS, 0, ground.nice)
        hasten("self", ground.nice)
        stage.ends.callback(hasten, "self", 0)
        client = build_steady(stage.folder)
        origin(stage, ground)
        play = Play(stage, ground, {"sidecar", "nginx", *peers}, client, effort(wanted), wanted.watch)
        return [play.row(row) for row in ROWS if row in wanted.rows]


def main():
    wanted = arguments()
    # Whoever ends us by SIGTERM, a time limit for one, ends the programs too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    machine = report.machine()
    try:
        with contextlib.redirect_stdout(sys.stderr):
            tables = run(wanted)
    except Trouble as trouble:
        sys.exit(f"peers: {trouble}")
    if wanted.check:
        print(f"{len(tables)} rows, every answer right; no figures, as each was only touched")
        return
    print(machine, end="\n\n")
    print("\n".join(table.show(wanted.markdown) for table in tables))


if __name__ == "__main__":
    main()
