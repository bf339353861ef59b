"""Status of an instrument: event registers, the status byte and the error queue.

Source: IEEE 488.2, 11; SCPI-1999 volume 1, 9 and volume 2, 20 and 21.8.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from bench_sim.scpi.errors import TEXTS, ScpiError

OPERATION_COMPLETE, QUERY_ERROR, DEVICE_ERROR, EXECUTION_ERROR, COMMAND_ERROR, POWER_ON = 1, 4, 8, 16, 32, 128
ERROR_AVAILABLE, QUESTIONABLE, MESSAGE_AVAILABLE, EVENT_SUMMARY, MASTER_SUMMARY, OPERATION = 4, 8, 16, 32, 64, 128


class ErrorQueue:
    """First in, first out; when full, the last entry becomes -350 and later ones are lost."""

    def __init__(self, depth: int = 20) -> None:
        self._depth = depth
        self._entries: deque[tuple[int, str]] = deque()

    def __len__(self) -> int:
        return len(self._entries)

    def push(self, number: int, text: str) -> None:
        """Add an error, or note that it did not fit."""
        if len(self._entries) < self._depth:
            self._entries.append((number, text))
        else:
            self._entries[-1] = (-350, TEXTS[-350])

    def pop(self) -> tuple[int, str]:
        """Oldest error; (0, "No error") when there is none."""
        return self._entries.popleft() if self._entries else (0, TEXTS[0])

    def clear(self) -> None:
        """Forget all."""
        self._entries.clear()


@dataclass
class Register:
    """A SCPI status register: condition, event latched on a rising bit, enable mask."""

    condition: int = 0
    event: int = 0
    enable: int = 0

    def show(self, condition: int) -> None:
        """Set the condition bits; those that rise are latched."""
        self.event |= condition & ~self.condition
        self.condition = condition

    def take_event(self) -> int:
        """The latched bits, which are cleared by reading."""
        event, self.event = self.event, 0
        return event

    @property
    def summary(self) -> bool:
        """True when an enabled bit is latched."""
        return bool(self.event & self.enable)


@dataclass
class Status:
    """Everything ``*STB?`` sums up."""

    errors: ErrorQueue = field(default_factory=ErrorQueue)
    standard_event: int = POWER_ON
    standard_enable: int = 0
    service_enable: int = 0
    questionable: Register = field(default_factory=Register)
    operation: Register = field(default_factory=Register)

    def report(self, error: ScpiError) -> None:
        """Queue an error and set its bit of the standard event register."""
        self.errors.push(error.number, error.text)
        self.standard_event |= _event_bit(error.number)

    def byte(self, *, has_message: bool) -> int:
        """The status byte, bit 6 being the master summary."""
        byte = (
            (ERROR_AVAILABLE if self.errors else 0)
            | (QUESTIONABLE if self.questionable.summary else 0)
            | (MESSAGE_AVAILABLE if has_message else 0)
            | (EVENT_SUMMARY if self.standard_event & self.standard_enable else 0)
            | (OPERATION if self.operation.summary else 0)
        )
        return byte | (MASTER_SUMMARY if byte & self.service_enable else 0)

    def take_standard_event(self) -> int:
        """The standard event register, which is cleared by reading."""
        event, self.standard_event = self.standard_event, 0
        return event

    def clear(self) -> None:
        """``*CLS``: all event registers and the error queue; enable masks stay."""
        self.errors.clear()
        self.standard_event = 0
        self.questionable.event = self.operation.event = 0

    def preset(self) -> None:
        """``STATus:PRESet``: the enable masks of the SCPI registers."""
        self.questionable.enable = self.operation.enable = 0


def _event_bit(number: int) -> int:
    if -199 <= number <= -100:
        return COMMAND_ERROR
    if -299 <= number <= -200:
        return EXECUTION_ERROR
    if -499 <= number <= -400:
        return QUERY_ERROR
    return DEVICE_ERROR
