"""PCBA-100: a small controller board, 5 V in, 3.3 V and 1.8 V made on the board, a green LED.

Pins: ``vin``, ``tp_3v3``, ``tp_1v8``, ``tp_led`` (the LED's anode). It works from about 4.5 to 5.5 V; a supervisor
starts it above 4.35 V and stops it below 4.05 V (brown-out). For about a third of a second after power it runs its
start-up program and takes four times the idle current. A text-book board, not a real product.
"""

from __future__ import annotations

import math

from bench_sim.duts.dut import Dut, Fault
from bench_sim.world import DEAD_SIGNAL, Seed, Signal

START_V, BROWN_OUT_V = 4.35, 4.05
SUPERVISOR_S = 0.02  # the input must be good for so long
WARM_UP_S, KELVIN_PER_W = 40.0, 35.0
RAIL_RISE_S = 0.002
RAIL_AT_REST_V = 1e-3


class Rail:
    """One regulator and its capacitors.

    volts: nominal of this unit at no load; drop_ohm: load regulation; headroom_v: input it needs above its output.
    """

    def __init__(self, volts: float, drop_ohm: float, headroom_v: float, fall_s: float) -> None:
        self.nominal_v = volts
        self.drop_ohm = drop_ohm
        self.headroom_v = headroom_v
        self.fall_s = fall_s
        self.volts = 0.0

    def target(self, input_v: float, load_a: float, kelvin: float) -> float:
        """Where the regulator holds its output. 60 ppm/K, 1 mV per volt of input."""
        held = self.nominal_v * (1 - 60e-6 * kelvin) - self.drop_ohm * load_a + 0.001 * (input_v - 5.0)
        return max(0.0, min(held, input_v - self.headroom_v))

    def step(self, seconds: float, target: float) -> None:
        """Approach the target; falling is slower, as only the load discharges the capacitors."""
        time_s = RAIL_RISE_S if target > self.volts else self.fall_s
        self.volts = target + (self.volts - target) * math.exp(-seconds / time_s)
        if target == 0.0 and self.volts < RAIL_AT_REST_V:
            self.volts = 0.0


