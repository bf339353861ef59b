"""OpenHTF tests as users write them, with the client's callback and its wrapper, in each generation."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from portal.models import Attachment
from portal.services.runs import show_run
from tests.api.clients import GENERATIONS, OLDEST
from tests.api.programs import PROGRAMS, Programs
from tests.api.test_v1_client import calls, v2
from tests.core.conftest import Api

Fresh = Callable[[str], str]


@pytest.fixture(params=GENERATIONS)
def programs(request: pytest.FixtureRequest, api: Api, tmp_path: Path) -> Programs:
    return Programs(request.param, api, tmp_path)


def only_run(api: Api, serial: str) -> Any:
    """The run of that unit, whole, as v2 tells it."""
    (found,) = api.call("dev", "GET", f"/api/v2/runs?serial_numbers={serial}").json()["data"]
    return v2(api, found["id"])


def reports_of(api: Api, run_id: str) -> list[str]:
    """Names of the files that the run was read from."""
    with api.database.open() as db:
        wanted = select(Attachment.name).where(Attachment.run_id == run_id, Attachment.is_report)
        return list(db.session.scalars(wanted))


@pytest.mark.parametrize(("who", "word"), [("dev", "identifier"), ("bench", "id")])
def test_the_published_sample_runs_as_written(programs: Programs, fresh: Fresh, api: Api, who: str, word: str) -> None:
    serial, part, procedure = fresh("SN"), fresh("PN"), api.cast.procedure

    sample = str(PROGRAMS / "published_sample.py")

    done = programs.run(who, "with_log.py", sample, getattr(procedure, word), part, serial, url=f"{api.url}/")

    assert done.code == 0, done.text
    assert "ERROR" not in done.text
    assert done.text.count("Run imported successfully with ID: ") == 1
    run = only_run(api, serial)
    assert f"imported successfully with ID: {run['id']}" in done.text
    assert (run["outcome"], run["procedure"]["id"], run["unit"]["part"]["number"]) == ("PASS", procedure.id, part)
    phases = {phase["name"]: phase for phase in run["phases"]}
    assert set(phases) >= {"power_on", "say_goodbye"}
    assert phases["say_goodbye"]["measurements"] == []
    check_measurements(phases["power_on"]["measurements"])
    assert [line["level"] for line in run["logs"] if line["message"] == "the rails are up"] == ["INFO"]
    files = {file["name"]: file for file in run["attachments"]}
    assert [name.startswith(f"{serial}.") for name in reports_of(api, run["id"])] == [True]
    assert set(files) == {"scope.txt", *reports_of(api, run["id"])}
    assert files["scope.txt"]["size"] == len(b"a picture of the rails")


def check_measurements(measurements: list[Any]) -> None:
    measured = {one["name"]: one for one in measurements}
    assert [(one["outcome"], one["measured_value"], one["units"]) for one in measured.values()] == [
        ("PASS", 5.01, "V"),
        ("PASS", "v12", None),
        ("PASS", True, None),
        ("PASS", None, "V"),
    ]
    assert [one["operator"] for one in measured["rail_5v"]["validators"]] == [">=", "<="]
    assert [one["operator"] for one in measured["firmware"]["validators"]] == ["matches"]
    assert [one["data"] for one in measured["sweep"]["data_series"]] == [[10, 20, 30], [0.1, 0.2, 0.3]]


@pytest.mark.parametrize("who", ["dev", "bench"])
def test_the_output_callback_uploads_what_happened(programs: Programs, fresh: Fresh, api: Api, who: str) -> None:
    serial = fresh("SN")
    metadata = {
        "procedure_id": api.cast.procedure.id, "part_number": fresh("PN"), "revision": "C", "batch_number": "B-7",
        "procedure_version": "2.0",
    }  # fmt: skip

    done = programs.run(who, "output_callback.py", json.dumps({"metadata": metadata, "serial_number": serial}))

    run = only_run(api, serial)
    assert done.code == 0, done.text
    assert (run["outcome"], run["procedure"]["version"]["tag"]) == ("FAIL", "2.0")
    assert (run["unit"]["part"]["revision"]["number"], run["unit"]["batch"]["number"]) == ("C", "B-7")
    settled = [(phase["outcome"], phase["retry_count"]) for phase in run["phases"] if phase["name"] == "settle"]
    assert settled == [("SKIP", 0), ("PASS", 1)]
    measured = {one["name"]: one for phase in run["phases"] for one in phase["measurements"]}
    assert (measured["current"]["outcome"], measured["noise"]["measured_value"]) == ("FAIL", None)
    assert [one["outcome"] for one in measured["current"]["validators"]] == ["PASS", "FAIL"]
    with api.database.open() as db:
        attempts = {
            phase.attempt: phase for phase in show_run(db, api.cast.dev, run["id"]).phases if phase.name == "settle"
        }
    assert [[file.name for file in attempts[n].attachments] for n in (1, 2)] == [["settled.log"]] * 2


def test_a_report_that_names_no_part_is_refused_and_the_test_goes_on(
    programs: Programs, fresh: Fresh, api: Api
) -> None:
    serial = fresh("SN")
    facts = {"metadata": {"procedure_id": api.cast.procedure.id}, "serial_number": serial}

    for who in ("dev", "bench"):
        done = programs.run(who, "output_callback.py", json.dumps(facts))

        assert done.code == 0
        assert "part number" in done.text
    assert api.call("dev", "GET", f"/api/v2/runs?serial_numbers={serial}").json()["data"] == []


def test_a_station_uploads_only_what_is_linked_to_it(programs: Programs, fresh: Fresh, api: Api) -> None:
    serial = fresh("SN")

    done = programs.run("otto", "published_sample.py", api.cast.procedure.id, fresh("PN"), serial)

    assert "not authorized" in done.text
    assert api.call("dev", "GET", f"/api/v2/runs?serial_numbers={serial}").json()["data"] == []


def test_a_report_from_a_file_brings_the_files_inside_of_it(programs: Programs, fresh: Fresh, api: Api) -> None:
    serial = fresh("SN")
    report = programs.folder / "report.json"
    report.write_text(json.dumps(record_of(api, serial, fresh("PN"))))
    wanted = ("create_run_from_openhtf_report", {"file_path": str(report)})

    run_id, again = calls(programs, "bench", wanted, wanted)

    assert run_id
    assert again not in ("", run_id)
    run = v2(api, run_id)
    assert {file["name"] for file in run["attachments"]} == {"report.json", "photo.png"}
    assert reports_of(api, run_id) == ["report.json"]
    (photo,) = (file for file in run["attachments"] if file["name"] == "photo.png")
    assert (photo["content_type"], photo["size"]) == ("image/png", 12)


def test_a_report_that_is_none_is_refused_in_words(programs: Programs, api: Api) -> None:
    report = programs.folder / "report.json"
    report.write_text("[1, 2]")

    (run_id,) = calls(programs, "bench", ("create_run_from_openhtf_report", {"file_path": str(report)}))

    assert run_id == "" or "raised" in run_id


def test_the_oldest_wrapper_goes_on_without_a_stream(api: Api, fresh: Fresh, tmp_path: Path) -> None:
    words = (api.cast.procedure.id, fresh("PN"), fresh("SN"))

    done = Programs(OLDEST, api, tmp_path).run("bench", "published_sample.py", *words)

    assert "ERROR" not in done.text
    assert (done.code, "Operator UI" in done.text) == (0, True)


def record_of(api: Api, serial: str, part: str) -> dict[str, Any]:
    """A record with a file inside, as OpenHTF writes it when it is told to."""
    png = base64.b64encode(b"\x89PNG\r\n\x1a\nabcd").decode()
    return {
        "dut_id": serial,
        "start_time_millis": 1_763_812_800_000,
        "end_time_millis": 1_763_812_801_000,
        "outcome": "PASS",
        "metadata": {"procedure_id": api.cast.procedure.id, "part_number": part, "test_name": "photo"},
        "log_records": [],
        "phases": [
            {
                "name": "look",
                "outcome": "PASS",
                "start_time_millis": 1_763_812_800_000,
                "end_time_millis": 1_763_812_801_000,
                "measurements": {},
                "attachments": {"photo.png": {"mimetype": "image/png", "sha1": "", "data": png}},
            }
        ],
    }
