"""The whole station program against a portal: real process, real engine, real sockets."""

from __future__ import annotations

import json
import signal

import pytest

from station.credentials import load_credentials
from station.home import Home
from station.protocol import (
    CommandResult,
    Goodbye,
    Heartbeat,
    Hello,
    LinkedProcedure,
    LocalProcedures,
    Outcome,
    RunCommand,
    RunComplete,
    RunStarting,
    Stop,
    UploadNews,
)
from station.settings import AutopilotPlan, StationSettings, save_settings
from tests.agent.cast import PROCEDURE_ID
from tests.agent.conftest import StationCommand
from tests.agent.fake_portal import KEY, FakePortal
from tests.agent.program import Program, add_procedure
from tests.waiting import eventually

RUN_LIMIT_S = 20.0  # OpenHTF takes a second or two to import, more on a busy machine


def quick(seconds: float, home: Home, portal: FakePortal) -> None:
    add_procedure(home, "quick", seconds)
    portal.procedures = [LinkedProcedure(procedure_id=PROCEDURE_ID, identifier="quick", name="Quick test")]


def run_command(serial_number: str) -> RunCommand:
    return RunCommand(
        command_id=f"run {serial_number}",
        asked_by="olga@example.com",
        procedure_id=PROCEDURE_ID,
        serial_number=serial_number,
    )


def started(portal: FakePortal, serial_number: str) -> str:
    """Start a run by the link; its execution id."""
    eventually(lambda: portal.links and portal.link.of(LocalProcedures), RUN_LIMIT_S)
    command = run_command(serial_number)
    portal.link.send(command)
    result = eventually(lambda: portal.link.result_of(command), RUN_LIMIT_S)
    assert result.is_accepted, result.reason
    assert result.execution_id
    return str(result.execution_id)


def outcome(portal: FakePortal, execution_id: str) -> Outcome | None:
    events = portal.events(execution_id)
    return events[-1].outcome if events and isinstance(events[-1], RunComplete) else None


def test_a_start_that_arrives_too_late_is_refused_and_a_late_stop_is_not(portal: FakePortal, enrolled: Home) -> None:
    quick(60, enrolled, portal)
    with Program(enrolled):
        eventually(lambda: portal.links and portal.link.of(Hello) and portal.link.of(LocalProcedures), RUN_LIMIT_S)
        mark_s = portal.link.of(Hello)[0].mark_s
        assert mark_s is not None
        late = run_command("late").model_copy(update={"not_after_s": mark_s - 0.001})
        portal.link.send(late)
        refused = eventually(lambda: portal.link.result_of(late), RUN_LIMIT_S)
        in_time = run_command("in time").model_copy(update={"not_after_s": refused.mark_s + 60})
        portal.link.send(in_time)
        accepted = eventually(lambda: portal.link.result_of(in_time), RUN_LIMIT_S)
        stop = Stop(command_id="stop")
        portal.link.send(stop)
        stopped = eventually(lambda: portal.link.result_of(stop), RUN_LIMIT_S)

    assert not refused.is_accepted
    assert "too late" in refused.reason
    assert accepted.is_accepted
    assert stopped.is_accepted


def test_a_run_from_command_to_record(portal: FakePortal, enrolled: Home) -> None:
    quick(0, enrolled, portal)
    with Program(enrolled) as program:
        program.says(f"Station Bench 7 is connected to {portal.url}")
        execution_id = started(portal, "SN-1")
        eventually(lambda: any(news.state == "done" for news in portal.link.of(UploadNews)), RUN_LIMIT_S)
        assert program.end(signal.SIGTERM) == 0
        goodbyes = eventually(lambda: portal.link.of(Goodbye))

    events = portal.events(execution_id)
    assert [event.seq for event in events] == list(range(len(events)))
    assert isinstance(events[0], RunStarting)
    assert events[0].operated_by == "olga@example.com"
    assert outcome(portal, execution_id) is Outcome.PASS
    body = json.loads(portal.runs_by_key[execution_id][1])
    assert (body["serial_number"], body["outcome"]) == ("SN-1", "PASS")
    assert list(portal.uploads.values()) == [b"1;2"]
    assert goodbyes[0].reason == "stopped"
    assert KEY not in "".join(program.errors + program.lines)
    for line in program.errors:
        assert json.loads(line)["event"]


