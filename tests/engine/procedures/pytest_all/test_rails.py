import logging
import os

import pytest


def test_rail(supply):
    """Measures the rail."""
    print("serial", os.environ["STATIONMASTER_SERIAL_NUMBER"])
    print("5 V: Ω")
    logging.getLogger(__name__).warning("probe worn")
    rail = supply
    assert 4.75 <= rail < 5.25, "Output voltage [V]"
    assert rail > 0
    state = "idle"
    assert state in ("idle", "ready")
    assert state == "idle"


@pytest.mark.parametrize(("load", "drop"), [(1, 20), (2, 120)])
def test_drop(load, drop):
    measured = drop
    unmeasured = load
    unmeasured += 1
    lit = True
    assert 100 > measured, "Drop [mV]"
    assert lit == True  # noqa: E712
    assert unmeasured > 0


class TestCurve:
    def test_approx(self):
        gain = 3.31
        assert gain == pytest.approx(3.3, abs=0.1)
        offset = 0.5
        assert offset == pytest.approx(0.5, rel=0.1)

    def test_early_return(self):
        late = 9.0
        if late > 5:
            return
        assert late < 5

    def test_nan(self):
        noise = float("nan")
        assert noise != 1
        assert not noise > 2
        assert noise < 2


@pytest.mark.skip(reason="no fixture for it yet")
def test_skipped():
    raise AssertionError


@pytest.mark.xfail(reason="known since rev B", strict=True)
def test_known():
    assert False


@pytest.mark.xfail(strict=True)
def test_mended():
    pass


def test_error_in_setup(broken):
    never = 1.0
    assert never > 0


def test_error_in_teardown(stuck):
    pass
