"""The engine: one execution at a time, from the request to the record."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path

import structlog

from station.environments import Interpreters, named_python
from station.execution import Execution
from station.frameworks import check_folder
from station.identification import IDENTIFY, check_serial, unit_from
from station.journal import Journal, JournalShelf
from station.protocol import AnyRunEvent, Unit
from station.record import RunRecord, build_record
from station.recovery import close_journal
from station.refusal import Refused
from station.run_request import RunRequest
from station.stopping import StopClock

__all__ = ["Engine", "Refused", "RunRequest", "check_folder"]

log = structlog.get_logger()

_KILL_LIMIT_S = 5.0  # SIGTERM, SIGKILL and the last lines of a killed process


class Engine:
    """Runs procedures. All methods are for any thread.

    ``work``: attachments of an execution go to ``<work>/<execution_id>/``. ``on_event`` is called with each event,
    already in the journal, in order, and must be quick; ``on_finished`` with the journal and the record (None when no
    unit was identified) after the end, when the next run may already begin.
    """

    def __init__(
        self,
        shelf: JournalShelf,
        work: Path,
        interpreters: Interpreters | None = None,
        on_event: Callable[[AnyRunEvent], None] = lambda _event: None,
        on_finished: Callable[[Journal, RunRecord | None], None] = lambda _journal, _record: None,
        stop_grace_s: float = 10.0,
        start_limit_s: float = 90.0,
    ) -> None:
        self._shelf = shelf
        self._work = work
        self._interpreters = interpreters or Interpreters(named_python())
        self._on_event = on_event
        self._on_finished = on_finished
        self._stop_grace_s = stop_grace_s
        self._start_limit_s = start_limit_s
        self._lock = threading.Lock()
        self._active: Execution | None = None
        self._journal: Journal | None = None
        self._threads: list[threading.Thread] = []
        self._is_closed = False

    @property
    def active_execution_id(self) -> str | None:
        """The execution that runs now."""
        active = self._active
        return active.journal.execution_id if active else None

    @property
    def journal(self) -> Journal | None:
        """The journal of the current execution, else of the last one on the shelf."""
        with self._lock:
            if self._journal is None:
                self._journal = self._shelf.latest()
            return self._journal

    def start(self, request: RunRequest) -> str:
        """Start a run and return its execution id. Raises `Refused`: nothing was started then."""
        self._check(request)
        with self._lock:
            if self._is_closed:
                raise Refused("The station is being stopped.")
            if self._active is not None:
                raise Refused(f"A run of “{self._active.request.procedure_name}” is active.")
            execution_id = str(uuid.uuid4())
            journal = self._shelf.create(execution_id)
            stops = StopClock(self._stop_grace_s, self._start_limit_s)
            attachments = self._work / execution_id
            execution = Execution(request, journal, attachments, self._interpreters, self._on_event, stops)
            execution.begin()
            self._active = execution
            self._journal = journal
            # The thread that starts the process stays with it: its end is a signal to the process (see `Child`).
            thread = threading.Thread(target=self._run, args=(execution,), name=f"run-{execution_id}", daemon=True)
            self._threads = [old for old in self._threads if old.is_alive()] + [thread]
            thread.start()
        return execution_id

    def answer(self, request_id: str, values: Mapping[str, str], by: str | None) -> None:
        """Answer a prompt or the identify form. Raises `Refused`: the question then stays open."""
        self._running().answer(request_id, dict(values), by)

    def stop(self, by: str | None, reason: str | None = None) -> None:
        """End the run: the phase is interrupted, teardown is executed, the record is kept. Raises `Refused`."""
        self._running().stop(by, reason)

    def kill(self, by: str | None) -> None:
        """End the run's processes. Raises `Refused` when no run is active."""
        self._running().kill(by)

    def wait(self, timeout_s: float) -> bool:
        """Wait until no run is active and the last one's record was handed over. False when time ran out first."""
        with self._lock:
            threads = list(self._threads)
        if threads and threads[-1] is not threading.current_thread():
            threads[-1].join(timeout_s)
            return not threads[-1].is_alive()
        return True

    def close(self) -> None:
        """End the run that is active, if there is one: stop, grace time, kill. No other run can begin. Blocks."""
        with self._lock:
            self._is_closed = True
            active = self._active
        if active is not None:
            active.stop("station", "The station program is being stopped.")
            if not self.wait(self._stop_grace_s):
                active.kill("station")
                self.wait(_KILL_LIMIT_S)

    def recover(self) -> None:
        """Give every execution that a crash or a power cut left open its end, and hand over its record.

        To be called once, at the program's start.
        """
        for journal in self._shelf.unfinished():
            if journal.last_seq < 0:  # cut off before its first event: nothing was begun
                journal.path.unlink()
            else:
                close_journal(journal)
                self._hand_over(journal)

    def _check(self, request: RunRequest) -> None:
        problem = check_folder(request.folder, request.entry)
        if problem:
            raise Refused(problem)
        if request.serial_number is not None:
            check_serial(request.serial_number)
        if IDENTIFY in request.answers:
            # A declared form has fields of its own, which are checked when it is asked for.
            unit_from({key: text for key, text in request.answers[IDENTIFY].items() if ":" not in key}, Unit())

    def _running(self) -> Execution:
        active = self._active
        if active is None:
            raise Refused("No run is active.")
        return active

    def _run(self, execution: Execution) -> None:
        try:
            execution.run()
        except Exception:  # such as a full disk: the run is lost, the station is not
            log.exception("run_lost", execution_id=execution.journal.execution_id)
        finally:
            execution.journal.close()
            with self._lock:
                self._active = None
        self._hand_over(execution.journal)
        self._shelf.prune()

    def _hand_over(self, journal: Journal) -> None:
        try:
            self._on_finished(journal, build_record(journal))
        except Exception:  # the journal stays; the station must be able to go on testing
            log.exception("record_not_handed_over", execution_id=journal.execution_id)
