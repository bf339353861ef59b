"""A day of a station in seconds, and ninety of them in a row: what they say, without a database.

Rules: contract/uptime.md. They are read and kept in `portal.services.station_days`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Literal, NamedTuple

from portal.services.presence import State
from portal.services.uptime import percent_of

DAYS = 90

# How a day looks, by the worst that is known of it. ``quiet``: planned off all day; ``unknown``: hardly watched.
Level = Literal["none", "quiet", "unknown", "up", "slight", "some", "much", "down"]
_BY_PERCENT: tuple[tuple[float, Level], ...] = ((99, "slight"), (95, "some"), (80, "much"), (0, "down"))


class Day(NamedTuple):
    """A day of a station, in whole seconds of each state that sum to ``length_s``. Cut in ``zone``.

    ``outages``: those that began or went on in it. ``longest_s``: of the longest, what lay in this day.
    """

    day: date
    zone: str
    length_s: int
    up_s: int
    down_s: int
    off_s: int
    unknown_s: int
    none_s: int
    outages: int
    longest_s: int

    @property
    def percent(self) -> float | None:
        """As `portal.services.uptime.percent_of`."""
        return percent_of(self.up_s, self.down_s)

    @property
    def expected_s(self) -> int:
        """The time in which it was to be there."""
        return self.length_s - self.off_s - self.none_s

    @property
    def is_partly_watched(self) -> bool:
        """Whether less than nine tenths of the expected time were observed."""
        return (self.up_s + self.down_s) * 10 < self.expected_s * 9

    @property
    def level(self) -> Level:
        """How it looks."""
        if not self.expected_s:
            return "quiet" if self.off_s else "none"
        if (self.up_s + self.down_s) * 10 < self.expected_s:
            return "unknown"
        if not self.down_s:
            return "up"
        return next(level for least, level in _BY_PERCENT if (self.percent or 0) >= least)


@dataclass(frozen=True)
class Strip:
    """Days of one station, oldest first; the last is today, which is not over."""

    days: tuple[Day, ...]

    @property
    def since(self) -> date | None:
        """The first day on which anything is known of it; None when the strip does not show that day, or none is."""
        first = next((one for one in self.days if one.none_s < one.length_s), None)
        return first.day if first is not None and (first is not self.days[0] or first.none_s) else None

    @property
    def totals(self) -> dict[State, int]:
        """Seconds of each state in all of the days."""
        sums = [sum(column) for column in zip(*(one[3:8] for one in self.days), strict=True)]
        return dict(zip(("up", "down", "off", "unknown", "none"), sums, strict=True))

    @property
    def up_s(self) -> int:
        """Seconds in which it was there."""
        return sum(one.up_s for one in self.days)

    @property
    def down_s(self) -> int:
        """Seconds in which it should have been."""
        return sum(one.down_s for one in self.days)

    @property
    def percent(self) -> float | None:
        """Of all days together: of their seconds, not the mean of the days."""
        return percent_of(self.up_s, self.down_s)

    @property
    def coverage_percent(self) -> int | None:
        """How much of the expected time was observed, rounded down; None where nothing was expected."""
        expected_s = sum(one.expected_s for one in self.days)
        return (self.up_s + self.down_s) * 100 // expected_s if expected_s else None

    def last(self, count: int) -> Strip:
        """The newest days only."""
        return Strip(self.days[-count:])
