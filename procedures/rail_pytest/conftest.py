"""The bench: a Keysight E36312A, whose output 1 feeds the board, and a 34461A on its test point."""

import time

import pytest
import pyvisa

SUPPLY = "TCPIP0::192.0.2.11::inst0::INSTR"
METER = "TCPIP0::192.0.2.12::inst0::INSTR"


@pytest.fixture(scope="session")
def visa():
    """The way to all instruments."""
    manager = pyvisa.ResourceManager()
    yield manager
    manager.close()


def instrument(visa, resource):
    """One of them, in a known state."""
    found = visa.open_resource(resource, read_termination="\n", write_termination="\n", timeout=5000)
    found.clear()
    found.write("*RST;*CLS")
    return found


@pytest.fixture(scope="session")
def supply(visa):
    """Feeds the board. Off at the end, also when the run is stopped."""
    found = instrument(visa, SUPPLY)
    found.write("VOLT 5.0,(@1);:CURR 0.5,(@1);:OUTP ON,(@1)")
    time.sleep(0.5)
    yield found
    found.write("OUTP OFF,(@1:3)")


@pytest.fixture(scope="session")
def meter(visa):
    """Measures."""
    return instrument(visa, METER)
