"""Phases of a procedure's runs, through the public client and without it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from tests.api.clients import Client, Refused
from tests.cast import NOON, record
from tests.core.conftest import Api

Newest = Callable[[str], Client]
NIL = "00000000-0000-0000-0000-000000000000"


def attempt(name: str, after_s: float, outcome: str = "PASS", retry_count: int = 0, **more: Any) -> dict[str, Any]:
    at = NOON + timedelta(seconds=after_s)
    return {
        "name": name, "outcome": outcome, "retry_count": retry_count, "started_at": at.isoformat(),
        "ended_at": (at + timedelta(seconds=after_s)).isoformat(), "measurements": [], **more,
    }  # fmt: skip


@pytest.fixture(scope="module")
def procedure_id(api: Api) -> str:
    """Two runs of otto's procedure: the first with a phase that was repeated."""
    value = {"name": "m", "outcome": "PASS", "measured_value": 1.5, "units": "V", "docstring": "why"}
    repeated = [
        attempt("power", 1, measurements=[value]),
        attempt("rails", 2, "FAIL"),
        attempt("rails", 3, retry_count=1),
        attempt("rails", 4, sequence_path="main"),
    ]
    sequences = [{"path": "main", "name": "Main", "outcome": "PASS"}]
    for serial, phases, outcome in (("PH-1", repeated, "PASS"), ("PH-2", [attempt("rails", 5, "SKIP")], "FAIL")):
        body = record(
            api.cast, procedure_id=api.cast.other_procedure.id, serial_number=serial, phases=phases, outcome=outcome,
            sequences=sequences, part_number=f"{serial}-P", operated_by="Night shift",
        )  # fmt: skip
        assert api.post_run("otto", body).status_code == 200
    return api.cast.other_procedure.id


def told(page: Any) -> list[str]:
    return [f"{one.name} {one.duration_ms // 1000}" for one in page.data]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({}, ["rails 5", "rails 4", "rails 3", "power 1"]),
        ({"exclude_retries": False, "sort_order": "asc"}, ["power 1", "rails 2", "rails 3", "rails 4", "rails 5"]),
        ({"names": ["power", "nothing"]}, ["power 1"]),
        ({"outcomes": ["SKIP"]}, ["rails 5"]),
        ({"outcomes": ["FAIL"]}, []),
        ({"outcomes": ["FAIL"], "exclude_retries": False}, ["rails 2"]),
        ({"sequence_paths": ["main"]}, ["rails 4"]),
        ({"run_outcomes": ["FAIL"]}, ["rails 5"]),
        ({"started_after": NOON + timedelta(seconds=4)}, ["rails 5", "rails 4"]),
        ({"started_before": NOON + timedelta(seconds=1)}, ["power 1"]),
        ({"duration_min": "PT4S", "duration_max": "PT4S"}, ["rails 4"]),
        ({"serial_numbers": ["ph-2"]}, ["rails 5"]),
        ({"part_numbers": ["PH-1-p"], "names": ["power"]}, ["power 1"]),
        ({"operated_by_names": ["Night shift"], "names": ["power"]}, ["power 1"]),
        ({"samples": ["golden"]}, []),
        ({"samples": ["production"], "names": ["power"]}, ["power 1"]),
        ({"procedure_versions": ["v1"]}, []),
        ({"deployment_ids": [NIL]}, []),
        ({"sort_by": "duration", "sort_order": "asc", "limit": 2}, ["power 1", "rails 3"]),
        ({"sort_by": "phase_name", "sort_order": "asc", "limit": 1}, ["power 1"]),
        ({"sort_by": "serial_number", "limit": 1}, ["rails 5"]),
        ({"sort_by": "outcome", "limit": 1}, ["rails 5"]),
    ],
    ids=str,
)
@pytest.mark.parametrize("who", ["vera", "bench"])
def test_a_list_is_narrowed_and_ordered(
    newest: Newest, procedure_id: str, query: dict[str, Any], expected: list[str], who: str
) -> None:
    assert told(newest(who).phases.list(procedure_id=procedure_id, **query)) == expected


def test_a_phase_is_read_with_its_measurements(newest: Newest, procedure_id: str) -> None:
    client = newest("vera")
    (entry,) = client.phases.list(procedure_id=procedure_id, names=["power"]).data

    phase = client.phases.get(id=entry.id)

    assert (entry.retry_count, entry.is_final_attempt, entry.run_outcome, entry.sample) == (0, True, "PASS", None)
    assert (phase.name, phase.duration, phase.run.id, phase.run.serial_number) == (
        "power",
        "PT1S",
        entry.run_id,
        "PH-1",
    )
    assert (phase.procedure.id, phase.procedure.name) == (procedure_id, "Final inspection")
    (one,) = phase.measurements
    assert (one.name, one.measured_value, one.units, one.docstring) == ("m", 1.5, "V", "why")
    assert client.phases.list(procedure_id=procedure_id, ids=[entry.id]).data[0].id == entry.id
    with pytest.raises(Refused) as missing:
        client.phases.get(id=NIL)
    assert missing.value.kind == "ErrorNOTFOUND"


def test_an_attempt_that_was_repeated_says_so(newest: Newest, procedure_id: str) -> None:
    found = newest("vera").phases.list(procedure_id=procedure_id, exclude_retries=False, serial_numbers=["PH-1"]).data

    assert {(one.name, one.sequence_path, one.retry_count): one.is_final_attempt for one in found} == {
        ("power", None, 0): True,
        ("rails", None, 0): False,
        ("rails", None, 1): True,
        ("rails", "main", 0): True,
    }


@pytest.mark.parametrize("sort_by", ["started_at", "duration", "outcome", "serial_number", "phase_name"])
@pytest.mark.parametrize("sort_order", ["asc", "desc"])
def test_pages_follow_each_other_in_any_order(api: Api, procedure_id: str, sort_by: str, sort_order: str) -> None:
    query = {"procedure_id": procedure_id, "exclude_retries": "false", "sort_by": sort_by, "sort_order": sort_order}
    whole = api.call("vera", "GET", "/api/v2/phases", params=query).json()["data"]

    seen: list[Any] = []
    cursor: int | None = 0
    while cursor is not None:
        page = api.call("vera", "GET", "/api/v2/phases", params=query | {"limit": "2", "cursor": str(cursor)}).json()
        seen += page["data"]
        cursor = page["meta"]["next_cursor"]

    assert [one["id"] for one in seen] == [one["id"] for one in whole]
    assert len(seen) == 5


@pytest.mark.parametrize(
    ("query", "field"),
    [("", "procedure_id"), ("procedure_id=FVT1", "procedure_id"), (f"procedure_id={NIL}&cursor=77", "cursor")],
)
def test_what_is_no_query_is_refused_with_a_reason(api: Api, query: str, field: str) -> None:
    answer = api.call("vera", "GET", f"/api/v2/phases?{query}")

    assert answer.status_code == 400
    assert answer.json()["issues"][0]["path"] == [field]


def test_a_phase_needs_a_key_and_an_id(api: Api) -> None:
    assert api.call(None, "GET", f"/api/v2/phases/{NIL}").status_code == 401
    assert api.call("vera", "GET", "/api/v2/phases/x").status_code == 400
    assert api.call("vera", "GET", f"/api/v2/phases?procedure_id={NIL}").json()["data"] == []
