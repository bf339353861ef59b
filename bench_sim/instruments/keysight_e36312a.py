"""Keysight E36312A: DC power supply, 80 W, three outputs (6 V 5 A, 25 V 1 A, 25 V 1 A).

Manual: Keysight E36300 Series, Programming Guide (E36311-90008), chapters "Subsystem commands" and "Status"; numbers
from its data sheet. Not compared with a transcript of a real one. What is simulated is what ``COMMANDS`` lists.

Terminals for bench files: ``ch1``, ``ch2``, ``ch3``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from bench_sim.instruments.instrument import Instrument
from bench_sim.scpi import Boolean, ChannelList, Choice, Command, Extreme, Number, Numeric, ScpiError
from bench_sim.scpi.numbers import nr3
from bench_sim.scpi.parameters import Limit
from bench_sim.scpi.status import Register
from bench_sim.world import Seed, Source, SourceLimits, World

Channels = tuple[int, ...]
CHANNEL_COUNT = 3
LIMITS = (
    SourceLimits(volts=6.18, amps=5.15, overvoltage_v=6.6),
    SourceLimits(volts=25.75, amps=1.03, overvoltage_v=27.5),
    SourceLimits(volts=25.75, amps=1.03, overvoltage_v=27.5),
)
RESET_AMPS = (5.0, 1.0, 1.0)
MEASURE_S = 0.02
MOST_DELAY_S = 3_600.0


@dataclass
class Errors:
    """How far one channel is off: programming and readback, gain and offset. Well within the data sheet's limits."""

    set_gain: float
    set_offset_v: float
    read_gain: float
    read_offset_v: float
    read_offset_a: float


