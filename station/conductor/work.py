"""What phases do and say: their workers, their measurements, their questions, and what is told of each attempt."""

from __future__ import annotations

import time
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from station.conductor import tellings
from station.conductor.attempts import Attempt
from station.conductor.processes import START, Inbox, Process
from station.conductor.verdicts import AttemptEnd, given_from, judge_all, settle
from station.connectors.common.values import plain
from station.connectors.common.wire import Wire
from station.procedure_file.judging import NOT_SET, Judged
from station.procedure_file.models import Phase, Procedure
from station.protocol import Outcome

END_LIMIT_S = 2.0


class Work:
    """The attempts of one run. ``unit``: who is tested, once that is known; ``plugs``: how phases reach them."""

    def __init__(
        self, wire: Wire, procedure: Procedure, folder: Path, attachments: Path, python: str, inbox: Inbox
    ) -> None:
        self.unit: dict[str, Any] = {}
        self.plugs: dict[str, dict[str, str]] = {}
        self.first_error: str | None = None
        self._wire = wire
        self._procedure = procedure
        self._folder, self._attachments, self._python, self._inbox = folder, attachments, python, inbox
        self._idle: list[Process] = []
        self._busy: dict[Process, Attempt] = {}
        self._results: dict[str, dict[str, Any]] = {}
        self._run_metadata: dict[str, Any] = {}
        execution = procedure.execution
        self._on_first_failure = execution.on_first_failure if execution is not None else "stop"

    @property
    def has_room(self) -> bool:
        """Whether another phase may begin now."""
        return len(self._busy) < self._procedure.workers

    def question_for_unit(self) -> dict[str, Any]:
        """How the unit is asked for: see `station.prompting`."""
        return tellings.unit_question(self._procedure.unit)

    def begin(self, phase: Phase, stage: str, key: str, number: int) -> Attempt:
        """Begin an attempt: its function on a worker, and its question."""
        has_function = phase.python is not None or phase.executable is not None
        worker = (self._idle.pop() if self._idle else self._new_worker()) if has_function else None
        attempt = Attempt(phase, stage, key, number, worker)
        measurements = [tellings.declared(one) for one in phase.measurements]
        self._wire.emit("phase_start", **attempt.place, name=phase.name, measurements=measurements)
        if phase.ui is not None and phase.ui.is_asking:
            attempt.prompt_id = str(uuid.uuid4())
            self._wire.emit("prompt", **attempt.place, id=attempt.prompt_id, **tellings.question(phase))
        if worker is None:
            attempt.finish("ok", None)
        else:
            self._busy[worker] = attempt
            worker.send(self._job(attempt))
        return attempt

    def hear(self, worker: Process, message: dict[str, Any], running: Sequence[Attempt]) -> None:
        """What a worker says."""
        attempt = self._busy.get(worker)
        kind = message["type"]
        if attempt is None or attempt not in running:
            return
        match kind:
            case "measured":
                self._measure(attempt, message["measured"])
            case "unit_changed":
                self._change_unit(message["unit"])
            case "done":
                self._take_done(attempt, message)
            case "ended":
                self._take_death(attempt, worker, message)
            case "log" | "output" | "attachment":
                fields = {name: value for name, value in message.items() if name not in {"type", "t"}}
                self._wire.emit(kind, **{**fields, **attempt.place})

    def take_answer(self, command: dict[str, Any], running: Sequence[Attempt]) -> None:
        """The operator has answered a question of a phase."""
        for attempt in running:
            if attempt.prompt_id == command["id"]:
                attempt.prompt_id = None
                self._bind(attempt, command.get("values") or {})

    def settle(self, attempt: Attempt) -> AttemptEnd:
        """Give the attempt its verdict, and tell it."""
        phase = attempt.phase
        if attempt.prompt_id is not None:
            self._wire.emit("prompt_closed", id=attempt.prompt_id, reason="phase_ended")
        judged = judge_all(phase, attempt.measured)
        is_complete = attempt.end in {"ok", "fail"}
        if not is_complete:  # a phase that was cut off, or skipped itself, owes no measurement that it did not set
            judged = [one for one in judged if one.given.value is not NOT_SET or one.given.y]
        end = settle(phase, attempt.end or "error", attempt.error, judged, attempt.number, self._on_first_failure)
        if end.outcome in {Outcome.ERROR, Outcome.TIMEOUT} and self.first_error is None:
            self.first_error = f"{phase.name}: {end.error}"
        self._remember(attempt, end, judged)
        self._wire.emit(
            "phase_end",
            **attempt.place,
            name=phase.name,
            outcome=end.outcome.value,
            measurements=[tellings.judged(one) for one in judged],
            started_t=attempt.started_t,
            error=end.error,
            docstring=phase.description,
        )
        return end

    def end(self) -> None:
        """Let the workers go."""
        workers = [*self._idle, *self._busy]
        for worker in workers:
            worker.send({"type": "end"})
        deadline = time.monotonic() + END_LIMIT_S
        for worker in workers:
            if not worker.wait(max(0.0, deadline - time.monotonic())):
                worker.kill()
                worker.wait(END_LIMIT_S)
        if self._run_metadata:
            self._wire.emit("metadata", run=self._run_metadata)

    def _new_worker(self) -> Process:
        command = [self._python, *START, str(self._folder), "worker", str(self._attachments)]
        return Process(command, self._folder, self._inbox, "worker")

    def _job(self, attempt: Attempt) -> dict[str, Any]:
        phase = attempt.phase
        job: dict[str, Any] = {
            "type": "job",
            **attempt.place,
            "plugs": self.plugs,
            "results": self._results,
            "components": [one.id for one in phase.ui.components] if phase.ui is not None else [],
            "unit": {**self.unit["unit"], "metadata": self.unit["metadata"]},
            "run": {
                "slot_id": "default",
                "job_id": f"{attempt.key}-{attempt.number}",
                "retry_count": attempt.number - 1,
                "retry_limit": phase.retry.limit if phase.retry is not None else 0,
                "metadata": self._run_metadata,
            },
        }
        if phase.executable is not None:
            job["executable"] = phase.executable.model_dump()
        else:
            job["python"] = phase.python
        return job

    def _measure(self, attempt: Attempt, given: dict[str, Any]) -> None:
        attempt.measured[given["name"]] = given
        declared = next((one for one in attempt.phase.measurements if one.id == given["name"]), None)
        told = tellings.declared(declared) if declared is not None else {"name": given["name"], "validators": []}
        if "value" in given:
            told["measured_value"] = plain(given_from(given).value)
        self._wire.emit("measurement", **attempt.place, measurement=told)

    def _change_unit(self, changes: dict[str, Any]) -> None:
        sub_units = {**(self.unit["unit"].get("sub_units") or {}), **changes.pop("sub_units", {})}
        self.unit["unit"] = {**self.unit["unit"], **changes, "sub_units": sub_units}
        self._wire.emit("unit", unit=self.unit["unit"])

    def _take_done(self, attempt: Attempt, message: dict[str, Any]) -> None:
        attempt.measured = {**attempt.measured, **message["measured"]}
        metadata = message.get("metadata") or {}
        self._run_metadata = metadata.get("run", self._run_metadata)
        self.unit["metadata"] = metadata.get("unit", self.unit["metadata"])
        attempt.finish(message["end"], message["error"])
        if message.get("traceback"):
            self._wire.emit("log", **attempt.place, level="ERROR", message=message["traceback"])
        if attempt.worker is not None:
            self._busy.pop(attempt.worker, None)
            if message["end"] == "interrupted":
                attempt.worker.kill()  # whatever was interrupted may have left something half done in there
            else:
                self._idle.append(attempt.worker)

    def _take_death(self, attempt: Attempt, worker: Process, message: dict[str, Any]) -> None:
        self._busy.pop(worker, None)
        attempt.finish("error", tellings.death(message))

    def _bind(self, attempt: Attempt, values: dict[str, Any]) -> None:
        """Answers become measurements and facts of the unit; what the function itself has set counts for more."""
        for component in attempt.phase.ui.components if attempt.phase.ui is not None else ():
            if not component.is_input or not component.bind or component.id not in values:
                continue
            value = tellings.typed_answer(component, values[component.id])
            place, _, name = component.bind.strip().partition(".")
            if place != "unit":
                attempt.measured.setdefault(name, {"name": name, "value": value})
            elif name.startswith("sub_units."):
                self._change_unit({"sub_units": {name.removeprefix("sub_units."): str(value)}})
            else:
                self._change_unit({name: str(value)})

    def _remember(self, attempt: Attempt, end: AttemptEnd, judged: Sequence[Judged]) -> None:
        """What later phases may read."""
        values = {
            key: attempt.measured[key].get("value") if key in attempt.measured else None
            for key in {*attempt.measured, *(one.declared.id for one in judged)}
        }
        self._results[attempt.phase.id] = {
            "outcome": end.outcome.value,
            "duration_ms": round((time.monotonic() - attempt.started_t) * 1000),
            "measurements": values,
        }
