"""The shift calendar of a station: when somebody expects it to be there.

Stored with the station as a list of spans, such as ``{"day": "mon", "from": "22:00", "to": "06:00"}``; None: always
expected. Times are those of a clock on the station's wall. A span whose end is not later than its beginning ends on the
next day; one that ends at the time at which it begins lasts 24 hours (on two days of the year 23, or 25).
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from portal.errors import Invalid, Issue
from portal.time_zones import first_instant

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DAY_NAMES = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
DAY, WEEK = 24 * 60, 7 * 24 * 60  # minutes
MOST_A_DAY = 12
_TIME = re.compile(r"([01]?\d|2[0-4]):([0-5]\d)")


@dataclass(frozen=True, order=True)
class Shift:
    """A span of each week. ``day``: 0 for Monday; ``begin`` and ``end``: minutes after midnight, 0 to 1439."""

    day: int
    begin: int
    end: int

    @property
    def length(self) -> int:
        """In minutes of the clock on the wall: 1 to 1440."""
        return (self.end - self.begin) % DAY or DAY

    @property
    def crosses_midnight(self) -> bool:
        """Whether a part of it, or only its end, is on the next day."""
        return self.end <= self.begin

    def __str__(self) -> str:
        return f"{clock(self.begin)}–{clock(self.end) if self.end else '24:00'}"


Shifts = tuple[Shift, ...]
Span = tuple[datetime, datetime]


def load(stored: Sequence[Any] | None) -> Shifts | None:
    """The calendar from its stored form; None: always expected."""
    if stored is None:
        return None
    return tuple(Shift(DAYS.index(one["day"]), _minute(one["from"]), _minute(one["to"])) for one in stored)


def store(shifts: Shifts | None) -> list[dict[str, str]] | None:
    """The calendar in its stored form."""
    if shifts is None:
        return None
    return [{"day": DAYS[one.day], "from": clock(one.begin), "to": clock(one.end)} for one in shifts]


def parse(typed: Sequence[Sequence[tuple[str, str]]]) -> Shifts:
    """The calendar that somebody typed: for each weekday, from Monday on, pairs of from and to; empty pairs count not.

    Raises `Invalid`, one issue a problem, each with the path ``shifts``.
    """
    problems: list[str] = []
    found: list[Shift] = []
    for day, pairs in enumerate(typed):
        for begin, end in pairs:
            if not begin and not end:
                continue
            try:
                found.append(Shift(day, _typed(begin, day), _typed(end, day)))
            except ValueError as error:
                problems.append(str(error))
    if problems:
        raise Invalid([_issue(one) for one in problems])
    return checked(found)


def checked(shifts: Iterable[Shift]) -> Shifts:
    """The calendar in its order. Raises `Invalid` for an empty one, and where two spans overlap."""
    found = tuple(sorted(shifts))
    if not found:
        raise Invalid("No time is given: give at least one, or choose that the station is always expected.", "shifts")
    for day, spans in itertools.groupby(found, key=lambda one: one.day):
        if len(list(spans)) > MOST_A_DAY:
            raise Invalid(f"{DAY_NAMES[day]} has more than {MOST_A_DAY} times.", "shifts")
    problems = [
        f"{DAY_NAMES[one.day]} {one} overlaps with {DAY_NAMES[other.day]} {other}."
        for one, other in itertools.pairwise((*found, found[0]))
        if _overlap(one, other, is_alone=len(found) == 1)
    ]
    if problems:
        raise Invalid([_issue(one) for one in problems])
    return found


def is_expected(shifts: Shifts | None, zone: ZoneInfo, at: datetime) -> bool:
    """Whether the station is expected to be there at that instant."""
    return bool(expected_spans(shifts, zone, at, at + timedelta(microseconds=1)))


def expected_spans(shifts: Shifts | None, zone: ZoneInfo, begin: datetime, end: datetime) -> list[Span]:
    """When the station is expected between two instants: half-open spans in UTC, in order, none touching another.

    Right on days of 23 and 25 hours: a span from midnight to midnight is the whole day, whatever its length.
    """
    begin, end = begin.astimezone(UTC), end.astimezone(UTC)
    if shifts is None:
        return [(begin, end)] if begin < end else []
    found: list[Span] = []
    for first, last in _spans_about(shifts, zone, begin, end):
        first, last = max(first, begin), min(last, end)
        if first >= last:
            continue
        if found and found[-1][1] >= first:
            found[-1] = (found[-1][0], max(found[-1][1], last))
        else:
            found.append((first, last))
    return found


def in_words(shifts: Shifts | None) -> str:
    """The calendar in a line: ``Mon–Fri 06:00–14:00, 14:00–22:00; Sat 06:00–12:00``."""
    if shifts is None:
        return "always"
    by_day = [", ".join(str(one) for one in shifts if one.day == day) for day in range(7)]
    parts: list[str] = []
    for times, group in itertools.groupby(range(7), key=lambda day: by_day[day]):
        if times:
            days = list(group)
            names = [DAYS[day].capitalize() for day in days]
            parts.append(f"{names[0]}–{names[-1]} {times}" if len(days) > 1 else f"{names[0]} {times}")
    return "; ".join(parts)


def clock(minute: int) -> str:
    """A minute of the day as a clock shows it."""
    return f"{minute // 60:02d}:{minute % 60:02d}"


def _spans_about(shifts: Shifts, zone: ZoneInfo, begin: datetime, end: datetime) -> Iterator[Span]:
    """All spans that may touch the time between the two, in order; some before and after it."""
    first = begin.astimezone(zone).date() - timedelta(days=2)
    days = (end.astimezone(zone).date() - first).days + 2
    for day in (first + timedelta(days=number) for number in range(days)):
        for one in shifts:
            if one.day == day.weekday():
                last_day = day + timedelta(days=1) if one.crosses_midnight else day
                yield first_instant(day, one.begin, zone), first_instant(last_day, one.end, zone)


def _overlap(one: Shift, following: Shift, *, is_alone: bool) -> bool:
    """Whether the next span of the week begins before this one has ended."""
    if is_alone:
        return False
    gap = ((following.day - one.day) * DAY + following.begin - one.begin) % WEEK
    return gap < one.length


def _minute(text: str) -> int:
    hours, minutes = text.split(":")
    return int(hours) * 60 + int(minutes)


def _typed(text: str, day: int) -> int:
    if not text:
        raise ValueError(f"{DAY_NAMES[day]} has a time without its other half: give from and to.")
    match = _TIME.fullmatch(text)
    minute = _minute(text) if match else DAY + 1
    if minute > DAY:
        raise ValueError(f"{DAY_NAMES[day]}: “{text[:20]}” is no time of day; write it as 06:00.")
    return minute % DAY  # 24:00 is the midnight at which the next day begins


def _issue(message: str) -> Issue:
    return Issue(message, ("shifts",))
