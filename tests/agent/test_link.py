from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from flask import request
from hypothesis import given
from hypothesis import strategies as st

from station.hardware import read_hardware
from station.journal import Journal
from station.link import FIRST_DELAY_S, LONGEST_DELAY_S, Link, Parting, backoff_s
from station.portal_api import PortalApi
from station.portal_socket import LinkLimits
from station.protocol import (
    MAX_FRAME_BYTES,
    AnyCommand,
    CommandResult,
    Goodbye,
    Heartbeat,
    Hello,
    LinkedProcedure,
    LocalProcedures,
    Model,
    PhaseLog,
    ProceduresChanged,
    Progress,
    Replaced,
    Resume,
    Stop,
    UploadNews,
    Welcome,
    write,
)
from tests.agent.cast import PROCEDURE_ID, credentials, end, grow, journal
from tests.agent.fake_portal import FakePortal, refusal
from tests.agent.line import FreezableLine
from tests.waiting import eventually

QUICK = LinkLimits(
    stable_after_s=0.3, welcome_s=0.5, heartbeat_s=0.1, ping_after_s=0.2, dead_after_s=1.0, look_every_s=0.05
)


class Owner:
    """A station program without an engine."""

    def __init__(self, current: Journal | None = None) -> None:
        self.current = current
        self.lost: list[str] = []
        self.partings: list[Parting] = []
        self.welcomes: list[Welcome] = []

    def journal(self) -> Journal | None:
        return self.current

    def greeting(self, journal: Journal | None) -> Hello:
        progress = Progress(execution_id=journal.execution_id, last_seq=journal.last_seq) if journal else None
        return Hello(hardware=read_hardware(), progress=progress)

    def beat(self) -> Sequence[Model]:
        return [Heartbeat()]

    def welcomed(self, welcome: Welcome) -> Sequence[Model]:
        self.welcomes.append(welcome)
        return [LocalProcedures(procedures=[])]

    def procedures_changed(self, message: ProceduresChanged) -> Sequence[Model]:
        return [LocalProcedures(procedures=[])]

    def obey(self, command: AnyCommand) -> CommandResult:
        return CommandResult(command_id=command.command_id, is_accepted=False, reason="No run is active.")

    def link_lost(self, reason: str) -> None:
        self.lost.append(reason)

    def parted(self, parting: Parting) -> None:
        self.partings.append(parting)


@contextmanager
def linked(url: str, owner: Owner, pause_s: Callable[[int], float] = lambda _failures: 0.02) -> Iterator[Link]:
    api = PortalApi.of(credentials(url))
    link = Link(credentials(url), api, owner, pause_s, QUICK)
    link.start()
    try:
        yield link
    finally:
        link.stop(Goodbye())
        api.close()


def seqs(portal: FakePortal, of: Journal) -> list[int]:
    return [event.seq for event in portal.events(of.execution_id)]


def test_it_greets_reports_and_says_goodbye(portal: FakePortal, tmp_path: Path) -> None:
    made = journal(tmp_path, lines=3)
    with linked(portal.url, Owner(made)):
        eventually(lambda: portal.links and portal.link.of(Heartbeat))
    eventually(lambda: portal.link.of(Goodbye))

    hello, reports = portal.link.messages[0], portal.link.of(LocalProcedures)
    assert hello.progress == Progress(execution_id=made.execution_id, last_seq=3)
    assert len(reports) == 1
    assert seqs(portal, made) == [0, 1, 2, 3]
    assert isinstance(portal.link.messages[-1], Goodbye)


def test_what_was_written_before_the_goodbye_arrives_before_it(portal: FakePortal, tmp_path: Path) -> None:
    made = journal(tmp_path)
    with linked(portal.url, Owner(made)):
        eventually(lambda: seqs(portal, made) == [0])
        for _ in range(500):
            grow(made)
        end(made)
    eventually(lambda: portal.link.of(Goodbye))

    assert seqs(portal, made) == list(range(502))


def test_events_are_streamed_as_they_are_written(portal: FakePortal, tmp_path: Path) -> None:
    made = journal(tmp_path)
    with linked(portal.url, Owner(made)) as link:
        eventually(lambda: seqs(portal, made) == [0])
        started_at = time.monotonic()
        grow(made)
        link.wake()

        eventually(lambda: seqs(portal, made) == [0, 1])
    assert time.monotonic() - started_at < 1.0


@pytest.mark.parametrize("cut_after", [1, 2, 57, 150])
def test_a_line_that_breaks_in_the_middle_loses_and_repeats_nothing(
    portal: FakePortal, tmp_path: Path, cut_after: int
) -> None:
    made = journal(tmp_path, lines=100)
    portal.drop_after_events = cut_after
    owner = Owner(made)
    with linked(portal.url, owner) as link:
        for _ in range(100):
            grow(made)
            link.wake()

        eventually(lambda: len(seqs(portal, made)) >= 201)
    assert seqs(portal, made) == list(range(201))
    assert len(portal.links) == 2
    assert len(owner.lost) == 1


