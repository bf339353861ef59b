"""What a script measured, as plain JSON values."""

from __future__ import annotations

import enum
import json
import math
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from station.connectors.common.values import has_nan, plain, point
from station.connectors.openhtf_run.plan import Plan
from station.planning import plan_events
from station.protocol import MAX_FRAME_BYTES, PlannedPhase
from station.text import clean, readable_line

ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.binary()
    | st.decimals()
    | st.complex_numbers(),
    lambda inner: st.lists(inner) | st.tuples(inner) | st.dictionaries(st.text() | st.integers(), inner),
    max_leaves=10,
)


class Colour(enum.Enum):
    GREEN = 1


class Array:
    """As numpy's arrays and scalars."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def tolist(self) -> Any:
        return self.value


@given(ANYTHING)
def test_anything_becomes_json(value: Any) -> None:
    text = json.dumps(plain(value), allow_nan=False)

    assert plain(json.loads(text)) == json.loads(text)


@given(st.none() | st.booleans() | st.integers() | st.text() | st.floats(allow_nan=False, allow_infinity=False))
def test_plain_values_stay_as_they_are(value: Any) -> None:
    assert plain(value) == value
    assert type(plain(value)) is type(value)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (math.nan, "NaN"),
        (math.inf, "Infinity"),
        (-math.inf, "-Infinity"),
        (Decimal("4.75"), 4.75),
        (Colour.GREEN, "GREEN"),
        (b"\x01\xff", "01ff"),
        (Array([1.5, math.nan]), [1.5, "NaN"]),
        (Array(3), 3),
        ({1: (2, {3})}, {"1": [2, [3]]}),
    ],
)
def test_special_values(value: Any, expected: Any) -> None:
    assert plain(value) == expected


def test_a_value_that_contains_itself_ends() -> None:
    value: list[Any] = []
    value.append(value)

    json.dumps(plain(value))


def test_points_are_numbers_or_nothing() -> None:
    assert [point(value) for value in (1, 2.5, True, math.nan, -math.inf, Array(4))] == [1.0, 2.5, 1.0, None, None, 4.0]
    for value in ("5", None, [1], "NaN"):
        with pytest.raises(TypeError):
            point(value)


@given(ANYTHING)
def test_what_has_nan_is_told_without_crash(value: Any) -> None:
    assert has_nan(value) in (True, False)
    assert not has_nan("NaN")
    assert has_nan([(1, math.nan)])


@given(st.binary())
def test_any_output_is_a_readable_line(line: bytes) -> None:
    text = readable_line(line)

    text.encode()
    assert "\n" not in text.replace("\n", "") or b"\n" in line
    assert "\x1b" not in text


@given(ANYTHING)
def test_a_cleaned_message_can_be_written(value: Any) -> None:
    json.dumps(clean(plain(value)), ensure_ascii=False).encode()
    assert clean({"a": ["\ud83d"]}) == {"a": ["\ufffd"]}


@given(st.lists(st.text(min_size=1, max_size=5000), max_size=60))
def test_no_phase_of_a_plan_is_lost_and_every_part_fits(names: list[str]) -> None:
    phases = [PlannedPhase(key=f"{index}_p", name=name) for index, name in enumerate(names)]

    parts = plan_events(phases)

    assert [phase for part in parts for phase in part] == phases
    assert all(sum(len(p.model_dump_json().encode()) for p in part) < MAX_FRAME_BYTES for part in parts)


class Node:
    """A phase as the plan sees it."""

    def __init__(self, name: str) -> None:
        def func() -> None:
            pass

        func.__name__ = name
        self.func = func
        self.name = name.title()


def test_one_phase_in_two_places_has_two_keys_in_turn() -> None:
    same, other = Node("same"), Node("other")
    plan = Plan([same, [other, (same,)]])

    assert [phase["key"] for phase in plan.phases] == ["0_same", "1_other", "2_same"]
    assert [plan.next_key(same), plan.next_key(other), plan.next_key(same)] == ["0_same", "1_other", "2_same"]
    assert plan.next_key(same) == "2_same"
    late = Node("late")
    assert not plan.knows(late)
    assert plan.add(late) == {"key": "3_late", "name": "Late", "stage": "main"}
