"""Days of stations: the same figures with and without their rows. Rules: contract/uptime.md."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, event, func, insert, select, update

from portal.database import Db
from portal.models import PortalAlive, Station, StationDay, StationState
from portal.models.base import new_id
from portal.services import presence
from portal.services.days import DAYS, Day, Strip
from portal.services.station_days import SETTLED_AFTER, forget_transitions, keep_days, read_uptime, strips_of
from tests.cast import NOON, Cast

DAY = timedelta(days=1)
STATES = ("up", "down", "off", "unknown", "none")
ZONES = ("UTC", "Europe/Berlin", "America/Havana", "Asia/Kolkata", "Pacific/Apia", "Pacific/Honolulu")


def watched_until(db: Db, at: datetime) -> None:
    """The portal has written that it was watching at that time."""
    with db.write():
        db.session.execute(delete(PortalAlive))
    presence.note_alive(db, at)


def lives(db: Db, station_id: str, created_at: datetime, steps: list[tuple[datetime, str]], zone: str = "UTC") -> None:
    """The station's whole past, instead of what it was."""
    with db.write():
        db.session.execute(delete(StationDay).where(StationDay.station_id == station_id))
        db.session.execute(delete(StationState).where(StationState.station_id == station_id))
        db.session.execute(
            update(Station).where(Station.id == station_id).values(created_at=created_at, time_zone=zone, shifts=None)
        )
        for at, state in sorted(steps):
            db.session.add(StationState(station_id=station_id, at=at, state=state, source="link"))


def strip_of(db: Db, station_id: str, now: datetime) -> Strip:
    return strips_of(db, [station_id], now)[station_id]


def is_whole(strip: Strip) -> bool:
    """Ninety days in a row, each the sum of its parts."""
    days = [one.day for one in strip.days]
    in_row = days == [days[0] + n * DAY for n in range(DAYS)]
    return in_row and all(one.length_s == sum(one[3:8]) and min(one[2:]) >= 0 for one in strip.days)


moments = st.floats(-95 * 86_400, 0).map(lambda s: NOON + timedelta(seconds=s))


@given(
    steps=st.lists(st.tuples(moments, st.sampled_from(STATES)), max_size=15),
    created_at=moments,
    zone=st.sampled_from(ZONES),
    kept_at=st.lists(moments, max_size=3),
)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_rows_of_finished_days_change_no_figure(
    db: Db, cast: Cast, steps: list[tuple[datetime, str]], created_at: datetime, zone: str, kept_at: list[datetime]
) -> None:
    station_id = cast.station.id
    steps = [step for step in steps if step[0] >= created_at]
    lives(db, station_id, created_at, steps, zone)
    before = strip_of(db, station_id, NOON)
    assert is_whole(before)
    whole = read_uptime(db, cast.vera, station_id, "90d", NOON)
    assert whole.seconds == before.totals
    assert sum(before.totals.values()) == int((NOON - whole.started_at).total_seconds())

    for at in sorted(kept_at):
        watched_until(db, at)
        with_past = [step for step in steps if step[0] <= at]
        if len(with_past) == len(steps):  # a row is only right when nothing older comes afterwards
            keep_days(db)
            assert strip_of(db, station_id, NOON) == before
    watched_until(db, NOON)
    keep_days(db)
    assert keep_days(db) == 0
    assert strip_of(db, station_id, NOON) == before
    assert read_uptime(db, cast.vera, station_id, "90d", NOON) == whole


