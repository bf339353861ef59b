"""The days of stations: ninety bars and their sum, read from one row for each finished day. Rules: contract/uptime.md.

A day's row is made from the station's transitions once nothing can change it any more, and never made anew. What has no
row yet, today at least, is summed from the transitions when it is read; so a page is right whether or not the rows are
there, and fast when they are. A day begins where the one before it ended, also when the station's time zone was changed
in between: then one day is shorter or longer than the sun's, and no second is counted twice.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple, cast
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, delete, exists, func, or_, select
from sqlalchemy.orm import aliased

from portal.models import PortalAlive, Station, StationDay, StationState
from portal.services import shifts
from portal.services.actors import Actor
from portal.services.days import DAYS, Day, Strip
from portal.services.presence import State
from portal.services.station_lookup import get_station
from portal.services.upsert import changed, insert_all
from portal.services.uptime import Interval, Span, Transition, Uptime, sum_up, whole_second
from portal.time_zones import midnight

if TYPE_CHECKING:
    from portal.database import Db

WINDOW_DAYS = {"7d": 7, "30d": 30, "90d": DAYS}
# A silent station is down since its last evidence, which may lie before midnight: until then the day is not settled.
SETTLED_AFTER = timedelta(minutes=10)
TRANSITIONS_KEPT = timedelta(days=100)
STATIONS_AT_ONCE = 100  # in one transaction: others write meanwhile
ONE_DAY = timedelta(days=1)


class _Facts(NamedTuple):
    """What the cutting of a station's days needs. ``last_day``: the newest that has a row, which ``last_zone`` cut."""

    id: str
    created_at: datetime
    time_zone: str | None
    shifts: list[Any] | None
    last_day: date | None
    last_zone: str | None


def strips_of(db: Db, station_ids: Sequence[str], now: datetime | None = None) -> dict[str, Strip]:
    """The last ninety days of stations that the caller may see. Four statements, whatever their number."""
    now = whole_second(now or datetime.now(UTC))
    return {one.id: Strip(tuple(days)) for one, days in _read(db, station_ids, now)} if station_ids else {}


def read_uptime(db: Db, actor: Actor, station_id: str, window: str, now: datetime | None = None) -> Uptime:
    """The station's uptime until now. Raises `NotFound`; `Forbidden`.

    ``window``: ``24h``, or one of `WINDOW_DAYS`: today and the days before it.
    """
    station = get_station(db, actor, station_id)
    now = whole_second(now or datetime.now(UTC))
    if window == "24h":
        return sum_last_day(db, station.id, now)
    ((facts, days),) = _read(db, [station.id], now)
    strip = Strip(tuple(days)).last(WINDOW_DAYS[window])
    found = _sum(db, facts, now - timedelta(seconds=sum(day.length_s for day in strip.days)), now)
    return replace(found, seconds=strip.totals)  # what a finished day says stays, whatever was changed since


def sum_last_day(db: Db, station_id: str, now: datetime) -> Uptime:
    """The last 24 hours of the station, whoever asks."""
    now = whole_second(now)
    (facts,) = _facts_of(db, [station_id])
    return _sum(db, facts, now - ONE_DAY, now)


def read_intervals(db: Db, station_id: str, strip: Strip, day: Day | None, now: datetime) -> list[Interval]:
    """What the station did when, oldest first: on the day of the strip, or in all of it."""
    now = whole_second(now)
    (facts,) = _facts_of(db, [station_id])
    if day is None:
        return _sum(db, facts, now - timedelta(seconds=sum(one.length_s for one in strip.days)), now).intervals
    begin = midnight(day.day, day.zone)
    return _sum(db, facts, begin, min(begin + timedelta(seconds=day.length_s), now)).intervals


