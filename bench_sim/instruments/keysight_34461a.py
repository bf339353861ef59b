"""Keysight 34461A: digital multimeter, 6½ digits.

Manual: Keysight Truevolt Series, Operating and Service Guide (34460-90901), SCPI chapters; numbers from its data sheet.
Not compared with a transcript of a real one. What is simulated is what ``COMMANDS`` lists. The current terminals are
open, and there is no temperature sensor and no capacitor: such readings are zero or overload.

Terminals for bench files: ``input`` (HI against LO; LO is ground).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from bench_sim.instruments.instrument import Instrument
from bench_sim.instruments.truevolt import (
    CYCLES,
    HIGH_INPUT_OHM,
    INPUT_OHM,
    LONG_NAMES,
    QUANTITIES,
    UNITS,
    cycles_for,
    fresh_sensing,
    function_named,
    range_for,
)
from bench_sim.scpi import Boolean, Choice, Command, Extreme, NoAnswer, Number, Numeric, QuotedString, ScpiError
from bench_sim.scpi.numbers import nr3
from bench_sim.scpi.parameters import Limit, Parameter
from bench_sim.world import Seed, Signal, World
from bench_sim.world.meter import OVERLOAD, Meter

AC_SETTLING_S = {3.0: 2.5, 20.0: 0.625, 200.0: 0.025}  # by the lowest frequency of the filter
GATE_S = 0.1
MOST_READINGS = 10_000  # reading memory of the 34461A
MOST_SAMPLES = 1_000_000
NO_DATA = 9.91e37

OVERLOAD_BITS = {"VOLT": 1, "VOLT:AC": 1, "CURR": 2, "CURR:AC": 2, "RES": 512, "FRES": 512, "CONT": 512, "CAP": 1024}
_PROBES = Choice(("FRTD", "RTD", "FTHermistor", "THERmistor", "DEFault"), is_optional=True)
_SWITCH_OR_ONCE = Choice(("ON", "OFF", "1", "0", "ONCE"))
LOWER_LIMIT_BIT, UPPER_LIMIT_BIT = 2048, 4096
LIMIT_BITS = LOWER_LIMIT_BIT | UPPER_LIMIT_BIT


@dataclass
class Acquisition:
    """Measurements under way or done. ``ends_at``: bench time of the last one, ``inf`` while a trigger is missing."""

    ends_at: float
    values: list[float] = field(default_factory=list)


class Keysight34461A(Instrument):
    """A `Meter` behind the dialogue and the trigger system of a 34461A."""

    MAKER, MODEL, FIRMWARE = "Keysight Technologies", "34461A", "A.02.17-02.40-02.17-00.52-04-01"
    TERMINALS = ("input",)
    INTEGER_FORMAT = "{:+d}"

    def __init__(self, name: str, serial: str, world: World, seed: Seed, noise: Seed, line_hz: float = 50.0) -> None:
        super().__init__(name, serial, world, seed, noise, line_hz)
        self._meter = Meter(QUANTITIES, self.calibration, self.noise)
        self._acquisition: Acquisition | None = None
        self.reset()

    def reset(self) -> None:
        """See `Instrument`."""
        self._function = "VOLT"
        self._sensing = {key: fresh_sensing(key) for key in QUANTITIES}
        self._high_impedance = False
        self._lowest_hz = 20.0
        self._limit_is_on, self._lower, self._upper = False, 0.0, 0.0
        self._preset_trigger()

    def clear_interface(self) -> None:
        """See `Instrument`. Measurements under way are given up; readings already taken are lost with them."""
        if self._acquisition and self._acquisition.ends_at > self.now:
            self._acquisition = None

    def operations_end(self) -> float:
        """See `Instrument`. Waiting for a trigger that only a later message can bring would hang for ever."""
        if not self._acquisition:
            return self.now
        if math.isinf(self._acquisition.ends_at):
            raise NoAnswer
        return self._acquisition.ends_at

    def trigger(self) -> None:
        """See `Instrument`. Only with TRIG:SOUR BUS, after INIT."""
        waiting = self._acquisition is not None and math.isinf(self._acquisition.ends_at)
        if not waiting or self._trigger_source != "BUS":
            raise ScpiError(-211)
        self._measure_all()

    # ── configuration ──────────────────────────────────────────────────────────────────────────────────────────────

    def _configure(self, key: str, full_scale: Any = None, resolution: Numeric | None = None) -> None:
        """CONFigure: this function with all its measuring parameters fresh, and the trigger preset.

        Temperature has its kind of probe in place of the range; as there is none, it changes nothing.
        """
        sensing = fresh_sensing(key)
        if full_scale and QUANTITIES[key].ranges and full_scale.value is not Extreme.DEF:
            sensing.full_scale, sensing.autoranges = range_for(key, full_scale), False
        if resolution and resolution.value is not Extreme.DEF:
            sensing.cycles = cycles_for(sensing.full_scale, resolution)
        self._sensing[key] = sensing
        self._function = key
        self._high_impedance = False
        self._preset_trigger()

    def _ask_configuration(self) -> str:
        sensing = self._sensing[self._function]
        return f'"{self._function} {nr3(sensing.full_scale)},{nr3(self._resolution(self._function))}"'

    def _measure_now(self, key: str, full_scale: Any = None, resolution: Numeric | None = None) -> str:
        """MEASure? is CONFigure and READ?."""
        self._configure(key, full_scale, resolution)
        return self._read()

    def _set_function(self, name: str) -> None:
        self._function = function_named(name)

    def _set_range(self, key: str, full_scale: Numeric) -> None:
        chosen = range_for(key, full_scale)
        self._sensing[key].full_scale, self._sensing[key].autoranges = chosen, False

    def _ask_range(self, key: str, extreme: Extreme | None) -> str:
        ranges = QUANTITIES[key].ranges
        asked = self._sensing[key].full_scale
        return nr3(
            asked if extreme is None else Numeric(extreme).within(ranges[0], ranges[-1], fresh_sensing(key).full_scale)
        )

    def _set_autorange(self, key: str, state: str) -> None:
        sensing = self._sensing[key]
        if state == "ONCE":
            self.world.advance_to(self.now)
            sensing.full_scale = self._meter.choose_range(key, self._look(), self._input_ohm(key), sensing.full_scale)
        sensing.autoranges = state in ("ON", "1")

    def _set_cycles(self, key: str, cycles: Numeric) -> None:
        wanted = cycles.within(0.02, 100.0, 10.0)
        self._sensing[key].cycles = next(known for known in CYCLES if known >= wanted)

    def _ask_cycles(self, key: str, extreme: Extreme | None) -> str:
        return nr3(self._sensing[key].cycles if extreme is None else Numeric(extreme).within(0.02, 100.0, 10.0))

    def _set_resolution(self, key: str, resolution: Numeric) -> None:
        self._sensing[key].cycles = cycles_for(self._sensing[key].full_scale, resolution)

    def _set_autozero(self, key: str, state: str) -> None:
        self._sensing[key].autozeroes = state in ("ON", "1")

    def _set_high_impedance(self, is_on: bool) -> None:
        self._high_impedance = is_on

    def _set_bandwidth(self, key: str, lowest: Numeric) -> None:  # noqa: ARG002 - one filter for all AC functions
        wanted = lowest.within(3.0, 300e3, 20.0)
        self._lowest_hz = max((known for known in AC_SETTLING_S if known <= wanted), default=3.0)

    # ── trigger and readings ───────────────────────────────────────────────────────────────────────────────────────

    def _preset_trigger(self) -> None:
        self._trigger_source, self._trigger_count, self._sample_count = "IMM", 1, 1
        self._trigger_delay_s: float | None = None  # None: automatic
        self._acquisition = None

    def _initiate(self) -> None:
        if self._acquisition and self._acquisition.ends_at > self.now:
            raise ScpiError(-213)
        if self._trigger_source == "IMM":
            self._measure_all()
        else:
            self._acquisition = Acquisition(ends_at=math.inf)

    def _read(self) -> str:
        if self._trigger_source == "BUS":
            raise ScpiError(-214)
        self._initiate()
        return self._fetch()

    def _fetch(self) -> str:
        """The readings, when they are complete. Raises -230 when there are none, NoAnswer when none will come."""
        acquisition = self._acquisition
        if acquisition is None:
            raise ScpiError(-230)
        self._wait()
        return ",".join(nr3(value) for value in acquisition.values)

    def _abort(self) -> None:
        self.clear_interface()

    def _set_trigger_source(self, source: str) -> None:
        self._trigger_source = source

    def _set_trigger_count(self, count: Numeric) -> None:
        self._trigger_count = count.whole_within(1, MOST_SAMPLES, 1)

    def _set_trigger_delay(self, delay: Numeric) -> None:
        self._trigger_delay_s = delay.within(0.0, 3_600.0, 0.0)

    def _set_trigger_delay_auto(self, is_on: bool) -> None:
        self._trigger_delay_s = None if is_on else self._trigger_delay_s or 0.0

    def _set_sample_count(self, count: Numeric) -> None:
        self._sample_count = count.whole_within(1, MOST_SAMPLES, 1)

    def _ask_last(self) -> str:
        last = self._acquisition.values[-1:] if self._acquisition else []
        return nr3(last[0] if last else NO_DATA)

    def _ask_points(self) -> str:
        done = self._acquisition is not None and self._acquisition.ends_at <= self.now
        return self.integer(len(self._acquisition.values) if self._acquisition and done else 0)

    def _measure_all(self) -> None:
        """Take all samples from ``now`` on, as the world will be then; they count from their end on."""
        key = self._function
        at = self.now
        values: list[float] = []
        world = self.world
        if self._trigger_count * self._sample_count > MOST_READINGS:
            raise ScpiError(-221, "Settings conflict; more readings than memory")
        for _ in range(self._trigger_count):
            at += self._trigger_delay_s or 0.0
            for _ in range(self._sample_count):
                middle = at + self._reading_s(key) / 2
                world = world.foresee(middle)
                values.append(self._measure(key, world))
                at += self._reading_s(key)
        self._acquisition = Acquisition(at, values)

    def _measure(self, key: str, world: World) -> float:
        signal = world.look(f"{self.name}.input")
        sensing = self._sensing[key]
        input_ohm = self._input_ohm(key)
        if sensing.autoranges and QUANTITIES[key].ranges:
            sensing.full_scale = self._meter.choose_range(key, signal, input_ohm, sensing.full_scale)
            input_ohm = self._input_ohm(key)
        value = self._meter.read(key, signal, sensing.full_scale, sensing.cycles, self._resolution(key), input_ohm)
        self._judge(key, value)
        return value

    def _judge(self, key: str, value: float) -> None:
        """Questionable bits: overload of this function, and the limits. Overload is no error."""
        overload = OVERLOAD_BITS.get(key, 0) if abs(value) >= OVERLOAD else 0
        below = LOWER_LIMIT_BIT if self._limit_is_on and value < self._lower else 0
        above = UPPER_LIMIT_BIT if self._limit_is_on and value > self._upper else 0
        self.status.questionable.show(overload | below | above)

    def _reading_s(self, key: str) -> float:
        """How long one reading takes: integration, twice with autozero; or the AC filter, or the gate."""
        sensing = self._sensing[key]
        if key in ("FREQ", "PER"):
            return GATE_S
        if key in ("VOLT:AC", "CURR:AC"):
            return AC_SETTLING_S[self._lowest_hz]
        cycles = sensing.cycles if QUANTITIES[key].is_integrating else 0.2
        return cycles / self.line_hz * (2 if sensing.autozeroes else 1) + 0.001

    def _resolution(self, key: str) -> float:
        if not QUANTITIES[key].ranges:
            return 0.0
        quantity, sensing = QUANTITIES[key], self._sensing[key]
        return sensing.full_scale * (CYCLES[sensing.cycles] if quantity.is_integrating else 1e-6)

    def _input_ohm(self, key: str) -> float:
        is_high = self._high_impedance and self._sensing[key].full_scale <= 10.0
        return HIGH_INPUT_OHM if is_high else INPUT_OHM

    def _look(self) -> Signal:
        return self.world.look(f"{self.name}.input")

    # ── limits ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def _set_lower(self, limit: Numeric) -> None:
        self._lower = limit.within(-1e15, 1e15, 0.0)

    def _set_upper(self, limit: Numeric) -> None:
        self._upper = limit.within(-1e15, 1e15, 0.0)

    def _set_limit_state(self, is_on: bool) -> None:
        self._limit_is_on = is_on

    def _clear_limits(self) -> None:
        self.status.questionable.event &= ~LIMIT_BITS
        self.status.questionable.condition &= ~LIMIT_BITS


def _for(handler: Callable[..., Any], key: str) -> Callable[..., Any]:
    """The handler of one function's row: the key goes before the parameters."""
    return lambda dmm, *values: handler(dmm, key, *values)


