"""Figures with their goals, printed and kept in ``results.md``."""

from __future__ import annotations

import os
import platform
import statistics
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import stationmaster

RESULTS = Path(__file__).with_name("results.md")


@dataclass(frozen=True)
class Figure:
    """A ratio, round by round. The goal holds for the median; the worst round is shown beside it."""

    goal: str
    what: str
    rounds: list[float]
    at_least: float | None = None
    at_most: float | None = None

    @property
    def median(self) -> float:
        """What counts."""
        return statistics.median(self.rounds)

    @property
    def worst(self) -> float:
        """The round furthest from the goal."""
        return min(self.rounds) if self.at_least is not None else max(self.rounds)

    @property
    def is_met(self) -> bool:
        """Whether the median reaches the goal."""
        low = self.at_least is None or self.median >= self.at_least
        return low and (self.at_most is None or self.median <= self.at_most)

    @property
    def wanted(self) -> str:
        """The goal in words."""
        bounds = [("≥", self.at_least), ("≤", self.at_most)]
        if self.at_least == self.at_most:
            return f"= {self.at_least:g}"
        return " and ".join(f"{sign} {bound:g}" for sign, bound in bounds if bound is not None)

    def row(self) -> str:
        """A line of the table."""
        verdict = "met" if self.is_met else "**missed**"
        return f"| {self.goal} | {self.what} | {self.wanted} | {self.median:.3g} | {self.worst:.3g} | {verdict} |"


def publish(name: str, figures: list[Figure]) -> None:
    """Print the figures of one benchmark and write them down, in its own section: the others keep theirs."""
    head = ["| goal | what | wanted | median | worst round | |", "|---|---|---|---|---|---|"]
    rows = [figure.row() for figure in figures]
    load = Path("/proc/loadavg").read_text().strip() if Path("/proc/loadavg").exists() else "unknown"
    facts = (
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC · Stationmaster {stationmaster.__version__} · Python "
        f"{platform.python_version()} · {os.cpu_count()} cores · load {load}"
    )
    print("\n".join([f"{name}: {facts}", "", *head, *rows, ""]), flush=True)
    _, *sections = RESULTS.read_text().split("\n## ") if RESULTS.exists() else [""]
    by_name = {section.partition("\n")[0]: section.strip() for section in sections}
    by_name[name] = "\n".join([name, "", facts, "", *head, *rows])
    RESULTS.write_text("\n\n## ".join(["# Results of `make bench`", *by_name.values()]) + "\n")
