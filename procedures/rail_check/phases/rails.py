"""What the meter and the supply say."""

import time


def rail_3v3(measurements, bench):
    """The rail at rest."""
    measurements.rail = bench.volts()


def load(measurements, bench):
    """The board's current over its supply voltage."""
    volts = [4.5, 4.75, 5.0, 5.25, 5.5]
    amperes = []
    for value in volts:
        bench.set_voltage(value)
        time.sleep(0.1)
        amperes.append(bench.current())
    bench.set_voltage(5.0)
    sweep = measurements.sweep
    sweep.x_axis = volts
    sweep.y_axis.current = amperes
    sweep.y_axis.current.aggregations.max = max(amperes)