def keep_days(db: Db) -> int:
    """Make the rows of all days that are over and settled. Returns how many were made.

    The time is the one at which the portal was last known to watch: after a pause of the machine, its own outage is
    noted first.
    """
    alive_at = db.session.scalar(select(PortalAlive.alive_at))
    if alive_at is None:
        return 0
    settled = whole_second(alive_at - SETTLED_AFTER)
    # Nothing more happens on the days of an archived station.
    is_present = or_(Station.archived_at.is_(None), Station.archived_at > settled - 2 * ONE_DAY)
    is_seen = exists().where(StationState.station_id == Station.id)
    present = _facts_of(db, None, is_present, is_seen)
    due = [facts.id for facts in present if next(_open_days(db, facts, settled), None) is not None]
    made = 0
    for start in range(0, len(due), STATIONS_AT_ONCE):
        with db.write():
            db.serialise("station_days")  # another portal may be at the same
            made += _keep(db, due[start : start + STATIONS_AT_ONCE], settled)
    return made


def forget_transitions(db: Db, now: datetime | None = None) -> int:
    """Remove transitions from before the kept time that finished days have summed up. Returns how many."""
    cutoff = (now or datetime.now(UTC)) - TRANSITIONS_KEPT
    newer = aliased(StationState)
    # The newest before the cutoff stays: it says in which state the kept time begins.
    is_followed = exists().where(
        newer.station_id == StationState.station_id, newer.at < cutoff, newer.at > StationState.at
    )
    is_summed = exists().where(StationDay.station_id == StationState.station_id, StationDay.day > cutoff.date())
    with db.write():
        return changed(
            db.session.execute(
                delete(StationState)
                .where(StationState.at < cutoff, is_followed, is_summed)
                .execution_options(synchronize_session=False)
            )
        )


def zone_of(db: Db, name: str | None) -> ZoneInfo:
    """The zone in which a station's days are cut; the portal's for one that has none."""
    return ZoneInfo(name or db.settings.time_zone)


def _keep(db: Db, station_ids: Sequence[str], settled: datetime) -> int:
    rows: list[dict[str, Any]] = []
    every = _facts_of(db, station_ids)
    open_days = {facts.id: list(_open_days(db, facts, settled)) for facts in every}
    transitions = _transitions(db, {one: cuts[0][1] for one, cuts in open_days.items() if cuts})
    for facts in every:
        for day, begin, end in open_days[facts.id]:
            rows.append({"station_id": facts.id, **_day(db, facts, day, begin, end, transitions[facts.id])._asdict()})
    insert_all(db, StationDay, rows)
    return len(rows)


def _read(db: Db, station_ids: Sequence[str], now: datetime) -> Iterator[tuple[_Facts, list[Day]]]:
    every = _facts_of(db, station_ids)
    cuts_by_station = {facts.id: list(_cuts(db, facts, now)) for facts in every}
    oldest = min(cuts[-1][0] for cuts in cuts_by_station.values()) - (DAYS - 1) * ONE_DAY
    stored = _stored(db, station_ids, oldest)
    transitions = _transitions(db, {one: cuts[0][1] for one, cuts in cuts_by_station.items()})
    for facts in every:
        known = stored.get(facts.id, {})
        for day, begin, end in cuts_by_station[facts.id]:
            known[day] = _day(db, facts, day, begin, end, transitions[facts.id])
        today, zone = cuts_by_station[facts.id][-1][0], zone_of(db, facts.time_zone).key
        shown = (today - back * ONE_DAY for back in reversed(range(DAYS)))
        yield facts, [known.get(day) or _before_its_time(day, zone) for day in shown]


def _cuts(db: Db, facts: _Facts, now: datetime) -> Iterator[tuple[date, datetime, datetime]]:
    """The days of the strip that have no row, as (day, begin, end); the last one is today, and ends now."""
    zone = zone_of(db, facts.time_zone)
    local = now.astimezone(zone).date()
    if facts.last_day is not None:
        first = facts.last_day + ONE_DAY
        begin = midnight(first, facts.last_zone or zone.key)
    else:
        first = min(max(facts.created_at.astimezone(zone).date(), local - (DAYS - 1) * ONE_DAY), local)
        begin = midnight(first, zone.key)
    today = max(local, first)
    for day in (first + n * ONE_DAY for n in range((today - first).days)):
        end = min(max(midnight(day + ONE_DAY, zone.key), begin), now)
        yield day, begin, end
        begin = end
    yield today, min(begin, now), now


def _open_days(db: Db, facts: _Facts, settled: datetime) -> Iterator[tuple[date, datetime, datetime]]:
    """The days without a row that were over at that time."""
    *over, _today = _cuts(db, facts, settled)
    yield from over


