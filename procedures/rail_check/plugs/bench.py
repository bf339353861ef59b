"""The two instruments of the bench: Keysight E36312A, whose output 1 feeds the board, and 34461A on the test point."""

import pyvisa


class Bench:
    """Both in one plug: they are coupled by the board, and a simulated bench is one for each process."""

    def __init__(self, supply, meter):
        manager = pyvisa.ResourceManager()
        self.supply = manager.open_resource(supply, read_termination="\n", write_termination="\n", timeout=5000)
        self.meter = manager.open_resource(meter, read_termination="\n", write_termination="\n", timeout=5000)
        for instrument in (self.supply, self.meter):
            instrument.clear()
            instrument.write("*RST;*CLS")

    def on(self, volts, limit):
        """Feed the board."""
        self.supply.write(f"VOLT {volts},(@1);:CURR {limit},(@1);:OUTP ON,(@1)")

    def set_voltage(self, volts):
        """Change the voltage."""
        self.supply.write(f"VOLT {volts},(@1)")

    def current(self):
        """Amperes into the board."""
        return float(self.supply.query("MEAS:CURR? (@1)"))

    def volts(self):
        """DC volts at the test point: the 3.3 V rail while the fixture's relays are at rest."""
        return float(self.meter.query("MEAS:VOLT:DC? 10"))

    def off(self):
        """Make safe."""
        self.supply.write("OUTP OFF,(@1:3)")

    def tear_down(self):
        """Off, whatever happened, then let go of both."""
        self.off()
        self.supply.close()
        self.meter.close()
