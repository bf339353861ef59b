"""Linking stations and procedures: ours, and the older call."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from tests.api.clients import Client
from tests.cast import NOON, record
from tests.core.conftest import Api

Connect = Callable[[str], Client]
Fresh = Callable[[str], str]
NIL = "00000000-0000-0000-0000-000000000000"
OLDER = "/api/trpc/station.linkProcedure"


@pytest.fixture
def procedure_id(api: Api, fresh: Fresh) -> str:
    return api.call("dev", "POST", "/api/v2/procedures", json={"name": fresh("P")}).json()["id"]


def test_a_station_may_record_what_it_is_linked_to(api: Api, connect: Connect, fresh: Fresh, procedure_id: str) -> None:
    path = f"/api/v2/stations/{api.cast.station.id}/procedures/{procedure_id}"

    def stored(at: datetime = NOON) -> int:
        facts = {"procedure_id": procedure_id, "serial_number": fresh("SN"), "started_at": at.isoformat()}
        ended_at = (at + timedelta(seconds=9)).isoformat()
        return api.post_run("bench", record(api.cast, **facts, ended_at=ended_at)).status_code

    before = stored()
    linked = [api.call("dev", "PUT", path) for _ in range(2)]
    during = stored()
    seen = [one.id for one in connect("bench").stations.get_current().procedures]
    unlinked = [api.call("dev", "DELETE", path) for _ in range(2)]

    assert [one.status_code for one in (*linked, *unlinked)] == [200] * 4
    assert linked[0].json() == {"id": api.cast.station.id, "procedure_id": procedure_id}
    later = datetime.now(UTC) + timedelta(minutes=1)
    assert (before, during, stored(later), stored()) == (403, 200, 403, 200)  # the last one began before the end
    assert procedure_id in seen


def test_the_older_call_links_too(api: Api, procedure_id: str) -> None:
    body = {"json": {"id": api.cast.station.id, "procedure_id": procedure_id}}

    assert api.call("dev", "POST", OLDER, json=body).status_code == 200
    assert api.call("dev", "POST", OLDER, json=body).status_code == 200

    linked = api.call("dev", "GET", f"/api/v2/stations/{api.cast.station.id}").json()["procedures"]
    assert procedure_id in [one["id"] for one in linked]


@pytest.mark.parametrize("who", ["bench", "otto", "vera", "olga", None])
def test_others_link_nothing(api: Api, procedure_id: str, who: str | None) -> None:
    path = f"/api/v2/stations/{api.cast.station.id}/procedures/{procedure_id}"
    body = {"json": {"id": api.cast.station.id, "procedure_id": procedure_id}}
    wanted = 401 if who is None else 403

    answers = [api.call(who, "PUT", path), api.call(who, "DELETE", path), api.call(who, "POST", OLDER, json=body)]

    assert [one.status_code for one in answers] == [wanted] * 3


def test_unknown_and_malformed_ids(api: Api, procedure_id: str) -> None:
    known = api.cast.station.id

    for method in ("PUT", "DELETE"):
        for station_id, other, status in (
            (NIL, procedure_id, 404), (known, NIL, 404), ("x", procedure_id, 400), (known, "x", 400),
        ):  # fmt: skip
            path = f"/api/v2/stations/{station_id}/procedures/{other}"
            assert api.call("dev", method, path).status_code == status
    for pair, status in (({"id": known, "procedure_id": NIL}, 404), ({"id": "x", "procedure_id": NIL}, 400), ({}, 400)):
        assert api.call("dev", "POST", OLDER, json={"json": pair}).status_code == status
