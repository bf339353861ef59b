"""How long a station was there: from its stored transitions, in whole seconds that sum to the window.

Instants are cut to whole seconds before anything is summed, so that the parts lose nothing and share every second
between them once. Rules: contract/uptime.md.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, cast

from sqlalchemy import select

from portal.models import StationState
from portal.services.actors import Actor
from portal.services.presence import State
from portal.services.station_lookup import get_station

if TYPE_CHECKING:
    from portal.database import Db

WINDOWS = {"24h": timedelta(hours=24), "7d": timedelta(days=7), "30d": timedelta(days=30), "90d": timedelta(days=90)}
MOST_INTERVALS = 1000  # a bench whose network comes and goes each minute has a hundred thousand in 90 days
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
        observed = self.seconds["up"] + self.seconds["down"]
        return self.seconds["up"] * 10_000 // observed / 100 if observed else None


@dataclass(frozen=True)
class Transition:
    """From ``at`` on the station was in this state."""

    at: datetime
    state: State
    reason: str | None = None


def read_uptime(db: Db, actor: Actor, station_id: str, window: str, now: datetime | None = None) -> Uptime:
    """The station's uptime until now. ``window``: one of `WINDOWS`. Raises `NotFound`; `Forbidden`."""
    station = get_station(db, actor, station_id)
    now = now or datetime.now(UTC)
    of_it = select(StationState).where(StationState.station_id == station.id)
    newest_first = (StationState.at.desc(), StationState.id.desc())
    since = whole_second(now) - WINDOWS[window]
    before = db.session.scalar(of_it.where(StationState.at < since).order_by(*newest_first).limit(1))
    inside = db.session.scalars(of_it.where(StationState.at >= since).order_by(StationState.at, StationState.id)).all()
    rows = [*([before] if before is not None else []), *inside]
    transitions = [Transition(row.at, cast("State", row.state), row.reason) for row in rows]
    return sum_up(transitions, station.created_at, since, now)


def sum_up(transitions: Iterable[Transition], created_at: datetime, since: datetime, now: datetime) -> Uptime:
    """The window from ``since`` to ``now`` by the transitions, which are in the order of their time."""
    since, now = whole_second(since), whole_second(now)
    start = min(max(since, whole_second(created_at)), now)
    steps = [Transition(start, "none"), *transitions]
    # Kept inside of the window, and in order: a clock that was set back makes no time negative.
    instants: list[datetime] = []
    for step in steps:
        instants.append(min(max(whole_second(step.at), start, *instants[-1:]), now))
    intervals = _joined(
        Interval(step.state, begin, end, step.reason)
        for step, (begin, end) in zip(steps, pairwise([*instants, now]), strict=True)
        if begin < end
    )
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


def whole_second(at: datetime) -> datetime:
    """The instant without its fraction of a second."""
    return at.replace(microsecond=0)


def _joined(intervals: Iterable[Interval]) -> list[Interval]:
    """Neighbours in one state are one interval: between them was only a state of less than a second."""
    found: list[Interval] = []
    for one in intervals:
        if found and found[-1].state == one.state:
            last = found.pop()
            one = Interval(last.state, last.started_at, one.ended_at, last.reason)
        found.append(one)
    return found
