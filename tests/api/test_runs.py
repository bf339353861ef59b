"""Runs, through the public client and without it: created, read, changed, removed."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from portal.services.attachments import announce_upload
from tests.api.clients import OLDEST, Client, Refused
from tests.cast import NOON, record
from tests.core.conftest import Api

Connect = Callable[[str], Client]
Fresh = Callable[[str], str]
NIL = "00000000-0000-0000-0000-000000000000"


def arguments(api: Api, **changes: Any) -> dict[str, Any]:
    """A run as somebody passes it to the client."""
    return {
        "procedure_id": api.cast.procedure.id,
        "part_number": "PCBA-100",
        "outcome": "PASS",
        "started_at": NOON,
        "ended_at": NOON + timedelta(seconds=12.5),
    } | changes


def phase(name: str = "rails", **changes: Any) -> dict[str, Any]:
    return {
        "name": name, "outcome": "PASS", "started_at": NOON.isoformat(),
        "ended_at": (NOON + timedelta(seconds=1.5)).isoformat(),
    } | changes  # fmt: skip


@pytest.mark.parametrize("who", ["dev", "bench"])
def test_a_run_is_made_and_read_by_both_kinds_of_key(connect: Connect, fresh: Fresh, api: Api, who: str) -> None:
    client, serial, part = connect(who), fresh("SN"), fresh("PN")
    value = {
        "name": "rail_5v", "outcome": "FAIL", "measured_value": 4.2, "units": "V",
        "validators": [{"outcome": "FAIL", "operator": ">=", "expected_value": 4.75}],
    }  # fmt: skip
    lines = [{"level": "INFO", "timestamp": NOON.isoformat(), "message": "hi", "source_file": "a.py", "line_number": 3}]

    made = client.runs.create(
        **arguments(
            api, serial_number=serial, part_number=part, outcome="FAIL", procedure_version=fresh("v"),
            batch_number="B-1",
            phases=[phase(measurements=[value], outcome="FAIL")], logs=lines, operated_by="olga@example.com",
            docstring="why",
        )
    )  # fmt: skip
    run = client.runs.get(id=made.id)

    assert (run.id, run.outcome, run.unit.serial_number, run.unit.part.number) == (made.id, "FAIL", serial, part)
    assert (run.duration, run.docstring, run.unit.batch.number) == ("PT12.500S", "why", "B-1")
    makers = (run.created_by_user, run.created_by_station)
    assert (makers[0] is None, makers[1] is None) == (who == "bench", who == "dev")
    assert run.operated_by.email == "olga@example.com"
    ((one,),) = [each.measurements for each in run.phases]
    assert (one.name, one.outcome, one.measured_value, one.units) == ("rail_5v", "FAIL", 4.2, "V")
    assert (one.validators[0].expression, one.validators[0].outcome) == ("x >= 4.75", "FAIL")
    assert (run.logs[0].message, run.logs[0].line_number) == ("hi", 3)
    assert run.attachments == run.sub_units == []
    if client.version != OLDEST:
        assert run.sequences == []
        assert abs(datetime.fromisoformat(run.started_at) - NOON) < timedelta(milliseconds=1)


def test_a_procedure_goes_by_its_short_identifier_too(connect: Connect, fresh: Fresh, api: Api) -> None:
    made = connect("bench").runs.create(**arguments(api, serial_number=fresh("SN"), procedure_id="PCBA_functional"))

    assert connect("dev").runs.get(id=made.id).procedure.id == api.cast.procedure.id
    for who in ("dev", "bench"):
        with pytest.raises(Refused, match=r"(?i)uuid") as unknown:
            connect(who).runs.create(**arguments(api, serial_number=fresh("SN"), procedure_id="no-such-thing"))
        assert unknown.value.kind == "ErrorBADREQUEST"


def test_a_station_stores_runs_of_linked_procedures_only(connect: Connect, fresh: Fresh, api: Api) -> None:
    for procedure_id in (api.cast.procedure.id, NIL, "pcba_functional"):
        with pytest.raises(Refused, match="not authorized") as refused:
            connect("otto").runs.create(**arguments(api, serial_number=fresh("SN"), procedure_id=procedure_id))
        assert refused.value.kind == "ErrorFORBIDDEN"
    with pytest.raises(Refused, match="procedure") as missing:
        connect("dev").runs.create(**arguments(api, serial_number=fresh("SN"), procedure_id=NIL))
    assert missing.value.kind == "ErrorNOTFOUND"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"serial_number": ""}, "serial number"),
        ({"serial_number": " "}, "serial number"),
        ({"serial_number": "x" * 1001}, "length"),
        ({"part_number": ""}, "part"),
        ({"batch_number": ""}, "batch"),
        ({"operated_by": ""}, "operated_by"),
    ],
)
def test_what_is_no_run_is_refused_in_words(connect: Connect, api: Api, changes: dict[str, Any], words: str) -> None:
    for who in ("dev", "bench"):
        with pytest.raises(Refused, match=f"(?i){words}") as refused:
            connect(who).runs.create(**arguments(api, **{"serial_number": "SN-X"} | changes))
        assert refused.value.kind == "ErrorBADREQUEST"


def test_an_end_before_the_start_is_refused_and_never_a_failure(newest: Connect, fresh: Fresh, api: Api) -> None:
    with pytest.raises(Refused, match="ended_at is before its started_at") as refused:
        newest("dev").runs.create(
            **arguments(api, serial_number=fresh("SN"), ended_at=NOON - timedelta(microseconds=1))
        )

    assert refused.value.kind == "ErrorUNPROCESSABLECONTENT"


def test_a_unit_with_another_part_number_is_moved(connect: Connect, fresh: Fresh, api: Api) -> None:
    client, serial, parts = connect("bench"), fresh("SN"), [fresh("PN"), fresh("PN")]

    ids = [client.runs.create(**arguments(api, serial_number=serial, part_number=part)).id for part in parts]
    unnamed = client.runs.create(**arguments(api, serial_number=serial.lower(), part_number=parts[1]))

    assert [client.runs.get(id=one).unit.part.number for one in ids] == parts
    assert client.runs.get(id=unnamed.id).unit.id == client.runs.get(id=ids[0]).unit.id


def test_a_reference_again_gives_the_first_run(newest: Connect, fresh: Fresh, api: Api) -> None:
    client, serial, reference = newest("dev"), fresh("SN"), fresh("mes")
    first = client.runs.create(**arguments(api, serial_number=serial, client_run_ref=reference))

    again = client.runs.create(**arguments(api, serial_number=serial, client_run_ref=reference, outcome="FAIL"))

    assert again.id == first.id
    assert len(client.runs.list(serial_numbers=[serial]).data) == 1


def test_an_execution_has_one_run_for_each_slot(newest: Connect, fresh: Fresh, api: Api) -> None:
    client, execution = newest("bench"), fresh("exec")
    slots = {"execution_id": execution, "slot_key": fresh("left"), "slot_name": fresh("Left")}
    made = client.runs.create(**arguments(api, serial_number=fresh("SN"), **slots))

    with pytest.raises(Refused, match="execution") as taken:
        client.runs.create(**arguments(api, serial_number=fresh("SN"), **slots))
    assert taken.value.kind == "ErrorCONFLICT"
    for name, value in slots.items():
        found = client.runs.list(**{f"{name}s": [value, "another"]}).data
        assert [(one.id, one.slot_name) for one in found] == [(made.id, slots["slot_name"])]


def test_sub_units_are_listed_where_their_parent_changed(connect: Connect, fresh: Fresh, api: Api) -> None:
    client, top, child = connect("bench"), fresh("TOP"), fresh("CHILD")
    client.runs.create(**arguments(api, serial_number=child))

    runs = [client.runs.create(**arguments(api, serial_number=top, sub_units=[child.lower()])).id for _ in range(2)]

    assert [[unit.serial_number for unit in client.runs.get(id=one).sub_units] for one in runs] == [[child], []]
    for serial, sub_unit, kind in ((child, top, "ErrorBADREQUEST"), (top, fresh("NOBODY"), "ErrorNOTFOUND")):
        with pytest.raises(Refused) as refused:
            client.runs.create(**arguments(api, serial_number=serial, sub_units=[sub_unit]))
        assert refused.value.kind == kind


def test_sequences_come_back_with_parents_before_children(newest: Connect, fresh: Fresh, api: Api) -> None:
    client, serial = newest("dev"), fresh("SN")
    at, later = NOON.isoformat(), (NOON + timedelta(seconds=2)).isoformat()
    listed = [
        {"path": "main/rails", "name": "Rails", "outcome": "PASS"},
        {"path": "main", "name": "Main", "outcome": "PASS", "started_at": at, "ended_at": later},
    ]
    phases = [phase(sequence_path="main/rails")]

    made = client.runs.create(**arguments(api, serial_number=serial, sequences=listed, phases=phases))

    found = client.runs.get(id=made.id).sequences
    assert [(one.path, one.key, one.parent_path, one.duration) for one in found] == [
        ("main", "main", None, "PT2S"), ("main/rails", "rails", "main", None),
    ]  # fmt: skip
    (entry,) = client.runs.list(serial_numbers=[serial], include_sequences=True).data
    assert [one.path for one in entry.sequences] == ["main"]
    for wrong in (listed[:1], [listed[1], listed[1]], []):
        with pytest.raises(Refused) as refused:
            client.runs.create(**arguments(api, serial_number=serial, sequences=wrong, phases=phases))
        assert refused.value.kind == "ErrorBADREQUEST"


VALUES = [
    4.2, -1, 0, 1e308, 5e-324, 2**53, "text", "", "3.3", True, False, None, [1.5, 2], ["a", "b"], [True, 1, "x", None],
    [], {}, {"a": {"b": [1]}}, [[1.0, 2.0], [3.0, 4.0]],
]  # fmt: skip


def test_a_value_comes_back_with_the_type_it_had(connect: Connect, api: Api, fresh: Fresh) -> None:
    measured = [{"name": f"m{n}", "outcome": "UNSET", "measured_value": value} for n, value in enumerate(VALUES)]
    made = api.post_run("dev", record(api.cast, serial_number=fresh("SN"), phases=[phase(measurements=measured)]))
    run_id = made.json()["id"]

    stored = api.call("dev", "GET", f"/api/v2/runs/{run_id}").json()["phases"][0]["measurements"]
    read = connect("dev").runs.get(id=run_id).phases[0].measurements

    assert [repr(one["measured_value"]) for one in stored] == [repr(value) for value in VALUES]
    assert len(read) == len(VALUES)  # every client can read it


def test_axes_limits_and_figures_come_back(connect: Connect, fresh: Fresh, api: Api) -> None:
    client = connect("bench")
    limit = {"operator": "<=", "expected_value": 5.0, "outcome": "PASS"}
    sweep = {
        "name": "sweep", "outcome": "PASS",
        "x_axis": {"data": [1.0, 2.0, 3.0], "units": "Hz", "name": "f"},
        "y_axis": [
            {"data": [0.5, 1.5, -3.0], "units": "dB", "validators": [limit],
             "aggregations": [{"type": "max", "value": 1.5, "outcome": "PASS", "validators": [limit]}]},
            {"data": []},
        ],
    }  # fmt: skip
    legacy = {"name": "old", "outcome": "PASS", "measured_value": 1.0, "lower_limit": 0.0, "upper_limit": 2.0}
    gap = {"name": "gap", "outcome": "UNSET", "x_axis": {"data": [1, None]}, "y_axis": [{"data": ["a", 2]}]}
    body = record(api.cast, serial_number=fresh("SN"), phases=[phase(measurements=[sweep, legacy, gap])])
    run_id = api.post_run("bench", body).json()["id"]

    first, second, third = client.runs.get(id=run_id).phases[0].measurements

    assert [(axis.data, axis.units) for axis in first.data_series] == [
        ([1, 2, 3], "Hz"), ([0.5, 1.5, -3], "dB"), ([], None),
    ]  # fmt: skip
    y = first.data_series[1]
    assert y.validators[0].expression == y.aggregations[0].validators[0].expression == "x <= 5"
    assert [(one.operator, one.expected_value) for one in second.validators] == [(">=", 0), ("<=", 2)]
    assert vars(third.measured_value)["axes"][0].data == [1, None]


@pytest.mark.parametrize(
    ("started_at", "ended_at", "status"),
    [
        ("1969-07-20T20:17:40.123456Z", "1969-07-20T20:17:40.123456Z", 200),
        ("9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59.999999Z", 200),
        ("0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", 200),
        ("2026-11-22T12:00:00", "2026-11-22T14:00:00+02:00", 200),
        ("0001-01-01T00:00:00+05:00", "2026-11-22T14:00:00Z", 400),
        ("10000-01-01T00:00:00Z", "2026-11-22T14:00:00Z", 400),
        ("2026-13-01T00:00:00Z", "2026-11-22T14:00:00Z", 400),
        ("2026-11-22T14:00:00Z", "2026-11-22T13:00:00Z", 422),
        ("2026-11-22T14:00:00Z", None, 400),
    ],
)
def test_any_instant_is_stored_or_refused_in_words(
    api: Api, fresh: Fresh, started_at: str, ended_at: str, status: int
) -> None:
    body = record(api.cast, serial_number=fresh("SN"), started_at=started_at, ended_at=ended_at)

    answer = api.post_run("dev", body)

    assert answer.status_code == status
    if status == 200:
        run = api.call("dev", "GET", f"/api/v2/runs/{answer.json()['id']}").json()
        assert datetime.fromisoformat(run["ended_at"]) >= datetime.fromisoformat(run["started_at"])
    else:
        assert answer.json()["issues"][0]["path"][0] in ("started_at", "ended_at")


def test_no_numbers_in_a_record_are_refused_and_an_integer_beyond_all_is_null(api: Api, fresh: Fresh) -> None:
    body = record(api.cast, serial_number=fresh("SN"))
    measured = [{"name": "m", "outcome": "UNSET", "measured_value": 12345}]
    sweep = [{"name": "s", "outcome": "UNSET", "x_axis": {"data": [1, 12345]}, "y_axis": [{"data": [1, 2]}]}]

    raw = json.dumps(body | {"phases": [phase(measurements=measured + sweep)]})
    headers = {"Content-Type": "application/json"}
    refused = [
        api.call("dev", "POST", "/api/v2/runs", content=raw.replace("12345", number), headers=headers).status_code
        for number in ("NaN", "Infinity", "1e999")
    ]
    taken = api.call("dev", "POST", "/api/v2/runs", content=raw.replace("12345", "9" * 400), headers=headers)

    assert refused == [400, 400, 400]
    one, two = api.call("dev", "GET", f"/api/v2/runs/{taken.json()['id']}").json()["phases"][0]["measurements"]
    assert one["measured_value"] is None
    assert two["measured_value"]["axes"][0]["data"] == [1, None]


def test_ten_thousand_phases_are_stored_and_found(api: Api, fresh: Fresh) -> None:
    body = record(api.cast, serial_number=fresh("SN"), phases=[phase(f"phase {n}") for n in range(10_000)])

    run_id = api.post_run("bench", body).json()["id"]

    assert len(api.call("dev", "GET", f"/api/v2/runs/{run_id}").json()["phases"]) == 10_000


def test_settings_and_names_of_secrets_come_back_and_secrets_do_not(newest: Connect, fresh: Fresh, api: Api) -> None:
    client = newest("bench")
    config = [{"key": "limit", "value": 4.5, "source": "station", "version": 2}, {"key": "on", "value": True}]
    made = client.runs.create(
        **arguments(api, serial_number=fresh("SN"), config=config, secrets=[{"key": "token", "source": "shell"}])
    )

    run = client.runs.get(id=made.id)

    assert [(one.key, one.value, one.version, one.source) for one in run.config] == [
        ("limit", 4.5, 2, "station"), ("on", True, None, None),
    ]  # fmt: skip
    assert [(one.key, one.source) for one in run.secrets] == [("token", "shell")]
    body = record(api.cast, serial_number=fresh("SN"), secrets=[{"key": "token", "value": "hunter2"}])
    refused = api.post_run("bench", body)
    assert refused.status_code == 400
    assert "hunter2" not in refused.text


@pytest.mark.parametrize("who", ["dev", "bench"])
def test_metadata_is_merged(newest: Connect, fresh: Fresh, api: Api, who: str) -> None:
    client = newest(who)
    made = client.runs.create(
        **arguments(api, serial_number=fresh("SN"), metadata={"line": 2, "shift": "late", "ok": True})
    )

    client.runs.update_metadata(id=made.id, metadata={"line": 3.5, "shift": None, "new": "x"})

    assert vars(client.runs.get(id=made.id).metadata) == {"line": 3.5, "ok": True, "new": "x"}
    with pytest.raises(Refused) as missing:
        client.runs.update_metadata(id=NIL, metadata={})
    assert missing.value.kind == "ErrorNOTFOUND"


@pytest.mark.parametrize("who", ["dev", "bench"])
def test_files_are_linked_and_added_to(newest: Connect, fresh: Fresh, api: Api, who: str) -> None:
    client = newest(who)
    made = client.runs.create(**arguments(api, serial_number=fresh("SN")))

    announced = client.runs.create_attachment(id=made.id, name="log.txt")

    assert client.runs.update(id=made.id, attachments=[]).id == made.id
    (file,) = client.runs.get(id=made.id).attachments
    with api.database.open() as db:
        uploads = [announce_upload(db, getattr(api.cast, who), name).id for name in ("b.txt", "c.txt")]
    for upload_id in uploads:
        client.runs.update(id=made.id, attachments=[upload_id])
    assert {one.id for one in client.runs.get(id=made.id).attachments} == {file.id, *uploads}
    assert (file.id, file.name, file.is_report, file.download_url) == (announced.id, "log.txt", False, None)
    for upload_ids in ([], [NIL]):
        with pytest.raises(Refused) as missing:
            client.runs.update(id=NIL, attachments=upload_ids)
        assert missing.value.kind == "ErrorNOTFOUND"
    assert api.call("otto", "PATCH", f"/api/v2/runs/{made.id}", json={}).status_code == 404
    tag = api.call(who, "GET", f"/api/v2/runs/{made.id}").headers["ETag"]
    for status in (200, 412):
        changed = api.call(
            who, "PATCH", f"/api/v2/runs/{made.id}/metadata", json={"metadata": {"a": 1}}, headers={"If-Match": tag}
        )
        assert changed.status_code == status


def test_runs_are_removed_by_people_all_or_none(connect: Connect, fresh: Fresh, api: Api) -> None:
    client, serial = connect("dev"), fresh("SN")
    ids = [client.runs.create(**arguments(api, serial_number=serial)).id for _ in range(3)]

    with pytest.raises(Refused, match=r"FORBIDDEN|permission|Stations cannot"):
        connect("bench").runs.delete(ids=ids)
    with pytest.raises(Refused) as missing:
        client.runs.delete(ids=[ids[0], NIL])
    assert missing.value.kind == "ErrorNOTFOUND"
    assert client.runs.delete(ids=ids[:2]).id == ids[:2]
    for gone in (lambda: client.runs.get(id=ids[0]), lambda: client.runs.delete(ids=ids)):
        with pytest.raises(Refused) as refused:
            gone()
        assert refused.value.kind == "ErrorNOTFOUND"
    assert [one.id for one in client.runs.list(serial_numbers=[serial]).data] == ids[2:]
    assert api.call("dev", "DELETE", "/api/v2/runs").status_code == 400


def test_text_without_an_end_is_refused_where_it_stands(api: Api, fresh: Fresh) -> None:
    long = phase(measurements=[{"name": "x" * 1001, "outcome": "PASS"}])

    refused = api.post_run("bench", record(api.cast, serial_number=fresh("SN"), phases=[long]))

    assert refused.status_code == 400
    assert refused.json()["issues"][0]["path"] == ["phases", 0, "measurements", 0, "name"]
    assert "at most 1000 characters" in refused.json()["issues"][0]["message"]


@pytest.mark.parametrize("who", ["vera", "olga"])
def test_who_only_looks_stores_nothing(api: Api, fresh: Fresh, who: str) -> None:
    assert api.post_run(who, record(api.cast, serial_number=fresh("SN"))).status_code == 403
    assert api.call(who, "GET", "/api/v2/runs").status_code == 200
    assert api.call(who, "GET", "/api/v2/runs/not-an-id").status_code == 400
    assert api.call(None, "GET", "/api/v2/runs").status_code == 401
