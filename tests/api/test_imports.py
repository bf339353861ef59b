"""Imports, through the public client and without it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.api.clients import Client, Refused
from tests.core.conftest import Api
from tests.core.uploading import uploaded

Connect = Callable[[str], Client]
Fresh = Callable[[str], str]
SAMPLES = Path(__file__).parents[1] / "core" / "import_samples"
NIL = "00000000-0000-0000-0000-000000000000"
FIELDS = {
    "serial_number": {"column": "SN"},
    "outcome": {"column": "Result", "valueMap": {"good": "PASS", "bad": "FAIL"}},
    "started_at": {"column": "Start"},
    "ended_at": {"value": "2026-01-02T11:00:00Z"},
    "part_number": {"value": "PCBA-9"},
}


@pytest.fixture
def put(api: Api) -> Callable[[str, bytes], str]:
    """``put("dev", content)``: the id of a file that somebody uploaded."""

    by_name = {"dev": api.cast.dev, "bench": api.cast.bench, "otto": api.cast.otto}

    def upload(who: str, content: bytes) -> str:
        with api.database.open() as db:
            return uploaded(db, by_name[who], content, "file.bin")

    return upload


def record(serial: str, **metadata: str) -> bytes:
    phase = {
        "name": "rails", "outcome": "PASS",
        "start_time_millis": 1_700_000_000_000, "end_time_millis": 1_700_000_001_000,
        "measurements": {"v": {"name": "v", "outcome": "PASS", "measured_value": 5, "validators": ["4 <= x <= 6"],
                               "units": {"suffix": "V"}}},
    }  # fmt: skip
    return json.dumps(
        {
            "dut_id": serial, "outcome": "PASS", "start_time_millis": 1_700_000_000_000,
            "end_time_millis": 1_700_000_002_000, "metadata": {"part_number": "P-1", **metadata}, "phases": [phase],
            "log_records": [],
        }
    ).encode()  # fmt: skip


@pytest.mark.parametrize("who", ["dev", "bench"])
def test_a_report_is_imported_by_both_kinds_of_key(
    newest: Connect, api: Api, put: Callable[[str, bytes], str], fresh: Fresh, who: str
) -> None:
    client, serial = newest(who), fresh("SN")
    upload_id = put(who, record(serial, procedure_id="pcba_functional"))

    (result,) = client.imports.structured(items=[{"upload_id": upload_id, "importer": "OPENHTF"}]).results

    assert (result.success, result.ids, result.already_imported) == (True, [result.id], False)
    run = client.runs.get(id=result.id)
    assert (run.unit.serial_number, run.outcome, run.procedure.id) == (serial, "PASS", api.cast.procedure.id)
    (measurement,) = run.phases[0].measurements
    assert (measurement.units, [one.expression for one in measurement.validators]) == ("V", ["x >= 4", "x <= 6"])
    assert [one.id for one in run.attachments] == [upload_id]


@pytest.mark.parametrize(
    ("name", "importer"),
    [("wats.json", "WATS"), ("wsxf.xml", "WSXF"), ("atml.xml", "ATML"), ("teststand.xml", "TESTSTAND"),
     ("lot.atdf", "ATDF")],
)  # fmt: skip
def test_reports_of_other_systems_are_imported(
    newest: Connect, put: Callable[[str, bytes], str], name: str, importer: str
) -> None:
    client = newest("dev")
    upload_id = put("dev", (SAMPLES / name).read_bytes())

    (result,) = client.imports.structured(items=[{"upload_id": upload_id, "importer": importer}]).results

    assert result.success
    for run_id in result.ids:
        assert client.runs.get(id=run_id).phases


def test_content_that_was_imported_is_named_and_not_imported_again(
    newest: Connect, put: Callable[[str, bytes], str], fresh: Fresh
) -> None:
    client, content = newest("dev"), record(fresh("SN"), procedure_id="pcba_functional")

    def imported(**options: Any) -> Any:
        items = [{"upload_id": put("dev", content), "importer": "OPENHTF"}]
        return client.imports.structured(items=items, **options).results[0]

    first, again, copy = imported(), imported(), imported(allow_duplicate=True)

    assert (again.success, again.already_imported, again.ids) == (True, True, first.ids)
    assert (copy.already_imported, copy.id == first.id) == (False, False)


def test_what_is_wrong_with_one_file_is_said_in_its_result(
    newest: Connect, put: Callable[[str, bytes], str], fresh: Fresh
) -> None:
    good = put("dev", record(fresh("SN"), procedure_id="pcba_functional"))
    without_part = json.loads(record(fresh("SN"), procedure_id="pcba_functional"))
    del without_part["metadata"]["part_number"]
    uploads = [put("dev", json.dumps(without_part).encode()), NIL, "no id", put("dev", b"\0\1"), good]

    found = newest("dev").imports.structured(items=[{"upload_id": one, "importer": "OPENHTF"} for one in uploads])

    assert [(one.upload_id, one.success) for one in found.results] == [
        (one, one == good) for one in uploads
    ]  # in the order of the request
    assert "part number" in found.results[0].error
    assert "upload" in found.results[1].error
    assert "JSON" in found.results[3].error


def test_a_station_imports_for_its_own_procedures_from_its_own_files(
    newest: Connect, put: Callable[[str, bytes], str], fresh: Fresh
) -> None:
    content = record(fresh("SN"), procedure_id="pcba_functional")
    others, own = put("bench", content), put("otto", content)

    results = newest("otto").imports.structured(
        items=[{"upload_id": one, "importer": "OPENHTF"} for one in (others, own)]
    ).results  # fmt: skip

    assert [one.success for one in results] == [False, False]
    assert "upload" in results[0].error
    assert "not authorized" in results[1].error


@pytest.mark.parametrize("who", ["vera", "olga"])
def test_who_only_looks_imports_nothing(api: Api, who: str) -> None:
    for path in ("structured", "tabular"):
        assert api.call(who, "POST", f"/api/v2/imports/{path}", json={}).status_code == 403


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"items": []},
        {"items": [{"upload_id": NIL, "importer": "OPENHTF"}] * 101},
        {"items": [{"upload_id": NIL, "importer": "FAX"}]},
        {"items": [{"importer": "OPENHTF"}]},
    ],
)
def test_what_is_no_list_of_files_is_refused(api: Api, body: Any) -> None:
    answer = api.call("dev", "POST", "/api/v2/imports/structured", json=body)

    assert (answer.status_code, answer.json()["code"]) == (400, "BAD_REQUEST")


def test_an_import_with_an_idempotency_key_happens_once(
    api: Api, put: Callable[[str, bytes], str], fresh: Fresh
) -> None:
    items = [{"upload_id": put("dev", record(fresh("SN"), procedure_id="pcba_functional")), "importer": "OPENHTF"},
             {"upload_id": put("dev", b"nonsense"), "importer": "OPENHTF"}]  # fmt: skip

    def send() -> httpx.Response:
        body = {"items": items, "allow_duplicate": True}
        headers = {"Idempotency-Key": items[0]["upload_id"]}
        return api.call("dev", "POST", "/api/v2/imports/structured", json=body, headers=headers)

    first, again = send(), send()

    assert first.json() == again.json()
    assert [one["success"] for one in first.json()["results"]] == [True, False]
    run_id = first.json()["results"][0]["id"]
    assert api.call("dev", "GET", f"/api/v2/runs/{run_id}").status_code == 200


@pytest.mark.parametrize("who", ["dev", "bench"])
def test_a_table_is_imported_by_both_kinds_of_key(
    newest: Connect, api: Api, put: Callable[[str, bytes], str], fresh: Fresh, who: str
) -> None:
    client, serial = newest(who), fresh("SN")
    table = f"SN,Result,Start,V\n{serial},good,2026-01-02T10:00:00Z,5.1\n{serial},bad,2026-01-02T10:30:00Z,4\n"
    columns = [{"column": "V", "name": "rail", "units": "V", "lower_limit": 4.5, "upper_limit": 5.5, "phase": "rails"}]

    made = client.imports.tabular(
        upload_id=put(who, table.encode()),
        procedure_id=api.cast.procedure.id,
        mapping={"fields": _client_fields(), "measurements": {"layout": "wide", "columns": columns}},
    )

    run = client.runs.get(id=made.id)
    assert (run.unit.serial_number, run.outcome, run.unit.part.number) == (serial, "PASS", "PCBA-9")
    assert (run.phases[0].name, run.phases[0].measurements[0].measured_value) == ("rails", 5.1)
    assert len(run.phases[0].measurements[0].validators) == 2
    assert made.file_import_id
    assert {one.outcome for one in client.runs.list(serial_numbers=[serial]).data} == {"PASS", "FAIL"}


def test_a_long_table_is_imported(newest: Connect, api: Api, put: Callable[[str, bytes], str], fresh: Fresh) -> None:
    client, serial = newest("dev"), fresh("SN")
    rows = "".join(f"{serial};good;2026-01-02T10:00:00Z;m{n};{n},5;V\n" for n in range(3))
    measurements = {"layout": "long", "name_column": "Name", "value_column": "Value", "units_column": "Unit"}

    made = client.imports.tabular(
        upload_id=put("dev", b"SN;Result;Start;Name;Value;Unit\n" + rows.encode()),
        procedure_id=api.cast.procedure.id,
        mapping={"fields": _client_fields(), "measurements": measurements},
    )

    (phase,) = client.runs.get(id=made.id).phases
    assert [(one.name, one.measured_value) for one in phase.measurements] == [("m0", 0.5), ("m1", 1.5), ("m2", 2.5)]


def _client_fields() -> dict[str, Any]:
    """The fields in the client's spelling: Python's."""
    outcome = {"column": "Result", "value_map": {"good": "PASS", "bad": "FAIL"}}
    return FIELDS | {"outcome": outcome}


def test_refusals_of_a_table_are_of_the_kinds_that_the_client_knows(
    newest: Connect, api: Api, put: Callable[[str, bytes], str]
) -> None:
    client, procedure_id = newest("dev"), api.cast.procedure.id
    mapping = {"fields": _client_fields(), "measurements": {"layout": "none"}}
    upload_id = put("dev", b"SN,Result,Start\nA1,good,yesterday\n")
    for given, kind, words in (
        ({"upload_id": NIL, "mapping": mapping}, "ErrorNOTFOUND", "upload"),
        ({"upload_id": upload_id, "template_id": NIL}, "ErrorNOTFOUND", "template"),
        ({"upload_id": upload_id}, "ErrorBADREQUEST", "either a mapping or a template_id"),
        ({"upload_id": upload_id, "mapping": mapping, "template_id": NIL}, "ErrorBADREQUEST", "either a mapping"),
        ({"upload_id": upload_id, "mapping": mapping}, "ErrorBADREQUEST", "Row 2, column 'Start': 'yesterday'"),
        ({"upload_id": put("dev", b"a,b\n1,2\n"), "mapping": mapping}, "ErrorBADREQUEST", "columns are: 'a', 'b'"),
    ):
        with pytest.raises(Refused) as refused:
            client.imports.tabular(procedure_id=procedure_id, **given)
        assert (refused.value.kind, words in refused.value.message) == (kind, True), refused.value.message
    with pytest.raises(Refused) as malformed:
        client.imports.tabular(upload_id=upload_id, procedure_id="x", mapping=mapping)
    assert malformed.value.kind == "ErrorBADREQUEST"


@pytest.mark.parametrize(
    "measurements", [{"layout": "tall"}, {"columns": []}, {"columns": [{}]}, {"nameColumn": "a"}, [], None, "none"]
)
def test_a_mapping_that_means_nothing_is_refused(api: Api, measurements: Any) -> None:
    body = {"upload_id": NIL, "procedure_id": NIL, "mapping": {"fields": FIELDS, "measurements": measurements}}

    answer = api.call("dev", "POST", "/api/v2/imports/tabular", json=body)

    assert answer.status_code == 400
    assert answer.json()["issues"]
