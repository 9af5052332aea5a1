"""Tables, for a terminal or as markdown."""

import os
import platform
from dataclasses import dataclass, field


@dataclass
class Table:
    title: str
    columns: list
    lines: list = field(default_factory=list)
    notes: list = field(default_factory=list)

    def add(self, *cells):
        self.lines.append([str(cell) for cell in cells])

    def show(self, markdown):
        cells = [self.columns, *self.lines]
        widths = [max(len(line[i]) for line in cells) for i in range(len(self.columns))]
        shown = [aligned(line, widths) for line in cells]
        if markdown:
            rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
            shown = [f"| {' | '.join(line)} |" for line in (shown[0], rule, *shown[1:])]
            notes = ["", *(f"- {note}" for note in self.notes)] if self.notes else []
            return "\n".join([f"### {self.title}", "", *shown, *notes, ""])
        lines = ["  ".join(line) for line in shown] + self.notes
        return "\n".join([self.title, *("  " + line for line in lines), ""])


def aligned(line, widths):
    return [line[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(line[1:], widths[1:], strict=True))]


def machine():
    """What every figure depends on, in a line."""
    with open("/proc/cpuinfo", encoding="utf-8") as info:
        names = [line.partition(":")[2].strip() for line in info if line.startswith("model name")]
    name, load = (names or ["CPU"])[0], os.getloadavg()[0]
    return f"{os.cpu_count()} × {name}, Linux {platform.release()}, load average {load:.1f} at the start"
