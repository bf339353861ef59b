"""The older API without its client: what that cannot send, and the shape of what it reads."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from portal.api.v1.run_json import run_v1
from portal.services.procedures import list_procedures
from tests.cast import record
from tests.core.conftest import Api

Fresh = Callable[[str], str]
NIL = "00000000-0000-0000-0000-000000000000"


def body(api: Api, fresh: Fresh, **changes: Any) -> dict[str, Any]:
    return {
        "unit_under_test": {"serial_number": fresh("SN"), "part_number": fresh("PN")},
        "run_passed": True,
        "procedure_id": api.cast.procedure.id,
        **changes,
    }


def create(api: Api, who: str, given: object, **options: Any) -> httpx.Response:
    return api.call(who, "POST", "/api/v1/runs", json=given, **options)


def whole(api: Api, run_id: str) -> Any:
    return api.call("dev", "GET", f"/api/v2/runs/{run_id}").json()


def refusal(answer: httpx.Response, status: int) -> str:
    """Checks that it is one, in the shape and of the type that the client reads."""
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"] == "application/json"
    assert set(answer.json()) == {"error"}
    assert set(answer.json()["error"]) == {"message"}
    message: str = answer.json()["error"]["message"]
    return message


@pytest.mark.parametrize(
    ("who", "method", "path", "status"),
    [
        (None, "GET", "/api/v1/runs?serial_number=a", 401),
        (None, "GET", "/api/v1/streaming", 401),
        ("dev", "GET", "/api/v1/nothing", 404),
        ("dev", "PUT", "/api/v1/runs", 405),
        ("dev", "GET", "/api/v1/runs", 400),
        ("dev", "DELETE", "/api/v1/runs/one", 400),
        ("dev", "DELETE", f"/api/v1/runs/{NIL}", 404),
        ("bench", "DELETE", f"/api/v1/runs/{NIL}", 403),
        ("vera", "POST", "/api/v1/runs", 403),
        ("vera", "POST", "/api/v1/import", 403),
        ("vera", "POST", "/api/v1/uploads/sync", 403),
    ],
)
def test_every_refusal_has_the_shape_that_the_client_reads(
    api: Api, who: str | None, method: str, path: str, status: int
) -> None:
    assert refusal(api.call(who, method, path), status)


def test_a_body_that_is_too_large_or_no_json_is_refused_in_that_shape(api: Api, fresh: Fresh) -> None:
    most = api.database.settings.max_body_bytes
    headers = {"Content-Type": "application/json"}

    assert "JSON" in refusal(api.call("dev", "POST", "/api/v1/runs", content=b"{", headers=headers), 400)
    assert "larger" in refusal(api.call("dev", "POST", "/api/v1/runs", content=bytes(most + 1), headers=headers), 413)


def test_our_fault_is_told_in_that_shape(api: Api, fresh: Fresh) -> None:
    """A broken database, as nothing that can be sent breaks us."""
    with api.database.open() as db, db.write():
        db.connection.exec_driver_sql("ALTER TABLE log_lines RENAME TO lost_lines")
    try:
        logs = [{"level": "INFO", "timestamp": "2026-11-22T12:00:00Z", "message": "x", "source_file": "a",
                 "line_number": 1}]  # fmt: skip
        message = refusal(create(api, "dev", body(api, fresh, logs=logs)), 500)
    finally:
        with api.database.open() as db, db.write():
            db.connection.exec_driver_sql("ALTER TABLE lost_lines RENAME TO log_lines")

    assert "log has it as" in message


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"unit_under_test": {}}, "serial_number"),
        ({"unit_under_test": {"serial_number": "", "part_number": "P"}}, "serial number"),
        ({"unit_under_test": {"serial_number": "new", "part_number": " "}}, "part number"),
        ({"run_passed": "maybe"}, "run_passed"),
        ({"duration": "-PT5S"}, "duration"),
        ({"duration": "12:30"}, "ISO 8601"),
        ({"duration": "P9999999D"}, "calendar"),
        ({"started_at": "yesterday"}, "started_at"),
        ({"procedure_id": None, "procedure_name": ""}, "names no procedure"),
        ({"procedure_id": "no such thing"}, "identifier"),
        ({"phases": [{"name": "a", "outcome": "PASS", "start_time_millis": 1e30, "end_time_millis": 0}]}, "calendar"),
        ({"phases": [{"name": "a", "outcome": "MAYBE", "start_time_millis": 0, "end_time_millis": 0}]}, "outcome"),
        ({"logs": [{"level": "LOUD"}]}, "level"),
        ({"procedure_id": None, "sub_units": [{"serial_number": "nobody knows it"}]}, "sub-unit"),
    ],
)
def test_what_is_no_run_is_refused_and_nothing_of_it_stored(
    api: Api, fresh: Fresh, changes: dict[str, Any], says: str
) -> None:
    given = body(api, fresh, procedure_name=fresh("Never made")) | changes

    answer = create(api, "dev", given)

    assert 400 <= answer.status_code < 500
    assert says in refusal(answer, answer.status_code)
    with api.database.open() as db:
        assert (given["procedure_name"] or "-") not in [one.name for one in list_procedures(db, api.cast.dev)]


@pytest.mark.parametrize(
    ("duration", "milliseconds"),
    [("PT0S", "PT0S"), ("P1DT2M30.5S", "PT86550.500S"), ("PT1H35M48S", "PT5748S"), (None, "PT0S")],
)
def test_a_run_ends_its_duration_after_its_start(
    api: Api, fresh: Fresh, duration: str | None, milliseconds: str
) -> None:
    given = body(api, fresh, started_at="2026-11-22T12:00:00")

    run = whole(api, create(api, "bench", given | ({"duration": duration} if duration else {})).json()["id"])

    assert (run["started_at"], run["duration"]) == ("2026-11-22T12:00:00.000000Z", milliseconds)


def test_the_name_of_a_new_part_is_kept(api: Api, fresh: Fresh) -> None:
    part = fresh("PN")
    unit = {"serial_number": fresh("SN"), "part_number": part, "part_name": "Main board"}

    run = whole(api, create(api, "bench", body(api, fresh, unit_under_test=unit)).json()["id"])

    assert (run["unit"]["part"]["number"], run["unit"]["part"]["name"]) == (part, "Main board")


@pytest.mark.parametrize(
    ("value", "units", "kept"),
    [
        ([1, 2, 3], ["V"], [1, 2, 3]),
        ([[1, 2], [3]], ["s", "V"], [[1, 2], [3]]),
        ([[1, [2]]], ["s", "V"], [[1, [2]]]),
        ([], ["s", "V"], []),
        ({"a": 1}, None, {"a": 1}),
    ],
)
def test_a_value_that_is_no_sweep_stays_as_it_is(
    api: Api, fresh: Fresh, value: object, units: object, kept: object
) -> None:
    measurement = {"name": "m", "outcome": "PASS", "measured_value": value, "units": units}
    phase = {"name": "a", "outcome": "PASS", "start_time_millis": 0, "end_time_millis": 1}
    given = body(api, fresh, phases=[phase | {"measurements": [measurement]}, phase | {"measurements": None}])

    run = whole(api, create(api, "bench", given).json()["id"])

    assert [(phase["retry_count"], len(phase["measurements"])) for phase in run["phases"]] == [(0, 1), (1, 0)]
    assert run["phases"][0]["measurements"][0]["measured_value"] == kept


def test_a_run_sent_twice_with_a_key_is_stored_once(api: Api, fresh: Fresh) -> None:
    given, headers = body(api, fresh), {"Idempotency-Key": "v1-once"}

    first, second = (create(api, "bench", given, headers=headers) for _ in range(2))
    other = create(api, "bench", body(api, fresh), headers=headers)

    assert first.json() == second.json()
    assert "Idempotency-Key" in refusal(other, 409)


def test_runs_are_deleted_by_people(api: Api, fresh: Fresh) -> None:
    run_id = create(api, "bench", body(api, fresh)).json()["id"]

    deleted = api.call("dev", "DELETE", f"/api/v1/runs/{run_id}")

    assert (deleted.status_code, deleted.json()) == (200, {"id": run_id})
    refusal(api.call("dev", "DELETE", f"/api/v1/runs/{run_id}"), 404)


# ── files ──


def announce(api: Api, who: str = "bench", **more: Any) -> dict[str, str]:
    answer = api.call(who, "POST", "/api/v1/uploads/initialize", json={"name": "a.txt", **more})
    assert answer.status_code == 200, answer.text
    assert set(answer.json()) == {"id", "uploadUrl"}
    return answer.json()


def test_an_upload_takes_exactly_the_announced_bytes(api: Api) -> None:
    made = announce(api, mimeType="text/plain", sizeBytes=3)

    assert httpx.put(made["uploadUrl"], content=b"four").status_code == 422
    assert httpx.put(made["uploadUrl"], content=b"abc").status_code == 200


def test_files_are_linked_to_runs_of_ones_own_only(api: Api, fresh: Fresh) -> None:
    run_id, made = create(api, "bench", body(api, fresh)).json()["id"], announce(api)
    link = {"upload_id": made["id"], "run_id": run_id}

    refusal(api.call("otto", "POST", "/api/v1/uploads/sync", json=link), 404)
    refusal(api.call("bench", "POST", "/api/v1/uploads/sync", json=link | {"run_id": NIL}), 404)
    refusal(api.call("bench", "POST", "/api/v1/uploads/sync", json=link | {"upload_id": NIL}), 404)
    for _ in range(2):
        assert api.call("bench", "POST", "/api/v1/uploads/sync", json=link).status_code == 200
    other = create(api, "bench", body(api, fresh)).json()["id"]
    assert "already attached" in refusal(
        api.call("bench", "POST", "/api/v1/uploads/sync", json=link | {"run_id": other}), 409
    )


@pytest.mark.parametrize(
    ("content", "says"),
    [(b"", "empty"), (b"{", "JSON"), (b"{}", "OpenHTF"), (None, "no content yet")],
)
def test_a_report_that_cannot_be_read_is_told_in_words(api: Api, content: bytes | None, says: str) -> None:
    made = announce(api)
    if content is not None:
        assert httpx.put(made["uploadUrl"], content=content).status_code == 200

    answer = api.call("bench", "POST", "/api/v1/import", json={"upload_id": made["id"], "importer": "OPENHTF"})

    assert says in refusal(answer, 400)


def test_another_importer_and_an_unknown_file_are_refused(api: Api) -> None:
    made = announce(api)

    for given, status in (({"upload_id": made["id"], "importer": "WATS"}, 400), ({"upload_id": NIL}, 400),
                          ({"upload_id": NIL, "importer": "OPENHTF"}, 404)):  # fmt: skip
        refusal(api.call("bench", "POST", "/api/v1/import", json=given), status)


def test_the_report_of_a_run_is_told(api: Api, fresh: Fresh) -> None:
    run = whole(api, api.post_run("bench", record(api.cast, serial_number=fresh("SN"))).json()["id"])
    report = {"id": NIL, "name": "r.json", "size": 5, "content_type": None, "is_report": True}

    told = run_v1(run | {"attachments": [report]})

    upload = {"id": NIL, "name": "r.json", "size": 5, "content_type": "application/octet-stream"}
    assert told["file_import"] == {"id": NIL, "upload": upload}
    assert run_v1(run)["file_import"] is None


def test_there_is_no_stream_and_that_is_no_error(api: Api) -> None:
    answer = api.call("bench", "GET", "/api/v1/streaming")

    assert (answer.status_code, answer.json()) == (200, {"success": False, "status_code": 404})