def _day(db: Db, facts: _Facts, day: date, begin: datetime, end: datetime, transitions: Sequence[Transition]) -> Day:
    before = bisect_right(transitions, begin, key=lambda one: one.at)
    after = bisect_right(transitions, end, key=lambda one: one.at)
    found = sum_up(
        transitions[max(0, before - 1) : after], facts.created_at, begin, end, _planned(db, facts, begin, end)
    )
    return Day(
        day=day,
        zone=zone_of(db, facts.time_zone).key,
        length_s=int((end - begin).total_seconds()),
        up_s=found.seconds["up"],
        down_s=found.seconds["down"],
        off_s=found.seconds["off"],
        unknown_s=found.seconds["unknown"],
        none_s=found.seconds["none"],
        outages=found.outages,
        longest_s=max((one.seconds for one in found.intervals if one.state == "down"), default=0),
    )


def _planned(db: Db, facts: _Facts, begin: datetime, end: datetime) -> Sequence[Span]:
    """When the station was not expected: what its shifts leave free."""
    if facts.shifts is None:
        return ()
    expected = shifts.expected_spans(shifts.load(facts.shifts), zone_of(db, facts.time_zone), begin, end)
    edges = [begin, *(edge for span in expected for edge in span), end]
    return [(left, right) for left, right in zip(edges[::2], edges[1::2], strict=True) if left < right]


def _before_its_time(day: date, zone: str) -> Day:
    length_s = int((midnight(day + ONE_DAY, zone) - midnight(day, zone)).total_seconds())
    return Day(day, zone, length_s, 0, 0, 0, 0, length_s, 0, 0)


def _sum(db: Db, facts: _Facts, begin: datetime, end: datetime) -> Uptime:
    transitions = _transitions(db, {facts.id: begin})[facts.id]
    return sum_up(transitions, facts.created_at, begin, end, _planned(db, facts, begin, end))


def _facts_of(db: Db, station_ids: Sequence[str] | None, *conditions: ColumnElement[bool]) -> list[_Facts]:
    newest = (
        select(func.max(StationDay.day)).where(StationDay.station_id == Station.id).correlate(Station).scalar_subquery()
    )
    wanted = select(
        Station.id, Station.created_at, Station.time_zone, Station.shifts, StationDay.day, StationDay.zone
    ).outerjoin(StationDay, (StationDay.station_id == Station.id) & (StationDay.day == newest))
    if station_ids is not None:
        wanted = wanted.where(Station.id.in_(station_ids))
    return [_Facts(*row) for row in db.session.execute(wanted.where(*conditions))]


def _stored(db: Db, station_ids: Sequence[str], oldest: date) -> dict[str, dict[date, Day]]:
    table = StationDay.__table__.c
    wanted = select(table.station_id, *(table[name] for name in Day._fields)).where(
        table.station_id.in_(station_ids), table.day >= oldest
    )
    found: dict[str, dict[date, Day]] = {}
    for station_id, *facts in db.session.execute(wanted):
        found.setdefault(station_id, {})[facts[0]] = Day(*facts)
    return found


def _transitions(db: Db, since: Mapping[str, datetime]) -> dict[str, list[Transition]]:
    """Each station's transitions from the earliest of these times on, and the one before that, in order."""
    found: dict[str, list[Transition]] = {station_id: [] for station_id in since}
    if not since:
        return found
    earliest = min(since.values())
    before = (
        select(StationState.id)
        .where(StationState.station_id == Station.id, StationState.at < earliest)
        .order_by(StationState.at.desc(), StationState.id.desc())
        .limit(1)
        .correlate(Station)
        .scalar_subquery()
    )
    columns = (StationState.station_id, StationState.at, StationState.state, StationState.reason)
    ids = list(since)
    newest_before = select(*columns).join(Station, StationState.id == before).where(Station.id.in_(ids))
    inside = (
        select(*columns)
        .where(StationState.station_id.in_(ids), StationState.at >= earliest)
        .order_by(StationState.station_id, StationState.at, StationState.id)
    )
    for wanted in (newest_before, inside):
        for station_id, at, state, reason in db.session.execute(wanted):
            found[station_id].append(Transition(at, cast("State", state), reason))
    return found
