"""Whether a station is there, and how much of the time it was: operations of ours. Source: contract/uptime.md."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Literal

from typing_extensions import TypedDict

from portal.api.operations import Operations
from portal.api.v2 import shapes
from portal.api.v2.shapes import Instant
from portal.services.presence import PresenceNow
from portal.services.run_input import In
from portal.services.station_days import read_uptime
from portal.services.station_lookup import get_station
from portal.services.uptime import Interval
from portal.web import actor, db

api = Operations("presence_v2", "Stations")

State = Literal["up", "down", "off", "unknown", "none"]


class WindowIn(In):
    """How far back."""

    window: Literal["24h", "7d", "30d", "90d"] = "24h"


class PresenceOut(TypedDict):
    """Whether its program is there. ``at``: when this was so; ``since``: null for one that never connected."""

    id: str
    at: Instant
    state: State
    is_online: bool
    since: Instant | None
    reason: str | None


class Seconds(TypedDict):
    """Of each state; they sum to the window. ``none``: before the station was made, or had ever connected."""

    up: int
    down: int
    off: int
    unknown: int
    none: int


class IntervalOut(TypedDict):
    """The station was in one state from ``started_at`` until just before ``ended_at``."""

    state: State
    started_at: Instant
    ended_at: Instant
    seconds: int
    reason: str | None


class UptimeOut(TypedDict):
    """A window of a station's life.

    ``uptime_percent``: of the time up or down, rounded down to two decimals; null where there was none. ``intervals``:
    the newest thousand, oldest first; ``intervals_left_out`` says how many there are before them.
    """

    id: str
    window: Literal["24h", "7d", "30d", "90d"]
    started_at: Instant
    ended_at: Instant
    uptime_percent: float | None
    outages: int
    seconds: Seconds
    intervals: list[IntervalOut]
    intervals_left_out: int


@api.get("/api/v2/stations/{id}/presence", "stations.get_presence", answer=PresenceOut, errors=(404,), is_ours=True)
def presence(id: str) -> PresenceOut:  # noqa: A002  (as in the other paths)
    """Say whether a station is there now, and since when."""
    now = PresenceNow.of(get_station(db(), actor(), id))
    return {
        "id": id,
        "at": shapes.instant(datetime.now(UTC)),
        "state": now.state,
        "is_online": now.is_online,
        "since": shapes.instant(now.since) if now.since is not None else None,
        "reason": now.reason,
    }


@api.get(
    "/api/v2/stations/{id}/uptime", "stations.get_uptime", query=WindowIn, answer=UptimeOut, errors=(404,), is_ours=True
)
def uptime(id: str, query: WindowIn) -> Any:  # noqa: A002
    """Say how much of the time a station was there.

    Up and down count; off (a planned stop) and unknown (this portal was not watching) do not.
    """
    found = read_uptime(db(), actor(), id, query.window)
    return {
        "id": id,
        "window": query.window,
        "started_at": shapes.instant(found.started_at),
        "ended_at": shapes.instant(found.ended_at),
        "uptime_percent": found.percent,
        "outages": found.outages,
        "seconds": found.seconds,
        "intervals": [_interval(one) for one in found.intervals],
        "intervals_left_out": found.intervals_left_out,
    }


def _interval(one: Interval) -> IntervalOut:
    return {
        "state": one.state,
        "started_at": shapes.instant(one.started_at),
        "ended_at": shapes.instant(one.ended_at),
        "seconds": one.seconds,
        "reason": one.reason,
    }
