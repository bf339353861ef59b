"""The table of stations: filtered, in any order, a page at a time, with what the columns show of other tables.

A page is read in two steps: first which stations, on an index that has them in their order already, then all the rest
of these few. So it costs a fixed number of statements, and the same at ten stations and at ten thousand.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, Select, and_, case, exists, func, or_, select

from portal.models import Attachment, Installation, Run, Station, StationProcedure, Team, Unit
from portal.services import names
from portal.services.actors import Actor, Permission, require
from portal.services.days import Strip
from portal.services.paging import CountedPage, Place
from portal.services.station_days import strips_of, zone_of
from portal.services.station_lists import STATIONS
from portal.services.station_lookup import visible_stations
from portal.services.stations import StationRow, rows_of
from portal.time_zones import midnight

if TYPE_CHECKING:
    from portal.database import Db

DAYS_OF_WEEK = 7
EXPORT_AT_ONCE = 100  # an export of any length holds so many rows in memory
NO_TEAM = "none"
# What a status is in the database, and their order when the table is sorted by it: what needs somebody comes first.
STATUSES: dict[str, tuple[str, ...]] = {
    "offline": ("down", "off"), "unknown": ("unknown",), "online": ("up",), "never": ("none",),
}  # fmt: skip
_PRESENCES = [presence for presences in STATUSES.values() for presence in presences]
_RANKS = 8  # a cursor of that order holds also which of the presences the page before ended with


@dataclass(frozen=True)
class TableQuery:
    """Which stations: all that is given must fit.

    ``search``: a piece of the name, or a number such as ST-0007. ``status``: of `STATUSES`. ``team_id``: of a team, or
    `NO_TEAM`. ``has_unsent``: runs wait on its machine.
    """

    search: str = ""
    status: str | None = None
    procedure_id: str | None = None
    team_id: str | None = None
    has_unsent: bool = False


@dataclass(frozen=True)
class Week:
    """The runs of the last seven calendar days in the portal's zone, today included.

    ``days``: (passed, other) of each, of all runs, the oldest first.
    Of the ``tested`` ones ``passed`` did; runs on simulated benches and those of golden, failing and ignored samples
    say nothing of the product, and count in neither.
    """

    days: tuple[tuple[int, int], ...]
    tested: int = 0
    passed: int = 0

    @property
    def runs(self) -> int:
        """All of them."""
        return sum(passed + other for passed, other in self.days)

    @property
    def percent(self) -> float | None:
        """How many of the tested ones passed; None when there were none."""
        return 100 * self.passed / self.tested if self.tested else None


@dataclass(frozen=True)
class TableRow:
    """A station with all that the table shows of it. ``team``: its name. ``picture_id``: None for none."""

    station: StationRow
    team: str | None
    picture_id: str | None
    strip: Strip
    week: Week


@dataclass(frozen=True)
class TeamChoice:
    """A team that one may filter by."""

    id: str
    name: str


def page_table(
    db: Db, actor: Actor, query: TableQuery, place: Place, now: datetime | None = None
) -> CountedPage[TableRow]:
    """A page of the table. ``place.sort_by``: name, number, status or since; stations that never came have no since.

    Raises `BadRequest` for a cursor that is none; `Forbidden`.
    """
    require(actor, Permission.VIEW)
    wanted = _narrow(actor, query, place.sort_by)
    found, cursor = (_page_by_status if place.sort_by == "status" else STATIONS.page)(db, wanted, place)
    return CountedPage(_rows(db, [station_id for station_id, *_ in found], now or datetime.now(UTC)), cursor)


def export_table(db: Db, actor: Actor, query: TableQuery, place: Place) -> Iterator[TableRow]:
    """All rows from the beginning, in the table's order, read piece by piece. Raises `Forbidden` at the first."""
    place = replace(place, cursor=0, limit=EXPORT_AT_ONCE)
    while True:
        page = page_table(db, actor, query, place)
        yield from page.items
        if page.next_cursor is None:
            return
        place = replace(place, cursor=page.next_cursor)


def team_choices(db: Db, actor: Actor) -> list[TeamChoice]:
    """The teams, by name. Raises `Forbidden`."""
    require(actor, Permission.VIEW)
    return [TeamChoice(*row) for row in db.session.execute(select(Team.id, Team.name).order_by(Team.name_key))]


def _narrow(actor: Actor, query: TableQuery, sort_by: str) -> Select[Any]:
    # Only the order by name has indexes that begin with a filter. In any other order a filter must not lead the
    # database away from the index of the order, or it would sort all that fit: it sees an expression, no column.
    is_by_name = sort_by == "name"
    wanted: Select[*tuple[Any, ...]] = select(Station.id, Station.number, Station.presence).where(
        Station.archived_at.is_(None), *visible_stations(actor)
    )
    if query.status is not None:
        presences = STATUSES[query.status]
        column = Station.presence if is_by_name and len(presences) == 1 else func.coalesce(Station.presence, "")
        wanted = wanted.where(or_(*(column == presence for presence in presences)))
    if query.team_id is not None:
        wanted = wanted.where(_in_team(query.team_id, is_by_name=is_by_name and query.status is None))
    if query.procedure_id is not None:
        link = StationProcedure.station_id == Station.id
        wanted = wanted.where(exists().where(link, StationProcedure.procedure_id == query.procedure_id))
    if query.has_unsent:
        active = and_(Installation.station_id == Station.id, Installation.revoked_at.is_(None))
        wanted = wanted.where(exists().where(active, Installation.uploads_waiting > 0))
    return wanted.where(*_matching(query.search))


