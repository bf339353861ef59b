"""Tests unit after unit by itself, for demonstrations and endurance tests.

People come first: a run that somebody else started is waited for, and a stop ends only the run that it stopped.
The running number is in the home, so a serial number is not used twice, whatever ends the program.
"""

from __future__ import annotations

import json
import threading

import structlog

from station.commands import CommandDesk
from station.engine import Engine, Refused
from station.home import Home, write_privately
from station.procedure_folders import ProcedureFolders
from station.settings import AutopilotPlan

LOOK_EVERY_S = 0.25
AFTER_REFUSAL_S = 5.0  # at least: what is refused now, such as a missing folder, is not there a moment later

log = structlog.get_logger(__name__)


class Autopilot:
    """The thread that starts one run after the other as the plan says."""

    def __init__(
        self, home: Home, plan: AutopilotPlan, desk: CommandDesk, engine: Engine, folders: ProcedureFolders
    ) -> None:
        self._home = home
        self._plan = plan
        self._desk = desk
        self._engine = engine
        self._folders = folders
        self._stopping = threading.Event()
        self._last_problem = ""
        self._thread = threading.Thread(target=self._work, name="autopilot", daemon=True)

    def start(self) -> None:
        """Begin with the first pause-free run as soon as the procedure is linked."""
        self._thread.start()

    def stop(self, within_s: float = 2.0) -> None:
        """Start no further run. The running one is the engine's business."""
        self._stopping.set()
        self._thread.join(within_s)

    def _work(self) -> None:
        while not self._stopping.is_set():
            try:
                pause_s = self._test_one_unit()
            except Exception:  # the edge of the thread: it goes on with the next unit
                log.exception("autopilot_failed")
                pause_s = AFTER_REFUSAL_S
            self._stopping.wait(pause_s)

    def _test_one_unit(self) -> float:
        """Start a run and see it end. Returns how long to pause."""
        if not self._wait_until_idle():
            return 0.0
        procedure = self._folders.find_by_identifier(self._plan.procedure)
        if procedure is None:
            if self._folders.linked:  # before the first welcome there is nothing to complain about
                self._note_problem(f"{self._plan.procedure} is not linked to this station")
            return LOOK_EVERY_S
        n = self._next_number()
        try:
            self._desk.start(
                procedure.procedure_id,
                operated_by=None,
                serial_number=self._plan.serial_number(n),
                answers=self._plan.answers,
            )
        except Refused as refusal:
            self._note_problem(refusal.reason)
            return max(AFTER_REFUSAL_S, self._plan.pause_s)
        self._last_problem = ""
        self._keep_number(n + 1)
        self._wait_until_idle()
        return self._plan.pause_s

    def _wait_until_idle(self) -> bool:
        while self._engine.active_execution_id is not None:
            if self._stopping.is_set():
                return False
            self._engine.wait(LOOK_EVERY_S)
        return not self._stopping.is_set()

    def _note_problem(self, problem: str) -> None:
        if problem != self._last_problem:
            log.warning("autopilot_waits", why=problem)
        self._last_problem = problem

    def _next_number(self) -> int:
        try:
            number = json.loads(self._home.autopilot_file.read_text("utf-8"))["next"]
        except FileNotFoundError:
            return self._plan.first
        except (OSError, ValueError, KeyError, TypeError):
            log.warning("autopilot_number_not_readable", path=str(self._home.autopilot_file))
            return self._plan.first
        return max(int(number), self._plan.first)

    def _keep_number(self, number: int) -> None:
        write_privately(self._home.autopilot_file, json.dumps({"next": number}) + "\n")
