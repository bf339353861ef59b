"""Fails three limits, passes one, and leaves one measurement out."""

import openhtf as htf
from openhtf.util import units


@htf.measures(
    htf.Measurement("rail_3v3").in_range(3.2, 3.4).with_units(units.VOLT),
    htf.Measurement("ripple").in_range(maximum=0.05, marginal_maximum=0.01).with_units(units.VOLT),
    htf.Measurement("version").matches_regex(r"v\d+\.\d+"),
    htf.Measurement("current").within_percent(2.0, 10),
    htf.Measurement("odd").with_validator(lambda value: value % 2 == 1),
    htf.Measurement("exact").in_range(5, 5),
)
def rails(test):
    test.measurements.rail_3v3 = 3.7
    test.measurements.ripple = 0.02
    test.measurements.version = "beta"
    test.measurements.current = 2.1
    test.measurements.odd = 3
    test.measurements.exact = 5


@htf.measures("forgotten")
def forgets(test):
    pass


htf.Test(rails, forgets).execute()