def test_the_portal_asks_for_events_again(portal: FakePortal, tmp_path: Path) -> None:
    made = journal(tmp_path, lines=10)
    with linked(portal.url, Owner(made)):
        eventually(lambda: seqs(portal, made) == list(range(11)))
        portal.link.send(Resume(execution_id=made.execution_id, after_seq=7))
        portal.link.send(Resume(execution_id="another", after_seq=-1))

        eventually(lambda: seqs(portal, made) == [*range(11), 8, 9, 10])


def test_a_new_execution_is_streamed_from_its_start_after_the_old_one(portal: FakePortal, tmp_path: Path) -> None:
    old = journal(tmp_path, lines=200, is_complete=True)
    owner = Owner(old)
    with linked(portal.url, owner) as link:
        eventually(lambda: owner.welcomes)
        owner.current = new = journal(tmp_path, lines=5)
        link.wake()

        eventually(lambda: seqs(portal, new) == list(range(6)))
    assert seqs(portal, old) == list(range(202))


def test_only_the_newest_of_the_missed_executions_is_streamed(portal: FakePortal, tmp_path: Path) -> None:
    missed, current = journal(tmp_path, is_complete=True), journal(tmp_path)
    with linked(portal.url, Owner(current)):
        eventually(lambda: seqs(portal, current) == [0])

    assert seqs(portal, missed) == []


def test_large_events_are_cut_to_the_frame(portal: FakePortal, tmp_path: Path) -> None:
    made = journal(tmp_path)
    grow(made, "x" * 300_000)
    with linked(portal.url, Owner(made)):
        eventually(lambda: seqs(portal, made) == [0, 1])

    sent = portal.events(made.execution_id)[1]
    assert isinstance(sent, PhaseLog)
    assert len(write(sent)) <= MAX_FRAME_BYTES


def test_every_command_is_answered(portal: FakePortal) -> None:
    with linked(portal.url, Owner()):
        eventually(lambda: portal.links and portal.link.of(LocalProcedures))
        commands = [Stop(command_id=f"c{n}") for n in range(100)]
        asked_at = time.monotonic()
        for command in commands:
            portal.link.send(command)

        for command in commands:
            result = eventually(lambda command=command: portal.link.result_of(command))
            assert result.reason == "No run is active."
    assert time.monotonic() - asked_at < 1.0


def test_other_procedures_are_reported_again(portal: FakePortal) -> None:
    with linked(portal.url, Owner()):
        eventually(lambda: portal.links and portal.link.of(LocalProcedures))
        new = LinkedProcedure(procedure_id=PROCEDURE_ID, identifier="a", name="A")
        portal.link.send(ProceduresChanged(procedures=[new]))

        eventually(lambda: len(portal.link.of(LocalProcedures)) == 2)


def test_garbage_and_new_words_from_the_portal_are_survived(portal: FakePortal) -> None:
    with linked(portal.url, Owner()):
        eventually(lambda: portal.links and portal.link.of(LocalProcedures))
        for frame in ("", "nonsense", "[]", '{"type": "stop"}', '{"type": "pull", "force": true}'):
            portal.link.send(frame)
        command = Stop(command_id="after")
        portal.link.send(command)

        eventually(lambda: portal.link.result_of(command))
    assert len(portal.links) == 1


def test_news_are_sent_while_linked_and_gone_while_not(portal: FakePortal) -> None:
    news = UploadNews(execution_id="e", state="queued")
    with linked(portal.url, Owner()) as link:
        eventually(lambda: portal.links and portal.link.of(LocalProcedures))
        assert link.say(news)

        eventually(lambda: portal.link.of(UploadNews) == [news])
    assert not link.say(news)


def test_it_comes_back_to_a_portal_that_was_away(portal: FakePortal, tmp_path: Path) -> None:
    made = journal(tmp_path)
    owner = Owner(made)
    with linked(portal.url, owner) as link:
        eventually(lambda: seqs(portal, made) == [0])
        portal.stop()
        eventually(lambda: any("nothing listens" in reason for reason in owner.lost))
        grow(made)
        link.wake()
        portal.start()

        eventually(lambda: seqs(portal, made) == [0, 1])


def test_a_portal_that_forgot_everything_gets_everything(portal: FakePortal, tmp_path: Path) -> None:
    made = journal(tmp_path, lines=5)
    with linked(portal.url, Owner(made)):
        eventually(lambda: len(seqs(portal, made)) == 6)
        portal.events_by_execution.clear()
        portal.link.drop()

        eventually(lambda: seqs(portal, made) == list(range(6)))


def test_a_portal_that_does_not_answer_the_greeting_is_left(portal: FakePortal) -> None:
    portal.is_mute = True
    owner = Owner()
    with linked(portal.url, owner):
        eventually(lambda: any("did not answer the greeting" in reason for reason in owner.lost))


