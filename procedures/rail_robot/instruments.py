"""Keywords for the bench: a Keysight E36312A, whose output 1 feeds the board, and a 34461A on its test point."""

import time

import pyvisa

SUPPLY = "TCPIP0::192.0.2.11::inst0::INSTR"
METER = "TCPIP0::192.0.2.12::inst0::INSTR"


class instruments:  # noqa: N801 - Robot Framework looks for a class named as its file
    """One for the whole suite."""

    ROBOT_LIBRARY_SCOPE = "SUITE"

    def __init__(self):
        self._manager = None

    def open_instruments(self):
        """Connect both, and put them into a known state."""
        self._manager = pyvisa.ResourceManager()
        self._supply, self._meter = (self._open(resource) for resource in (SUPPLY, METER))

    def feed_board(self, volts, limit):
        """Switch output 1 on, and let the board start."""
        self._supply.write(f"VOLT {volts},(@1);:CURR {limit},(@1);:OUTP ON,(@1)")
        time.sleep(0.5)

    def read_current(self):
        """Amperes into the board."""
        return float(self._supply.query("MEAS:CURR? (@1)"))

    def read_volts(self):
        """DC volts at the test point."""
        return float(self._meter.query("MEAS:VOLT:DC? 10"))

    def make_safe(self):
        """All outputs off."""
        if self._manager is not None:
            self._supply.write("OUTP OFF,(@1:3)")
            self._manager.close()

    def _open(self, resource):
        found = self._manager.open_resource(resource, read_termination="\n", write_termination="\n", timeout=5000)
        found.clear()
        found.write("*RST;*CLS")
        return found
