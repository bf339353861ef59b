"""One executed test: from OpenHTF's ``Test.execute`` to its record, and the way to stop it."""

from __future__ import annotations

import faulthandler
import inspect
import queue
import sys
import threading
import time
from typing import Any

from ..common.hooks import hook
from ..common.wire import Wire
from .log_watch import LogWatch
from .phases import PhaseWatch
from .plan import Plan
from .questions import QuestionDesk
from .unit import UnitDesk

_ORPHAN_LIMIT_S = 10.0  # to make instruments safe after the station died


class Session:
    """Everything about the one test that this process runs for the station."""

    def __init__(self, wire: Wire, folder: str, attachments: str) -> None:
        self.has_executed = False
        self.stop_asked = threading.Event()
        self._wire = wire
        self._folder = folder
        self.watch = PhaseWatch(wire, folder, attachments, self.stop_asked)
        self._questions = QuestionDesk(wire, self.watch)
        self._logs = LogWatch(wire, self.watch, folder)
        self._units: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
        self._unit = UnitDesk(wire, self._wait_for_unit)
        self._test: Any = None

    def install(self) -> None:
        """Put the hooks into OpenHTF. Raises ImportError where it is not installed."""
        from openhtf.core import test_descriptor, test_executor, test_state
        from openhtf.util import console_output

        self.watch.install()
        self._questions.install()
        hook(threading, "excepthook", _without_interruptions)
        hook(test_descriptor.Test, "execute", self._around_execute)
        hook(test_executor.TestExecutor, "finalize", self._around_finalize)
        hook(test_state.TestState, "__init__", self._around_new_state)
        hook(test_state.TestState, "mark_test_started", self._around_mark_started)
        if hasattr(test_descriptor, "console_output"):
            test_descriptor.console_output = _QuietConsole(console_output)

    def take(self, command: dict[str, Any]) -> None:
        """Obey one command of the station."""
        kind = command.get("type")
        if kind == "unit":
            self._units.put(dict(command.get("unit") or {}))
        elif kind == "answer":
            self._questions.take_answer(str(command["id"]), str(command["text"]))
        elif kind == "stop":
            self.stop()
        elif kind == "station_gone":
            # Nobody would end a script that hangs: this thread of C code does, without needing the interpreter.
            faulthandler.dump_traceback_later(_ORPHAN_LIMIT_S, exit=True)
            self.stop()

    def stop(self) -> None:
        """Interrupt the running phase; teardown phases and the plugs' ``tearDown`` still run. Once."""
        if not self.stop_asked.is_set():
            self.stop_asked.set()
            self._units.put(None)
            threading.Thread(target=self._abort, name="stationmaster-stop", daemon=True).start()

    def _abort(self) -> None:
        """Abort the executor as soon as there is one: the stop may have come just before it."""
        self._questions.stop_all()
        while True:
            executor = getattr(self._test, "_executor", None)
            if executor is not None:
                executor.abort()
                return
            time.sleep(0.02)

    def _wait_for_unit(self) -> dict[str, Any]:
        unit = self._units.get()
        if unit is None:
            raise SystemExit("stopped before the unit was identified")
        return unit

    def _around_execute(self, original: Any, test: Any, test_start: Any = None, *args: Any, **kwargs: Any) -> Any:
        if self.has_executed:
            self._wire.emit(
                "log", phase="", attempt=1, level="WARNING",
                message="The script starts another test. One run is one test: the script ends here.",
            )  # fmt: skip
            raise SystemExit(0)
        self.has_executed = True
        self.watch.plan = Plan(test.descriptor.phase_sequence)
        trigger = self._unit.settle(test, test_start)
        if self.stop_asked.is_set():
            raise SystemExit("stopped before the test began")
        self._logs.install()
        _drop_portal_uploads(test)
        self._test = test
        return original(test, trigger, *args, **kwargs)

    def _around_new_state(self, original: Any, state: Any, *args: Any, **kwargs: Any) -> None:
        original(state, *args, **kwargs)
        self._unit.begin(state.test_record)

    def _around_mark_started(self, original: Any, state: Any, *args: Any, **kwargs: Any) -> Any:
        result = original(state, *args, **kwargs)
        self._unit.follow(state.test_record)
        self.watch.has_begun = True
        document = sys.modules["__main__"].__doc__
        plan = self.watch.plan
        self._wire.emit(
            "test_start",
            test_name=str(state.test_record.metadata.get("test_name") or ""),
            docstring=inspect.cleandoc(document) if document else None,
            phases=plan.phases if plan else [],
            unit=self._unit.known,
        )
        return result

    def _around_finalize(self, original: Any, executor: Any) -> Any:
        state = original(executor)
        record = state.test_record
        unset = getattr(getattr(state, "test_options", None), "default_dut_id", None)
        if self._unit.follow(record, unset):
            self._wire.emit("unit", unit=self._unit.known)
        outcome = getattr(record.outcome, "name", "ERROR")
        error = None
        if outcome in ("ERROR", "TIMEOUT"):
            # The phase's own words say where; the record's details are for what went wrong outside phases.
            details = "\n".join(_detail(detail) for detail in record.outcome_details)
            error = self.watch.first_error or details or None
        self._wire.emit("test_end", outcome=outcome, error=error)
        return state


def _without_interruptions(original: Any, crash: Any) -> None:
    """A phase that OpenHTF interrupts ends its thread with an exception: that is no crash to print."""
    from openhtf.util import threads

    if not issubclass(crash.exc_type, threads.ThreadTerminationError):
        original(crash)


class _QuietConsole:
    """OpenHTF's console without the banner and the error that it prints at the end; the station shows both."""

    def __init__(self, console: Any) -> None:
        self._console = console

    def __getattr__(self, name: str) -> Any:
        return getattr(self._console, name)

    def banner_print(self, *args: Any, **kwargs: Any) -> None:
        """Nothing."""

    def error_print(self, *args: Any, **kwargs: Any) -> None:
        """Nothing."""


def _detail(detail: Any) -> str:
    code, text = str(detail.code), str(detail.description or "")
    return text if code in ("TIMEOUT", "ALL_SKIPPED") or not code else f"{code}: {text}" if text else code


def _drop_portal_uploads(test: Any) -> None:
    """Take out callbacks that would upload the run themselves: the station does, and once is enough."""
    options = getattr(test, "_test_options", None)
    callbacks = getattr(options, "output_callbacks", None)
    if callbacks:
        callbacks[:] = [callback for callback in callbacks if not _is_portal_upload(callback)]


def _is_portal_upload(callback: Any) -> bool:
    callback = getattr(callback, "func", callback)  # a functools.partial
    owner = getattr(callback, "__self__", callback)  # a bound method
    modules = (getattr(callback, "__module__", ""), type(owner).__module__)
    return any(str(module or "").split(".")[0] == "tofupilot" for module in modules)
