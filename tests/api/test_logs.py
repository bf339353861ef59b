"""Log lines of runs, through the public client and without it."""

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


def line(second: int, level: str, message: str, file: str = "main.py") -> dict[str, Any]:
    at = NOON + timedelta(seconds=second)
    return {"level": level, "timestamp": at.isoformat(), "message": message, "source_file": file, "line_number": 7.0}


@pytest.fixture(scope="module")
def runs(api: Api) -> dict[str, str]:
    first = [line(1, "INFO", "powered"), line(2, "ERROR", "Rail is LOW_"), line(2, "DEBUG", "", "dmm.py")]
    made = {}
    for who, serial, lines in (("bench", "LOG-1", first), ("dev", "LOG-2", [line(9, "CRITICAL", "100% off", "x.py")])):
        answer = api.post_run(who, record(api.cast, serial_number=serial, logs=lines, batch_number="LOGS"))
        made[serial] = answer.json()["id"]
    return made


@pytest.mark.parametrize(
    ("query", "messages"),
    [
        ({}, ["100% off", "(empty)", "Rail is LOW_", "powered"]),
        ({"sort_order": "asc", "limit": 1}, ["powered"]),
        ({"levels": ["ERROR", "CRITICAL"]}, ["100% off", "Rail is LOW_"]),
        ({"search_query": "low_"}, ["Rail is LOW_"]),
        ({"search_query": "%"}, ["100% off"]),
        ({"search_query": ""}, ["100% off", "(empty)", "Rail is LOW_", "powered"]),
        ({"source_files": ["dmm.py", "x.py"]}, ["100% off", "(empty)"]),
        ({"timestamp_after": NOON + timedelta(seconds=9)}, ["100% off"]),
        ({"timestamp_before": NOON + timedelta(seconds=1)}, ["powered"]),
        ({"serial_numbers": ["log-2"]}, ["100% off"]),
        ({"run_outcomes": ["FAIL"]}, []),
        ({"sort_by": "level", "limit": 2}, ["100% off", "Rail is LOW_"]),
        ({"sort_by": "run_id", "limit": 1}, ["100% off"]),
        ({"sort_by": "outcome", "sort_order": "asc", "limit": 1}, ["powered"]),
    ],
    ids=str,
)
@pytest.mark.parametrize("who", ["vera", "bench"])
def test_a_list_is_narrowed_and_ordered(
    newest: Newest, runs: dict[str, str], query: dict[str, Any], messages: list[str], who: str
) -> None:
    found = newest(who).logs.list(batch_numbers=["LOGS"], **query)

    assert [one.message for one in found.data] == messages


def test_a_line_says_where_it_belongs(newest: Newest, api: Api, runs: dict[str, str]) -> None:
    client = newest("vera")
    (entry,) = client.logs.list(run_ids=[runs["LOG-1"]], levels=["ERROR"]).data

    for one in (entry, client.logs.get(id=entry.id)):
        assert (one.level, one.message, one.source_file, one.line_number) == ("ERROR", "Rail is LOW_", "main.py", 7)
        assert (one.run.id, one.run.outcome, one.unit.serial_number) == (runs["LOG-1"], "PASS", "LOG-1")
        assert (one.procedure.name, one.created_by_user) == ("PCBA functional test", None)
        assert one.created_by_station.id == api.cast.station.id
    (other,) = client.logs.list(created_by_user_ids=[api.cast.dev.id], batch_numbers=["LOGS"]).data
    assert other.created_by_user.email == "dev@example.com"
    with pytest.raises(Refused) as missing:
        client.logs.get(id=NIL)
    assert missing.value.kind == "ErrorNOTFOUND"


@pytest.mark.parametrize("sort_by", ["created_at", "level", "run_id", "outcome"])
@pytest.mark.parametrize("sort_order", ["asc", "desc"])
def test_pages_follow_each_other_in_any_order(api: Api, runs: dict[str, str], sort_by: str, sort_order: str) -> None:
    query = {"batch_numbers": "LOGS", "sort_by": sort_by, "sort_order": sort_order}
    whole = api.call("vera", "GET", "/api/v2/logs", params=query).json()["data"]

    seen: list[Any] = []
    cursor: int | None = 0
    while cursor is not None:
        page = api.call("vera", "GET", "/api/v2/logs", params=query | {"limit": "1", "cursor": f"{cursor}.0"}).json()
        seen += page["data"]
        cursor = page["meta"]["next_cursor"]

    assert [one["id"] for one in seen] == [one["id"] for one in whole]
    assert len(seen) == 4


@pytest.mark.parametrize("query", ["levels=LOUD", "cursor=5", "timestamp_after=x", "unknown=1"])
def test_what_is_no_query_is_refused(api: Api, query: str) -> None:
    assert api.call("vera", "GET", f"/api/v2/logs?{query}").status_code == 400


def test_a_line_needs_a_key_and_an_id(api: Api) -> None:
    assert api.call(None, "GET", f"/api/v2/logs/{NIL}").status_code == 401
    assert api.call("vera", "GET", "/api/v2/logs/x").status_code == 400
