"""What must hold for every input: cursors, names, validators, the input of runs."""

from __future__ import annotations

import contextlib
import json
import math
import re
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from pydantic import ValidationError

from portal.database import Db
from portal.errors import BadRequest, Invalid
from portal.models.base import new_id
from portal.services import names
from portal.services.cursors import read_cursor, write_cursor
from portal.services.run_input import RunIn
from portal.services.runs import RunQuery, create_run, list_runs, show_run
from portal.services.validators import shown_validator
from tests.cast import NOON, Cast, run_in

instants = st.datetimes(timezones=st.just(UTC), min_value=datetime(1900, 1, 1), max_value=datetime(9000, 1, 1))  # noqa: DTZ001


@given(at=instants, row_id=st.uuids().map(str))
def test_a_cursor_comes_back_as_it_was_written(at: datetime, row_id: str) -> None:
    assert read_cursor(write_cursor(at, row_id)) == (at, row_id)


@given(st.text())
def test_what_is_no_cursor_is_refused_and_never_more(text: str) -> None:
    with contextlib.suppress(BadRequest):
        read_cursor(text)


@pytest.mark.parametrize("text", ["WzFd", "W10", "eyJhIjoxfQ", "bnVsbA", "W1tbW1tb", "Ww" * 5000])
def test_what_looks_like_a_cursor_is_refused(text: str) -> None:
    with pytest.raises(BadRequest):
        read_cursor(text)


@hypothesis_settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seconds=st.lists(st.integers(0, 3), min_size=1, max_size=12), limit=st.integers(1, 5), newer=st.integers(0, 2))
def test_pages_show_every_run_once_while_newer_ones_arrive(
    db: Db, cast: Cast, seconds: list[int], limit: int, newer: int
) -> None:
    serial = f"SN-{new_id()}"

    def run(second: int) -> str:
        at = (NOON + timedelta(seconds=second)).isoformat()
        return create_run(db, cast.bench, run_in(cast, serial_number=serial, started_at=at, ended_at=at))

    expected = {run(second) for second in seconds}

    seen: list[str] = []
    cursor: str | None = None
    while True:
        page = list_runs(db, cast.vera, RunQuery(serial_number=serial, cursor=cursor, limit=limit))
        seen += [row.id for row in page.items]
        cursor = page.next_cursor
        if cursor is None:
            break
        for _ in range(newer):
            run(100)

    assert len(seen) == len(set(seen))
    assert expected <= set(seen)


@given(st.text())
def test_a_slug_is_always_an_identifier(text: str) -> None:
    assert re.fullmatch(r"[a-z0-9_-]{1,60}", names.slug(text))


@given(st.text(max_size=80))
def test_a_clean_name_stays_clean_and_is_the_same_as_it_was(text: str) -> None:
    try:
        name = names.clean(text, "name", 60, "name")
    except Invalid:
        return
    assert names.clean(name, "name", 60) == name
    assert 1 <= len(name) <= 60
    assert names.same(f" {name} ") == names.same(name)


def test_new_ids_are_uuids_and_sort_by_their_time() -> None:
    made = [new_id() for _ in range(100)]

    assert all(names.is_id(one) and one[14] == "7" and one[19] in "89ab" for one in made)
    assert len(set(made)) == 100
    assert [one[:13] for one in made] == sorted(one[:13] for one in made)


texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
scalars = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats() | texts
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4), max_leaves=10
)


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "outcome": st.sampled_from(["PASS", "FAIL", "UNSET", None]),
            "operator": st.none() | st.text(),
            "expected_value": values,
            "expression": st.none() | st.text(),
            "is_decisive": st.none() | st.booleans(),
        },
    )
)
def test_a_validator_is_shown_with_all_its_keys(stored: dict[str, object]) -> None:
    shown = shown_validator(stored)

    assert len(shown) == 8
    assert isinstance(shown["expression"], str)
    assert shown["outcome"] in ("PASS", "FAIL", "UNSET")


