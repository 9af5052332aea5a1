"""Real programs in front of the sidecar and behind it.

    python tests/real/run.py target/debug/pandium-sidecar [--only NAME…]

Each fixture starts an app that a user has, an edge that a user has, or both, with the sidecar
between them and a stand-in Pandium behind it, and is the visitor: signs in by the app's own form,
follows redirects, keeps cookies, and lies. Prints a line a check. Everything is on loopback, in
temporary folders, and ended by its fixture.
"""

import argparse
import signal
import sys
import time
import traceback
from pathlib import Path

sys.dont_write_bytecode = True

from fixtures import accounts, decision, deploy, django, documented, nginx, printed, systemd, wikis  # noqa: E402
from kit import shipped  # noqa: E402
from kit.stage import Stage, Tally, Trouble  # noqa: E402

FIXTURES = {
    "nginx-headers": nginx.headers,
    "nginx-complete": nginx.complete,
    "nginx-printed": printed.nginx,
    "caddy-printed": printed.caddy,
    "haproxy-printed": printed.haproxy,
    "envoy-printed": printed.envoy,
    "nginx-accounts": accounts.nginx,
    "nginx-decision": decision.nginx,
    "caddy-decision": decision.caddy,
    "envoy-decision": decision.envoy,
    "django-probe": django.probe,
    "django-handoff": django.handoff,
    "django-documented": documented.django,
    "php-documented": documented.php,
    "express-documented": documented.express,
    "dokuwiki-probe": wikis.dokuwiki,
    "mediawiki-probe": wikis.mediawiki,
    **deploy.FIXTURES,
    "systemd-unit": systemd.unit,
    "systemd-reload": systemd.reload,
}


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program", type=Path, help="the built sidecar")
    parser.add_argument("--only", nargs="+", default=list(FIXTURES), choices=list(FIXTURES), metavar="NAME")
    return parser.parse_args()


def play(fixture, stage, tally):
    """Whatever goes wrong in one fixture, the others are played too."""
    failed = tally.failed
    try:
        fixture(stage)
    except Trouble as trouble:
        stage.check(False, "gets to its end", trouble)
    except Exception:
        stage.check(False, "gets to its end", traceback.format_exc())
    if tally.failed > failed:
        for program in stage.sidecars:
            print(f"{program.name} said at last:\n{program.said()[-4000:]}")


def main():
    wanted = arguments()
    # Whoever ends us by SIGTERM, a time limit for one, ends the programs too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    tally = Tally()
    for name in wanted.only:
        start = time.monotonic()
        print(f"--- {name}", flush=True)
        with Stage(name, wanted.program.resolve(), tally) as stage:
            play(FIXTURES[name], stage, tally)
        print(f"--- {name}: {time.monotonic() - start:.1f} s", flush=True)
    if wanted.only == list(FIXTURES):
        left = shipped.unplayed()
        tally.check(not left, "every file of deploy/ is played, or somebody else's (kit/shipped.py)", left)
    print(f"{tally.passed} passed, {tally.failed} failed")
    sys.exit(1 if tally.failed else 0)


if __name__ == "__main__":
    main()
