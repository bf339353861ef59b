"""How long a station was there: sums of its stored transitions, in whole seconds that make up the window.

Instants are cut to whole seconds before anything is summed, so that the parts lose nothing and share every second
between them once. Windows of days are read in `portal.services.station_days`. Rules: contract/uptime.md.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from portal.services.presence import State

Span = tuple[datetime, datetime]

MOST_INTERVALS = 1000  # a bench whose network comes and goes each minute has a hundred thousand in 90 days
OUTSIDE_SHIFTS = "outside of its shifts"
STATES: tuple[State, ...] = ("up", "down", "off", "unknown", "none")


@dataclass(frozen=True)
class Interval:
    """The station was in one state from ``started_at`` until just before ``ended_at``."""

    state: State
    started_at: datetime
    ended_at: datetime
    reason: str | None

    @property
    def seconds(self) -> int:
        """Its length."""
        return int((self.ended_at - self.started_at).total_seconds())


@dataclass(frozen=True)
class Uptime:
    """A window of a station's life. ``seconds``: of each state; they sum to the window.

    ``intervals``: the newest ones, oldest first, not more than `MOST_INTERVALS`; ``intervals_left_out``: how many
    more there are. Nothing of the station is listed before it was made: that time is in ``seconds["none"]``.
    """

    started_at: datetime
    ended_at: datetime
    seconds: dict[State, int]
    outages: int
    intervals: list[Interval]
    intervals_left_out: int

    @property
    def percent(self) -> float | None:
        """Up of the observed time, rounded down to two decimals: 100 only without any outage. None: not observed."""
        return percent_of(self.seconds["up"], self.seconds["down"])


@dataclass(frozen=True)
class Transition:
    """From ``at`` on the station was in this state."""

    at: datetime
    state: State
    reason: str | None = None


def sum_up(
    transitions: Iterable[Transition],
    created_at: datetime,
    since: datetime,
    now: datetime,
    planned: Sequence[Span] = (),
) -> Uptime:
    """The window from ``since`` to ``now`` by the transitions, which are in the order of their time.

    ``planned``: when the station was not expected, in order. That time is off, whatever the station did.
    """
    since, now = whole_second(since), whole_second(now)
    start = min(max(since, whole_second(created_at)), now)
    steps = [Transition(start, "none"), *transitions]
    # Kept inside of the window, and in order: a clock that was set back makes no time negative.
    instants: list[datetime] = []
    for step in steps:
        instants.append(min(max(whole_second(step.at), start, *instants[-1:]), now))
    known = [
        Interval(step.state, begin, end, step.reason)
        for step, (begin, end) in zip(steps, pairwise([*instants, now]), strict=True)
        if begin < end
    ]
    intervals = _joined(_with_planned(known, planned))
    seconds = dict.fromkeys(STATES, 0)
    seconds["none"] = int((start - since).total_seconds())
    for one in intervals:
        seconds[one.state] += one.seconds
    return Uptime(
        started_at=since,
        ended_at=now,
        seconds=seconds,
        outages=sum(one.state == "down" for one in intervals),
        intervals=intervals[-MOST_INTERVALS:],
        intervals_left_out=max(0, len(intervals) - MOST_INTERVALS),
    )


def percent_of(up_s: int, down_s: int) -> float | None:
    """Rounded down to two decimals: 100 only without a second of outage. None where nothing was observed."""
    observed_s = up_s + down_s
    return up_s * 10_000 // observed_s / 100 if observed_s else None


def whole_second(at: datetime) -> datetime:
    """The instant without its fraction of a second."""
    return at.replace(microsecond=0)


def _with_planned(intervals: Iterable[Interval], planned: Sequence[Span]) -> Iterator[Interval]:
    """The same time, with what was planned cut out of the intervals and put in as off. Both are in order."""
    spans = [(whole_second(begin), whole_second(end)) for begin, end in planned]
    first = 0
    for one in intervals:
        begin = one.started_at
        while first < len(spans) and spans[first][1] <= begin:
            first += 1
        for planned_from, planned_to in itertools.islice(spans, first, None):
            start, end = max(begin, planned_from), min(one.ended_at, planned_to)
            if start >= one.ended_at or one.state == "none":
                break
            if begin < start:
                yield Interval(one.state, begin, start, one.reason)
            yield Interval("off", start, end, OUTSIDE_SHIFTS)
            begin = end
        if begin < one.ended_at:
            yield Interval(one.state, begin, one.ended_at, one.reason)


def _joined(intervals: Iterable[Interval]) -> list[Interval]:
    """Neighbours in one state are one interval: between them was only a state of less than a second."""
    found: list[Interval] = []
    for one in intervals:
        if found and found[-1].state == one.state:
            last = found.pop()
            one = Interval(last.state, last.started_at, one.ended_at, last.reason)
        found.append(one)
    return found
