"""Uptime from transitions: whole seconds that sum to the window. Rules: contract/uptime.md."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import update

from portal.database import Db
from portal.errors import NotFound
from portal.models import Station
from portal.services import presence
from portal.services.station_days import read_uptime
from portal.services.uptime import MOST_INTERVALS, STATES, Transition, Uptime, sum_up
from tests.cast import NOON, Cast

DAY = timedelta(days=1)


def later(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def of_a_day(*transitions: tuple[float, str], created: float = 0.0) -> Uptime:
    """The day from noon on, by what happened how many seconds after it."""
    steps = [Transition(later(at), state) for at, state in transitions]  # type: ignore[arg-type]
    return sum_up(steps, later(created), NOON, NOON + DAY)


steps = st.lists(st.tuples(st.floats(-200_000, 200_000), st.sampled_from(STATES)), max_size=12)


@given(steps=steps, created=st.floats(-200_000, 200_000), length=st.integers(0, 90 * 86_400))
def test_the_parts_sum_to_the_whole(steps: list[tuple[float, str]], created: float, length: int) -> None:
    transitions = [Transition(later(at), state) for at, state in sorted(steps)]  # type: ignore[arg-type]

    found = sum_up(transitions, later(created), NOON, NOON + timedelta(seconds=length, milliseconds=900))

    assert sum(found.seconds.values()) == length
    assert all(second >= 0 for second in found.seconds.values())
    inside = sum(one.seconds for one in found.intervals)
    assert inside == sum(found.seconds.values()) - max(0, min(length, int((later(created) - NOON).total_seconds())))
    for before, after in zip(found.intervals, found.intervals[1:], strict=False):
        assert before.ended_at == after.started_at
        assert before.state != after.state
    assert all(one.started_at >= later(created).replace(microsecond=0) for one in found.intervals)
    assert (found.percent == 100) == (found.seconds["down"] == 0 and found.seconds["up"] > 0)


def test_always_up_is_100_and_nothing_is_said_of_before() -> None:
    found = of_a_day((3600, "up"), created=3600)

    assert (found.percent, found.seconds["up"], found.seconds["none"]) == (100.0, 23 * 3600, 3600)
    assert [one.started_at for one in found.intervals] == [later(3600)]


def test_never_connected_is_no_percent() -> None:
    assert of_a_day().percent is None


def test_one_short_outage_in_90_days_is_not_100() -> None:
    steps = [Transition(later(-5), "up"), Transition(later(1000), "down"), Transition(later(1031), "up")]

    found = sum_up(steps, later(-10), NOON, NOON + 90 * DAY)

    assert (found.percent, found.outages, found.seconds["down"]) == (99.99, 1, 31)


def test_what_was_not_observed_or_planned_does_not_count() -> None:
    found = of_a_day((-9, "up"), (100, "off"), (7300, "up"), (8000, "unknown"), (9000, "up"), created=-20)

    assert (found.percent, found.seconds["off"], found.seconds["unknown"]) == (100.0, 7200, 1000)


def test_hardly_up_is_rounded_down() -> None:
    assert of_a_day((0, "up"), (5, "down")).percent == 0.0


def test_a_station_that_comes_and_goes_tells_of_its_newest_intervals() -> None:
    changes = [(float(n), "up" if n % 2 else "down") for n in range(1, 3001)]

    found = of_a_day(*changes)

    assert (len(found.intervals), found.intervals_left_out) == (MOST_INTERVALS, 3001 - MOST_INTERVALS)
    assert found.intervals[-1].ended_at == NOON + DAY
    assert (found.outages, sum(found.seconds.values())) == (1500, 86_400)


def test_it_is_read_from_what_is_stored(db: Db, cast: Cast) -> None:
    station_id = cast.station.id
    with db.write():
        db.session.execute(update(Station).where(Station.id == station_id).values(created_at=NOON - 8 * DAY))
    presence.mark_up(db, station_id, NOON - 8 * DAY, "connected")
    presence.mark_down(db, station_id, later(-7200.4), "silent")
    presence.mark_up(db, station_id, later(-3600), "connected")

    day = read_uptime(db, cast.vera, station_id, "24h", NOON)
    month = read_uptime(db, cast.bench, station_id, "30d", NOON)

    assert day.seconds == {"up": 86_400 - 3601, "down": 3601, "off": 0, "unknown": 0, "none": 0}
    assert [(one.state, one.reason) for one in day.intervals] == [
        ("up", "connected"), ("down", "silent"), ("up", "connected"),
    ]  # fmt: skip
    # Today until noon, and the 29 days before it.
    assert month.seconds["none"] == 21 * 86_400 + 86_400 // 2
    assert month.seconds["up"] == 8 * 86_400 - 3601
    with pytest.raises(NotFound):
        read_uptime(db, cast.otto, station_id, "24h", NOON)
