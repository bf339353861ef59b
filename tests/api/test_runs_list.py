"""Lists of runs: filters, orders and pages, through the public client and without it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from portal.models import Unit
from portal.services.names import same
from tests.api.clients import OLDEST, Client, Refused
from tests.cast import NOON, record
from tests.core.conftest import Api

Connect = Callable[[str], Client]


@dataclass
class Plant:
    """Six runs, named by letters: a and b of one unit, the others each of its own."""

    prefix: str
    ids: dict[str, str]
    dev: str
    station: str
    procedure: str

    def letters(self, page: SimpleNamespace) -> str:
        by_id = {run_id: letter for letter, run_id in self.ids.items()}
        return "".join(by_id.get(run.id, "?") for run in page.data)


@pytest.fixture(scope="module")
def plant(api: Api) -> Plant:
    prefix, cast = "LIST", api.cast
    kinds: dict[str, tuple[str, dict[str, Any]]] = {
        "a": ("bench", {"serial_number": "LIST-1", "part_number": "PART-X", "revision_number": "R1"}),
        "b": ("bench", {"serial_number": "list-1", "part_number": "PART-X", "revision_number": "R1",
                    "outcome": "FAIL"}),
        "c": ("bench", {"serial_number": "LIST-2", "part_number": "PART-Y", "revision_number": "R1",
                    "batch_number": "LB"}),
        "d": ("dev", {"serial_number": "LIST-3", "part_number": "PART-Y", "outcome": "ERROR",
                  "procedure_version": "V1.0"}),
        "e": ("dev", {"serial_number": "LIST-4%", "part_number": "PART-Z", "operated_by": "dev@example.com"}),
        "f": ("otto", {"serial_number": "LIST-5", "part_number": "PART-Z", "operated_by": "Night shift"}),
    }  # fmt: skip
    ids = {}
    for place, (letter, (who, changes)) in enumerate(kinds.items()):
        at = NOON + timedelta(days=place)
        body = record(
            cast, started_at=at.isoformat(), ended_at=(at + timedelta(minutes=place)).isoformat(),
            metadata={"line": place, "shift": "late" if place % 2 else "early", "ok": place > 2}, **changes,
        )  # fmt: skip
        if who == "otto":
            body["procedure_id"] = cast.other_procedure.id
        answer = api.post_run(who, body)
        assert answer.status_code == 200, answer.text
        ids[letter] = answer.json()["id"]
    with api.database.open() as db, db.write():
        db.session.query(Unit).filter(Unit.serial_key == same("LIST-2")).one().sample = "golden"
    return Plant(prefix, ids, cast.dev.id, cast.station.id, cast.procedure.id)


ONE_DAY = timedelta(days=1)
FILTERS: list[tuple[dict[str, Any], str]] = [
    ({}, "fedcba"),
    ({"outcomes": ["FAIL", "ERROR"]}, "db"),
    ({"serial_numbers": ["list-1", "LIST-3"]}, "dba"),
    ({"part_numbers": ["part-x"]}, "ba"),
    ({"part_numbers": ["PART-X", "PART-Z"]}, "feba"),
    ({"revision_numbers": ["r1"]}, "cba"),
    ({"batch_numbers": ["lb"]}, "c"),
    ({"procedure_versions": ["v1.0"]}, "d"),
    ({"operated_by_names": ["Night shift"]}, "f"),
    ({"operated_by_names": ["Dev"]}, "e"),
    ({"started_after": NOON + ONE_DAY, "started_before": NOON + 3 * ONE_DAY}, "dcb"),
    ({"ended_after": NOON + 4 * ONE_DAY}, "fe"),
    ({"ended_before": NOON + 1.5 * ONE_DAY}, "ba"),
    ({"created_before": NOON - 5000 * ONE_DAY}, ""),
    ({"created_after": NOON - 5000 * ONE_DAY}, "fedcba"),
    ({"duration_min": "PT2M", "duration_max": "PT4M"}, "edc"),
    ({"search_query": "IST-1"}, "ba"),
    ({"search_query": "4%"}, "e"),
    ({"search_query": ""}, "fedcba"),
    ({"search_query": "no such thing"}, ""),
    ({"samples": ["golden"]}, "c"),
    ({"samples": ["failing", "ignored"]}, ""),
    ({"environments": ["development"]}, "fedcba"),
    ({"environments": ["production", "preview"]}, ""),
    ({"deployment_ids": ["00000000-0000-0000-0000-000000000000"]}, ""),
    ({"metadata": {"line": {"gte": 4}}}, "fe"),
    ({"metadata": {"shift": {"in": ["early"]}, "ok": {"eq": False}}}, "ca"),
    ({"metadata": {"shift": {"contains": "AT"}}}, "fdb"),
    ({"outcomes": ["PASS"], "part_numbers": ["PART-X"]}, "a"),
    ({"sort_by": "duration", "sort_order": "asc"}, "abcdef"),
    ({"sort_by": "serial_number", "sort_order": "asc", "outcomes": ["FAIL", "ERROR"]}, "bd"),
    ({"sort_by": "created_at"}, "fedcba"),
    ({"sort_by": "outcome", "sort_order": "asc", "outcomes": ["FAIL", "ERROR"]}, "db"),
]
ONLY_NEWER = {"metadata", "samples", "environments", "batch_numbers", "operated_by_names", "deployment_ids"}


@pytest.mark.parametrize(("query", "letters"), FILTERS, ids=lambda value: str(value)[:60])
def test_a_list_is_narrowed_and_ordered(connect: Connect, plant: Plant, query: dict[str, Any], letters: str) -> None:
    client = connect("bench")
    if client.version == OLDEST and ONLY_NEWER & set(query):
        return  # that client has no such argument; the newer ones ask the same
    found = client.runs.list(**{"ids": list(plant.ids.values())} | query)

    assert plant.letters(found) == letters
    assert (found.meta.has_more, found.meta.next_cursor) == (False, None)


def test_a_list_is_narrowed_by_ids(connect: Connect, plant: Plant) -> None:
    client, every = connect("vera"), list(plant.ids.values())

    assert plant.letters(client.runs.list(ids=every, created_by_user_ids=[plant.dev])) == "ed"
    assert plant.letters(client.runs.list(ids=every, created_by_station_ids=[plant.station])) == "cba"
    assert plant.letters(client.runs.list(ids=every, operated_by_ids=[plant.dev])) == "e"
    assert plant.letters(client.runs.list(ids=every, procedure_ids=[plant.procedure])) == "edcba"
    assert plant.letters(client.runs.list(search_query=plant.ids["d"][:20])).count("d") == 1
    assert plant.letters(client.runs.list(ids=[plant.ids["d"].upper(), "nonsense"])) == "d"


def test_production_is_what_has_no_class(newest: Connect, plant: Plant) -> None:
    every = list(plant.ids.values())

    assert plant.letters(newest("vera").runs.list(ids=every, samples=["production"])) == "fedba"
    assert plant.letters(newest("vera").runs.list(ids=every, samples=["production", "golden"])) == "fedcba"


def test_metadata_comes_only_when_it_is_asked_for(api: Api, plant: Plant) -> None:
    path = f"/api/v2/runs?ids={plant.ids['a']}"

    (bare,) = api.call("vera", "GET", path).json()["data"]
    (full,) = api.call("vera", "GET", f"{path}&include_metadata=true&include_sequences=true").json()["data"]

    assert "metadata" not in bare
    assert (full["metadata"], full["sequences"]) == ({"line": 0, "shift": "early", "ok": False}, [])
    assert full["unit"]["part"]["revision"]["number"] == "R1"


@pytest.mark.parametrize("sort_by", ["started_at", "created_at", "duration", "serial_number", "outcome", "part_number"])
@pytest.mark.parametrize("sort_order", ["asc", "desc"])
def test_pages_follow_each_other_in_any_order(api: Api, plant: Plant, sort_by: str, sort_order: str) -> None:
    query: dict[str, Any] = {"ids": list(plant.ids.values()), "sort_by": sort_by, "sort_order": sort_order}
    whole = api.call("vera", "GET", "/api/v2/runs", params=query).json()["data"]

    seen: list[Any] = []
    cursor: int | None = 0
    while cursor is not None:
        page = api.call("vera", "GET", "/api/v2/runs", params=query | {"limit": 2, "cursor": f"{cursor}.0"}).json()
        seen += page["data"]
        cursor = page["meta"]["next_cursor"]

    assert [one["id"] for one in seen] == [one["id"] for one in whole]
    assert len(seen) == 6


def test_pages_go_on_while_runs_are_removed(connect: Connect, fresh: Callable[[str], str], api: Api) -> None:
    client, serials = connect("dev"), [fresh("GONE") for _ in range(6)]
    for place, serial in enumerate(serials):
        at = (NOON + timedelta(seconds=place)).isoformat()
        api.post_run("dev", record(api.cast, serial_number=serial, started_at=at, ended_at=at))

    seen, cursor = [], None
    while True:
        page = client.runs.list(serial_numbers=serials, limit=2, cursor=cursor)
        seen += [one.unit.serial_number for one in page.data]
        client.runs.delete(ids=[page.data[-1].id])
        cursor = page.meta.next_cursor
        if not page.meta.has_more:
            break

    assert seen == serials[::-1]


def test_instants_of_any_zone_are_understood(api: Api, plant: Plant) -> None:
    for at in ("2026-11-23T12:00:00Z", "2026-11-23T12:00:00", "2026-11-23T14:00:00+02:00"):
        params = {"ids": list(plant.ids.values()), "started_after": at, "started_before": at}
        (found,) = api.call("vera", "GET", "/api/v2/runs", params=params).json()["data"]
        assert found["id"] == plant.ids["b"]
        assert datetime.fromisoformat(found["started_at"]) == NOON + ONE_DAY


@pytest.mark.parametrize(
    "query",
    [
        "duration_min=4", "duration_min=PX", "duration_max=P1Y2Z", "metadata={", "metadata=[]", "samples=gold",
        "cursor=99999999",
        "environments=home", "sort_by=id", "sort_order=up", "limit=501", "started_after=noon", "unknown=1",
        "metadata=" + "{" + ",".join(f'"k{n}":{{"eq":1}}' for n in range(6)) + "}",
    ],
)  # fmt: skip
def test_what_is_no_query_is_refused_with_a_reason(api: Api, query: str) -> None:
    answer = api.call("vera", "GET", f"/api/v2/runs?{query}")

    assert answer.status_code == 400
    assert answer.json()["issues"][0]["path"][0] == query.partition("=")[0]


def test_a_filter_that_is_wrong_is_a_bad_request_to_the_client(newest: Connect) -> None:
    with pytest.raises(Refused) as refused:
        newest("vera").runs.list(cursor=987_654_321)

    assert refused.value.kind == "ErrorBADREQUEST"