def _in_team(team_id: str, *, is_by_name: bool) -> ColumnElement[bool]:
    if is_by_name:
        return Station.team_id.is_(None) if team_id == NO_TEAM else Station.team_id == team_id
    return func.coalesce(Station.team_id, "") == ("" if team_id == NO_TEAM else team_id)


def _matching(search: str) -> list[ColumnElement[bool]]:
    text = names.same(search)
    if not text:
        return []
    matches: list[ColumnElement[bool]] = [Station.name_key.contains(text, autoescape=True)]
    digits = text.removeprefix("st-").lstrip("0")
    if digits.isascii() and digits.isdigit() and len(digits) < 9:
        matches.append(Station.number == int(digits))
    return [or_(*matches)]


def _page_by_status(db: Db, wanted: Select[Any], place: Place) -> tuple[list[Any], int | None]:
    """One presence after the other, each by name: at most five short reads of an index instead of one sort of all.

    The cursor keeps the presence that the last row was shown with: it may be another one when the next page is asked
    for, and the page must go on where the one before has ended.
    """
    presences = _PRESENCES[::-1] if place.is_descending else _PRESENCES
    cursor, reached = divmod(place.cursor, _RANKS)
    found: list[Any] = []
    for presence in presences[reached:]:
        if len(found) <= place.limit:
            here = Place("name", is_descending=False, limit=place.limit + 1 - len(found), cursor=cursor)
            found += STATIONS.page(db, wanted.where(Station.presence == presence), here)[0]
            cursor = 0
    rows = found[: place.limit]
    if len(found) <= place.limit:
        return rows, None
    _, number, presence = rows[-1]
    return rows, number * _RANKS + presences.index(presence)


def _rows(db: Db, station_ids: Sequence[str], now: datetime) -> list[TableRow]:
    stations = {row.id: row for row in rows_of(db, station_ids)}
    teams, pictures = _teams_and_pictures_of(db, station_ids)
    strips = strips_of(db, station_ids, now)
    present = [one for one in station_ids if one in stations and one in strips]
    weeks = _weeks_of(db, station_ids, now)
    return [TableRow(stations[one], teams.get(one), pictures.get(one), strips[one], weeks[one]) for one in present]


def _teams_and_pictures_of(db: Db, station_ids: Sequence[str]) -> tuple[dict[str, str], dict[str, str]]:
    wanted = (
        select(Station.id, Team.name, Attachment.id)
        .outerjoin(Team, Team.id == Station.team_id)
        .outerjoin(Attachment, (Attachment.station_id == Station.id) & Attachment.is_image)
        .where(Station.id.in_(station_ids))
    )
    found = db.session.execute(wanted).all()
    return {one: team for one, team, _ in found if team}, {one: picture for one, _, picture in found if picture}


def _weeks_of(db: Db, station_ids: Sequence[str], now: datetime) -> dict[str, Week]:
    zone = zone_of(db, None)
    today = now.astimezone(zone).date()
    days = [today - timedelta(days=ago) for ago in range(DAYS_OF_WEEK - 1, -1, -1)]
    begins = [midnight(day, zone.key) for day in days]
    # The newest first: the first that fits is the day it was.
    place = case(*((Run.started_at >= begins[at], at) for at in range(len(days) - 1, 0, -1)), else_=0)
    is_tested = and_(Run.is_simulated.is_(False), Unit.sample.is_(None))
    counted = (
        select(
            Run.station_id,
            place.label("place"),
            func.count(),
            func.sum(case((Run.outcome == "PASS", 1), else_=0)),
            func.sum(case((is_tested, 1), else_=0)),
            func.sum(case((and_(is_tested, Run.outcome == "PASS"), 1), else_=0)),
        )
        .join(Unit, Unit.id == Run.unit_id)
        .where(Run.station_id.in_(station_ids), Run.started_at >= begins[0], Run.started_at <= now)
        .group_by(Run.station_id, "place")
    )
    sums: dict[str, dict[int, list[int]]] = {}
    for station_id, at, *figures in db.session.execute(counted):
        sums.setdefault(station_id, {})[at] = [int(figure) for figure in figures]
    return {station_id: _week(sums.get(station_id, {})) for station_id in station_ids}


def _week(sums: dict[int, list[int]]) -> Week:
    by_day = [sums.get(at, [0, 0, 0, 0]) for at in range(DAYS_OF_WEEK)]
    _, _, tested, good = (sum(figures) for figures in zip(*by_day, strict=True))
    return Week(tuple((passed, runs - passed) for runs, passed, *_ in by_day), tested, good)
