"""The sample of the public documentation: only the two numbers come from outside."""

import sys

import openhtf as htf
from openhtf.util import units
from tofupilot.openhtf import TofuPilot

PROCEDURE_ID, PART_NUMBER, SERIAL_NUMBER = sys.argv[1:4]


@htf.measures(
    htf.Measurement("rail_5v").in_range(4.75, 5.25).with_units(units.VOLT),
    htf.Measurement("firmware").matches_regex(r"v\d+"),
    htf.Measurement("is_sealed").equals(True),
    htf.Measurement("sweep").with_dimensions(units.HERTZ).with_units(units.VOLT),
)
def power_on(test: htf.TestApi) -> None:
    """Rails and firmware."""
    test.logger.info("the rails are up")
    test.measurements.rail_5v = 5.01
    test.measurements.firmware = "v12"
    test.measurements.is_sealed = True
    for hertz in (10, 20, 30):
        test.measurements.sweep[hertz] = hertz / 100
    test.attach("scope.txt", b"a picture of the rails")


def say_goodbye(test: htf.TestApi) -> None:
    pass


def main() -> None:
    test = htf.Test(power_on, say_goodbye, procedure_id=PROCEDURE_ID, part_number=PART_NUMBER)
    with TofuPilot(test):
        test.execute(lambda: SERIAL_NUMBER)


main()
