"""One execution of a procedure: the process on one side, the run's events on the other.

The order of events is the protocol's (contract/station-agent.md §5.4): run_starting, identification, run_started,
phases, [run_crashed], run_complete. Whatever happens to the process, to the script or in here, an execution that
began ends with exactly one `RunComplete`, and a phase that was open gets its `PhaseComplete` before it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import structlog
from pydantic import ValidationError

from station import frameworks
from station.child import Child, Source
from station.ending import Ending
from station.environments import EnvironmentFailed, Interpreters
from station.events import EventWriter, Message
from station.journal import Journal
from station.leftovers import MARK, end_leftovers
from station.phase_events import PhaseEvents
from station.prompting import Prompting
from station.protocol import AnyRunEvent, Outcome, RunComplete, RunCrashed, RunStarting, RunStopping
from station.run_request import RunRequest
from station.stopping import StopClock
from station.text import clean, readable_line

log = structlog.get_logger()

_TICK_S = 0.2  # how late the end of a process that left its pipes to others may be noticed


class Execution:
    """One run, from first event to last. `run` is the body of a thread; `answer`, `stop` and `kill` are for others."""

    def __init__(
        self,
        request: RunRequest,
        journal: Journal,
        attachments: Path,
        interpreters: Interpreters,
        on_event: Callable[[AnyRunEvent], None],
        stops: StopClock,
    ) -> None:
        self.request = request
        self.journal = journal
        self._attachments = attachments
        self._interpreters = interpreters
        self._stops = stops
        self._events = EventWriter(journal, on_event)
        self._phases = PhaseEvents(self._events)
        self._prompting = Prompting(request, self._events, self._phases, self._send)
        self._ending = Ending()
        self._child: Child | None = None
        self._handlers: dict[str, Callable[[Message], None]] = {
            "ready": self._stops.note_ready,
            "identify": self._prompting.identify,
            "unit": self._prompting.change_unit,
            "test_start": self._begin_test,
            "plan_added": self._phases.extend_plan,
            "phase_start": self._begin_phase,
            "phase_end": self._end_phase,
            "measurement": self._phases.measure,
            "attachment": self._phases.attach,
            "log": lambda message: self._phases.note(message["message"], message["level"], message),
            "output": self._take_print,
            "prompt": self._ask,
            "prompt_closed": self._prompting.take_back,
            "metadata": self._ending.note_metadata,
            "test_end": self._ending.note_test_end,
            "script_error": self._take_script_error,
            "script_end": self._stops.note_script_end,
        }

    # ── for other threads ───────────────────────────────────────────────────────────────────────────────────────────

    def begin(self) -> None:
        """Write the first event: from here on the execution is on record."""
        request = self.request
        self._events.emit(
            RunStarting,
            procedure_id=request.procedure_id,
            procedure_name=request.procedure_name,
            operated_by=request.operated_by,
            is_simulated=request.is_simulated,
        )

    def answer(self, request_id: str, values: Mapping[str, str], by: str | None) -> None:
        """Answer an open question. Raises `Refused`; the question then stays open."""
        self._prompting.answer(request_id, values, by)

    def stop(self, by: str | None, reason: str | None) -> None:
        """Ask the test to end: phase interrupted, teardown executed. A second one, or one too late, changes nothing."""
        with self._events.lock:
            if not self.journal.is_complete and self._stops.ask():
                self._events.emit(RunStopping, by=by, reason=reason)
                self._prompting.close_all("stopped")
                self._send({"type": "stop"})

    def kill(self, by: str | None) -> None:
        """End the process: SIGTERM now, SIGKILL a moment later. A second call changes nothing."""
        with self._events.lock:
            if not self.journal.is_complete and self._stops.ask_kill():
                self._events.emit(RunStopping, by=by, is_kill=True)
                self._prompting.close_all("stopped")
                if self._child:
                    self._child.terminate()

    # ── the run ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def run(self) -> None:
        """Execute the procedure. Returns when it is over and its last event is written."""
        try:
            self._attachments.mkdir(parents=True, exist_ok=True, mode=0o700)
            child = self._spawn()
            if child:
                self._follow(child)
        except Exception as error:  # the edge of the run: the bench is made safe, and the run gets its end
            self._ending.crash("agent_init_error", f"The station failed while it ran the procedure: {error!r}.")
            log.exception("run_failed_inside", execution_id=self.journal.execution_id)
            if self._child:
                self._child.wind_down(self._stops.grace_s)
        finally:
            if self._child:
                self._child.finish()
                end_leftovers(self.journal.execution_id)
            self._end()

    def _spawn(self) -> Child | None:
        """Start the process. None when it cannot be started, or when the run was stopped before."""
        request = self.request
        command = self._command()
        if command is None:
            return None
        marked = {**request.environment, MARK: self.journal.execution_id}
        environment = frameworks.environment_for(marked, request.visa_library)
        with self._events.lock:
            if self._stops.is_asked:
                return None
            try:
                self._child = Child(command, request.folder, environment)
            except OSError as error:
                self._ending.crash("spawn_failed", f"The interpreter {command[0]} cannot be started: {error}.")
            self._stops.note_spawned()
            return self._child

    def _command(self) -> list[str] | None:
        """The procedure's interpreter, made first where that is needed, and what it is to run. None when it cannot."""
        folder, entry = self.request.folder.resolve(), self.request.entry
        try:
            python = self._interpreters.interpreter_for(folder, lambda: self._stops.is_asked)
        except EnvironmentFailed as failure:
            self._ending.crash("env_error", str(failure))
            return None
        framework = frameworks.framework_of(folder, entry)
        return frameworks.command_of(framework, folder, entry, python, self._attachments.resolve())

    def _follow(self, child: Child) -> None:
        """Listen until the process has ended."""
        while not child.has_ended():
            messages = child.read(_TICK_S)
            self._take_all(messages, [] if messages else child.relieve())
            self._keep_deadlines(child)
        self._take_all(*child.finish())
        self._ending.was_stopped = self._stops.is_asked
        self._ending.note_status(child.status)

    def _keep_deadlines(self, child: Child) -> None:
        if self._stops.is_stalled:
            limit = f"within {self._stops.start_limit_s:g} s"
            self._ending.crash("startup_stall", f"The interpreter {child.interpreter} gave no sign of life {limit}.")
            child.kill()
        elif self._stops.is_over_time:
            child.kill()

    def _end(self) -> None:
        with self._events.lock:
            self._ending.was_stopped = self._stops.is_asked
            self._prompting.close_all("stopped" if self._stops.is_asked else "phase_ended")
            crash = self._ending.crash_to_tell()
            if crash:
                self._phases.end_all(Outcome.ERROR, "The procedure ended during this phase.")
                self._phases.tell_not_reached()
                self._events.emit(RunCrashed, error=crash.error, error_kind=crash.kind)
            else:
                self._phases.end_all(Outcome.ABORTED, "Stopped.")
                self._phases.tell_not_reached()
            ending = self._ending
            self._events.emit(
                RunComplete,
                outcome=ending.outcome,
                error=ending.error,
                exit_code=ending.exit_code,
                metadata=ending.metadata,
            )
            self.journal.close()

    # ── what the process says ───────────────────────────────────────────────────────────────────────────────────────

    def _take_all(self, messages: list[bytes], output: list[tuple[Source, bytes]]) -> None:
        for line in messages:
            self._take(line)
        for source, line in output:
            text = self._printed(source, line)
            if text:
                self._phases.note_output(text, _level_of(source))

    def _take(self, line: bytes) -> None:
        try:
            message = clean(json.loads(line))
            handler = self._handlers.get(message["type"])
            if handler:
                with self._events.lock:
                    handler(message)
            else:
                log.warning("connector_message_unknown", message_type=message["type"])
        except (ValueError, KeyError, TypeError, ValidationError) as error:
            # One message that makes no sense must not end a run; but it must not vanish either.
            log.warning("connector_message_unreadable", error=str(error))
            self._phases.note_output(f"A message of the connector was not understood: {line[:200]!r}", "WARNING")

    def _begin_test(self, message: Message) -> None:
        self._ending.note_test_start(message)
        was_identified = self._prompting.unit is not None
        self._prompting.note_unit(message)
        unit = self._prompting.unit
        self._phases.begin_run(message, unit)
        entered = self.request.serial_number
        if entered and unit and not was_identified and unit.serial_number != entered:
            # The script names its unit itself and never asked for ours.
            words = f"The script tests {unit.serial_number}, not {entered} that was entered."
            self._phases.note_output(words, "WARNING")

    def _begin_phase(self, message: Message) -> None:
        self._stops.note_progress()
        self._phases.begin(message)

    def _end_phase(self, message: Message) -> None:
        self._stops.note_progress()
        self._prompting.close_all("phase_ended", message["phase"])
        self._phases.end(message)

    def _ask(self, message: Message) -> None:
        self._stops.note_progress()
        self._prompting.ask(message)

    def _take_script_error(self, message: Message) -> None:
        self._ending.note_script_error(message)
        if self._ending.has_verdict:  # which stands; but what went wrong after the test is told as well
            self._phases.note(message["error"], "ERROR", {"t": message["t"]})

    def _take_print(self, message: Message) -> None:
        text = self._printed(message["stream"], message["text"].encode())
        if message.get("is_gathered"):
            self._phases.gather(text, message)
        elif text:
            self._phases.note(text, _level_of(message["stream"]), message)

    def _printed(self, stream: str, line: bytes) -> str:
        text = readable_line(line)
        if stream == "stderr":
            self._ending.note_stderr(text)
        return text

    def _send(self, command: dict[str, Any]) -> None:
        if self._child:
            self._child.send(command)


def _level_of(stream: str) -> str:
    return "WARNING" if stream == "stderr" else "INFO"
