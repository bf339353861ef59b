"""What the start page shows, in a fixed number of statements: tiles of stations, the day's figures, who is offline."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, and_, case, func, select
from sqlalchemy.orm import aliased

from portal.models import Installation, Run, Station
from portal.services.actors import Actor, Permission, require
from portal.services.presence import PresenceNow
from portal.services.station_lookup import visible_runs, visible_stations
from portal.services.stations import StationRow, first_rows
from portal.time_zones import midnight

if TYPE_CHECKING:
    from portal.database import Db

MOST_TILES = 60
MOST_OFFLINE = 8
OFFLINE = ("down", "off", "unknown")
FAILURES = ("FAIL", "ERROR", "TIMEOUT")


@dataclass(frozen=True)
class FirstPass:
    """Units that were tested for the first time by their procedure, and how many of them passed. No simulated runs."""

    tested: int = 0
    passed: int = 0

    @property
    def percent(self) -> float | None:
        """None where nothing was tested."""
        return 100 * self.passed / self.tested if self.tested else None


@dataclass(frozen=True)
class Figures:
    """The day in numbers. ``runs`` and ``today``: since the portal's midnight; ``week``: the last seven days."""

    runs: int
    simulated: int
    today: FirstPass
    week: FirstPass
    week_before: FirstPass


@dataclass(frozen=True)
class OfflineStation:
    """A station that was online and is not."""

    id: str
    name: str
    presence: PresenceNow


@dataclass(frozen=True)
class FleetNow:
    """Counts of stations; tiles of some, those that are offline or have failed last first; the newly offline ones."""

    stations: int
    online: int
    offline: int
    uploads_waiting: int
    tiles: list[StationRow]
    newly_offline: list[OfflineStation]


def show_fleet(db: Db, actor: Actor, active_ids: Collection[str] = ()) -> FleetNow:
    """All of it, in four statements. ``active_ids``: stations that test now. `Forbidden`."""
    require(actor, Permission.VIEW)
    is_present = and_(Station.archived_at.is_(None), *visible_stations(actor))
    counts = (
        select(Station.presence, func.count(), func.sum(func.coalesce(Installation.uploads_waiting, 0)))
        .outerjoin(Installation, and_(Installation.station_id == Station.id, Installation.revoked_at.is_(None)))
        .where(is_present)
        .group_by(Station.presence)
    )
    by_state = {state: (count, int(waiting)) for state, count, waiting in db.session.execute(counts)}
    offline = (
        select(Station)
        .where(is_present, Station.presence.in_(OFFLINE))
        .order_by(Station.presence_since.desc(), Station.id)
        .limit(MOST_OFFLINE)
    )
    return FleetNow(
        stations=sum(count for count, _ in by_state.values()),
        online=by_state.get("up", (0, 0))[0],
        offline=sum(by_state.get(state, (0, 0))[0] for state in OFFLINE),
        uploads_waiting=sum(waiting for _, waiting in by_state.values()),
        tiles=_tiles(db, actor, active_ids),
        newly_offline=[OfflineStation(one.id, one.name, PresenceNow.of(one)) for one in db.session.scalars(offline)],
    )


def show_figures(db: Db, actor: Actor, now: datetime | None = None) -> Figures:
    """The day and the week in numbers, in one statement. Raises `Forbidden`."""
    require(actor, Permission.VIEW)
    zone = db.settings.time_zone
    day = (now or datetime.now(UTC)).astimezone(ZoneInfo(zone)).date()
    today, week, week_before = (midnight(day - timedelta(days=back), zone) for back in (0, 6, 13))
    earlier = aliased(Run)
    is_first = (
        ~select(earlier.id)
        .where(
            earlier.unit_id == Run.unit_id,
            earlier.procedure_id == Run.procedure_id,
            earlier.started_at < Run.started_at,
            earlier.is_simulated.is_(False),
        )
        .exists()
    )
    counted = (
        select(Run.started_at, Run.outcome, Run.is_simulated, case((is_first, 1), else_=0).label("is_first"))
        .where(Run.started_at >= week_before, *visible_runs(actor))
        .subquery()
    )
    is_real = and_(counted.c.is_simulated.is_(False), counted.c.is_first == 1)
    is_pass = and_(is_real, counted.c.outcome == "PASS")
    in_today, in_week = counted.c.started_at >= today, counted.c.started_at >= week
    before = counted.c.started_at < week
    found = db.session.execute(
        select(
            _count(in_today),
            _count(and_(in_today, counted.c.is_simulated)),
            *(_count(and_(when, what)) for when in (in_today, in_week, before) for what in (is_real, is_pass)),
        )
    ).one()
    runs, simulated, *firsts = (int(number or 0) for number in found)
    return Figures(runs, simulated, FirstPass(*firsts[:2]), FirstPass(*firsts[2:4]), FirstPass(*firsts[4:]))


def _count(which: ColumnElement[bool]) -> ColumnElement[int]:
    return func.sum(case((which, 1), else_=0))


def _tiles(db: Db, actor: Actor, active_ids: Collection[str]) -> list[StationRow]:
    active = sorted(active_ids)[: 2 * MOST_TILES]
    needs = case(  # what needs a look comes first, then what can be watched
        (Station.presence == "down", 0),
        (Station.presence == "unknown", 1),
        (and_(Run.outcome.in_(FAILURES), Station.id.not_in(active)), 2),
        (Station.id.in_(active), 3),
        (Station.presence == "up", 4),
        (Station.presence == "off", 5),
        else_=6,
    )
    order = (needs, Station.name_key, Station.id)
    return first_rows(db, visible_stations(actor), order, MOST_TILES)
