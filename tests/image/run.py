"""The image, as it is built from the Dockerfile, and a pod with it.

    python tests/image/run.py CACHE

Built on stand-ins for the base layers (`layers.py` says of what they are made), and run by podman as a
cluster would: read-only, without capabilities, as nobody, in a network of its own. Prints a line a
check.
"""

import json
import re
import sys
from pathlib import Path

sys.dont_write_bytecode = True

import containers  # noqa: E402
import layers  # noqa: E402
import pod  # noqa: E402

MEBIBYTE = 1 << 20
# The real base has 2 MiB, of which the stand-in lacks most.
MOST = 13


class Tally:
    """Counts checks, and says how each went."""

    def __init__(self):
        self.passed = self.failed = 0

    def check(self, holds, what, seen=None):
        self.passed += bool(holds)
        self.failed += not holds
        shown = "" if holds or seen is None else f"\n       seen: {seen}"
        print(f"{'ok    ' if holds else 'FAILED'} {what}{shown}", flush=True)


def version():
    return re.search(r'^version = "([^"]+)"$', (layers.ROOT / "Cargo.toml").read_text(), re.M)[1]


def describe(shop, image, tally):
    """What the image says of itself."""
    told = json.loads(shop.run("podman", "image", "inspect", image))[0]
    config, labels = told["Config"], told["Labels"] or {}
    size = told["Size"]
    tally.check(size <= MOST * MEBIBYTE, f"image: {size / MEBIBYTE:.1f} MiB, of {MOST} at most", size)
    tally.check(config.get("User") == "65532:65532", "image: its user is a number", config.get("User"))
    tally.check(config.get("Entrypoint") == ["/pandium-sidecar"] and config.get("Cmd") == ["serve"], "image: serves", config)
    health = (told.get("HealthCheck") or told.get("Healthcheck") or {}).get("Test")
    tally.check(health == ["CMD", "/pandium-sidecar", "healthcheck"], "image: has its health check", health)
    wanted = {"title", "description", "licenses", "version", "revision"}
    there = {name.removeprefix("org.opencontainers.image.") for name in labels}
    tally.check(wanted <= there and labels["org.opencontainers.image.version"] == version(), "image: labels", labels)
    said = shop.run("podman", "run", "--rm", "--network=none", "--read-only", "--cap-drop=all", image, "--version")
    tally.check(said.strip().endswith(f"pandium-sidecar {version()}"), "image: is this version", said)


def main():
    tally = Tally()
    with layers.Shop(Path(sys.argv[1]).resolve()) as shop:
        image = layers.build(shop, version())
        describe(shop, image, tally)
        containers.play(shop, image, tally)
        pod.play(shop, image, tally)
    print(f"{tally.passed} passed, {tally.failed} failed")
    return 1 if tally.failed or not tally.passed else 0


if __name__ == "__main__":
    sys.exit(main())
