"""What all simulated instruments share: identity, status, time, and the commands that every one of them knows.

A model derives from `Instrument` and lists its own commands in ``COMMANDS``; ``COMMON_COMMANDS`` are added. Its
physics is asked of the world it is wired into, never computed here.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import cache
from typing import ClassVar

from bench_sim.scpi import Command, CommandTable, NoAnswer, Number, Numeric, ScpiError
from bench_sim.scpi.status import OPERATION_COMPLETE, Status
from bench_sim.world import Seed, World

ALL_BITS, ALL_STATUS_BITS = 255, 32_767
SERIAL_PREFIX = "SIM"  # how everybody can tell that an instrument is not real


class Instrument(ABC):
    """One instrument of a bench.

    now: the bench's time in seconds at which the current command executes; moves on while the instrument is busy.
    seed: what this instrument is (its calibration). noise: chance in its readings. line_hz: of the mains.
    Handlers are called by the engine, one at a time, with ``now`` set.
    """

    MAKER: ClassVar[str]
    MODEL: ClassVar[str]
    FIRMWARE: ClassVar[str]
    TERMINALS: ClassVar[tuple[str, ...]]  # what can be wired, as written in bench files
    COMMANDS: ClassVar[tuple[Command, ...]]
    COMMAND_TIME_S: ClassVar[float] = 0.002
    INTEGER_FORMAT: ClassVar[str] = "{:d}"

    def __init__(self, name: str, serial: str, world: World, seed: Seed, noise: Seed, line_hz: float = 50.0) -> None:
        if not serial.startswith(SERIAL_PREFIX):
            raise ValueError(
                f"instrument {name}: a simulated serial number begins with {SERIAL_PREFIX}, not {serial!r}"
            )
        self.name = name
        self.serial = serial
        self.world = world
        self.calibration = seed.stream("instrument", name, "calibration")
        self.status = Status()
        self.now = 0.0
        self.has_message = False
        self._reports_completion = False
        self.line_hz = line_hz
        self.noise = noise.stream("instrument", name)

    @classmethod
    @cache
    def table(cls) -> CommandTable:
        """The commands of this model, the common ones included."""
        return CommandTable(cls.COMMANDS + COMMON_COMMANDS)

    @property
    def identity(self) -> str:
        """Answer to ``*IDN?``."""
        return f"{self.MAKER},{self.MODEL},{self.serial},{self.FIRMWARE}"

    @abstractmethod
    def reset(self) -> None:
        """``*RST``: factory settings, outputs off. Status and error queue stay."""

    @abstractmethod
    def clear_interface(self) -> None:
        """Device clear: stop what is going on and wait for commands; settings stay."""

    def refresh_status(self) -> None:
        """Bring condition registers up to date before they are read. Many models have only to let time pass."""
        self.begin()

    def operations_end(self) -> float:
        """Time at which all operations begun are complete; ``inf`` when something else must happen first."""
        return self.now

    def trigger(self) -> None:
        """``*TRG`` and the bus trigger. Raises -211 where the model has no triggers, or waits for none."""
        raise ScpiError(-211)

    def begin(self) -> None:
        """Something arrived: the world catches up before it is looked at or changed."""
        self.world.advance_to(self.now)
        self._note_completion()

    def spend(self, seconds: float) -> None:
        """Be busy for a while."""
        self.now += seconds

    def integer(self, value: int) -> str:
        """A whole number as this model writes it."""
        return self.INTEGER_FORMAT.format(value)

    # ── common commands: IEEE 488.2 and the required part of SCPI ──────────────────────────────────────────────────

    def _clear_status(self) -> None:
        self.status.clear()
        self._reports_completion = False

    def _reset(self) -> None:
        self._reports_completion = False
        self.reset()

    def _ask_standard_event(self) -> str:
        self._note_completion()
        return self.integer(self.status.take_standard_event())

    def _set_standard_enable(self, mask: Numeric) -> None:
        self.status.standard_enable = mask.whole_within(0, ALL_BITS)

    def _set_service_enable(self, mask: Numeric) -> None:
        self.status.service_enable = mask.whole_within(0, ALL_BITS) & ~64

    def _operation_complete(self) -> None:
        self._reports_completion = True
        self._note_completion()

    def _note_completion(self) -> None:
        """After ``*OPC``: set its bit once everything begun is complete."""
        try:
            is_complete = self._reports_completion and self.operations_end() <= self.now
        except NoAnswer:
            is_complete = False
        if is_complete:
            self.status.standard_event |= OPERATION_COMPLETE
            self._reports_completion = False

    def _wait(self) -> None:
        self.now = max(self.now, self.operations_end())

    def _ask_operation_complete(self) -> str:
        self._wait()
        return "1"

    def _ask_status_byte(self) -> str:
        self.refresh_status()
        return self.integer(self.status.byte(has_message=self.has_message))

    def _self_test(self) -> str:
        self.spend(0.5)
        return self.integer(0)

    def _ask_error(self) -> str:
        number, text = self.status.errors.pop()
        return f'{number:+d},"{text}"'

    def _ask_questionable(self) -> str:
        self.refresh_status()
        return self.integer(self.status.questionable.take_event())

    def _ask_questionable_condition(self) -> str:
        self.refresh_status()
        return self.integer(self.status.questionable.condition)

    def _set_questionable_enable(self, mask: Numeric) -> None:
        self.status.questionable.enable = mask.whole_within(0, ALL_STATUS_BITS)

    def _ask_operation(self) -> str:
        self.refresh_status()
        return self.integer(self.status.operation.take_event())

    def _ask_operation_condition(self) -> str:
        self.refresh_status()
        return self.integer(self.status.operation.condition)

    def _set_operation_enable(self, mask: Numeric) -> None:
        self.status.operation.enable = mask.whole_within(0, ALL_STATUS_BITS)


_Any = Instrument  # shorter rows below

COMMON_COMMANDS: tuple[Command, ...] = (
    Command("*CLS", write=_Any._clear_status),
    Command("*ESE", write=_Any._set_standard_enable, takes=(Number(),),
            query=lambda it: it.integer(it.status.standard_enable)),
    Command("*ESR", query=_Any._ask_standard_event),
    Command("*IDN", query=lambda it: it.identity),
    Command("*OPC", write=_Any._operation_complete, query=_Any._ask_operation_complete),
    Command("*RST", write=_Any._reset),
    Command("*SRE", write=_Any._set_service_enable, takes=(Number(),),
            query=lambda it: it.integer(it.status.service_enable)),
    Command("*STB", query=_Any._ask_status_byte),
    Command("*TRG", write=lambda it: it.trigger()),
    Command("*TST", query=_Any._self_test),
    Command("*WAI", write=_Any._wait),
    Command("SYSTem:ERRor[:NEXT]", query=_Any._ask_error),
    Command("SYSTem:VERSion", query=lambda _: "1999.0"),
    Command("STATus:PRESet", write=lambda it: it.status.preset()),
    Command("STATus:QUEStionable[:EVENt]", query=_Any._ask_questionable),
    Command("STATus:QUEStionable:CONDition", query=_Any._ask_questionable_condition),
    Command("STATus:QUEStionable:ENABle", write=_Any._set_questionable_enable, takes=(Number(),),
            query=lambda it: it.integer(it.status.questionable.enable)),
    Command("STATus:OPERation[:EVENt]", query=_Any._ask_operation),
    Command("STATus:OPERation:CONDition", query=_Any._ask_operation_condition),
    Command("STATus:OPERation:ENABle", write=_Any._set_operation_enable, takes=(Number(),),
            query=lambda it: it.integer(it.status.operation.enable)),
)  # fmt: skip