class Pcba100(Dut):
    """The board. State as of the last step."""

    pins: tuple[str, ...] = ("vin", "tp_3v3", "tp_1v8", "tp_led")
    FAULTS = (
        Fault("dead", "The input fuse is open: no current, no rails. Power-on fails."),
        Fault("short_on_input", "Solder bridge, 0.6 Ω across the input: the supply limits. Power-on fails."),
        Fault("high_idle_current", "A leaking capacitor takes 70 mA more. The idle current is over its limit."),
        Fault("wrong_3v3_feedback", "A wrong resistor in the divider: the 3.3 V rail is 5 % high."),
        Fault(
            "weak_3v3_regulator", "The 3.3 V regulator needs 1.5 V headroom: good at 5 V, low at 4.5 V in the sweep."
        ),
        Fault("low_1v8", "A cold joint: the 1.8 V rail is 8 % low."),
        Fault("noisy_1v8", "The 1.8 V output capacitor is missing: 45 mV of ripple."),
        Fault("slow_discharge", "The discharge resistor is missing: 3.3 V stays for seconds after power-off."),
    )

    def __init__(self, serial: str, seed: Seed, faults: tuple[str, ...] = ()) -> None:
        super().__init__(serial, seed, faults)
        self._idle_a = self._spread(0.042, 0.06)
        self._start_up_a = self._spread(0.165, 0.05)
        self._start_up_s = self._spread(0.35, 0.1)
        self._led_v = self._spread(2.05, 0.03)
        self._ripple_3v3_v = self._spread(0.0022, 0.3)
        self._ripple_1v8_v = self._spread(0.0031, 0.3)
        self._switching_hz = self._spread(120e3, 0.03)
        self._rail_3v3 = Rail(self._spread(3.307, 0.009), drop_ohm=0.15, headroom_v=0.35, fall_s=0.03)
        self._rail_1v8 = Rail(self._spread(1.802, 0.009), drop_ohm=0.10, headroom_v=1.20, fall_s=0.02)
        self._input_v = 0.0
        self._good_for_s = 0.0
        self._on_for_s: float | None = None  # None: held in reset
        self._kelvin = 0.0
        self._break()

    @property
    def is_on(self) -> bool:
        """True while the board runs, False in reset and without power."""
        return self._on_for_s is not None

    @property
    def led(self) -> str:
        """What a person sees: ``green`` or ``off``."""
        return "green" if self._rail_3v3.volts > self._led_v else "off"

    def current(self, pin: str, volts: float) -> float:
        """See `bench_sim.world.Load`."""
        if pin != "vin":
            return 0.0
        if "dead" in self.faults:
            return volts / 56_000.0
        leak = volts / 22_000.0
        if "short_on_input" in self.faults:
            leak += volts / 0.6
        if "high_idle_current" in self.faults:
            leak += volts / 71.0
        return leak + self._board_amps() * min(1.0, volts / BROWN_OUT_V)

    def capacitance(self, pin: str) -> float:
        """See `bench_sim.world.Load`."""
        return 100e-6 if pin == "vin" and "dead" not in self.faults else 0.0

    def step(self, seconds: float, volts: dict[str, float]) -> None:
        """See `bench_sim.world.Load`."""
        self._input_v = 0.0 if "dead" in self.faults else volts.get("vin", 0.0)
        self._supervise(seconds)
        for rail in (self._rail_3v3, self._rail_1v8):
            target = rail.target(self._input_v, self._board_amps(), self._kelvin) if self.is_on else 0.0
            rail.step(seconds, target)
        heat = KELVIN_PER_W * self._input_v * self._board_amps()
        self._kelvin = heat + (self._kelvin - heat) * math.exp(-seconds / WARM_UP_S)

    def settles_in(self, volts: dict[str, float]) -> float:
        """See `bench_sim.world.Load`."""
        input_v = 0.0 if "dead" in self.faults else volts.get("vin", 0.0)
        if abs(input_v - self._input_v) > 1e-6:
            return SUPERVISOR_S
        if self._on_for_s is not None:
            is_starting = self._on_for_s < self._start_up_s + 10 * RAIL_RISE_S
            return RAIL_RISE_S if is_starting or input_v < BROWN_OUT_V or self._rails_move() else 0.0
        if input_v >= START_V:
            return SUPERVISOR_S
        return RAIL_RISE_S if self._rail_3v3.volts > 0 or self._rail_1v8.volts > 0 else 0.0

    def signal(self, pin: str) -> Signal:
        """See `bench_sim.world.Load`."""
        if pin == "tp_3v3":
            return self._rail_signal(self._rail_3v3, self._ripple_3v3_v, unpowered_ohm=2_150.0)
        if pin == "tp_1v8":
            return self._rail_signal(self._rail_1v8, self._ripple_1v8_v, unpowered_ohm=940.0)
        if pin == "tp_led":
            volts = min(self._rail_3v3.volts, self._led_v)
            return Signal(dc_v=volts, noise_v=80e-6, resistance_ohm=150.0, is_driven=volts > 0)
        if pin == "vin":
            ohms = 0.6 if "short_on_input" in self.faults else 56_000.0 if "dead" in self.faults else 12_400.0
            return Signal(resistance_ohm=ohms)
        return DEAD_SIGNAL

    def _break(self) -> None:
        """Apply the faults that change a part's value."""
        if "wrong_3v3_feedback" in self.faults:
            self._rail_3v3.nominal_v *= 1.05
        if "weak_3v3_regulator" in self.faults:
            self._rail_3v3.headroom_v = 1.5
        if "low_1v8" in self.faults:
            self._rail_1v8.nominal_v *= 0.92
        if "noisy_1v8" in self.faults:
            self._ripple_1v8_v = 0.045
        if "slow_discharge" in self.faults:
            self._rail_3v3.fall_s = 6.0

    def _supervise(self, seconds: float) -> None:
        """Start after the input was good for a while, stop at once on a brown-out."""
        if self._on_for_s is not None:
            self._on_for_s = None if self._input_v < BROWN_OUT_V else self._on_for_s + seconds
            self._good_for_s = 0.0
        elif self._input_v >= START_V:
            self._good_for_s += seconds
            if self._good_for_s >= SUPERVISOR_S:
                self._on_for_s = 0.0
        else:
            self._good_for_s = 0.0

    def _board_amps(self) -> float:
        """What the board's own circuits take: nothing much in reset, a lot while starting up."""
        if self._on_for_s is None:
            return 0.003 if self._input_v > 0 else 0.0
        return self._start_up_a if self._on_for_s < self._start_up_s else self._idle_a

    def _rails_move(self) -> bool:
        amps = self._board_amps()
        return any(
            abs(rail.target(self._input_v, amps, self._kelvin) - rail.volts) > RAIL_AT_REST_V
            for rail in (self._rail_3v3, self._rail_1v8)
        )

    def _rail_signal(self, rail: Rail, ripple_v: float, unpowered_ohm: float) -> Signal:
        if rail.volts <= 0:
            return Signal(resistance_ohm=unpowered_ohm)
        is_switching = self.is_on
        return Signal(
            dc_v=rail.volts,
            ripple_v=ripple_v if is_switching else 0.0,
            frequency_hz=self._switching_hz if is_switching else 0.0,
            noise_v=120e-6,
            resistance_ohm=0.2,
            is_driven=True,
        )
