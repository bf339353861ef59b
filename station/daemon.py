"""``stationmaster station run``: everything of one station program, put together, from start to end.

Exit codes, as in contract/station-agent.md §1.5: 0 after SIGTERM or SIGHUP (an orderly stop), 130 after SIGINT, 75 when
the portal ended it for good (credentials revoked, or another program took over). A service manager restarts it after
everything but 0 and 75, and when it hangs (`station.service`). However it ends: the running test is stopped with its
instruments made safe, and its record is kept.
"""

from __future__ import annotations

import queue
import signal
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

import structlog

from station.autopilot import Autopilot
from station.commands import CommandDesk, own_clock_s
from station.credentials import Credentials, wipe_credentials
from station.engine import Engine
from station.forgotten_runs import queue_forgotten_runs
from station.hardware import read_hardware, read_load
from station.home import Home
from station.journal import Journal, JournalShelf
from station.kiosk.operator import BenchOperator
from station.kiosk.screen import BenchFacts
from station.link import Link, Parting
from station.notify import ServiceNotifier
from station.operator_view import Kiosk, ProcedureChoice
from station.outbox import Outbox, open_outbox
from station.portal_api import PortalApi
from station.procedure_folders import ProcedureFolders
from station.protocol import (
    AnyCommand,
    AnyRunEvent,
    CommandResult,
    Goodbye,
    Heartbeat,
    Hello,
    LocalProcedures,
    Model,
    ProceduresChanged,
    Progress,
    UploadNews,
    Welcome,
)
from station.record import RunRecord
from station.settings import StationSettings
from station.uploader import Uploader
from stationmaster.cli_errors import Refusal

if TYPE_CHECKING:
    from station.kiosk.kiosk import KioskProgram

EXIT_INTERRUPTED = 130
EXIT_PARTED = 75
RECORD_LIMIT_S = 3.0

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Ending:
    """Why the program ends. ``line``: said to the person, on stderr where it is bad news."""

    exit_code: int
    line: str
    is_bad_news: bool = False


