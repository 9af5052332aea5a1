"""The rows of the benchmark: who does which work, and what is asked of us."""

from dataclasses import dataclass

from work import GET_1K, GET_64K, MINT, MOVED, POST_16K


@dataclass(frozen=True)
class Entry:
    server: str
    work: object
    label: str = ""

    def __str__(self):
        return self.label or self.server


LABELS = {"bare": "hyper alone"}


@dataclass(frozen=True)
class Bound:
    """Of the first entry's CPU against another's, higher is better. A *must* holds a release back."""

    base: str
    must: float
    goal: float


@dataclass(frozen=True)
class Row:
    title: str
    entries: tuple
    base: str  # the label that stands for 1
    bounds: tuple = ()


def through(work, *servers):
    servers = servers or ("sidecar", "nginx", "haproxy", "caddy", "envoy", "bare")
    return tuple(Entry(server, work, LABELS.get(server, "")) for server in servers)


LOADS = {
    "mint": Row(
        "Mint and redirect",
        (
            Entry("sidecar", MINT),
            Entry("sidecar-audit", MINT, "sidecar, with its audit line"),
            Entry("nginx-njs", MINT, "nginx + njs"),
            Entry("nginx", MOVED, "nginx, return 302"),
            Entry("haproxy", MINT),
            Entry("bare", MOVED, "hyper alone, a 302"),
        ),
        "nginx + njs",
        (Bound("nginx + njs", 3.0, 4.0), Bound("nginx, return 302", 0.85, 1.0)),
    ),
    "get1k": Row("Pass through, GET 1 KiB", through(GET_1K), "nginx", (Bound("nginx", 0.90, 1.10),)),
    "get64k": Row("Pass through, GET 64 KiB", through(GET_64K), "nginx", (Bound("nginx", 0.95, 1.15),)),
    "post16k": Row("Pass through, POST 16 KiB", through(POST_16K), "nginx", (Bound("nginx", 0.90, 1.10),)),
    "unix": Row(
        "Pass through, GET 1 KiB, the app on a unix socket",
        through(GET_1K, "sidecar-unix", "nginx-unix"),
        "nginx-unix",
    ),
}
STEADY = through(GET_1K)
OTHERS = ("latency", "memory", "start", "size")

MEMORY_BOUNDS = {"idle MiB": (12, 6), "KiB for a further connection": (24, 12), "KiB for a half-sent head": (20, None)}
START_BOUNDS = {"ms to the first answer": (50, 10)}
SIZE_BOUNDS = {"MiB of binary": (12, 6)}


def judged(ratio, bound):
    """In words; under a tenth is noise, and nothing here ends a build."""
    must = word(ratio / bound.must, "holds", "MISSED")
    goal = word(ratio / bound.goal, "reached", "short")
    return f"against {bound.base}: {ratio:.2f}; must {bound.must:.2f} {must}; goal {bound.goal:.2f} {goal}"


def judged_size(what, value, must, goal):
    """The same where lower is better."""
    words = f"{what}: {value:.1f}; must {must} {word(must / value, 'holds', 'MISSED')}"
    return words if goal is None else f"{words}; goal {goal} {word(goal / value, 'reached', 'short')}"


def word(share, good, bad):
    return good if share >= 1 else f"{bad} by {(1 - share) * 100:.0f} %"