def _rows_of(key: str) -> list[Command]:
    """The commands that exist once per function."""
    it = Keysight34461A
    name, quantity = LONG_NAMES[key], QUANTITIES[key]
    takes: tuple[Parameter, ...] = ()
    if key in UNITS:
        takes = (Number(UNITS[key], is_optional=True), Number(UNITS[key], is_optional=True))
    if key == "TEMP":
        takes = (_PROBES, Number(is_optional=True))
    rows = [
        Command(f"CONFigure:{name}", write=_for(it._configure, key), takes=takes),
        Command(f"MEASure:{name}", query=_for(it._measure_now, key), asks=takes),
    ]
    sense = f"[SENSe:]{name}"
    if len(quantity.ranges) > 1:
        rows += [
            Command(f"{sense}:RANGe[:UPPer]", write=_for(it._set_range, key), takes=(Number(UNITS[key]),),
                    query=_for(it._ask_range, key), asks=(Limit(),)),
            Command(f"{sense}:RANGe:AUTO", write=_for(it._set_autorange, key), takes=(_SWITCH_OR_ONCE,),
                    query=lambda dmm: str(int(dmm._sensing[key].autoranges))),
        ]  # fmt: skip
    if quantity.is_integrating and quantity.ranges:
        rows += [
            Command(f"{sense}:NPLCycles", write=_for(it._set_cycles, key), takes=(Number(),),
                    query=_for(it._ask_cycles, key), asks=(Limit(),)),
            Command(f"{sense}:RESolution", write=_for(it._set_resolution, key), takes=(Number(UNITS[key]),),
                    query=lambda dmm: nr3(dmm._resolution(key))),
            Command(f"{sense}:ZERO:AUTO", write=_for(it._set_autozero, key), takes=(_SWITCH_OR_ONCE,),
                    query=lambda dmm: str(int(dmm._sensing[key].autozeroes))),
        ]  # fmt: skip
    if key in ("VOLT:AC", "CURR:AC"):
        rows.append(
            Command(f"{sense}:BANDwidth", write=_for(it._set_bandwidth, key), takes=(Number("HZ"),),
                    query=lambda dmm: nr3(dmm._lowest_hz))
        )  # fmt: skip
    return rows


