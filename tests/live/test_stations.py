"""The live side of one station: gaps, repeats, commands that nobody answers, watchers that join late."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from datetime import timedelta

import pytest

from portal.live.stations import BEGIN_LIMIT_S, LiveStation, new_command_id
from portal.services.stations import StationFacts
from station.live_hub import Change, Hub
from station.operator_view import Screen
from station.protocol import (
    CommandResult,
    Heartbeat,
    LinkedProcedure,
    Model,
    ProceduresChanged,
    Progress,
    Resume,
    RunCommand,
    Stop,
)
from tests.live.a_run import START, a_run

FACTS = StationFacts("s1", "Bench 7", (LinkedProcedure(procedure_id="p1", identifier="pcba", name="PCBA"),))


class Wire:
    """The station's end of a link, as far as the portal sees it."""

    def __init__(self, key_id: str | None = None) -> None:
        self.key_id = key_id
        self.sent: list[Model] = []
        self.ended: list[int] = []
        self.answer = lambda command: None

    def send(self, message: Model) -> bool:
        self.sent.append(message)
        if hasattr(message, "command_id"):
            threading.Thread(target=self.answer, args=(message,)).start()
        return True

    def end(self, code: int, reason: str) -> None:
        self.ended.append(code)


@pytest.fixture
def station(render):
    return LiveStation(FACTS, Hub(), render)


def test_a_repeat_changes_nothing_and_a_gap_is_asked_for_once(station):
    wire = Wire()
    station.attach(wire)
    events = a_run()

    for event in [*events[:3], events[1], events[2], *events[5:8]]:
        station.on_run_event(event)

    assert station.view.run.last_seq == 2
    assert [message for message in wire.sent if isinstance(message, Resume)] == [Resume(execution_id="e1", after_seq=2)]
    for event in events[3:]:
        station.on_run_event(event)
    assert station.view.screen is Screen.VERDICT


def test_a_station_that_knows_less_than_we_do_tells_its_run_anew(station):
    station.attach(Wire())
    for event in a_run()[:8]:
        station.on_run_event(event)

    assert station.resume_after(Progress(execution_id="e1", last_seq=7)) == 7
    assert station.resume_after(Progress(execution_id="another", last_seq=7)) == -1
    assert station.resume_after(Progress(execution_id="e1", last_seq=5)) == -1
    assert station.view.run is None


def test_a_command_is_answered_by_the_station(station):
    wire = Wire()
    station.attach(wire)
    wire.answer = lambda command: station.on_result(
        CommandResult(command_id=command.command_id, is_accepted=False, reason="No run is active.")
    )

    result = station.command(Stop(command_id=new_command_id()))

    assert (result.is_accepted, result.reason) == (False, "No run is active.")


def test_a_start_names_its_last_moment_on_the_stations_own_clock_and_a_stop_has_none(station):
    wire = Wire()
    wire.answer = lambda command: station.on_result(CommandResult(command_id=command.command_id, is_accepted=True))
    asked_at = time.monotonic()
    station.attach(wire, mark_s=asked_at + 5000)

    station.command(RunCommand(command_id=new_command_id(), procedure_id="p1"))
    station.command(Stop(command_id=new_command_id()))

    run, stop = wire.sent
    assert 5000 <= run.not_after_s - asked_at - BEGIN_LIMIT_S < 5001
    assert not hasattr(stop, "not_after_s")


def test_a_program_that_tells_no_clock_gets_starts_without_a_last_moment(station):
    wire = Wire()
    wire.answer = lambda command: station.on_result(CommandResult(command_id=command.command_id, is_accepted=True))
    station.attach(wire)

    station.command(RunCommand(command_id=new_command_id(), procedure_id="p1"))

    assert wire.sent[0].not_after_s is None


def test_a_stop_that_nobody_answers_is_said_to_be_on_its_way(station):
    station.attach(Wire())

    result = station.command(Stop(command_id=new_command_id()))

    assert not result.is_accepted
    assert "is done when the station gets it" in result.reason


def test_a_command_to_a_station_that_is_not_there_is_refused_at_once(station):
    result = station.command(Stop(command_id=new_command_id()))

    assert not result.is_accepted
    assert "not connected" in result.reason


def test_a_link_that_ends_answers_those_who_wait(station):
    wire = Wire()
    station.attach(wire)
    wire.answer = lambda _command: station.detach(wire, START)

    result = station.command(Stop(command_id=new_command_id()))

    assert not result.is_accepted
    assert "may have been done" in result.reason


def test_the_newest_link_wins_and_the_old_ones_end_changes_nothing(station):
    old, new = Wire(), Wire()
    station.attach(old)

    assert station.attach(new) is old
    assert not station.detach(old, START)
    assert station.is_linked
    assert station.detach(new, START)
    assert station.view.screen is Screen.OFFLINE


def test_a_rename_reaches_the_page_and_the_station(station):
    wire = Wire()
    station.attach(wire)

    station.on_facts(StationFacts("s1", "Bench 8", ()))

    assert station.view.station_name == "Bench 8"
    assert wire.sent[-1] == ProceduresChanged(procedures=[])


def test_who_joins_gets_the_state_and_then_only_what_follows():
    hub, got = Hub(), []

    class Watcher:
        def send_frame(self, frame: bytes) -> bool:
            got.append(frame)
            return True

    state = ["before"]

    def now() -> Iterable[Change]:
        return [Change("#a", state[0])]

    hub.publish("t", now, lambda: state.__setitem__(0, "unseen"))
    hub.join("t", Watcher(), now)
    hub.publish("t", now, lambda: state.__setitem__(0, "after"))
    hub.publish("another", now)

    assert [b"unseen" in got[0], b"after" in got[1], len(got)] == [True, True, 2]


def test_only_the_link_of_a_dead_key_is_ended(station):
    wire = Wire("k1")
    station.attach(wire)

    ended = [station.end_link(1008, "why", key_ids=frozenset(keys)) for keys in ((), ("k2",), ("k1", "k2"))]

    assert ended == [False, False, True]
    assert wire.ended == [1008]


def test_the_newest_heartbeat_says_how_the_machine_is_and_nonsense_is_left_out(station):
    station.attach(Wire())
    sent_at = START + timedelta(seconds=90)

    station.on_heartbeat(Heartbeat(cpu_percent=12.5, memory_used_mb=900, disk_free_mb=70, sent_at=sent_at), START)
    good = station.vitals
    station.on_heartbeat(Heartbeat(cpu_percent=float("nan"), memory_used_mb=-1, disk_free_mb=10**30), START)
    bad = station.vitals
    station.attach(Wire())

    assert (good.cpu_percent, good.memory_used_mb, good.disk_free_mb, good.clock_ahead_s) == (12.5, 900, 70, 90)
    assert (bad.cpu_percent, bad.memory_used_mb, bad.disk_free_mb, bad.clock_ahead_s) == (None, None, None, None)
    assert station.vitals is None
