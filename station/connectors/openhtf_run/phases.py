"""Watches phases, attempt by attempt: begin, measurements, attachments, verdict."""

from __future__ import annotations

import functools
import inspect
import re
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..common.hooks import hook
from ..common.wire import Wire
from . import reasons
from .measured import declared, holds_nan, judged, written
from .plan import Plan, name_of

_ANNOUNCE_S = 0.05  # at most; usually well under a millisecond
_STOP_POLL_S = 0.2  # a phase that cannot be interrupted is left behind after this, not after OpenHTF's 3 s


class Attempt:
    """One execution of a phase. ``number`` counts from 1."""

    def __init__(self, key: str, phase: Any, number: int, state: Any) -> None:
        self.key = key
        self.phase = phase
        self.number = number
        self.state = state
        self.started_t = time.monotonic()
        self.exit_call: str | None = None  # argument of a sys.exit() in the phase
        self.was_stopped = False
        self.repeat_limit = 0
        self.limit_s = 0.0

    @property
    def place(self) -> dict[str, Any]:
        """What every message of this attempt carries."""
        return {"phase": self.key, "attempt": self.number}


class PhaseWatch:
    """Tells the station about every phase of the plan. ``current`` is the attempt that runs, None between phases."""

    def __init__(self, wire: Wire, folder: str, attachments: str, stop_asked: threading.Event) -> None:
        self.current: Attempt | None = None
        self.plan: Plan | None = None
        self.has_begun = False  # before that, the framework executes its start trigger: no phase of the plan
        self.before_boundary: Callable[[], None] = lambda: None  # called before a phase begins or ends
        self.first_error: str | None = None  # of a phase that ended the test, in words
        self._wire = wire
        self._folder = folder
        self._attachments = attachments
        self._attached = 0
        self._stop_asked = stop_asked
        self._key: str | None = None
        self._numbers: dict[str, int] = {}
        self._attempts_by_measurement: dict[int, Attempt] = {}

    @property
    def place(self) -> dict[str, Any]:
        """The phase that a line of output belongs to: none between phases."""
        current = self.current
        return current.place if current else {"phase": "", "attempt": 1}

    def install(self) -> None:
        """Put the hooks into OpenHTF."""
        from openhtf.core import measurements, phase_executor, test_state

        executor = phase_executor.PhaseExecutor
        hook(executor, "execute_phase", self._around_phase)
        hook(executor, "skip_phase", self._around_phase)
        hook(phase_executor.PhaseExecutorThread, "_thread_proc", self._around_thread)
        make = test_state.PhaseState.from_descriptor
        test_state.PhaseState.from_descriptor = staticmethod(functools.partial(self._begin, make))
        hook(test_state.PhaseState, "finalize", self._end)
        hook(test_state.PhaseState, "attach", self._around_attach)
        hook(measurements.Measurement, "notify_value_set", self._around_write)
        hook(measurements.Measurement, "validate", _refuse_what_is_no_number)
        if hasattr(phase_executor, "_JOIN_TRY_INTERVAL_SECONDS"):
            phase_executor._JOIN_TRY_INTERVAL_SECONDS = _STOP_POLL_S

    def _around_phase(self, original: Any, executor: Any, phase: Any, *args: Any, **kwargs: Any) -> Any:
        self._key = self._key_of(phase)
        return original(executor, phase, *args, **kwargs)

    def _key_of(self, phase: Any) -> str | None:
        if self.plan is None or not self.has_begun:
            return None
        if not self.plan.knows(phase):
            self._wire.emit("plan_added", phases=[self.plan.add(phase)])
        return self.plan.next_key(phase)

    def _begin(self, make: Any, phase: Any, *args: Any, **kwargs: Any) -> Any:
        state = make(phase, *args, **kwargs)
        if self._key is not None:
            self.before_boundary()
            number = self._numbers[self._key] = self._numbers.get(self._key, 0) + 1
            attempt = Attempt(self._key, phase, number, state)
            attempt.repeat_limit, attempt.limit_s = _limits_of(phase)
            for measurement in state.measurements.values():
                self._attempts_by_measurement[id(measurement)] = attempt
            self.current = attempt
            measurements = [declared(measurement) for measurement in state.measurements.values()]
            self._wire.emit("phase_start", **attempt.place, name=name_of(phase), measurements=measurements)
            # If this phase takes the process down, it must be known which one it was.
            self._wire.flush(_ANNOUNCE_S)
        return state

    def _around_thread(self, original: Any, thread: Any) -> Any:
        attempt = self.current
        try:
            return original(thread)
        except SystemExit as leaving:
            # OpenHTF takes any exit for its own interruption of the phase; remember whose it was.
            if attempt and not self._stop_asked.is_set() and type(leaving) is SystemExit:
                attempt.exit_call = "" if leaving.code is None else repr(leaving.code)
            raise

    def _around_write(self, original: Any, measurement: Any) -> Any:
        attempt = self._attempts_by_measurement.get(id(measurement))
        if attempt and attempt is self.current and not measurement.dimensions:
            self._wire.emit("measurement", **attempt.place, measurement=written(measurement))
        return original(measurement)

    def _around_attach(self, original: Any, state: Any, name: Any, data: Any, *args: Any, **kwargs: Any) -> Any:
        result = original(state, name, data, *args, **kwargs)
        attempt = self.current
        if attempt and attempt.state is state:
            content = data.encode() if isinstance(data, str) else bytes(data)
            self._attached += 1
            path = Path(self._attachments, f"{self._attached}-{_safe(str(name))}")
            path.write_bytes(content)
            mimetype = getattr(state.attachments.get(name), "mimetype", None)
            self._wire.emit(
                "attachment",
                **attempt.place,
                name=str(name),
                path=str(path),
                mimetype=mimetype,
                size_bytes=len(content),
            )
        return result

    def _end(self, original: Any, state: Any) -> Any:
        result = original(state)
        attempt = self.current
        if attempt and attempt.state is state:
            self.before_boundary()
            self.current = None
            self._attempts_by_measurement.clear()
            self._tell_end(attempt)
        return result

    def _tell_end(self, attempt: Attempt) -> None:
        outcome = self._outcome(attempt)
        doc = getattr(attempt.phase, "doc", None)
        name = name_of(attempt.phase)
        error = None if outcome == "SKIP" else reasons.phase_in_words(attempt, self._folder)
        if outcome in ("ERROR", "TIMEOUT") and error and self.first_error is None:
            self.first_error = f"{name}: {error}"
        self._wire.emit(
            "phase_end",
            **attempt.place,
            name=name,
            outcome=outcome,
            measurements=[judged(measurement) for measurement in attempt.state.measurements.values()],
            started_t=attempt.started_t,
            error=error,
            docstring=inspect.cleandoc(doc) if doc else None,
        )

    def _outcome(self, attempt: Attempt) -> str:
        record = attempt.state.phase_record
        outcome: str = getattr(record.outcome, "name", "ERROR")
        result = record.result
        if result is not None and outcome == "ERROR":
            is_over_time = result.is_timeout and time.monotonic() - attempt.started_t >= attempt.limit_s
            is_interrupted = result.is_timeout or isinstance(result.phase_result, SystemExit)
            if self._stop_asked.is_set() and is_interrupted and not is_over_time:
                attempt.was_stopped = True
                return "ABORTED"
            if result.is_timeout:
                return "TIMEOUT"
        is_repeated = getattr(attempt.phase.options, "repeat_on_measurement_fail", False)
        if outcome == "FAIL" and is_repeated and attempt.number < attempt.repeat_limit:
            return "SKIP"  # OpenHTF says so itself, a moment later
        return outcome


def _limits_of(phase: Any) -> tuple[int, float]:
    """How often a phase may be repeated, and how many seconds it may take."""
    from openhtf.core import phase_descriptor, phase_executor

    repeat_limit: Any = getattr(phase.options, "repeat_limit", None)
    timeout_s: Any = getattr(phase.options, "timeout_s", None)
    return (
        int(repeat_limit or getattr(phase_descriptor, "DEFAULT_REPEAT_LIMIT", 1)),
        float(phase_executor.DEFAULT_PHASE_TIMEOUT_S if timeout_s is None else timeout_s),
    )


def _refuse_what_is_no_number(original: Any, measurement: Any) -> Any:
    """A NaN must never pass, also where no limit was declared. An infinity keeps OpenHTF's verdict."""
    result = original(measurement)
    if measurement.outcome.name == "PASS" and holds_nan(measurement):
        measurement.outcome = type(measurement.outcome).FAIL
    return result


def _safe(name: str) -> str:
    """The name of a file for an attachment of any name."""
    return re.sub(r"[^A-Za-z0-9._-]+", "_", name).lstrip(".")[-100:] or "attachment"