class Daemon:
    """One station program in its home, which the caller has locked. ``say(line, is_bad_news)`` speaks to the person."""

    def __init__(
        self,
        home: Home,
        credentials: Credentials,
        settings: StationSettings,
        procedure_folders: Sequence[Path],
        say: Callable[[str, bool], None],
        notifier: ServiceNotifier,
    ) -> None:
        self._home = home
        self._credentials = credentials
        self._settings = settings
        self._person = BenchOperator(home)
        self._notifier = notifier
        self._say = say
        # A SimpleQueue, because a signal handler may put into it at any moment; an Event could deadlock.
        self._endings: queue.SimpleQueue[Ending] = queue.SimpleQueue()
        self._trouble: str | None = None
        self._was_connected = False
        self._is_linked = False
        self._station_name = credentials.station_name
        self._reported: LocalProcedures | None = None
        self._hardware = read_hardware()
        self._outbox = _open_outbox(home, say)
        self._api = PortalApi.of(credentials)
        self._folders = ProcedureFolders(home, procedure_folders)
        self._shelf = JournalShelf(home.journals)
        self._engine = Engine(self._shelf, home.runs, on_event=self._on_event, on_finished=self._on_finished)
        self._desk = CommandDesk(self._engine, self._folders, settings)
        self._uploader = Uploader(self._outbox, self._api, credentials.station_id, home.runs, self._on_upload)
        self._link = Link(credentials, self._api, self)
        self._autopilot = (
            None
            if settings.autopilot is None
            else Autopilot(home, settings.autopilot, self._desk, self._engine, self._folders)
        )
        self._kiosk = self._make_kiosk() if settings.kiosk_ui else None

    def run(self) -> Ending:
        """Work until a signal or the portal ends it. Returns why."""
        self._listen_to_signals()
        read_load(self._home.root)  # the first reading of the processor's load has no past to compare with
        self._recover()
        self._uploader.start()
        self._link.start()
        if self._kiosk is not None:
            self._kiosk.start()
            self._say(f"The kiosk is on port {self._kiosk.port} of this computer: stationmaster station kiosk", False)
        if self._autopilot is not None:
            self._autopilot.start()
        self._notifier.ready()
        ending = self._await_ending()
        self._notifier.stopping()
        self._shut_down()
        return ending

    def _await_ending(self) -> Ending:
        """The main loop. It beats for the service manager, which restarts a program that hangs.

        The line that goes with each beat needs the engine's lock and the outbox's: where one of them is never given
        back, or a thread has died that must not, the beats end.
        """
        while True:
            if self._link.is_working and self._uploader.is_working:
                self._notifier.beat(self._state_in_words())
            try:
                return self._endings.get(timeout=self._notifier.beat_s)
            except queue.Empty:
                continue

    def _state_in_words(self) -> str:
        link = "connected" if self._was_connected and self._trouble is None else "not connected"
        run = "idle" if self._engine.active_execution_id is None else "a test is running"
        try:
            return f"{link}, {run}, records that wait to be sent: {self._outbox.count_waiting()}"
        except sqlite3.Error as error:  # a full disk, for one: to be started again would not help
            return f"{link}, {run}, the outbox cannot be read ({error})"

    def _recover(self) -> None:
        """Give the runs that a crash left open their end and their place in the outbox. Never stops the station."""
        try:
            self._engine.recover()
            queue_forgotten_runs(self._shelf, self._outbox, self._credentials.station_id)
        except (OSError, sqlite3.Error):
            log.exception("recovery_failed")

    def _listen_to_signals(self) -> None:
        def on_signal(number: int, _frame: FrameType | None) -> None:
            code = EXIT_INTERRUPTED if number == signal.SIGINT else 0
            self._endings.put(Ending(code, "The station program has stopped."))

        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, on_signal)
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # nohup asked for that
            signal.signal(signal.SIGHUP, on_signal)

    def _shut_down(self) -> None:
        if self._engine.active_execution_id is not None:
            self._say("Stopping: the running test is ended and its instruments are made safe.", False)
        self._desk.close()
        if self._autopilot is not None:
            self._autopilot.stop()
        self._engine.close()
        self._engine.wait(RECORD_LIMIT_S)  # an earlier run's record may still be on its way to the outbox
        if self._kiosk is not None:
            self._kiosk.stop()
        self._link.stop(Goodbye())
        self._uploader.stop()
        self._api.close()
        self._outbox.close()

    # ── the engine's ────────────────────────────────────────────────────────────────────────────────────────────────

    def _on_event(self, _event: AnyRunEvent) -> None:
        self._link.wake()
        if self._kiosk is not None:
            self._kiosk.wake()

    def _on_finished(self, journal: Journal, record: RunRecord | None) -> None:
        if record is None:
            return  # ended before the unit was known: there is nothing to record
        try:
            is_new = self._outbox.put(record, self._credentials.station_id)
        except (sqlite3.Error, OSError):
            # The journal has it all; the next start of the program queues it again.
            log.exception("record_not_queued", execution_id=journal.execution_id)
            return
        if is_new:
            self._on_upload(
                UploadNews(
                    execution_id=record.execution_id, state="queued", uploads_waiting=self._outbox.count_waiting()
                )
            )
            self._uploader.wake()

    def _on_upload(self, news: UploadNews) -> None:
        self._link.say(news)
        self._refresh_kiosk()

    # ── the link's (see `station.link.LinkOwner`) ───────────────────────────────────────────────────────────────────

    def journal(self) -> Journal | None:
        """The journal of the current, or else the last, execution."""
        return self._engine.journal

    def greeting(self, journal: Journal | None) -> Hello:
        """Who we are, and how far the execution has come."""
        return Hello(
            hardware=self._hardware,
            progress=None
            if journal is None
            else Progress(execution_id=journal.execution_id, last_seq=journal.last_seq),
            uploads_waiting=self._outbox.count_waiting(),
            mark_s=own_clock_s(),
        )

    def beat(self) -> Sequence[Model]:
        """The heartbeat, and the procedures where a folder came or went."""
        load = read_load(self._home.root)
        heartbeat = Heartbeat(
            uploads_waiting=self._outbox.count_waiting(),
            cpu_percent=load.cpu_percent,
            memory_used_mb=load.memory_used_mb,
            disk_free_mb=load.disk_free_mb,
            sent_at=datetime.now(UTC),
            mark_s=own_clock_s(),
        )
        report = self._folders.report()
        if report == self._reported:
            return [heartbeat]
        self._reported = report
        return [heartbeat, report]

    def welcomed(self, welcome: Welcome) -> Sequence[Model]:
        """The link is up: say what can run here, and how the last record's upload stands."""
        again = " again" if self._was_connected else ""
        self._say(f"Station {welcome.station_name} is connected{again} to {self._credentials.portal_url}", False)
        log.info("link_up", station_id=welcome.station_id)
        self._was_connected = self._is_linked = True
        self._station_name = welcome.station_name
        self._trouble = None
        self._folders.link(welcome.procedures)
        self._refresh_kiosk()
        self._uploader.portal_is_back()
        self._reported = self._folders.report()
        return [self._reported, *self._last_upload()]

    def procedures_changed(self, message: ProceduresChanged) -> Sequence[Model]:
        """Other procedures are linked now."""
        self._folders.link(message.procedures)
        self._refresh_kiosk()
        self._reported = self._folders.report()
        return [self._reported]

    def obey(self, command: AnyCommand) -> CommandResult:
        """See `CommandDesk.obey`."""
        return self._desk.obey(command)

    def link_lost(self, reason: str) -> None:
        """Say it once per outage; the log has each new reason."""
        if self._trouble is None:
            self._say(f"Portal not reachable at {self._credentials.portal_url}: trying again ({reason})", False)
        if reason != self._trouble:
            log.warning("link_down", reason=reason)
        self._trouble = reason
        self._is_linked = False
        self._refresh_kiosk()

    def parted(self, parting: Parting) -> None:
        """End the program; forget the credentials when they are worth nothing any more."""
        if parting.is_revoked:
            wipe_credentials(self._home)
            line = (
                f"The portal has revoked this installation: {parting.reason}. The credentials are deleted; "
                "enrol again with a new setup token."
            )
        else:
            line = f"The portal ended the link: {parting.reason}."
        self._endings.put(Ending(EXIT_PARTED, line, is_bad_news=True))

    # ── the kiosk's (see `station.kiosk`) ───────────────────────────────────────────────────────────────────────────

    def bench_facts(self) -> BenchFacts:
        """What the bench's own screen shows beside the run."""
        problems = {one.procedure_id: one.problem for one in self._folders.report().procedures}
        linked = self._folders.linked
        choices = (ProcedureChoice(p.procedure_id, p.name, problems.get(p.procedure_id)) for p in linked)
        bench = self._settings.bench
        return BenchFacts(
            self._credentials.station_id,
            self._station_name,
            tuple(choices),
            Kiosk(
                is_portal_connected=self._is_linked,
                portal_trouble=self._trouble,
                operator=self._person.name,
                instruments=None if bench is None else f"simulated bench {bench}",
            ),
        )

    def _make_kiosk(self) -> KioskProgram:
        from station.kiosk.kiosk import KioskProgram  # Flask is loaded only where there is a kiosk

        return KioskProgram(
            self._home, self._settings.kiosk_port, self, self._outbox, self._person, self._uploader.wake
        )

    def _refresh_kiosk(self) -> None:
        if self._kiosk is not None:
            self._kiosk.look()

    def _last_upload(self) -> Sequence[Model]:
        journal = self._engine.journal
        news = None if journal is None else self._outbox.progress(journal.execution_id)
        return [] if news is None else [news]


def _open_outbox(home: Home, say: Callable[[str, bool], None]) -> Outbox:
    try:
        outbox, broken = open_outbox(home.outbox_file)
    except (sqlite3.Error, OSError) as error:
        raise Refusal(f"The outbox {home.outbox_file} cannot be used: {error}.") from error
    if broken is not None:
        log.error("outbox_was_broken", moved_to=str(broken))
        say(f"The outbox was damaged. It was moved to {broken}; the newest runs are queued again.", True)
    return outbox
