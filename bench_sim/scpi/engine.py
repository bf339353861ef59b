"""The message exchange of one instrument: bytes in, answers out, each at its time.

Follows IEEE 488.2, 6: one answer at a time; a new message before the answer was read throws it away (-410); reading
when nothing was asked is -420; answers of one message are joined by ``;``.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Protocol

from bench_sim.scpi.command import CommandTable, Found
from bench_sim.scpi.errors import NoAnswer, ScpiError
from bench_sim.scpi.message import Unit, parse_unit, split_units
from bench_sim.scpi.status import Status

INPUT_BUFFER_BYTES = 64 * 1024
Trace = Callable[[str, str | None], None]  # message, answer


class Talker(Protocol):
    """What the engine needs of an instrument."""

    status: Status
    now: float
    has_message: bool
    COMMAND_TIME_S: ClassVar[float]

    @classmethod
    def table(cls) -> CommandTable:
        """Its commands."""

    def begin(self) -> None:
        """Something arrived: bring the world to ``now``."""

    def clear_interface(self) -> None:
        """Device clear."""

    def refresh_status(self) -> None:
        """Bring condition registers up to date."""

    def trigger(self) -> None:
        """Bus trigger."""


@dataclass
class Answer:
    """What waits in the output queue. ``ready_at``: bench time, ``inf`` while the instrument waits for an event."""

    data: bytearray
    ready_at: float


class Engine:
    """Speaks for one instrument. Every method may be called from any thread.

    time: gives the bench's time in seconds. trace: told every message with its answer.
    """

    def __init__(self, instrument: Talker, time: Callable[[], float], trace: Trace | None = None) -> None:
        self._instrument = instrument
        self._time = time
        self._trace = trace
        self._lock = threading.RLock()
        self._output: Answer | None = None
        self._busy_until = 0.0
        self._waiting: tuple[Found, Unit]

    def receive(self, message: str) -> None:
        """Execute one program message, given without its terminator."""
        with self._lock:
            if self._output is not None:
                self._output = None
                self._instrument.status.report(ScpiError(-410))
            if not message.strip():
                return
            self._begin()
            answers, waits = self._execute(message)
            self._busy_until = self._instrument.now
            if answers or waits:
                text = ";".join(answers)
                ready_at = math.inf if waits else self._busy_until
                self._output = Answer(bytearray(text.encode("latin-1", "replace") + b"\n"), ready_at)
            if self._trace:
                self._trace(message, ";".join(answers) if answers else None)

    def query(self, message: str) -> str | None:
        """Execute a message and take its answer at once, whenever it would be ready; None when there is none."""
        with self._lock:
            self.receive(message)
            if self._output is None or math.isinf(self._output.ready_at):
                return None
            data, self._output = self._output.data, None
            return data.decode("latin-1").removesuffix("\n")

    def expect_answer(self) -> None:
        """A read begins. Notes -420 when nothing was asked."""
        with self._lock:
            if self._output is None:
                self._instrument.status.report(ScpiError(-420))

    def ready_at(self) -> float:
        """Bench time at which something can be read; ``inf`` when nothing will come by itself."""
        with self._lock:
            return self._output.ready_at if self._output else math.inf

    def take(self, count: int, stop_at: int | None = None) -> tuple[bytes, bool]:
        """Up to ``count`` bytes of the answer, through the byte ``stop_at``; and whether that was its end.

        Nothing when there is no answer yet.
        """
        with self._lock:
            if self._output is None or self._output.ready_at > self._time() + 1e-9:
                return b"", False
            data = self._output.data
            end = min(count, len(data))
            if stop_at is not None:
                found = data.find(stop_at, 0, end)
                end = found + 1 if found >= 0 else end
            taken = bytes(data[:end])
            del data[:end]
            if not data:
                self._output = None
            return taken, self._output is None

    def clear(self) -> None:
        """Device clear: forget input and output, stop what is going on. Settings and error queue stay."""
        with self._lock:
            self._output = None
            self._busy_until = 0.0
            self._begin()
            self._instrument.clear_interface()

    def trigger(self) -> None:
        """Bus trigger. Unlike the message ``*TRG`` it does not disturb a query that waits for it."""
        with self._lock:
            self._begin()
            try:
                self._instrument.trigger()
            except ScpiError as error:
                self._instrument.status.report(error)
            if self._output is not None and math.isinf(self._output.ready_at):
                self._ask_again(self._output)

    def status_byte(self) -> int:
        """The status byte, as a serial poll reads it."""
        with self._lock:
            self._begin()
            self._instrument.refresh_status()
            has_message = self._output is not None and self._output.ready_at <= self._time()
            return self._instrument.status.byte(has_message=has_message)

    def overrun(self) -> None:
        """Note that a message was longer than the input buffer."""
        with self._lock:
            self._instrument.status.report(ScpiError(-363))

    def _begin(self) -> None:
        """Start work now, or when the work before it is done."""
        self._instrument.now = max(self._time(), self._busy_until)
        self._instrument.begin()

    def _execute(self, message: str) -> tuple[list[str], bool]:
        """Answers of all units, and whether the instrument went to wait for an event.

        After a command error the rest of the message is dropped; an execution error only skips its own unit.
        """
        instrument, table = self._instrument, self._instrument.table()
        answers: list[str] = []
        path: tuple[str, ...] = ()
        try:
            for text in split_units(message):
                instrument.has_message = bool(answers)
                instrument.now += instrument.COMMAND_TIME_S
                unit = parse_unit(text)
                found = table.find(unit, path)
                path = found.path
                self._waiting = (found, unit)
                try:
                    answer = found.execute(instrument, unit)
                except ScpiError as error:
                    if error.number > -200:
                        raise
                    instrument.status.report(error)
                else:
                    if answer is not None:
                        answers.append(answer)
        except ScpiError as error:
            instrument.status.report(error)
        except NoAnswer:
            return answers, self._waiting[1].is_query
        return answers, False

    def _ask_again(self, output: Answer) -> None:
        """After a trigger: the query that waited may have its answer now."""
        found, unit = self._waiting
        try:
            answer = found.execute(self._instrument, unit)
        except (NoAnswer, ScpiError):
            return
        separator = ";" if len(output.data) > 1 else ""
        output.data[-1:] = f"{separator}{answer}\n".encode("latin-1", "replace")
        output.ready_at = self._busy_until = self._instrument.now