@hypothesis_settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(value=values, points=st.lists(st.none() | st.floats(), max_size=5), expected=values)
def test_any_value_is_stored_and_comes_back_equal(
    db: Db, cast: Cast, value: object, points: list[float | None], expected: object
) -> None:
    limits = [{"operator": "==", "expected_value": expected}]
    sweep = {"name": "sweep", "outcome": "UNSET", "x_axis": {"data": points}, "y_axis": [{"data": points}]}
    scalar = {"name": "value", "outcome": "PASS", "measured_value": value, "validators": limits}
    at = NOON.isoformat()
    phase = {"name": "p", "outcome": "PASS", "started_at": at, "ended_at": at, "measurements": [scalar, sweep]}
    given_ = run_in(cast, phases=[phase])

    one, two = show_run(db, cast.vera, create_run(db, cast.bench, given_)).phases[0].measurements

    sent = given_.phases[0].measurements
    assert json.dumps(one.measured_value) == json.dumps(sent[0].measured_value)
    assert two.x_axis is not None
    assert sent[1].x_axis is not None
    assert two.x_axis.data == sent[1].x_axis.data == [p if p is not None and math.isfinite(p) else None for p in points]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"procedure_id": " "}, "procedure_id"),
        ({"phases": [{"name": "x" * 1001, "outcome": "PASS", "started_at": NOON, "ended_at": NOON}]}, "phase's name"),
        ({"docstring": "x" * 100_001}, "docstring"),
        ({"config": [{"key": "k", "value": {}}]}, "config"),
        ({"serial_number": " "}, "serial number"),
        ({"serial_number": "x" * 61}, "serial number"),
        ({"part_number": ""}, "part"),
        ({"batch_number": ""}, "batch"),
        ({"batch_number": "a b"}, "batch"),
        ({"operated_by": ""}, "operated_by"),
        ({"outcome": "MAYBE"}, "PASS"),
        ({"slot_key": "left"}, "execution_id"),
        ({"execution_id": "e", "slot_name": "Left"}, "slot_key"),
        ({"metadata": {"a b": 1}}, "metadata key"),
        ({"metadata": {"a": [1]}}, "metadata value"),
        ({"metadata": {f"k{n}": 1 for n in range(51)}}, "51 keys"),
        ({"started_at": "9999-12-31T23:59:59-12:00"}, "calendar"),
        ({"started_at": "yesterday"}, "datetime"),
        ({"secrets": [{"key": "k", "value": "v"}]}, "secret"),
        ({"sequences": [{"path": "a/b", "name": "b", "outcome": "PASS"}]}, "sequence"),
        ({"phases": [{"name": "p"}]}, "Field required"),
    ],
)
def test_what_cannot_be_stored_is_refused_in_words(
    cast_free: dict[str, object], changes: dict[str, object], words: str
) -> None:
    with pytest.raises(ValidationError) as refused:
        RunIn.model_validate(cast_free | changes)

    assert words.lower() in refused.value.errors()[0]["msg"].lower()


@pytest.fixture
def cast_free() -> dict[str, object]:
    """A record of no particular portal."""
    return {
        "procedure_id": new_id(),
        "serial_number": "SN",
        "part_number": "P",
        "outcome": "PASS",
        "started_at": "2026-11-22T12:00:00",
        "ended_at": "2026-11-22T14:00:00+02:00",
    }


def test_times_without_a_zone_are_utc_and_logs_are_cut(cast_free: dict[str, object]) -> None:
    at = "2026-11-22T12:00:00Z"
    lines = [
        {
            "level": "INFO",
            "timestamp": at,
            "message": "x" * 10_001,
            "source_file": "y" * 300 + "end",
            "line_number": 10.0,
        },
        {"level": "INFO", "timestamp": at, "message": "", "source_file": "", "line_number": 0},
    ]

    run = RunIn.model_validate(cast_free | {"logs": lines, "unknown_field": 1, "phases": None})

    assert run.started_at == run.ended_at == datetime(2026, 11, 22, 12, tzinfo=UTC)
    assert (len(run.logs[0].message), len(run.logs[0].source_file), run.logs[0].line_number) == (10_000, 200, 10)
    assert run.logs[0].source_file.endswith("end")
    assert (run.logs[1].message, run.logs[1].source_file) == ("(empty)", "unknown")
