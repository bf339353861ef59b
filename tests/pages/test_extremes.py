"""Values that no instrument gives and a record may hold all the same."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from portal.database import Db
from portal.pages.charts import line_chart
from portal.pages.statistics_charts import control_chart, histogram
from portal.services import measurement_statistics, runs
from portal.services.actors import SYSTEM
from station.operator_formats import is_number, number, value_text
from station.operator_limits import limit_drawing, limit_words, measured_text
from tests.pages.records import limit, phase, record, value

EXTREMES = [10**400, -(10**400), 10**5000, 1.79e308, -1.79e308, float("inf"), float("nan"), 5e-324, 0, True, None]


def axis(*values: object) -> SimpleNamespace:
    return SimpleNamespace(data=list(values), name="a", units="V")


def measured(value: object, **more: object) -> SimpleNamespace:
    limits = [{"operator": ">=", "expected_value": value, "expression": ">= it", "is_decisive": True}]
    given = {"name": "m", "outcome": "PASS", "measured_value": value, "units": "V", "validators": limits}
    return SimpleNamespace(**{**given, "x_axis": None, "y_axis": [], "docstring": None, **more})


@pytest.mark.parametrize("value", EXTREMES, ids=range(len(EXTREMES)))
def test_any_number_can_be_shown(value):
    assert value_text(value)
    assert measured_text(measured(value)) is not None
    limit_words(measured(value))
    limit_drawing(measured(value))
    if isinstance(value, int | float):
        assert number(value)
        assert isinstance(is_number(value), bool)


@pytest.mark.parametrize("value", EXTREMES, ids=range(len(EXTREMES)))
def test_any_sweep_can_be_drawn_or_is_left_out(value):
    line_chart(measured(None, x_axis=axis(0, 1, value), y_axis=[axis(value, 2, -1.5)]))
    line_chart(measured(None, x_axis=axis(1e300, -1e300), y_axis=[axis(1e300, -1e300)]))


def test_any_numbers_of_a_procedure_can_be_charted(db: Db, procedure_id: str) -> None:
    for place, number_ in enumerate([10**400, 1.79e308, -1.79e308, 1e300, -1e300, 5.0]):
        one = value("m", "PASS", number_, "V", limit("<=", 1.79e308), limit(">=", -1.79e308))
        runs.create_run(db, SYSTEM, record(procedure_id, f"SN-{place}", phases=[phase("p", "PASS", one)]))

    history = measurement_statistics.show_history(db, SYSTEM, [], "m")

    assert history is not None
    assert (history.figures.spread.count, history.figures.spread.highest) == (3, 1e300)
    assert (history.figures.low, history.figures.high) == (None, None)
    control_chart(history)
    histogram(history)