class KeysightE36312A(Instrument):
    """Three `Source`s behind the dialogue of an E36312A."""

    MAKER, MODEL, FIRMWARE = "Keysight Technologies", "E36312A", "2.1.0-1.0.4-1.12"
    TERMINALS = ("ch1", "ch2", "ch3")

    def __init__(self, name: str, serial: str, world: World, seed: Seed, noise: Seed, line_hz: float = 50.0) -> None:
        super().__init__(name, serial, world, seed, noise, line_hz)
        self._sources = tuple(Source(limits) for limits in LIMITS)
        self._levels: list[float] = [0.0] * CHANNEL_COUNT
        self._selected = 1
        self._summaries = tuple(Register() for _ in LIMITS)
        self._instrument_summary = Register()
        chance = self.calibration
        self._errors = tuple(
            Errors(chance.gauss(0, 1e-4), chance.gauss(0, 1e-3), chance.gauss(0, 1.3e-4), chance.gauss(0, 1.6e-3),
                   chance.gauss(0, 2e-4))
            for _ in LIMITS
        )  # fmt: skip
        for terminal, source in zip(self.TERMINALS, self._sources, strict=True):
            world.add_source(f"{name}.{terminal}", source)
        self.reset()

    def reset(self) -> None:
        """See `Instrument`."""
        for number, source in enumerate(self._sources):
            source.reset()
            source.set_amps = RESET_AMPS[number]
            self._levels[number] = 0.0
        self._selected = 1

    def clear_interface(self) -> None:
        """See `Instrument`. Nothing here takes long enough to be stopped."""

    def refresh_status(self) -> None:
        """See `Instrument`. The summary of an output is the number of its mode."""
        self.world.advance_to(self.now)
        for source, register in zip(self._sources, self._summaries, strict=True):
            register.show(int(source.mode))
        bits = sum(1 << (n + 1) for n, register in enumerate(self._summaries) if register.summary)
        self._instrument_summary.show(bits)
        self.status.questionable.show(1 << 13 if self._instrument_summary.summary else 0)

    # ── outputs ────────────────────────────────────────────────────────────────────────────────────────────────────

    def _select(self, name: str) -> None:
        self._selected = int(name[-1])

    def _select_number(self, number: Numeric) -> None:
        self._selected = number.whole_within(1, CHANNEL_COUNT, 1)

    def _set_output(self, is_on: bool, channels: Channels | None) -> None:
        for source in self._pick(channels):
            if is_on and source.is_tripped:
                raise ScpiError(-221)  # clear the protection first
            source.is_on = is_on

    def _ask_output(self, channels: Channels | None) -> str:
        return self._each(channels, lambda n: str(int(self._sources[n].is_on)))

    def _set_rise_delay(self, delay: Numeric, channels: Channels | None) -> None:
        seconds = delay.within(0.0, MOST_DELAY_S, 0.0)
        for source in self._pick(channels):
            source.rise_delay_s = seconds

    def _clear_protection(self, channels: Channels | None) -> None:
        for source in self._pick(channels):
            source.clear_protection()

    # ── voltage and current ────────────────────────────────────────────────────────────────────────────────────────

    def _set_volts(self, volts: Numeric, channels: Channels | None) -> None:
        levels = {n: volts.within(0.0, LIMITS[n].volts, 0.0) for n in self._numbers(channels)}
        for n, level in levels.items():
            self._levels[n] = level
            errors = self._errors[n]
            self._sources[n].set_volts = max(0.0, level * (1 + errors.set_gain) + errors.set_offset_v) if level else 0.0

    def _ask_volts(self, extreme: Extreme | None, channels: Channels | None) -> str:
        return self._each(channels, lambda n: _level(self._levels[n], extreme, 0.0, LIMITS[n].volts, 0.0))

    def _set_amps(self, amps: Numeric, channels: Channels | None) -> None:
        levels = {n: amps.within(0.001, LIMITS[n].amps, RESET_AMPS[n]) for n in self._numbers(channels)}
        for n, level in levels.items():
            self._sources[n].set_amps = level

    def _ask_amps(self, extreme: Extreme | None, channels: Channels | None) -> str:
        return self._each(
            channels, lambda n: _level(self._sources[n].set_amps, extreme, 0.001, LIMITS[n].amps, RESET_AMPS[n])
        )

    def _apply(self, channel: str, volts: Numeric | None, amps: Numeric | None) -> None:
        channels = (int(channel[-1]),)
        n = channels[0] - 1
        if volts:
            volts.within(0.0, LIMITS[n].volts, 0.0)
        if amps:
            amps.within(0.001, LIMITS[n].amps, RESET_AMPS[n])  # both are checked before either is set
        if volts:
            self._set_volts(volts, channels)
        if amps:
            self._set_amps(amps, channels)
        self._selected = channels[0]

    def _ask_apply(self, channel: str | None) -> str:
        n = (int(channel[-1]) if channel else self._selected) - 1
        return f"{nr3(self._levels[n], 6)},{nr3(self._sources[n].set_amps, 6)}"

    def _measure_volts(self, channels: Channels | None) -> str:
        self.spend(MEASURE_S)
        sources = self._seen()
        return self._each(channels, lambda n: nr3(self._read_volts(n, sources[n]), 6))

    def _measure_amps(self, channels: Channels | None) -> str:
        self.spend(MEASURE_S)
        sources = self._seen()
        return self._each(channels, lambda n: nr3(self._read_amps(n, sources[n]), 6))

    # ── protection ─────────────────────────────────────────────────────────────────────────────────────────────────

    def _set_overvoltage(self, volts: Numeric, channels: Channels | None) -> None:
        levels = {
            n: volts.within(0.0, LIMITS[n].overvoltage_v, LIMITS[n].overvoltage_v) for n in self._numbers(channels)
        }
        for n, level in levels.items():
            self._sources[n].overvoltage_v = level

    def _ask_overvoltage(self, extreme: Extreme | None, channels: Channels | None) -> str:
        return self._each(
            channels,
            lambda n: _level(
                self._sources[n].overvoltage_v, extreme, 0.0, LIMITS[n].overvoltage_v, LIMITS[n].overvoltage_v
            ),
        )

    def _set_overvoltage_state(self, is_on: bool, channels: Channels | None) -> None:
        for source in self._pick(channels):
            source.overvoltage_is_on = is_on

    def _ask_overvoltage_state(self, channels: Channels | None) -> str:
        return self._each(channels, lambda n: str(int(self._sources[n].overvoltage_is_on)))

    def _ask_overvoltage_tripped(self, channels: Channels | None) -> str:
        return self._each(channels, lambda n: str(int(self._sources[n].overvoltage_tripped)))

    def _set_overcurrent_state(self, is_on: bool, channels: Channels | None) -> None:
        for source in self._pick(channels):
            source.overcurrent_is_on = is_on

    def _ask_overcurrent_state(self, channels: Channels | None) -> str:
        return self._each(channels, lambda n: str(int(self._sources[n].overcurrent_is_on)))

    def _ask_overcurrent_tripped(self, channels: Channels | None) -> str:
        return self._each(channels, lambda n: str(int(self._sources[n].overcurrent_tripped)))

    def _set_overcurrent_delay(self, delay: Numeric, channels: Channels | None) -> None:
        seconds = delay.within(0.0, MOST_DELAY_S, 0.05)
        for source in self._pick(channels):
            source.overcurrent_delay_s = seconds

    def _ask_overcurrent_delay(self, channels: Channels | None) -> str:
        return self._each(channels, lambda n: nr3(self._sources[n].overcurrent_delay_s, 6))

    # ── status of the outputs ──────────────────────────────────────────────────────────────────────────────────────

    def _ask_summary_condition(self, output: int) -> str:
        self.refresh_status()
        return str(self._summaries[output - 1].condition)

    def _ask_summary_event(self, output: int) -> str:
        self.refresh_status()
        return str(self._summaries[output - 1].take_event())

    def _set_summary_enable(self, output: int, mask: Numeric) -> None:
        self._summaries[output - 1].enable = mask.whole_within(0, 32_767)

    def _set_instrument_enable(self, mask: Numeric) -> None:
        self._instrument_summary.enable = mask.whole_within(0, 32_767)

    def _ask_instrument_event(self) -> str:
        self.refresh_status()
        return str(self._instrument_summary.take_event())

    # ── inside ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def _numbers(self, channels: Channels | None) -> list[int]:
        """Indices of the channels meant: those listed, else the selected one."""
        self.world.advance_to(self.now)
        return [channel - 1 for channel in channels or (self._selected,)]

    def _pick(self, channels: Channels | None) -> list[Source]:
        return [self._sources[n] for n in self._numbers(channels)]

    def _each(self, channels: Channels | None, answer: Callable[[int], str]) -> str:
        return ",".join(answer(n) for n in self._numbers(channels))

    def _seen(self) -> list[Source]:
        """The outputs as they are at ``now``."""
        world = self.world.foresee(self.now)
        return [world.sources[f"{self.name}.{terminal}"] for terminal in self.TERMINALS]

    def _read_volts(self, n: int, source: Source) -> float:
        errors = self._errors[n]
        return source.volts * (1 + errors.read_gain) + errors.read_offset_v + self.noise.gauss(0, 2e-4)

    def _read_amps(self, n: int, source: Source) -> float:
        amps = source.amps if source.is_on else 0.0
        return amps * (1 + self._errors[n].read_gain) + self._errors[n].read_offset_a + self.noise.gauss(0, 5e-5)

    _CHANNELS = (ChannelList(CHANNEL_COUNT, is_optional=True),)
    _NAMES = Choice(("CH1", "CH2", "CH3"))
    _NAME_OR_NOT = Choice(("CH1", "CH2", "CH3"), is_optional=True)
    _LEVEL_QUERY = (Limit(), *_CHANNELS)

    COMMANDS = (
        Command("APPLy", write=_apply, takes=(_NAMES, Number("V", is_optional=True), Number("A", is_optional=True)),
                query=_ask_apply, asks=(_NAME_OR_NOT,)),
        Command("INSTrument[:SELect]", write=_select, takes=(_NAMES,), query=lambda it: f"CH{it._selected}"),
        Command("INSTrument:NSELect", write=_select_number, takes=(Number(),), query=lambda it: str(it._selected)),
        Command("OUTPut[:STATe]", write=_set_output, takes=(Boolean(), *_CHANNELS), query=_ask_output, asks=_CHANNELS),
        Command("OUTPut[:STATe]:DELay:RISE", write=_set_rise_delay, takes=(Number("S"), *_CHANNELS),
                query=lambda it, ch: it._each(ch, lambda n: nr3(it._sources[n].rise_delay_s, 6)), asks=_CHANNELS),
        Command("OUTPut:PROTection:CLEar", write=_clear_protection, takes=_CHANNELS),
        Command("[SOURce:]VOLTage[:LEVel][:IMMediate][:AMPLitude]", write=_set_volts, takes=(Number("V"), *_CHANNELS),
                query=_ask_volts, asks=_LEVEL_QUERY),
        Command("[SOURce:]CURRent[:LEVel][:IMMediate][:AMPLitude]", write=_set_amps, takes=(Number("A"), *_CHANNELS),
                query=_ask_amps, asks=_LEVEL_QUERY),
        Command("[SOURce:]VOLTage:PROTection[:LEVel]", write=_set_overvoltage, takes=(Number("V"), *_CHANNELS),
                query=_ask_overvoltage, asks=_LEVEL_QUERY),
        Command("[SOURce:]VOLTage:PROTection:STATe", write=_set_overvoltage_state, takes=(Boolean(), *_CHANNELS),
                query=_ask_overvoltage_state, asks=_CHANNELS),
        Command("[SOURce:]VOLTage:PROTection:TRIPped", query=_ask_overvoltage_tripped, asks=_CHANNELS),
        Command("[SOURce:]VOLTage:PROTection:CLEar", write=_clear_protection, takes=_CHANNELS),
        Command("[SOURce:]CURRent:PROTection:STATe", write=_set_overcurrent_state, takes=(Boolean(), *_CHANNELS),
                query=_ask_overcurrent_state, asks=_CHANNELS),
        Command("[SOURce:]CURRent:PROTection:DELay[:TIME]", write=_set_overcurrent_delay,
                takes=(Number("S"), *_CHANNELS), query=_ask_overcurrent_delay, asks=_CHANNELS),
        Command("[SOURce:]CURRent:PROTection:TRIPped", query=_ask_overcurrent_tripped, asks=_CHANNELS),
        Command("[SOURce:]CURRent:PROTection:CLEar", write=_clear_protection, takes=_CHANNELS),
        Command("MEASure[:SCALar][:VOLTage][:DC]", query=_measure_volts, asks=_CHANNELS),
        Command("MEASure[:SCALar]:CURRent[:DC]", query=_measure_amps, asks=_CHANNELS),
        Command("STATus:QUEStionable:INSTrument[:EVENt]", query=_ask_instrument_event),
        Command("STATus:QUEStionable:INSTrument:ENABle", write=_set_instrument_enable, takes=(Number(),),
                query=lambda it: str(it._instrument_summary.enable)),
        Command("STATus:QUEStionable:INSTrument:ISUMmary<1:3>[:EVENt]", query=_ask_summary_event),
        Command("STATus:QUEStionable:INSTrument:ISUMmary<1:3>:CONDition", query=_ask_summary_condition),
        Command("STATus:QUEStionable:INSTrument:ISUMmary<1:3>:ENABle", write=_set_summary_enable, takes=(Number(),),
                query=lambda it, n: str(it._summaries[n - 1].enable)),
    )  # fmt: skip


def _level(level: float, extreme: Extreme | None, low: float, high: float, default: float) -> str:
    """The answer to a query for a level, or for its MIN, MAX or DEF."""
    asked = level if extreme is None else Numeric(extreme).within(low, high, default)
    return nr3(asked, 6)