def test_stopped_in_a_run_the_record_is_kept_and_arrives_with_the_next_start(
    portal: FakePortal, enrolled: Home, station_command: StationCommand
) -> None:
    quick(60, enrolled, portal)
    with Program(enrolled) as program:
        execution_id = started(portal, "SN-2")
        eventually(lambda: len(portal.events(execution_id)) > 3, RUN_LIMIT_S)
        portal.intercept = lambda: ("<html>maintenance</html>", 503)
        status = program.end(signal.SIGINT)
    assert status == 130
    assert outcome(portal, execution_id) is Outcome.ABORTED
    waiting = json.loads(station_command("queue", "ls", "--json").stdout)
    assert (waiting["serial_number"], waiting["outcome"]) == ("SN-2", "ABORTED")

    portal.intercept = lambda: None
    with Program(enrolled):
        eventually(lambda: execution_id in portal.runs_by_key, RUN_LIMIT_S)
    assert portal.run_requests == 1


def test_killed_in_a_run_the_record_arrives_with_the_next_start(portal: FakePortal, enrolled: Home) -> None:
    quick(60, enrolled, portal)
    with Program(enrolled) as program:
        execution_id = started(portal, "SN-3")
        eventually(lambda: len(portal.events(execution_id)) > 3, RUN_LIMIT_S)
        program.kill()

    with Program(enrolled):
        eventually(lambda: execution_id in portal.runs_by_key, RUN_LIMIT_S)
        eventually(lambda: outcome(portal, execution_id), RUN_LIMIT_S)
    body = json.loads(portal.runs_by_key[execution_id][1])
    assert body["serial_number"] == "SN-3"
    assert [event.seq for event in portal.events(execution_id)] == list(range(len(portal.events(execution_id))))


def test_a_portal_that_is_away_during_the_run_gets_its_record_once(portal: FakePortal, enrolled: Home) -> None:
    quick(0.5, enrolled, portal)
    with Program(enrolled) as program:
        execution_id = started(portal, "SN-4")
        portal.stop()
        program.says("Portal not reachable at")
        eventually(lambda: "run_complete" in next(enrolled.journals.glob("*.jsonl")).read_text(), RUN_LIMIT_S)
        portal.start()

        eventually(lambda: outcome(portal, execution_id), RUN_LIMIT_S)
        eventually(lambda: execution_id in portal.runs_by_key, RUN_LIMIT_S)
        program.says("connected again")
    assert len(portal.runs_by_key) == 1


def test_a_damaged_outbox_is_said_and_its_runs_are_sent_again(portal: FakePortal, enrolled: Home) -> None:
    quick(0, enrolled, portal)
    with Program(enrolled) as program:
        execution_id = started(portal, "SN-5")
        eventually(lambda: execution_id in portal.runs_by_key, RUN_LIMIT_S)
        assert program.end(signal.SIGTERM) == 0
    enrolled.outbox_file.write_bytes(b"what a failing disk gives back" * 500)

    with Program(enrolled) as program:
        eventually(lambda: portal.run_requests == 2, RUN_LIMIT_S)
        assert program.end(signal.SIGTERM) == 0

    assert any("The outbox was damaged" in line for line in program.errors)
    assert list(enrolled.root.glob("outbox.db.broken-*"))
    assert len(portal.runs_by_key) == 1  # the same record: the portal knew it


def test_the_autopilot_goes_on_after_a_stop_and_numbers_no_unit_twice(portal: FakePortal, enrolled: Home) -> None:
    quick(0.5, enrolled, portal)
    save_settings(
        enrolled, StationSettings(autopilot=AutopilotPlan(procedure="quick", serials="A-{n:03d}", pause_s=0.1))
    )
    with Program(enrolled):
        eventually(lambda: portal.events_by_execution, RUN_LIMIT_S)
        first = next(iter(portal.events_by_execution))
        eventually(lambda: len(portal.events(first)) > 3, RUN_LIMIT_S)
        portal.link.send(Stop(command_id="stop", asked_by="olga@example.com"))
        eventually(lambda: len(portal.runs_by_key) >= 2, RUN_LIMIT_S)
    with Program(enrolled):
        eventually(lambda: len(portal.runs_by_key) >= 4, RUN_LIMIT_S)

    bodies = [json.loads(body) for _, body in portal.runs_by_key.values()]
    serials = [body["serial_number"] for body in bodies]
    assert serials[0] == "A-001"
    assert len(set(serials)) == len(serials)
    assert outcome(portal, first) is Outcome.ABORTED


