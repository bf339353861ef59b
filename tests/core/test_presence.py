from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sqlalchemy import delete, select, update

from portal.announcements import PresenceChanged
from portal.database import Database, Db
from portal.models import Station, StationState
from portal.services import presence
from tests.cast import NOON, Cast


def later(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def history(db: Db, cast: Cast) -> list[tuple[str, float]]:
    wanted = select(StationState).where(StationState.station_id == cast.station.id).order_by(StationState.id)
    return [(state.state, (state.at - NOON).total_seconds()) for state in db.session.scalars(wanted)]


def test_a_new_station_has_never_connected(db: Db, cast: Cast) -> None:
    now = presence.presence_of(db, cast.station.id)

    assert (now.state, now.since, now.word, now.is_online) == ("none", None, "never connected", False)


def test_silence_is_down_since_the_last_evidence(db: Db, database: Database, cast: Cast) -> None:
    heard: list[object] = []
    database.listen(heard.append)

    assert presence.mark_up(db, cast.station.id, later(0), "connected")
    assert not presence.mark_up(db, cast.station.id, later(5), "connected")
    assert presence.mark_down(db, cast.station.id, later(20), "silent")
    assert not presence.mark_down(db, cast.station.id, later(40), "silent")

    now = presence.presence_of(db, cast.station.id)
    assert (now.word, now.since, now.reason) == ("offline", later(20), "silent")
    assert history(db, cast) == [("up", 0), ("down", 20)]
    assert heard == [PresenceChanged(cast.station.id)] * 2


def test_a_goodbye_is_planned_and_a_crash_is_not(db: Db, cast: Cast) -> None:
    presence.mark_up(db, cast.station.id, later(0), "connected")
    presence.mark_off(db, cast.station.id, later(10), "stopped")
    presence.mark_up(db, cast.station.id, later(20), "connected")
    presence.mark_off(db, cast.station.id, later(30), "crash")

    assert history(db, cast) == [("up", 0), ("off", 10), ("up", 20), ("down", 30)]


def test_what_never_came_cannot_go(db: Db, cast: Cast) -> None:
    assert not presence.mark_down(db, cast.station.id, later(0), "silent")
    assert not presence.mark_off(db, cast.station.id, later(0), "stopped")
    assert history(db, cast) == []


def test_a_restart_makes_what_was_up_unknown_since_the_portal_last_watched(db: Db, cast: Cast) -> None:
    presence.mark_up(db, cast.station.id, later(0), "connected")
    presence.note_alive(db, later(100))
    presence.note_alive(db, later(105))

    awaited = presence.portal_started(db, later(7200))
    came_back = presence.mark_up(db, cast.station.id, later(7210), "connected")

    assert awaited == [cast.station.id]
    assert came_back
    assert history(db, cast) == [("up", 0), ("unknown", 105), ("up", 7210)]
    assert not presence.still_unknown_to_down(db, cast.station.id, later(7200))


def test_who_does_not_come_back_is_down_since_the_start(db: Db, cast: Cast) -> None:
    presence.mark_up(db, cast.station.id, later(0), "connected")
    presence.note_alive(db, later(100))
    presence.portal_started(db, later(7200))
    presence.portal_started(db, later(7300))

    assert presence.still_unknown_to_down(db, cast.station.id, later(7300))
    assert history(db, cast) == [("up", 0), ("unknown", 100), ("down", 7300)]


def test_the_first_start_knows_of_no_outage(db: Db) -> None:
    assert presence.portal_started(db, NOON) == []


def test_two_who_notice_the_same_silence_store_it_once(
    db: Db, database: Database, cast: Cast, at_once: Callable[..., list[object]]
) -> None:
    presence.mark_up(db, cast.station.id, later(0), "connected")

    def notice() -> bool:
        with database.open() as own:
            return presence.mark_down(own, cast.station.id, later(20), "silent")

    assert sorted(map(bool, at_once(notice, notice))) == [False, True]
    assert history(db, cast) == [("up", 0), ("down", 20)]


def test_a_station_that_is_gone_changes_nothing(db: Db) -> None:
    assert not presence.mark_up(db, "00000000-0000-0000-0000-000000000000", NOON, "connected")


ACTS = {
    "up": presence.mark_up,
    "down": presence.mark_down,
    "off": presence.mark_off,
    "awaited": lambda db, station_id, at, _reason: presence.still_unknown_to_down(db, station_id, at),
    "restart": lambda db, _station_id, at, _reason: presence.portal_started(db, at),
}


@pytest.mark.parametrize("settings", ["sqlite"], indirect=True)
@hypothesis_settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(st.tuples(st.sampled_from(sorted(ACTS)), st.integers(-100, 1000)), max_size=12))
def test_intervals_never_overlap_and_states_alternate(db: Db, cast: Cast, steps: list[tuple[str, int]]) -> None:
    with db.write():
        db.session.execute(delete(StationState))
        db.session.execute(update(Station).values(presence="none", presence_since=None))

    for name, seconds in steps:
        ACTS[name](db, cast.station.id, later(seconds), "told to")

    states = history(db, cast)
    assert [at for _, at in states] == sorted(at for _, at in states)
    assert all(one != two for (one, _), (two, _) in pairwise(states))
    assert presence.presence_of(db, cast.station.id).state == (states[-1][0] if states else "none")
