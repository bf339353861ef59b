"""Measurements of a procedure's runs, through the public client and without it."""

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

VALUES: dict[str, dict[str, Any]] = {
    "low": {"measured_value": -1.5, "outcome": "FAIL", "units": "V", "validators": [{"expression": "x > 0"}]},
    "high": {"measured_value": 1e30},
    "whole": {"measured_value": 3},
    "yes": {"measured_value": True},
    "no": {"measured_value": False},
    "text": {"measured_value": 'Größe "7"'},
    "digits": {"measured_value": "3.5"},
    "nothing": {"outcome": "UNSET"},
    "list": {"measured_value": [1, "a"]},
    "object": {"measured_value": {"a": 1}},
    "huge": {"measured_value": 10**400},
    "curve": {"x_axis": {"data": [1, 2]}, "y_axis": [{"data": [3, 4]}]},
}


@pytest.fixture(scope="module")
def procedure_id(api: Api) -> str:
    """One run with a value of each kind, and one whose only phase was repeated."""
    at = NOON.isoformat()
    measured = [{"name": name, "outcome": "PASS"} | value for name, value in VALUES.items()]
    first = [{"name": "all", "outcome": "PASS", "started_at": at, "ended_at": at, "measurements": measured}]
    later = (NOON + timedelta(minutes=1)).isoformat()
    repeated = [
        {
            "name": "again", "outcome": "PASS", "started_at": later, "ended_at": later, "retry_count": n,
            "measurements": [{"name": "again", "outcome": "PASS", "measured_value": n}],
        }
        for n in range(3)
    ]  # fmt: skip
    for serial, phases, outcome in (("ME-1", first, "PASS"), ("ME-2", repeated, "ERROR")):
        body = record(api.cast, procedure_id=api.cast.other_procedure.id, serial_number=serial, outcome=outcome)
        assert api.post_run("otto", body | {"phases": phases}).status_code == 200
    return api.cast.other_procedure.id


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ({"value_min": 3, "value_max": 1e30}, "high whole"),
        ({"value_max": 0}, "low"),
        ({"value_bool": True}, "yes"),
        ({"value_bool": False}, "no"),
        ({"value_strings": ['Größe "7"', "3.5"]}, "text digits"),
        ({"measurement_types": ["numeric"]}, "low high whole again"),
        ({"measurement_types": ["boolean"]}, "yes no"),
        ({"measurement_types": ["string"]}, "text digits"),
        ({"measurement_types": ["multidimensional"]}, "curve"),
        ({"measurement_types": ["empty"]}, "nothing huge"),
        ({"measurement_types": ["json"]}, "list object"),
        ({"measurement_outcomes": ["FAIL"]}, "low"),
        ({"outcomes": ["ERROR"]}, "again"),
        ({"outcomes": ["ERROR"], "exclude_retries": False}, "again again again"),
        ({"phase_name": "again"}, "again"),
        ({"phase_names": ["again", "none"]}, "again"),
        ({"measurement_name": "whole"}, "whole"),
        ({"serial_numbers": ["me-2"]}, "again"),
        ({"started_after": NOON + timedelta(seconds=1)}, "again"),
        ({"duration_min": "PT13S"}, ""),
        ({"duration_min": "PT12.5S", "measurement_name": "low"}, "low"),
        ({"sort_by": "value", "limit": 2}, "high again"),
        ({"sort_by": "measurement_name", "sort_order": "asc", "limit": 2}, "again curve"),
        ({"sort_by": "phase_name", "sort_order": "asc", "limit": 1}, "again"),
        ({"sort_by": "serial_number", "limit": 1}, "again"),
        ({"sort_by": "outcome", "limit": 1}, "nothing"),
    ],
    ids=str,
)
def test_a_list_is_narrowed_and_ordered(newest: Newest, procedure_id: str, query: dict[str, Any], names: str) -> None:
    found = newest("bench").measurements.list(procedure_id=procedure_id, **query).data

    told = [one.measurement_name for one in found]
    if query.get("sort_by") != "value":
        assert sorted(told) == sorted(names.split())
    else:
        assert told[0] == names.split()[0]


def test_each_kind_of_value_is_in_its_own_field(api: Api, newest: Newest, procedure_id: str) -> None:
    query = {"procedure_id": procedure_id, "serial_numbers": "ME-1"}
    rows = api.call("vera", "GET", "/api/v2/measurements", params=query).json()["data"]

    told = {one["measurement_name"]: (one["value"], one["bool_value"], one["string_value"]) for one in rows}
    assert told == {
        "low": (-1.5, None, None), "high": (1e30, None, None), "whole": (3, None, None), "yes": (None, True, None),
        "no": (None, False, None), "text": (None, None, 'Größe "7"'), "digits": (None, None, "3.5"),
        "nothing": (None,) * 3, "list": (None,) * 3, "object": (None,) * 3, "curve": (None,) * 3,
        "huge": (None,) * 3,
    }  # fmt: skip
    low = next(one for one in rows if one["measurement_name"] == "low")
    assert (low["units"], low["validators"][0]["expression"], low["is_final_attempt"]) == ("V", "x > 0", True)


@pytest.mark.parametrize("who", ["vera", "bench"])
def test_a_measurement_is_read_with_its_points(newest: Newest, procedure_id: str, who: str) -> None:
    client = newest(who)
    (entry,) = client.measurements.list(procedure_id=procedure_id, measurement_name="curve").data

    one = client.measurements.get(id=entry.id)

    assert [axis.data for axis in one.data_series] == [[1, 2], [3, 4]]
    assert (one.name, one.phase.name, one.run.id, one.run.serial_number) == ("curve", "all", entry.run_id, "ME-1")
    assert one.procedure.id == procedure_id
    assert client.measurements.list(procedure_id=procedure_id, ids=[entry.id]).data[0].id == entry.id
    with pytest.raises(Refused) as missing:
        client.measurements.get(id=NIL)
    assert missing.value.kind == "ErrorNOTFOUND"


@pytest.mark.parametrize("sort_by", ["started_at", "value", "outcome", "serial_number", "phase_name"])
@pytest.mark.parametrize("sort_order", ["asc", "desc"])
def test_pages_follow_each_other_in_any_order(api: Api, procedure_id: str, sort_by: str, sort_order: str) -> None:
    query = {"procedure_id": procedure_id, "exclude_retries": "false", "sort_by": sort_by, "sort_order": sort_order}
    whole = api.call("vera", "GET", "/api/v2/measurements", params=query).json()["data"]

    seen: list[Any] = []
    cursor: int | None = 0
    while cursor is not None:
        page = api.call("vera", "GET", "/api/v2/measurements", params=query | {"limit": "4", "cursor": str(cursor)})
        seen += page.json()["data"]
        cursor = page.json()["meta"]["next_cursor"]

    assert [one["id"] for one in seen] == [one["id"] for one in whole]
    assert len(seen) == len(VALUES) + 3


@pytest.mark.parametrize(
    "query", ["", "procedure_id=x", f"procedure_id={NIL}&value_min=abc", f"procedure_id={NIL}&sort_by=x"]
)
def test_what_is_no_query_is_refused(api: Api, query: str) -> None:
    assert api.call("vera", "GET", f"/api/v2/measurements?{query}").status_code == 400