@given(first=st.sampled_from(ZONES), second=st.sampled_from(ZONES), hour=st.integers(0, 47))
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_second_is_counted_twice_when_the_zone_changes(
    db: Db, cast: Cast, first: str, second: str, hour: int
) -> None:
    station_id, moved_at = cast.station.id, NOON - 5 * DAY + timedelta(hours=hour)
    lives(db, station_id, NOON - 30 * DAY, [(NOON - 30 * DAY, "up")], first)
    watched_until(db, moved_at)
    keep_days(db)
    with db.write():
        db.session.execute(update(Station).where(Station.id == station_id).values(time_zone=second))
    for at in (moved_at + timedelta(hours=1), moved_at + DAY, NOON):
        watched_until(db, at)
        keep_days(db)
        strip = strip_of(db, station_id, at)
        assert is_whole(strip)
        assert strip.totals["up"] == int((at - (NOON - 30 * DAY)).total_seconds())


def test_days_of_23_and_25_hours(db: Db, cast: Cast) -> None:
    station_id = cast.station.id
    lives(db, station_id, datetime(2026, 3, 1, tzinfo=UTC), [(datetime(2026, 3, 2, tzinfo=UTC), "up")], "Europe/Berlin")

    spring = {one.day: one for one in strip_of(db, station_id, datetime(2026, 4, 5, tzinfo=UTC)).days}
    autumn = {one.day: one for one in strip_of(db, station_id, datetime(2026, 11, 1, tzinfo=UTC)).days}

    assert [spring[date(2026, 3, day)].up_s for day in (28, 29, 30)] == [86_400, 82_800, 86_400]
    assert [autumn[date(2026, 10, day)].up_s for day in (24, 25, 26)] == [86_400, 90_000, 86_400]


def test_an_outage_over_midnight_is_split(db: Db, cast: Cast) -> None:
    station_id, midnight = cast.station.id, datetime(2026, 11, 20, tzinfo=UTC)
    lives(db, station_id, NOON - 30 * DAY, [
        (NOON - 30 * DAY, "up"), (midnight - timedelta(minutes=10), "down"), (midnight + timedelta(minutes=5), "up"),
    ])  # fmt: skip
    watched_until(db, NOON)
    keep_days(db)

    days = {one.day: one for one in strip_of(db, station_id, NOON).days}

    facts = [(days[date(2026, 11, day)].down_s, days[date(2026, 11, day)].longest_s) for day in (19, 20, 21)]
    assert facts == [(600, 600), (300, 300), (0, 0)]
    assert [days[date(2026, 11, day)].level for day in (19, 20, 21)] == ["slight", "slight", "up"]


def test_a_day_is_kept_once_it_is_settled(db: Db, cast: Cast) -> None:
    midnight = datetime(2026, 11, 20, tzinfo=UTC)
    lives(db, cast.station.id, midnight - 2 * DAY, [(midnight - 2 * DAY, "up")])
    watched_until(db, midnight + SETTLED_AFTER - timedelta(seconds=1))
    keep_days(db)
    newest = select(func.max(StationDay.day)).where(StationDay.station_id == cast.station.id)
    assert db.session.scalar(newest) == date(2026, 11, 18)

    watched_until(db, midnight + SETTLED_AFTER + timedelta(seconds=1))
    assert keep_days(db) == 1
    assert db.session.scalar(newest) == date(2026, 11, 19)


def test_a_station_that_never_connected_has_no_rows_and_no_percent(db: Db, cast: Cast) -> None:
    lives(db, cast.station.id, NOON - 30 * DAY, [])
    watched_until(db, NOON)

    assert keep_days(db) == 0
    strip = strip_of(db, cast.station.id, NOON)
    assert (strip.percent, strip.coverage_percent, strip.since) == (None, None, None)
    assert {one.level for one in strip.days} == {"none"}


def test_transitions_are_forgotten_once_their_days_are_kept(db: Db, cast: Cast) -> None:
    station_id = cast.station.id
    steps = [(NOON - back * DAY, state) for back, state in ((150, "up"), (140, "down"), (130, "up"), (3, "off"))]
    lives(db, station_id, NOON - 150 * DAY, steps)
    count = select(func.count()).where(StationState.station_id == station_id)
    before = strip_of(db, station_id, NOON)

    assert forget_transitions(db, NOON) == 0  # nothing has summed them up yet
    watched_until(db, NOON)
    keep_days(db)
    assert forget_transitions(db, NOON) == 2

    assert db.session.scalar(count) == 2
    assert strip_of(db, station_id, NOON) == before


