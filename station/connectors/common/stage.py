"""The ground on which pytest, Robot Framework and plain scripts run: pipes, output, unit, phases, the way to stop."""

from __future__ import annotations

import faulthandler
import os
import queue
import signal
import sys
import time
from collections.abc import Callable
from typing import Any

from .output import LoosePipes, Printing
from .parents import die_with_parent
from .texts import shortened
from .wire import Wire, flush_before_hard_exit

ERROR_STATUS = 5  # of tests that gave no verdict, contract/run-json.md §2.3
ORPHAN_LIMIT_S = 10.0  # to make instruments safe after the station died
_BEGIN_S = 2.0  # at most, to be heard
_ANNOUNCE_S = 0.05  # at most; usually well under a millisecond
_BETWEEN: dict[str, Any] = {"phase": "", "attempt": 1}


class Stopped(KeyboardInterrupt):
    """The station ends the run. Raised in the main thread, once: frameworks and scripts treat it as Ctrl-C."""


class Stage:
    """One run of this process. Made in the main thread, which is the one that `Stopped` interrupts.

    ``place``: the phase that runs, for what is printed. ``on_stop``: called in the main thread when the run is to end.
    """

    def __init__(self, pipes: list[int], folder: str) -> None:
        faulthandler.enable()
        events_fd, commands_fd, stdout_fd, stderr_fd = pipes
        self.folder = folder
        self.place = _BETWEEN
        self.stop_asked = False
        self.on_stop: Callable[[], None] = _interrupt
        self.wire = Wire(events_fd, commands_fd)
        self.wire.emit("ready", python=sys.version.split()[0], executable=sys.executable)
        self.printing = Printing(self.wire, self, folder)
        self._loose = LoosePipes(self.wire, self, stdout_fd, stderr_fd)
        self._units: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        self._phase: Phase | None = None
        self._is_interrupted = False
        signal.signal(signal.SIGTERM, self._on_signal)
        die_with_parent(signal.SIGTERM)
        flush_before_hard_exit(self.wire)
        self.wire.listen(self._take)

    def close(self) -> None:
        """Say everything that is left to say."""
        self.printing.put_back()
        self._loose.drain()
        self.wire.finish()

    def carry_out(self, tests: Callable[[], tuple[str, int, str | None]]) -> int:
        """Run a framework's tests, which return outcome, exit status and error. Report their end; return the status."""
        self.printing.install()
        try:
            outcome, status, error = tests()
            if not self.stop_asked:
                self.wire.emit("test_end", outcome=outcome, error=error, exit_code=status)
            return status
        except Stopped:
            return ERROR_STATUS
        finally:
            self.wire.emit("script_end")
            self.close()

    def identify(self, mode: str, unit: dict[str, Any]) -> dict[str, Any]:
        """The unit under test. ``mode``: ``ask``, ``auto`` (what is known counts) or ``never``. Waits for the station.

        Tests find the serial number in their environment; a simulated bench gives this very unit to its instruments.
        """
        self.wire.emit("identify", mode=mode, unit=unit)
        found = self._units.get()
        serial = found.get("serial_number")
        if serial:
            os.environ["BENCH_SIM_UNIT"] = os.environ["STATIONMASTER_SERIAL_NUMBER"] = str(serial)
        return found

    def begin_run(self, phases: list[dict[str, str]], unit: dict[str, Any], **more: Any) -> None:
        """The plan is known: ``{key, name}`` of each phase."""
        self.wire.emit("test_start", **{"test_name": "", "docstring": None, **more}, phases=phases, unit=unit)
        self.wire.flush(_BEGIN_S)  # what comes now may end the process at once

    def begin_phase(self, phase: Phase) -> None:
        """An attempt begins."""
        self._loose.drain()
        self._phase, self.place = phase, phase.place
        measurements = list(phase.measured.values())
        self.wire.emit("phase_start", **phase.place, name=phase.name, measurements=measurements)
        # If this phase takes the process down, it must be known which one it was.
        self.wire.flush(_ANNOUNCE_S)

    def measure(self, measurement: dict[str, Any]) -> None:
        """A value of the phase that runs, with its verdict; nothing is recorded while none does."""
        phase = self._phase
        if phase is not None:
            phase.measured[measurement["name"]] = measurement
            limits = [{**limit, "outcome": "UNSET"} for limit in measurement["validators"]]
            written = {**measurement, "outcome": "UNSET", "validators": limits}
            self.wire.emit("measurement", **phase.place, measurement=written)

    def end_phase(self, outcome: str, error: str | None, expected: str | None = None) -> None:
        """The attempt that runs has its verdict. ``expected``: see `station.protocol.PhaseComplete`."""
        phase = self._phase
        if phase is None:
            return
        self._loose.drain()
        for stream in (sys.stdout, sys.stderr):
            if not getattr(stream, "closed", True):
                stream.flush()
        self._phase, self.place = None, _BETWEEN
        # A test that was skipped owes no value; what it measured before is told.
        measured = [one for one in phase.measured.values() if outcome != "SKIP" or "measured_value" in one]
        self.wire.emit(
            "phase_end",
            **phase.place,
            name=phase.name,
            outcome=outcome,
            expected=expected,
            measurements=measured,
            started_t=phase.started_t,
            error=shortened(error) if error else None,
            docstring=phase.docstring,
        )

    def log(self, level: str, message: str, **source: Any) -> None:
        """A line of the log, in the phase that runs. ``source``: ``file`` and ``line``."""
        self.wire.emit("log", **self.place, level=level, message=shortened(message), **source)

    def _take(self, command: dict[str, Any]) -> None:
        """Obey one command of the station; in the thread that reads them."""
        kind = command["type"]
        if kind == "unit":
            self._units.put(dict(command["unit"]))
        elif kind in ("stop", "station_gone"):
            self.stop_asked = True
            if kind == "station_gone":
                # Nobody would end a run that hangs: this thread of C code does, without needing the interpreter.
                faulthandler.dump_traceback_later(ORPHAN_LIMIT_S, exit=True)
            os.kill(os.getpid(), signal.SIGTERM)

    def _on_signal(self, *_: Any) -> None:
        self.stop_asked = True
        if not self._is_interrupted:
            self._is_interrupted = True  # once: a second one must not cut off what the first one has begun
            self.on_stop()


class Phase:
    """One attempt of a phase. ``measured``: by name, declared ones first; ``number`` counts from 1."""

    def __init__(
        self,
        key: str,
        name: str,
        docstring: str | None = None,
        declared: list[dict[str, Any]] | None = None,
        number: int = 1,
        is_gathered: bool = False,
    ) -> None:
        self.name = name
        self.docstring = docstring
        self.started_t = time.monotonic()
        self.measured: dict[str, dict[str, Any]] = {one["name"]: one for one in declared or ()}
        self.place: dict[str, Any] = {"phase": key, "attempt": number}
        if is_gathered:  # what is printed becomes one entry of the log, at the phase's end
            self.place["is_gathered"] = True


def _interrupt() -> None:
    raise Stopped
