"""What people ask of the station, done or refused in words. The portal's link and the autopilot both come here."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import structlog

from station.engine import Engine, Refused, RunRequest
from station.procedure_folders import NoSuchProcedure, ProcedureFolders
from station.protocol import AnyCommand, Begin, CommandResult, Kill, RunCommand, Stop, UiResponse
from station.settings import StationSettings

log = structlog.get_logger(__name__)


def own_clock_s() -> float:
    """The clock of marks and of ``not_after_s``: never set, and where the system has one, it goes on in sleep."""
    if hasattr(time, "CLOCK_BOOTTIME"):
        return time.clock_gettime(time.CLOCK_BOOTTIME)
    return time.monotonic()


class CommandDesk:
    """Turns commands into calls of the engine. Answers at once: what takes long goes on behind the answer."""

    def __init__(
        self,
        engine: Engine,
        folders: ProcedureFolders,
        settings: StationSettings,
        clock_s: Callable[[], float] = own_clock_s,
    ) -> None:
        self._engine = engine
        self._folders = folders
        self._settings = settings
        self._clock_s = clock_s
        self._is_closed = False

    def close(self) -> None:
        """Refuse everything from now on: the program is stopping."""
        self._is_closed = True

    def obey(self, command: AnyCommand) -> CommandResult:
        """Do it, and say whether it was done."""
        return self._answer(command).model_copy(update={"mark_s": self._clock_s()})

    def start(
        self,
        procedure_id: str,
        *,
        operated_by: str | None,
        serial_number: str | None,
        answers: Mapping[str, Any] | None = None,
    ) -> str:
        """Start a linked procedure; the id of its execution. Raises the engine's `Refused`."""
        if self._is_closed:
            raise Refused("The station program is stopping.")
        try:
            procedure, folder = self._folders.get(procedure_id)
        except NoSuchProcedure as problem:
            raise Refused(str(problem), "procedure_id") from problem
        return self._engine.start(
            RunRequest(
                procedure_id=procedure.procedure_id,
                procedure_name=procedure.name,
                folder=folder,
                operated_by=operated_by,
                serial_number=serial_number,
                answers=dict(answers or {}),
                visa_library=self._settings.visa_library,
                is_simulated=self._settings.is_simulated,
            )
        )

    def _answer(self, command: AnyCommand) -> CommandResult:
        try:
            execution_id = self._do(command)
        except Refused as refusal:
            return CommandResult(
                command_id=command.command_id, is_accepted=False, reason=refusal.reason, field=refusal.field
            )
        except OSError as error:
            log.exception("command_failed", type=command.type)
            reason = f"The station's machine refuses: {error.strerror or error}."
            return CommandResult(command_id=command.command_id, is_accepted=False, reason=reason)
        except Exception:  # the edge towards the portal: the person must get an answer
            log.exception("command_failed", type=command.type)
            return CommandResult(
                command_id=command.command_id,
                is_accepted=False,
                reason="The station could not do this: an internal error, noted in its log.",
            )
        return CommandResult(command_id=command.command_id, is_accepted=True, execution_id=execution_id)

    def _do(self, command: AnyCommand) -> str | None:
        if isinstance(command, Begin) and command.not_after_s is not None and self._clock_s() > command.not_after_s:
            log.warning("command_too_late", type=command.type, late_by_s=self._clock_s() - command.not_after_s)
            raise Refused("This reached the station too late, and nothing was done. Look at the bench, then try again.")
        match command:
            case RunCommand():
                return self.start(
                    command.procedure_id, operated_by=command.asked_by, serial_number=command.serial_number
                )
            case UiResponse():
                self._engine.answer(command.request_id, command.values, command.asked_by)
            case Stop():
                self._engine.stop(command.asked_by, command.reason)
            case Kill():
                self._engine.kill(command.asked_by)
        return self._engine.active_execution_id
