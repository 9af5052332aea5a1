"""What flows for long: WebSockets by a real library, event streams, and bodies larger than memory;
and who waits for long.

    python tests/tunnel/run.py target/debug/pandium-sidecar [--only NAME…]

Each part starts an app and the sidecar before it, on loopback, and is the visitor. Prints a line a
check. Everything is ended by its part.
"""

import argparse
import signal
import sys
import time
import traceback
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(1, str(Path(__file__).parent.parent / "real"))

from kit.stage import Stage, Tally  # noqa: E402
from parts import bodies, events, waiting, websocket  # noqa: E402

PARTS = {
    "websocket-traffic": websocket.traffic,
    "websocket-ends": websocket.ends,
    "websocket-refused": websocket.refused,
    "websocket-idle": websocket.idle,
    "websocket-shutdown": websocket.shutdown,
    "events": events.first_before_second,
    "upload": bodies.upload,
    "download": bodies.download,
    "slow-reader": bodies.slow_reader,
    "half-heads": waiting.half_heads,
    "slow-answers": waiting.slow_answers,
}


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program", type=Path, help="the built sidecar")
    parser.add_argument("--only", nargs="+", default=list(PARTS), choices=list(PARTS), metavar="NAME")
    return parser.parse_args()


def play(part, stage, tally):
    """Whatever goes wrong in one part, the others are played too."""
    failed = tally.failed
    try:
        part(stage)
    except Exception:
        stage.check(False, "gets to its end", traceback.format_exc())
    if tally.failed > failed:
        for program in stage.sidecars:
            print(f"{program.name} said at last:\n{program.said()[-2000:]}")


def main():
    wanted = arguments()
    # Whoever ends us by SIGTERM, a time limit for one, ends the programs too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    tally = Tally()
    for name in wanted.only:
        start = time.monotonic()
        print(f"--- {name}", flush=True)
        with Stage(name, wanted.program.resolve(), tally) as stage:
            play(PARTS[name], stage, tally)
        print(f"--- {name}: {time.monotonic() - start:.1f} s", flush=True)
    print(f"{tally.passed} passed, {tally.failed} failed")
    sys.exit(1 if tally.failed else 0)


if __name__ == "__main__":
    main()
