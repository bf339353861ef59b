"""Presence and uptime over the API. How they are summed is in tests/core/test_uptime.py."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta

import pytest

from portal.models import Station
from portal.services import presence
from tests.core.conftest import Api

Fresh = Callable[[str], str]
NIL = "00000000-0000-0000-0000-000000000000"


@pytest.fixture
def station_id(api: Api, fresh: Fresh) -> str:
    made = api.call("dev", "POST", "/api/v2/stations", json={"name": fresh("Bench")}).json()["id"]
    now = datetime.now(UTC)
    with api.database.open() as db, db.write():
        db.session.get_one(Station, made).created_at = now - timedelta(hours=30)
        presence.mark_up(db, made, now - timedelta(hours=20), "connected")
        presence.mark_down(db, made, now - timedelta(hours=2), "silent")
    return made


def test_a_station_is_down_since_its_last_evidence(api: Api, station_id: str) -> None:
    found = api.call("vera", "GET", f"/api/v2/stations/{station_id}/presence").json()

    assert (found["state"], found["is_online"], found["reason"]) == ("down", False, "silent")
    assert timedelta(hours=1.9) < datetime.fromisoformat(found["at"]) - datetime.fromisoformat(found["since"])


def test_uptime_is_said_in_seconds_and_intervals(api: Api, station_id: str) -> None:
    found = api.call("dev", "GET", f"/api/v2/stations/{station_id}/uptime").json()
    week = api.call("dev", "GET", f"/api/v2/stations/{station_id}/uptime?window=7d").json()

    assert [one["state"] for one in found["intervals"]] == ["none", "up", "down"]
    assert (found["outages"], found["seconds"]["up"]) == (1, 18 * 3600)
    assert 89.9 < found["uptime_percent"] <= 90.0  # the outage goes on while this is read
    assert sum(found["seconds"].values()) == 24 * 3600
    # Today, which is not over, and the six days before it.
    begin, end = (datetime.fromisoformat(week[name]) for name in ("started_at", "ended_at"))
    assert sum(week["seconds"].values()) == (end - begin).total_seconds()
    assert (begin.time(), end.date() - begin.date()) == (time(), timedelta(days=6))
    assert week["intervals"][0]["started_at"] > week["started_at"]


def test_a_new_station_has_no_percent(api: Api, fresh: Fresh) -> None:
    made = api.call("dev", "POST", "/api/v2/stations", json={"name": fresh("Bench")}).json()["id"]

    now = api.call("dev", "GET", f"/api/v2/stations/{made}/presence").json()
    found = api.call("dev", "GET", f"/api/v2/stations/{made}/uptime?window=90d").json()

    assert (now["state"], now["since"]) == ("none", None)
    assert (found["uptime_percent"], found["seconds"]["up"], found["outages"]) == (None, 0, 0)
    assert found["seconds"]["none"] == sum(found["seconds"].values()) > 89 * 24 * 3600


@pytest.mark.parametrize("what", ["presence", "uptime"])
def test_a_station_sees_itself_alone(api: Api, what: str) -> None:
    own, other = api.cast.station.id, api.cast.other_station.id

    assert api.call("bench", "GET", f"/api/v2/stations/{own}/{what}").status_code == 200
    for station_id, status in ((other, 404), (NIL, 404), ("x", 400)):
        assert api.call("bench", "GET", f"/api/v2/stations/{station_id}/{what}").status_code == status


@pytest.mark.parametrize("query", ["window=1y", "windows=7d"])
def test_raw_queries_that_cannot_be_are_refused(api: Api, query: str) -> None:
    assert api.call("dev", "GET", f"/api/v2/stations/{api.cast.station.id}/uptime?{query}").status_code == 400
