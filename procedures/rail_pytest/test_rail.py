"""Each test is a phase. What it asserts of a name is a measurement; the message gives its description and unit."""

import pytest


def test_idle_current(supply):
    """The board takes its current from output 1."""
    current = float(supply.query("MEAS:CURR? (@1)"))
    assert 0.01 <= current <= 0.35, "Supply current [A]"


@pytest.mark.usefixtures("supply")
def test_rail_3v3(meter):
    """The 3.3 V rail, while the fixture's relays are at rest."""
    rail_3v3 = float(meter.query("MEAS:VOLT:DC? 10"))
    assert 3.2 <= rail_3v3 <= 3.4, "3.3 V rail [V]"
