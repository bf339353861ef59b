"""A relay of the fixture: a coil that a source feeds, and a change-over contact."""

from __future__ import annotations

from bench_sim.world.signal import DEAD_SIGNAL, Signal

PULL_IN_V, DROP_OUT_V = 3.5, 1.0  # 5 V signal relay
OPERATE_S = 0.008
COIL_OHM = 125.0


class Relay:
    """Pins ``coil``, ``common``, ``closed`` (joined to common at rest) and ``open`` (joined when the coil is on)."""

    pins: tuple[str, ...] = ("coil", "common", "normally_closed", "normally_open")

    def __init__(self) -> None:
        self.is_pulled = False
        self._changing_for_s = 0.0

    @property
    def joined(self) -> str | None:
        """The pin that ``common`` is joined to; None while the contact flies."""
        if self._changing_for_s > 0:
            return None
        return "normally_open" if self.is_pulled else "normally_closed"

    def current(self, pin: str, volts: float) -> float:
        """See `Load`."""
        return volts / COIL_OHM if pin == "coil" else 0.0

    def capacitance(self, pin: str) -> float:  # noqa: ARG002 - the interface of loads
        """See `Load`."""
        return 0.0

    def step(self, seconds: float, volts: dict[str, float]) -> None:
        """See `Load`."""
        wants = self._wants(volts.get("coil", 0.0))
        if wants == self.is_pulled:
            self._changing_for_s = 0.0
        else:
            self._changing_for_s += seconds
            if self._changing_for_s >= OPERATE_S:
                self.is_pulled, self._changing_for_s = wants, 0.0

    def settles_in(self, volts: dict[str, float]) -> float:
        """See `Load`."""
        return OPERATE_S if self._wants(volts.get("coil", 0.0)) != self.is_pulled else 0.0

    def signal(self, pin: str) -> Signal:  # noqa: ARG002 - the interface of loads
        """See `Load`. Contacts drive nothing by themselves."""
        return DEAD_SIGNAL

    def _wants(self, volts: float) -> bool:
        return volts > DROP_OUT_V if self.is_pulled else volts >= PULL_IN_V