Keysight34461A.COMMANDS = (
    *(row for key in LONG_NAMES for row in _rows_of(key)),
    Command("CONFigure", query=Keysight34461A._ask_configuration),
    Command("[SENSe:]FUNCtion[:ON]", write=Keysight34461A._set_function, takes=(QuotedString(),),
            query=lambda it: f'"{it._function}"'),
    Command("[SENSe:]VOLTage[:DC]:IMPedance:AUTO", write=Keysight34461A._set_high_impedance, takes=(Boolean(),),
            query=lambda it: str(int(it._high_impedance))),
    Command("ABORt", write=Keysight34461A._abort),
    Command("INITiate[:IMMediate]", write=Keysight34461A._initiate),
    Command("FETCh", query=Keysight34461A._fetch),
    Command("READ", query=Keysight34461A._read),
    Command("DATA:LAST", query=Keysight34461A._ask_last),
    Command("DATA:POINts", query=Keysight34461A._ask_points),
    Command("SAMPle:COUNt", write=Keysight34461A._set_sample_count, takes=(Number(),),
            query=lambda it: it.integer(it._sample_count)),
    Command("TRIGger:COUNt", write=Keysight34461A._set_trigger_count, takes=(Number(),),
            query=lambda it: it.integer(it._trigger_count)),
    Command("TRIGger:SOURce", write=Keysight34461A._set_trigger_source,
            takes=(Choice(("IMMediate", "BUS", "EXTernal")),), query=lambda it: it._trigger_source),
    Command("TRIGger:DELay", write=Keysight34461A._set_trigger_delay, takes=(Number("S"),),
            query=lambda it: nr3(it._trigger_delay_s or 0.0)),
    Command("TRIGger:DELay:AUTO", write=Keysight34461A._set_trigger_delay_auto, takes=(Boolean(),),
            query=lambda it: str(int(it._trigger_delay_s is None))),
    Command("CALCulate:LIMit:LOWer[:DATA]", write=Keysight34461A._set_lower, takes=(Number(),),
            query=lambda it: nr3(it._lower)),
    Command("CALCulate:LIMit:UPPer[:DATA]", write=Keysight34461A._set_upper, takes=(Number(),),
            query=lambda it: nr3(it._upper)),
    Command("CALCulate:LIMit[:STATe]", write=Keysight34461A._set_limit_state, takes=(Boolean(),),
            query=lambda it: str(int(it._limit_is_on))),
    Command("CALCulate:LIMit:CLEar[:IMMediate]", write=Keysight34461A._clear_limits),
    Command("ROUTe:TERMinals", query=lambda _: "FRON"),
)  # fmt: skip
