"""What the page of one station tells of its uptime: ninety days, four windows, and what happened when."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

from portal.services.actors import Actor
from portal.services.days import Day, Strip
from portal.services.presence import PresenceNow
from portal.services.station_days import WINDOW_DAYS, read_intervals, strips_of, sum_last_day
from portal.services.station_lookup import get_station_or_archived
from portal.services.uptime import Interval, percent_of

if TYPE_CHECKING:
    from portal.database import Db

MOST_OUTAGES = 20


@dataclass(frozen=True)
class WindowView:
    """How much of a window the station was there. ``coverage_percent``: as `Strip.coverage_percent`."""

    name: str
    up_s: int
    down_s: int
    coverage_percent: int | None

    @property
    def percent(self) -> float | None:
        """As `portal.services.uptime.percent_of`."""
        return percent_of(self.up_s, self.down_s)


@dataclass(frozen=True)
class UptimeDetail:
    """The uptime of one station. ``chosen``: the day that was asked for, else None.

    ``events``: newest first: of the chosen day all that was not up, else the newest outages of ninety days, of which
    ``events_left_out`` more are not listed.
    """

    id: str
    name: str
    presence: PresenceNow
    strip: Strip
    windows: list[WindowView]
    chosen: Day | None
    events: list[Interval]
    events_left_out: int


def show_uptime(
    db: Db, actor: Actor, station_id: str, day: date | None = None, now: datetime | None = None
) -> UptimeDetail:
    """One station's uptime. ``day``: tell of this one; ignored when it is none of the ninety.

    Raises `NotFound`; `Forbidden`.
    """
    now = now or datetime.now(UTC)
    station = get_station_or_archived(db, actor, station_id)
    strip = strips_of(db, [station.id], now)[station.id]
    chosen = next((one for one in strip.days if one.day == day), None)
    known = read_intervals(db, station.id, strip, chosen, now)
    told = [one for one in known if one.state == "down" or (chosen and one.state not in {"up", "none"})]
    return UptimeDetail(
        id=station.id,
        name=station.name,
        presence=PresenceNow.of(station),
        strip=strip,
        windows=[_last_day(db, station.id, now), *(_window(strip, name) for name in WINDOW_DAYS)],
        chosen=chosen,
        events=told[: -MOST_OUTAGES - 1 : -1],
        events_left_out=max(0, len(told) - MOST_OUTAGES),
    )


def _last_day(db: Db, station_id: str, now: datetime) -> WindowView:
    seconds = sum_last_day(db, station_id, now).seconds
    expected_s = sum(seconds.values()) - seconds["off"] - seconds["none"]
    coverage = (seconds["up"] + seconds["down"]) * 100 // expected_s if expected_s else None
    return WindowView("24 h", seconds["up"], seconds["down"], coverage)


def _window(strip: Strip, name: str) -> WindowView:
    shown = strip.last(WINDOW_DAYS[name])
    return WindowView(name.replace("d", " d"), shown.up_s, shown.down_s, shown.coverage_percent)
