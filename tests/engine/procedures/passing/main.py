"""Measures one board."""

import openhtf as htf
from openhtf.util import units


@htf.measures(htf.Measurement("rail_5v").in_range(4.75, 5.25).with_units(units.VOLT))
def power_on(test):
    """Powers the board."""
    test.logger.info("supply on")
    print("printed in power_on")
    test.measurements.rail_5v = 4.98


@htf.measures(htf.Measurement("serial_echo").equals("OK"))
def boot(test):
    test.measurements.serial_echo = "OK"
    test.attach("boot.log", b"booted\n")


if __name__ == "__main__":
    htf.Test(power_on, boot, part_number="PCB-1").execute()
