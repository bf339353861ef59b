import math

import openhtf as htf
from openhtf.core.measurements import Dimension
from openhtf.util import units, validators


@htf.measures(
    htf.Measurement("gain")
    .with_dimensions(Dimension(description="frequency", unit=units.HERTZ))
    .with_units(units.DECIBEL)
    .dimension_pivot_validate(validators.in_range(-3, 3)),
    htf.Measurement("grid").with_dimensions(units.VOLT, units.AMPERE),
    htf.Measurement("holes").with_dimensions("step"),
    htf.Measurement("open_circuit").in_range(minimum=1),
    htf.Measurement("nothing"),
)
def sweep(test):
    for frequency in (10, 100, 1000):
        test.measurements.gain[frequency] = math.log10(frequency) - 2
    test.measurements.grid[1.0, 0.5] = 2.0
    test.measurements.holes[1] = 1.0
    test.measurements.holes[2] = float("nan")
    test.measurements.open_circuit = float("inf")
    test.measurements.nothing = float("nan")


htf.Test(sweep).execute()
