"""The older client's ``create_run`` and ``get_runs``, in each generation, in a process as users have it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.api.clients import GENERATIONS
from tests.api.programs import Programs
from tests.core.conftest import Api

Fresh = Callable[[str], str]
PHASE = {
    "name": "rails",
    "outcome": "PASS",
    "start_time_millis": 1_763_812_800_000,
    "end_time_millis": 1_763_812_802_500.5,
    "docstring": "The rails.",
    "measurements": [
        {"name": "rail_5v", "outcome": "PASS", "measured_value": 5.01, "units": "V", "lower_limit": 4.75,
         "upper_limit": 5.25},
        {"name": "rail_3v3", "outcome": "FAIL", "measured_value": 3.9, "units": "V", "validators": ["3 <= x <= 3.6"]},
        {"name": "note", "outcome": "UNSET"},
        {"name": "firmware", "outcome": "PASS", "measured_value": "v12"},
        {"name": "curve", "outcome": "PASS", "measured_value": [[1, 10.5], [2, 11], [3, 12.5]], "units": ["s", "V"]},
    ],
}  # fmt: skip


@pytest.fixture(params=GENERATIONS)
def programs(request: pytest.FixtureRequest, api: Api, tmp_path: Path) -> Programs:
    return Programs(request.param, api, tmp_path)


def calls(programs: Programs, who: str, *wanted: tuple[str, dict[str, Any]], url: str | None = None) -> list[Any]:
    done = programs.run(who, "client_calls.py", json.dumps(wanted), url=url)
    line = next((line for line in done.stdout.splitlines() if line.startswith("ANSWERS ")), None)
    assert line is not None, done.text
    found: list[Any] = json.loads(line.removeprefix("ANSWERS "))
    return found


def v2(api: Api, run_id: str) -> Any:
    answer = api.call("dev", "GET", f"/api/v2/runs/{run_id}")
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.mark.parametrize("who", ["dev", "bench"])
def test_a_run_written_here_is_read_back_through_v2(programs: Programs, fresh: Fresh, api: Api, who: str) -> None:
    serial, part, sub = fresh("SN"), fresh("PN"), fresh("SUB")
    file = programs.folder / "notes.txt"
    file.write_text("all is well")
    known = {"unit_under_test": {"serial_number": sub, "part_number": part}, "run_passed": True,
             "procedure_id": api.cast.procedure.id}  # fmt: skip
    whole = {
        "unit_under_test": {"serial_number": serial, "part_number": part, "revision": "B", "batch_number": "2026-11"},
        "run_passed": False,
        "procedure_id": api.cast.procedure.id,
        "procedure_version": "1.2.3",
        "started_at": "2026-11-22T12:00:00+00:00",
        "duration_s": 3723.000005,
        "phases": [PHASE],
        "sub_units": [{"serial_number": sub}],
        "attachments": [str(file)],
        "logs": [
            {"level": "WARNING", "timestamp": "2026-11-22T12:00:01.5Z", "message": "hot", "source_file": "a.py",
             "line_number": 7}
        ],
    }  # fmt: skip

    first, made, found = calls(
        programs, who, ("create_run", known), ("create_run", whole), ("get_runs", {"serial_number": serial})
    )

    run = v2(api, made["id"])
    assert (first["success"], made["success"], run["outcome"]) == (True, True, "FAIL")
    assert (run["started_at"], run["ended_at"]) == ("2026-11-22T12:00:00.000000Z", "2026-11-22T13:02:03.000005Z")
    assert run["procedure"]["version"]["tag"] == "1.2.3"
    assert (run["unit"]["part"]["number"], run["unit"]["part"]["revision"]["number"]) == (part, "B")
    assert run["unit"]["batch"]["number"] == "2026-11"
    assert [one["serial_number"] for one in run["sub_units"]] == [sub]
    assert [(one["level"], one["message"], one["line_number"]) for one in run["logs"]] == [("WARNING", "hot", 7)]
    (attached,) = run["attachments"]
    assert (attached["name"], attached["size"], attached["content_type"]) == ("notes.txt", 11, "text/plain")
    check_phase(run["phases"])
    (listed,) = found["result"]
    assert (listed["id"], listed["outcome"], listed["unit"]["serial_number"]) == (made["id"], "FAIL", serial)
    assert listed["attachments"][0]["filename"] == "notes.txt"


def check_phase(phases: list[Any]) -> None:
    (phase,) = phases
    assert (phase["name"], phase["outcome"], phase["docstring"]) == ("rails", "PASS", "The rails.")
    assert (phase["started_at"], phase["duration"]) == ("2025-11-22T12:00:00.000000Z", "PT2.500S")
    measured = {one["name"]: one for one in phase["measurements"]}
    assert [one["outcome"] for one in measured.values()] == ["PASS", "FAIL", "UNSET", "PASS", "PASS"]
    assert [one["measured_value"] for one in measured.values()] == [5.01, 3.9, None, "v12", None]
    assert [one["expression"] for one in measured["rail_5v"]["validators"]] == ["x >= 4.75", "x <= 5.25"]
    assert [(one["operator"], one["outcome"]) for one in measured["rail_3v3"]["validators"]] == [
        (">=", "PASS"),
        ("<=", "FAIL"),
    ]
    series = measured["curve"]["data_series"]
    assert [(one["data"], one["units"]) for one in series] == [([1, 2, 3], "s"), ([10.5, 11, 12.5], "V")]


def test_a_procedure_is_named_by_identifier_or_by_name_and_made_when_it_is_new(
    programs: Programs, fresh: Fresh, api: Api
) -> None:
    part, name = fresh("PN"), fresh("Burn-in")
    run = {"unit_under_test": {"serial_number": fresh("SN"), "part_number": part}, "run_passed": True}

    made = calls(
        programs, "dev",
        ("create_run", run | {"procedure_id": api.cast.procedure.identifier.upper()}),
        ("create_run", run | {"procedure_name": name}),
        ("create_run", run | {"procedure_name": name.lower()}),
        ("create_run", run | {"procedure_id": api.cast.procedure.id, "procedure_name": "Something else"}),
    )  # fmt: skip

    procedures = [v2(api, one["id"])["procedure"] for one in made]
    assert [one["name"] for one in procedures] == ["PCBA functional test", name, name, "PCBA functional test"]
    assert procedures[1]["id"] == procedures[2]["id"]


def test_refusals_are_told_in_words(programs: Programs, fresh: Fresh, api: Api) -> None:
    unit = {"serial_number": fresh("SN"), "part_number": fresh("PN")}
    run = {"unit_under_test": unit, "run_passed": True, "procedure_id": api.cast.procedure.id}
    nil = "00000000-0000-0000-0000-000000000000"
    bodies = [
        run | {"unit_under_test": {"part_number": "x"}},
        run | {"unit_under_test": {"serial_number": fresh("SN")}},
        run | {"procedure_id": nil},
        run | {"procedure_id": None},
        run | {"sub_units": [{"serial_number": "nobody knows"}]},
    ]

    by_people = calls(programs, "dev", *(("create_run", body) for body in bodies))
    by_station = calls(programs, "otto", ("create_run", run), ("create_run", run | {"procedure_name": "x"}))
    (by_nobody,) = calls(programs, "not-a-key-at-all", ("create_run", run))

    assert [one["success"] for one in (*by_people, *by_station, by_nobody)] == [False] * 8
    assert [one["status_code"] for one in by_people] == [400, 400, 404, 400, 404]
    says = [one["error"]["message"] for one in by_people]
    assert "serial_number" in says[0]
    assert "part number" in says[1]
    assert "procedure" in says[2]
    assert [one["status_code"] for one in (*by_station, by_nobody)] == [403, 403, 401]
    assert "not authorized" in by_station[0]["error"]["message"]


def test_runs_of_a_unit_that_nobody_knows_are_none(programs: Programs, fresh: Fresh) -> None:
    found, empty = calls(
        programs, "bench", ("get_runs", {"serial_number": fresh("SN")}), ("get_runs", {"serial_number": ""})
    )

    assert (found["success"], found["result"]) == (True, [])
    assert empty["success"] is False


def test_what_the_pytest_plugin_sends_is_stored(programs: Programs, fresh: Fresh, api: Api) -> None:
    serial = fresh("SN")
    step = {"started_at": "2026-11-22T12:00:00+00:00", "duration_s": 1.5, "step_passed": True}
    steps = [
        step | {"name": "voltage", "comparator": "DEFAULT", "measurement_value": 5.0, "measurement_unit": "V",
                "limit_low": 4.5, "limit_high": 5.5},
        step | {"name": "voltage", "comparator": "LTGE", "measurement_value": 5.0, "measurement_unit": "",
                "limit_low": 4.5, "limit_high": 5.5, "step_passed": False},
        step | {"name": "count", "comparator": "EQ", "measurement_value": 3, "limit_low": 3, "limit_high": None},
        step | {"name": "most", "comparator": "LT", "measurement_value": 3, "limit_low": 1, "limit_high": 4},
        step | {"name": "version", "comparator": "IGNORECASE", "measurement_value": "v1"},
        step | {"name": "plain"},
    ]  # fmt: skip
    run = {
        "unit_under_test": {"serial_number": serial, "part_number": fresh("PN")}, "run_passed": False, "steps": steps,
        "procedure_id": api.cast.procedure.id,
    }  # fmt: skip

    (made,) = calls(programs, "bench", ("create_run", run))

    phases = sorted(v2(api, made["id"])["phases"], key=lambda one: one["name"])
    told = [(one["name"], one["outcome"], one["duration"], one["retry_count"]) for one in phases]
    assert told == [
        ("count", "PASS", "PT1.500S", 0), ("most", "PASS", "PT1.500S", 0), ("plain", "PASS", "PT1.500S", 0),
        ("version", "PASS", "PT1.500S", 0), ("voltage", "PASS", "PT1.500S", 0), ("voltage", "FAIL", "PT1.500S", 1),
    ]  # fmt: skip
    assert phases[2]["measurements"] == []
    limits = {
        (one["name"], phase["retry_count"]): [limit["expression"] for limit in one["validators"]]
        for phase in phases
        for one in phase["measurements"]
    }
    assert limits == {
        ("count", 0): ["x == 3"], ("most", 0): ["x < 4"], ("version", 0): [],
        ("voltage", 0): ["x >= 4.5", "x <= 5.5"], ("voltage", 1): ["x >= 4.5", "x < 5.5"],
    }  # fmt: skip


def test_the_plugin_of_the_oldest_client_gets_as_far_as_its_own_mistake(api: Api, tmp_path: Path) -> None:
    """It passes a word that its own client does not take: contract/pytest-and-openhtf.md §3."""
    (tmp_path / "test_board.py").write_text("def test_rail():\n    assert True\n")
    words = ("-m", "pytest", "-p", "tofupilot.pytest.plugin", "--tofupilot", "-p", "no:cacheprovider", "test_board.py")

    done = Programs(GENERATIONS[0], api, tmp_path).start("dev", *words)

    assert "report_variables" in done.text
    assert done.code != 0