def test_time_outside_of_the_shifts_counts_neither_way(db: Db, cast: Cast) -> None:
    """On at 18:00, off at 6:00, as every night; and an outage in the shift."""
    station_id, midnight = cast.station.id, datetime(2026, 11, 19, tzinfo=UTC)
    day_of_work = ((6, "up"), (10, "down"), (11, "up"), (18, "down"))
    steps = [
        (midnight + day * DAY + timedelta(hours=hour), state) for day in range(-3, 1) for hour, state in day_of_work
    ]
    lives(db, station_id, midnight - 4 * DAY, steps)
    with db.write():
        calendar = [{"day": day, "from": "06:00", "to": "18:00"} for day in ("mon", "tue", "wed", "thu", "fri")]
        db.session.execute(update(Station).where(Station.id == station_id).values(shifts=calendar))

    days = {one.day: one for one in strip_of(db, station_id, midnight + DAY).days}

    wednesday, sunday = days[date(2026, 11, 18)], days[date(2026, 11, 15)]
    assert (wednesday.off_s, wednesday.up_s, wednesday.down_s) == (43_200, 39_600, 3600)
    assert (wednesday.percent, wednesday.level) == (91.66, "much")
    assert (sunday.up_s, sunday.down_s) == (0, 0)
    day = read_uptime(db, cast.vera, station_id, "24h", midnight + DAY)
    assert day.seconds["off"] == 43_200


@pytest.mark.parametrize(
    ("seconds", "level"),
    [
        ({"up_s": 86_400}, "up"),
        ({"up_s": 86_399, "down_s": 1}, "slight"),
        ({"up_s": 85_000, "down_s": 1_400}, "some"),
        ({"up_s": 75_000, "down_s": 11_400}, "much"),
        ({"up_s": 1_000, "down_s": 85_400}, "down"),
        ({"down_s": 86_400}, "down"),
        ({"off_s": 86_400}, "quiet"),
        ({"up_s": 8_000, "unknown_s": 78_400}, "unknown"),
        ({"none_s": 86_400}, "none"),
    ],
)
def test_a_day_looks_as_the_worst_that_is_known_of_it(seconds: dict[str, int], level: str) -> None:
    parts = dict.fromkeys(("up_s", "down_s", "off_s", "unknown_s", "none_s"), 0) | seconds

    assert Day(day=date(2026, 1, 1), zone="UTC", length_s=86_400, outages=0, longest_s=0, **parts).level == level


def test_many_stations_cost_as_many_statements_as_one(db: Db, cast: Cast) -> None:
    ids = [new_id() for _ in range(60)]
    rows: list[dict[str, Any]] = [
        {"id": one, "number": 1000 + n, "name": f"S{n}", "name_key": f"s{n}", "presence": "up",
         "created_at": NOON - DAY, "edits": 0}
        for n, one in enumerate(ids)
    ]  # fmt: skip
    with db.write():
        db.session.execute(insert(Station), rows)
        db.session.execute(
            insert(StationState),
            [{"station_id": one, "at": NOON - DAY, "state": "up", "source": "link"} for one in ids],
        )
    statements: list[str] = []
    event.listen(
        db.database.engine,
        "before_cursor_execute",
        lambda *facts: statements.append(facts[2]) if "SELECT" in facts[2] else None,
    )

    one = strips_of(db, ids[:1], NOON)
    few = len(statements)
    many = strips_of(db, ids, NOON)

    assert (few, len(statements)) == (4, 8)
    assert len(many) == 60
    assert one[ids[0]] == many[ids[0]]
    assert {strip.percent for strip in many.values()} == {100.0}