def test_a_frozen_line_is_noticed_and_holds_up_no_writer_of_the_journal(portal: FakePortal, tmp_path: Path) -> None:
    made = journal(tmp_path)
    owner = Owner(made)
    with FreezableLine(portal.port) as line, linked(line.url, owner) as link:
        eventually(lambda: seqs(portal, made) == [0])
        line.freeze()
        started_at = time.monotonic()
        for _ in range(200):
            grow(made, "x" * 50_000)  # far more than all the buffers on the way
            link.wake()
        took_s = time.monotonic() - started_at
        eventually(lambda: owner.lost, within_s=10)
        line.thaw()

        eventually(lambda: len(set(seqs(portal, made))) == 201, within_s=10)
    assert took_s < 3.0
    assert owner.lost[0] == "the portal was silent for 1 s"


@pytest.mark.parametrize("status", [401, 403])
def test_a_refusal_that_the_portal_confirms_ends_it(portal: FakePortal, status: int) -> None:
    portal.intercept = lambda: (
        refusal(status, "X", "This key was revoked.") if request.path == "/api/station/link" else None
    )
    portal.is_revoked = True
    owner = Owner()
    with linked(portal.url, owner):
        eventually(lambda: owner.partings)

    assert owner.partings[0].is_revoked


@pytest.mark.parametrize("status", [401, 403, 404, 500, 302])
def test_a_proxys_page_ends_nothing(portal: FakePortal, status: int) -> None:
    portal.intercept = lambda: ("<html>Sign in to the network</html>", status)
    portal.is_revoked = True
    owner = Owner()
    with linked(portal.url, owner):
        eventually(lambda: len(owner.lost) > 2)
        assert owner.partings == []
        portal.intercept, portal.is_revoked = (lambda: None), False

        eventually(lambda: owner.welcomes)


def test_a_gateways_refusal_in_the_portals_form_ends_nothing(portal: FakePortal) -> None:
    portal.is_revoked = portal.is_gateway = True
    owner = Owner()
    with linked(portal.url, owner):
        eventually(lambda: len(owner.lost) > 2)
        assert owner.partings == []
        portal.is_gateway = False

        eventually(lambda: owner.partings)


def test_a_refused_link_with_a_valid_key_is_tried_again(portal: FakePortal) -> None:
    portal.intercept = lambda: refusal(403, "X", "Not now.") if request.path == "/api/station/link" else None
    owner = Owner()
    with linked(portal.url, owner):
        eventually(lambda: len(owner.lost) > 2)

    assert owner.partings == []
    assert owner.lost[0] == "the portal answered with status 403"


@pytest.mark.parametrize("is_revoked", [True, False])
def test_replaced_ends_it_and_the_portal_says_whether_the_key_is_dead(portal: FakePortal, is_revoked: bool) -> None:
    owner = Owner()
    with linked(portal.url, owner):
        eventually(lambda: portal.links and portal.link.of(LocalProcedures))
        portal.is_revoked = is_revoked
        portal.link.send(Replaced(reason="another program speaks for this station"))

        eventually(lambda: owner.partings)
        assert owner.partings == [Parting("another program speaks for this station", is_revoked)]
    assert len(portal.links) == 1


def test_pauses_grow_until_a_link_has_held(portal: FakePortal) -> None:
    asked: list[int] = []

    def pause_s(failures: int) -> float:
        asked.append(failures)
        return 0.01

    portal.is_mute = True
    owner = Owner()
    with linked(portal.url, owner, pause_s):
        eventually(lambda: len(asked) >= 2)  # each handshake took longer than what counts as stable
        portal.is_mute = False
        eventually(lambda: owner.welcomes)
        up_at = time.monotonic()
        eventually(lambda: time.monotonic() - up_at > QUICK.stable_after_s)
        before = len(asked)
        portal.link.drop()
        eventually(lambda: len(asked) > before)

    assert asked[:before] == list(range(1, before + 1))
    assert asked[before] == 1


def test_it_stops_at_once_while_it_waits_to_try_again(portal: FakePortal) -> None:
    portal.stop()
    owner = Owner()
    with linked(portal.url, owner, pause_s=lambda _failures: 3600.0):
        eventually(lambda: owner.lost)
        started_at = time.monotonic()
    assert time.monotonic() - started_at < 1.0
    assert not any(thread.name.startswith("link") for thread in threading.enumerate())


@given(st.integers(1, 10_000), st.floats(0, 1, exclude_max=True))
def test_the_pause_is_jittered_doubles_and_is_capped(failures: int, chance: float) -> None:
    assert 0 <= backoff_s(failures, chance) <= min(LONGEST_DELAY_S, FIRST_DELAY_S * 2 ** min(failures - 1, 20))
    assert backoff_s(failures, chance) <= backoff_s(failures + 1, chance)
