"""Long axes: packed small, and given back equal."""

from __future__ import annotations

import math
import random
from array import array

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from portal.database import Db
from portal.models import Curve, Measurement
from portal.services import curves
from portal.services.run_details import show_run, show_start
from portal.services.runs import create_run
from tests.cast import NOON, Cast, run_in

points = st.lists(st.none() | st.floats(allow_nan=False, allow_infinity=False), max_size=200)


@given(points)
def test_what_is_packed_comes_back_equal(values: list[float | None]) -> None:
    packed = curves.pack(array("d", [math.nan if value is None else value for value in values]))

    assert list(map(repr, curves.unpack(packed))) == list(map(repr, values))


@given(
    values=st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=60),
    times=st.integers(30, 60),
    gaps=st.sets(st.integers(0, 3000)),
)
def test_what_is_drawn_is_part_of_the_curve_and_has_its_extremes(
    values: list[float], times: int, gaps: set[int]
) -> None:
    ys = array("d", [math.nan if place in gaps else value for place, value in enumerate(values * times)])
    xs = array("d", range(len(ys)))

    drawn_xs, drawn_ys = curves.drawn([xs, ys])

    assert len(drawn_xs) == len(drawn_ys) <= curves.MOST_DRAWN
    assert list(drawn_xs) == sorted(set(drawn_xs))
    assert all(repr(ys[int(x)]) == repr(y) for x, y in zip(drawn_xs, drawn_ys, strict=True))
    assert (drawn_xs[0], drawn_xs[-1]) == (xs[0], xs[-1])
    known, shown = ([y for y in some if not math.isnan(y)] for some in (ys, drawn_ys))
    if known:
        assert (min(shown), max(shown)) == (min(known), max(known))


def test_an_axis_that_floats_cannot_hold_is_left_alone() -> None:
    count = curves.SHORTEST
    fits = [[1.0] * count, [2**53] * count, [None] * count, [-0.0, 1, None] * count]
    does_not = [["a"] * count, [2**53 + 1] * count, [1.0] * (count - 1)]

    assert all(curves.pack_axes([axis], "m") for axis in fits)
    assert not any(curves.pack_axes([axis], "m") for axis in does_not)
    assert curves.pack_axes([fits[0], does_not[0]], "m") == []


def test_a_million_points_take_a_third_of_their_json() -> None:
    noise = random.Random(7)
    xs = [n * 1e-6 for n in range(1_000_000)]
    ys = [3.3 * math.sin(n / 5000) + noise.gauss(0, 0.002) for n in range(1_000_000)]
    steps = [round(y / 3.3 * 32768) * 3.3 / 32768 for y in ys]  # as a 16-bit converter gives them

    x_row, y_row, *drawn = curves.pack_axes([xs, ys], "m")
    (step_row, *_) = curves.pack_axes([steps], "m")

    sizes = [len(row["data"]) / row["count"] for row in (x_row, y_row, step_row)]
    assert sizes[0] < 0.5  # bytes a point
    assert sizes[1] < 6.5
    assert sizes[2] < 4
    assert sum(len(row["data"]) for row in drawn) < 25_000
    assert curves.unpack(y_row["data"]) == ys


@pytest.mark.parametrize("length", [curves.SHORTEST - 1, curves.SHORTEST, 5000])
def test_a_run_gives_its_curves_whole_and_its_page_what_is_drawn(db: Db, cast: Cast, length: int) -> None:
    xs, ys = [float(n) for n in range(length)], [float(n % 97) if n % 500 else None for n in range(length)]
    sweep = {
        "name": "sweep", "outcome": "PASS", "x_axis": {"data": xs, "units": "s"},
        "y_axis": [{"data": ys, "name": "u"}, {"data": xs[: length // 2]}],
    }  # fmt: skip
    only_y = {"name": "y", "outcome": "PASS", "y_axis": [{"data": xs}]}
    phase = {
        "name": "p", "outcome": "PASS", "started_at": NOON, "ended_at": NOON, "measurements": [sweep, only_y],
    }  # fmt: skip

    run_id = create_run(db, cast.bench, run_in(cast, phases=[phase]))

    whole, other = show_run(db, cast.vera, run_id).phases[0].measurements
    assert [axis.data for axis in whole.axes] == [xs, ys, xs[: length // 2]]
    assert (whole.axes[0].units, whole.axes[1].name, [axis.count for axis in whole.axes]) == (
        "s", "u", [length, length, length // 2],
    )  # fmt: skip
    assert (other.x_axis, [axis.data for axis in other.axes]) == (None, [xs])
    drawn = show_start(db, cast.vera, run_id).phases[0].measurements[0]
    assert drawn.axes[0].count == length
    assert len(drawn.axes[0].data) == min(length, len(drawn.axes[0].data)) <= curves.MOST_DRAWN + 4
    assert db.session.scalar(select(func.count()).select_from(Curve)) == {999: 0, 1000: 4, 5000: 8}[length]
    stored = db.session.scalars(select(Measurement.x_axis).where(Measurement.name == "sweep")).one()
    assert stored is not None
    assert ("data" in stored) == (length < curves.SHORTEST)


@hypothesis_settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_long_axis_comes_back_equal(db: Db, cast: Cast, data: st.DataObject) -> None:
    kinds = st.sampled_from([1.5, -0.0, 7, 2**53 + 1, None, "text", 5e-324, 1.7e308, -1.7e308])
    axis = data.draw(st.lists(kinds, min_size=1, max_size=9)) * 300
    sweep = {"name": "s", "outcome": "PASS", "x_axis": {"data": axis}, "y_axis": [{"data": axis[:1200]}]}
    phase = {"name": "p", "outcome": "PASS", "started_at": NOON, "ended_at": NOON, "measurements": [sweep]}

    run_id = create_run(db, cast.bench, run_in(cast, phases=[phase]))

    (found,) = show_run(db, cast.vera, run_id).phases[0].measurements
    assert [one.data for one in found.axes] == [axis, axis[:1200]]
