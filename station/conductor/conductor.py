"""Conducts one run of a declared procedure: which phase begins when, on which worker, and what its end means.

One thread decides, on what comes into its inbox: messages of workers and plugs, commands of the station, its own
deadlines. Source: contract/procedure-format.md §6 to §8 and §12, contract/run-json.md §6.1.
"""

from __future__ import annotations

import queue
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from station.conductor.attempts import Attempt
from station.conductor.plugs import PlugProcess, Plugs
from station.conductor.processes import Inbox
from station.conductor.verdicts import verdict_of_run
from station.conductor.work import Work
from station.connectors.common.wire import Wire
from station.procedure_file.models import Phase, Procedure
from station.protocol import Outcome

STAGES = ("setup", "main", "teardown")
PLUG_LIMIT_S = 90.0
_STATION: Any = None  # in place of the process, for what the station says


class Conductor:
    """One run, from the unit to the verdict. `run` blocks; `take` is for the thread that hears the station."""

    def __init__(self, wire: Wire, procedure: Procedure, folder: Path, attachments: Path, python: str) -> None:
        self._wire = wire
        self._procedure = procedure
        self._folder = folder
        self._inbox: Inbox = queue.SimpleQueue()
        self._work = Work(wire, procedure, folder, attachments, python, self._inbox)
        self._keys = _unique_keys(procedure)
        self._plugs: Plugs | None = None
        self._python = python
        self._is_stopping = False
        self._is_ending = False
        self._finals: dict[str, Outcome] = {}
        self._running: list[Attempt] = []

    def take(self, command: dict[str, Any]) -> None:
        """Note a command of the station; any thread."""
        self._inbox.put((_STATION, command))

    def run(self) -> None:
        """Execute the procedure."""
        unit = self._identify()
        if unit is None:
            return
        self._work.unit = unit
        self._wire.emit(
            "test_start",
            test_name=self._procedure.name,
            docstring=self._procedure.description,
            unit=unit["unit"],
            phases=[
                {"key": self._keys[stage, phase.id], "name": phase.name, "stage": stage}
                for stage in STAGES
                for phase in self._phases(stage)
            ],
        )
        error = None
        try:
            error = self._make_plugs()
            if error is None:
                for stage in ("setup", "main"):
                    self._execute(stage)
            self._is_ending = False
            if error is None:
                self._execute("teardown")
        finally:
            self._end_processes()
        verdict = verdict_of_run(
            self._finals.values(), has_failed_plugs=error is not None, was_stopped=self._is_stopping
        )
        self._wire.emit("test_end", outcome=verdict.value, error=error or self._work.first_error)

    def _phases(self, stage: str) -> list[Phase]:
        phases: list[Phase] = getattr(self._procedure, stage)
        return [phase for phase in phases if phase.is_enabled]

    def _identify(self) -> dict[str, Any] | None:
        """The unit, when the station knows it; None when the run was stopped before."""
        self._wire.emit("identify", **self._work.question_for_unit())
        while not self._is_stopping:
            _process, message = self._inbox.get()
            if message["type"] == "unit":
                return {"unit": message["unit"], "metadata": message.get("metadata") or {}}
            self._obey(message)
        return None

    def _make_plugs(self) -> str | None:
        """All plugs, side by side. Returns why the run cannot go on."""
        self._plugs = plugs = Plugs(self._procedure.plugs, self._python, self._folder, self._inbox)
        deadline = time.monotonic() + PLUG_LIMIT_S
        while not plugs.are_settled and not self._is_stopping:
            left = deadline - time.monotonic()
            if left <= 0:
                waiting = [one.plug.name for one in plugs.processes if not one.is_ready]
                return f"Not ready within {PLUG_LIMIT_S:g} s: {', '.join(waiting)}."
            self._listen(left)
        self._work.plugs = plugs.access()
        return plugs.error

    def _execute(self, stage: str) -> None:
        """The phases of a stage: each as soon as those that it waits for are over, in the order of the file."""
        waiting = self._phases(stage)
        known = {phase.id for phase in waiting}
        over: set[str] = set()
        while True:
            if self._may_begin(stage):
                for phase in [one for one in waiting if _is_due(one, over, known)]:
                    if self._work.has_room:
                        waiting.remove(phase)
                        self._begin(phase, stage, self._keys[stage, phase.id])
            if not self._running:
                return
            if not any(one.is_over for one in self._running):
                self._listen(self._next_deadline())
                self._keep_deadlines()
            for attempt in [one for one in self._running if one.is_over]:
                self._running.remove(attempt)
                if self._settle(attempt):
                    over.add(attempt.phase.id)

    def _may_begin(self, stage: str) -> bool:
        return stage == "teardown" or not (self._is_stopping or self._is_ending)

    def _begin(self, phase: Phase, stage: str, key: str, number: int = 1) -> None:
        self._running.append(self._work.begin(phase, stage, key, number))

    def _settle(self, attempt: Attempt) -> bool:
        """Tell the end of an attempt. True when the phase is over with it."""
        end = self._work.settle(attempt)
        if end.is_again and not self._is_stopping:
            delay = attempt.phase.retry.delay if attempt.phase.retry is not None else None
            if delay is not None:
                self._wait(delay.total_seconds())
            if not self._is_stopping:
                self._begin(attempt.phase, attempt.stage, attempt.key, attempt.number + 1)
                return False
        self._finals[attempt.key] = Outcome.FAIL if end.is_again else end.outcome
        self._is_ending = self._is_ending or end.is_last
        return True

    def _wait(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while not self._is_stopping and time.monotonic() < deadline:
            self._listen(deadline - time.monotonic())

    def _listen(self, within_s: float | None) -> None:
        """Take what comes, if anything does in time."""
        try:
            process, message = self._inbox.get(timeout=None if within_s is None else max(0.0, within_s))
        except queue.Empty:
            return
        if process is _STATION:
            self._obey(message)
        elif isinstance(process, PlugProcess):
            self._hear_plug(process, message)
        else:
            try:
                self._work.hear(process, message, self._running)
            except (KeyError, TypeError, ValueError, AttributeError):  # from a process that a phase has in its hands
                process.refuse("It said something that makes no sense.")

    def _hear_plug(self, process: PlugProcess, message: dict[str, Any]) -> None:
        if process.take(message):
            return
        text = message["text"] if message["type"] == "output" else message.get("message", "")
        level = message.get("level") or ("WARNING" if message.get("stream") == "stderr" else "INFO")
        self._wire.emit("log", phase="", attempt=1, level=level, message=f"{process.plug.name}: {text}")

    def _obey(self, command: dict[str, Any]) -> None:
        kind = command["type"]
        if kind in {"stop", "station_gone"}:
            self._is_stopping = True
            for attempt in self._running:
                if attempt.stage != "teardown":
                    attempt.interrupt()
        elif kind == "answer":
            self._work.take_answer(command, self._running)

    def _next_deadline(self) -> float | None:
        deadlines = [one.deadline for one in self._running if one.deadline is not None]
        return min(deadlines) - time.monotonic() if deadlines else None

    def _keep_deadlines(self) -> None:
        now = time.monotonic()
        for attempt in self._running:
            if attempt.deadline is not None and now >= attempt.deadline:
                attempt.time_is_up(now)

    def _end_processes(self) -> None:
        self._work.end()
        for words in self._plugs.take_down() if self._plugs is not None else ():
            self._wire.emit("log", phase="", attempt=1, level="WARNING", message=words)
        while not self._inbox.empty():
            process, message = self._inbox.get()
            if isinstance(process, PlugProcess):
                self._hear_plug(process, message)


def _is_due(phase: Phase, over: set[str], known: set[str]) -> bool:
    return all(needed in over for needed in phase.depends_on if needed in known)


def _unique_keys(procedure: Procedure) -> dict[tuple[str, str], str]:
    """The key of each phase in the plan: its own, or with its stage where another stage has one like it."""
    keys: dict[tuple[str, str], str] = {}
    taken: set[str] = set()
    phases: Sequence[tuple[str, Phase]] = [
        (stage, phase) for stage in ("main", "setup", "teardown") for phase in getattr(procedure, stage)
    ]
    for stage, phase in phases:
        key = phase.id if phase.id not in taken else f"{stage}_{phase.id}"
        taken.add(key)
        keys.setdefault((stage, phase.id), key)
    return keys
