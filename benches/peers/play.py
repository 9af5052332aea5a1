"""Plays the rows: checks every answer, then measures in rounds, one server after the other."""

from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from idle import first_answer, idle
from kit.stage import Stage, Trouble
from measure import load, steady
from report import Table
from rows import LOADS, MEMORY_BOUNDS, SIZE_BOUNDS, START_BOUNDS, STEADY, judged, judged_size
from servers import Ground, start
from work import MINT, location, wrong


@dataclass(frozen=True)
class Effort:
    """How often, how long, and how many."""

    rounds: int
    seconds: float
    rate: int
    starts: int
    warm: float = 0.5
    idle: tuple = (1000, 5000)
    settle: float = 0.5


@dataclass
class Play:
    """Servers under load are started once, and stay: one that nobody asks costs nothing."""

    stage: Stage
    ground: Ground
    peers: set
    client: Path
    effort: Effort
    watch: str | None
    servers: dict = field(default_factory=dict)

    def row(self, name):
        """The row's table."""
        print(f"--- {name}", flush=True)
        if name in LOADS:
            return self.loads(name, LOADS[name])
        return getattr(self, name)()

    def taking_part(self, entries):
        return [entry for entry in entries if entry.server.partition("-")[0] in self.peers]

    def server(self, name):
        if name not in self.servers:
            if name == "nginx":
                minted = location(self.server("sidecar").port)
                self.ground.location = "https://imp.pandium.com/".ljust(len(minted), "x")
            self.servers[name] = start(self.stage, self.ground, name)
        return self.servers[name]

    def checked(self, entries):
        """Nothing is measured that does not do the work."""
        for entry in entries:
            fault = wrong(entry.work, self.server(entry.server).port)
            if not self.stage.check(not fault, f"{entry} answers {entry.work.method} {entry.work.path}", fault):
                raise Trouble(f"{entry} does not do the same work")

    def rounds(self, entries, measure):
        """What was measured of each, round by round, so that a neighbour's hour hits all alike."""
        found = {str(entry): [] for entry in entries}
        for _ in range(self.effort.rounds):
            for entry in entries:
                found[str(entry)].append(measure(entry, self.server(entry.server)))
        return found

    def loads(self, name, row):
        entries, folder = self.taking_part(row.entries), self.stage.folder
        self.checked(entries)
        if warm := self.effort.warm:
            for entry in entries:
                load(folder, self.server(entry.server), entry.work, warm)

        def measure(entry, server):
            beside = self.watch.format(pid=server.pid, row=name) if self.watch and entry == entries[0] else None
            return load(folder, server, entry.work, self.effort.seconds, beside)

        found = self.rounds(entries, measure)
        micros = medians(found, "micros")
        rates = medians(found, "rate")
        table = Table(row.title, ["", "CPU µs", "req/s", "busy", "waited", "CPU ratio", "req/s ratio"])
        for label, loads in found.items():
            shares = [f"{median(getattr(each, what) for each in loads):.0%}" for what in ("busy", "waited")]
            ratios = [f"{micros[row.base] / micros[label]:.2f}", f"{rates[label] / rates[row.base]:.2f}"]
            table.add(label, f"{micros[label]:.1f}", f"{rates[label]:,.0f}", *shares, *ratios)
        table.notes = [judged(micros[bound.base] / micros[str(entries[0])], bound) for bound in row.bounds]
        if entries[0].work is MINT:
            table.notes.append(f"a Location of {len(location(self.server('sidecar').port))} bytes")
        return table

    def latency(self):
        rate, seconds = self.effort.rate, self.effort.seconds
        entries = self.taking_part(STEADY)
        self.checked(entries)

        def measure(entry, server):
            return steady(self.stage.folder, self.client, server, entry.work, rate, seconds)

        found = self.rounds(entries, measure)
        each = {what: medians(found, what) for what in ("median", "late", "micros")}
        columns = ["", "p50 µs", "p99 µs", "CPU µs", "p50 ratio", "p99 ratio"]
        table = Table(f"GET 1 KiB at {rate:,} a second", columns)
        for label in found:
            p50, p99, micros = (each[what][label] for what in each)
            ratios = each["median"]["nginx"] / p50, each["late"]["nginx"] / p99
            table.add(label, f"{p50:.0f}", f"{p99:.0f}", f"{micros:.1f}", *map("{:.2f}".format, ratios))
        return table

    def memory(self):
        few, many = self.effort.idle
        columns = ["RSS (PSS), MiB", "idle", f"{few:,} idle", f"{many:,} idle", "KiB each", "KiB a half head"]
        table = Table("Memory", [*columns, "p99 meanwhile, ms", "gone after, s"])
        for entry in self.taking_part(STEADY):
            seen = idle(self.stage, self.ground, entry.server, (few, many), self.effort.settle)
            mib = [f"{rss / 1024:.1f} ({pss / 1024:.1f})" for rss, pss in (seen.start, *seen.held)]
            gone = "still there" if seen.gone is None else f"{seen.gone:.1f}"
            table.add(entry, *mib, f"{seen.each:.1f}", f"{seen.half:.1f}", f"{seen.late * 1e3:.1f}", gone)
            if entry.server == "sidecar":
                values = (seen.start[0] / 1024, seen.each, seen.half)
                table.notes = [judged_size(w, v, *b) for (w, b), v in zip(MEMORY_BOUNDS.items(), values, strict=True)]
        return table

    def start(self):
        entries = self.taking_part(STEADY)
        found = {str(entry): [] for entry in entries}
        for _ in range(self.effort.starts):
            for entry in entries:
                found[str(entry)].append(first_answer(self.stage, self.ground, entry.server) * 1e3)
        table = Table("From exec to the first answer", ["", "ms", "at best"])
        for label, waits in found.items():
            table.add(label, f"{median(waits):.1f}", f"{min(waits):.1f}")
        table.notes = [judged_size(what, median(found["sidecar"]), *b) for what, b in START_BOUNDS.items()]
        return table

    def size(self):
        size = self.ground.program.stat().st_size / 2**20
        static = b"/ld-linux" not in self.ground.program.read_bytes()[:4096]
        table = Table("Binary", ["", "MiB", "linked"])
        table.add("sidecar", f"{size:.1f}", "statically" if static else "dynamically")
        table.notes = [judged_size(what, size, *bounds) for what, bounds in SIZE_BOUNDS.items()]
        return table


def medians(found, what):
    return {label: median(getattr(each, what) for each in measured) for label, measured in found.items()}
