"""What pytest tells of its session, told to the station. An object of this class is a plugin of the session.

Hooks are those that pytest has had since version 6; wrappers are of the old form, which all versions know.
"""

from __future__ import annotations

import inspect
import sys
from pathlib import Path
from typing import Any

import pytest

from ..common.reasons import own_file
from ..common.stage import Phase, Stage, Stopped
from .asserts import Asserted, asserted_by
from .locals_at_end import LocalsAtEnd
from .verdicts import Attempt, Findings, collection_error, failure_text, is_rerun

_LONGEST_NAME = 200  # characters
first = pytest.hookimpl(tryfirst=True)
around_all = pytest.hookimpl(hookwrapper=True, tryfirst=True)
around_last = pytest.hookimpl(hookwrapper=True, trylast=True)


class Plugin:
    """One session. ``mode`` and ``unit``: how the unit is asked for, and what is known of it."""

    def __init__(self, stage: Stage, mode: str, unit: dict[str, Any]) -> None:
        self.findings = Findings()
        self.has_begun = False
        self._stage = stage
        self._mode, self._unit = mode, unit
        self._session: Any = None
        self._root = stage.folder
        self._planned: dict[int, dict[str, str]] = {}
        self._asserted: list[Asserted] = []
        self._attempt: Attempt | None = None
        self._is_tearing_down = False
        stage.on_stop = self._stop

    def _stop(self) -> None:
        """As Ctrl-C: the running test is interrupted, its fixtures are torn down, no other test begins."""
        if self._session is not None:
            self._session.shouldstop = "stopped by the station"
        if not self._is_tearing_down:
            raise Stopped

    # ── the session ─────────────────────────────────────────────────────────────────────────────────────────────────

    @first
    def pytest_load_initial_conftests(self) -> None:
        """From here on it is the procedure's files that are imported: their folder is left as it was."""
        sys.dont_write_bytecode = True

    @around_all
    def pytest_cmdline_main(self, config: Any) -> Any:
        """No tests in other processes (pytest-xdist): they would be out of sight, and a bench has one of everything."""
        if hasattr(config.option, "numprocesses"):
            config.option.numprocesses = 0
        yield

    @pytest.hookimpl(trylast=True)
    def pytest_configure(self, config: Any) -> None:
        """Let pytest's report for a terminal go nowhere. The reporter stays: options and other plugins need it."""
        self._root = str(config.rootpath)
        writer: Any = getattr(config.pluginmanager.getplugin("terminalreporter"), "_tw", None)
        if hasattr(writer, "_file"):
            writer._file = _Nowhere()

    def pytest_collectreport(self, report: Any) -> None:
        """A file that could not be collected."""
        if report.failed:
            self.findings.collection_errors.append(collection_error(report, self._own_id(report.nodeid)))

    @first
    def pytest_runtestloop(self, session: Any) -> None:
        """The plan is known: ask for the unit, then go on."""
        self._session = session
        self._plan(session.items)
        goes_on = not self.findings.collection_errors or session.config.option.continue_on_collection_errors
        will_run = bool(session.items) and goes_on and not session.config.option.collectonly
        unit = self._stage.identify(self._mode, self._unit) if will_run else {}
        self.begin(unit)
        for error in self.findings.collection_errors:
            self._stage.log("ERROR", error)

    def begin(self, unit: dict[str, Any]) -> None:
        """Tell the plan, once."""
        if not self.has_begun:
            self.has_begun = True
            self._stage.begin_run(list(self._planned.values()), unit)

    @around_all
    def pytest_sessionfinish(self) -> Any:
        """Fixtures that are left are torn down in here; then a test that was interrupted is over as well."""
        self._is_tearing_down = True
        yield
        if self._attempt is not None:
            self._end("ABORTED" if self._stage.stop_asked else "ERROR", "The test was interrupted.")

    def pytest_keyboard_interrupt(self, excinfo: Any) -> None:
        """Somebody ended the session: Ctrl-C, or ``pytest.exit()`` in a test."""
        self.findings.interruption = str(excinfo.value) or type(excinfo.value).__name__

    def pytest_internalerror(self, excrepr: Any) -> None:
        """Pytest, or a plugin of it, failed."""
        self.findings.internal_error = str(getattr(excrepr, "reprcrash", None) or excrepr).strip()

    # ── one test ────────────────────────────────────────────────────────────────────────────────────────────────────

    @around_all
    def pytest_runtest_protocol(self, item: Any) -> Any:
        """A test from its setup to its teardown."""
        self._begin(item)
        done = yield
        if done.excinfo is None and self._attempt is not None:
            self._finish()

    def pytest_runtest_logreport(self, report: Any) -> None:
        """One of setup, call and teardown is over."""
        attempt = self._attempt
        if attempt is None:
            return
        attempt.take(report, self._root, self._stage.folder)
        words = failure_text(report)
        if words:
            self._stage.log("ERROR", words)
        if is_rerun(report):  # a plugin repeats the test
            self._end("SKIP", f"It is tried again.\n{attempt.error or ''}".strip())
            self._begin(attempt.item, attempt.number + 1)

    @around_last
    def pytest_runtest_call(self, item: Any) -> Any:
        """The body of the test."""
        if not self._asserted:
            yield
            return
        ending = LocalsAtEnd(_function_of(item).__code__)
        if not ending.is_possible:
            self._stage.log("WARNING", "A debugger or a coverage tool traces this test: its asserts are not recorded.")
        with ending:
            done = yield
        if ending.line is not None:
            end_line = ending.line if done.excinfo is None else None
            for one in self._asserted:
                self._stage.measure(one.measured(ending.values, end_line))

    @around_all
    def pytest_runtest_teardown(self) -> Any:
        """Instruments are made safe in here: no stop interrupts that."""
        self._is_tearing_down = True
        yield
        self._is_tearing_down = False

    def _begin(self, item: Any, number: int = 1) -> None:
        if id(item) not in self._planned:
            self._planned[id(item)] = _planned_phase(len(self._planned), self._own_id(item.nodeid))
            self._stage.wire.emit("plan_added", phases=[self._planned[id(item)]])
        planned = self._planned[id(item)]
        function = _function_of(item)
        self._asserted = asserted_by(function)
        self._attempt = Attempt(item, number)
        declared = [one.declared() for one in self._asserted]
        docstring = inspect.getdoc(function) if function is not None else None
        phase = Phase(planned["key"], planned["name"], docstring, declared, number, is_gathered=True)
        self._stage.begin_phase(phase)

    def _finish(self) -> None:
        attempt = self._attempt
        if attempt is not None:
            self.findings.outcomes.append(attempt.outcome)
            self._end(attempt.outcome, attempt.error, attempt.expected)

    def _end(self, outcome: str, error: str | None, expected: str | None = None) -> None:
        self._attempt = None
        self._stage.end_phase(outcome, error, expected)

    def _plan(self, items: list[Any]) -> None:
        ids = [self._own_id(item.nodeid) for item in items]
        is_one_file = len({one.split("::")[0] for one in ids}) == 1
        for index, item in enumerate(items):
            name = ids[index].partition("::")[2] if is_one_file else ids[index]
            self._planned[id(item)] = _planned_phase(index, name or ids[index])

    def _own_id(self, nodeid: str) -> str:
        """A node's id with its file relative to the procedure's folder; pytest's root may be a project above it."""
        file, separator, rest = nodeid.partition("::")
        own = own_file(str(Path(self._root, file)), self._stage.folder) if file else None
        return f"{own or file}{separator}{rest}"


class _Nowhere:
    """A file that forgets what is written into it."""

    encoding = "utf-8"

    def write(self, text: str) -> int:
        """Nothing."""
        return len(text)

    def flush(self) -> None:
        """Nothing."""

    def isatty(self) -> bool:
        """No terminal."""
        return False


def _function_of(item: Any) -> Any:
    """The test as it is written: without the object that it belongs to, and without decorators."""
    function = getattr(item, "obj", None)
    function = getattr(function, "__func__", function)
    return inspect.unwrap(function) if callable(function) else None


def _planned_phase(index: int, name: str) -> dict[str, str]:
    return {"key": f"{index}_{name}"[:_LONGEST_NAME], "name": name[:_LONGEST_NAME]}