def test_commands_that_cannot_be_done_are_refused_in_words(portal: FakePortal, enrolled: Home) -> None:
    missing = LinkedProcedure(procedure_id="missing", identifier="missing", name="M")
    sneaky = LinkedProcedure(procedure_id="sneaky", identifier="../../etc", name="S")
    (enrolled.procedures / "empty").mkdir()
    empty = LinkedProcedure(procedure_id="empty", identifier="empty", name="E")
    portal.procedures = [missing, sneaky, empty]
    with Program(enrolled):
        report = eventually(lambda: portal.links and portal.link.of(LocalProcedures), RUN_LIMIT_S)[0]
        commands = [
            RunCommand(command_id=procedure_id, procedure_id=procedure_id)
            for procedure_id in ("unknown", "missing", "sneaky", "empty")
        ]
        for command in [*commands, Stop(command_id="stop")]:
            portal.link.send(command)
        results: dict[str, CommandResult] = {}
        for command_id in ("unknown", "missing", "sneaky", "empty", "stop"):
            results[command_id] = eventually(
                lambda wanted=command_id: next(
                    (r for r in portal.link.of(CommandResult) if r.command_id == wanted), None
                )
            )

    problems = {found.procedure_id: found.problem for found in report.procedures}
    assert "no folder named missing" in problems["missing"]
    assert "no folder named ../../etc" in problems["sneaky"]
    assert "has no main.py" in problems["empty"]
    assert not any(result.is_accepted for result in results.values())
    assert results["unknown"].reason == "This procedure is not linked to the station."
    assert results["missing"].reason == problems["missing"]
    assert results["stop"].reason == "No run is active."


def test_folders_of_the_command_line_come_first(portal: FakePortal, enrolled: Home) -> None:
    add_procedure(Home(enrolled.root / "elsewhere"), "quick", 0)
    portal.procedures = [LinkedProcedure(procedure_id=PROCEDURE_ID, identifier="quick", name="Quick test")]
    with Program(enrolled, "--procedures", str(enrolled.root / "elsewhere" / "procedures")):
        report = eventually(lambda: portal.links and portal.link.of(LocalProcedures), RUN_LIMIT_S)[0]

    assert report.procedures[0].problem is None


@pytest.mark.parametrize("how", ["while it is away", "while it is connected"])
def test_revoked_it_forgets_the_credentials_and_ends_with_75(portal: FakePortal, enrolled: Home, how: str) -> None:
    portal.is_revoked = how == "while it is away"
    with Program(enrolled) as program:
        if not portal.is_revoked:
            program.says("is connected")
            portal.is_revoked = True
            portal.link.drop()
        status = program.wait()

    assert status == 75
    assert load_credentials(enrolled) is None
    lines = [line for line in program.errors if not line.startswith("{")]
    assert len(lines) == 1
    assert "revoked" in lines[0]


def test_a_second_program_in_the_home_is_refused(portal: FakePortal, enrolled: Home) -> None:
    with Program(enrolled) as first:
        first.says("is connected")
        with Program(enrolled) as second:
            assert second.wait() == 1

        assert len(second.errors) == 1
        assert "already runs in this home" in second.errors[0]
        assert len(portal.links) == 1


def test_without_credentials_it_says_what_to_do(home: Home, station_command: StationCommand) -> None:
    result = station_command("run")

    assert result.exit_code == 1
    assert "not enrolled" in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_a_procedures_folder_that_is_none_is_said(enrolled: Home, station_command: StationCommand) -> None:
    result = station_command("run", "--procedures", "/nowhere/at/all")

    assert result.exit_code == 1
    assert "There is no folder /nowhere/at/all" in result.stderr


def test_the_heartbeat_carries_the_load(portal: FakePortal, enrolled: Home) -> None:
    with Program(enrolled):
        beat = eventually(lambda: portal.links and portal.link.of(Heartbeat), within_s=20)[0]

    assert beat.disk_free_mb > 0
    assert beat.memory_used_mb > 0
    assert beat.uploads_waiting == 0
