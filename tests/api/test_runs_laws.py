"""What must hold for every run that the interface allows: it comes back equal, and is on exactly one page."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from tests.cast import record
from tests.core.conftest import Api

SHARED = {"deadline": None, "suppress_health_check": [HealthCheck.function_scoped_fixture]}

texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
labels = texts.filter(str.strip)
numbers = st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**60), 2**60)
scalars = numbers | texts | st.booleans()
values = st.none() | st.recursive(
    scalars | st.none(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
instants = st.datetimes(min_value=datetime(1900, 1, 1), max_value=datetime(9998, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
verdicts = st.sampled_from(["PASS", "FAIL", "UNSET"])


def some(**fields: Any) -> st.SearchStrategy[dict[str, Any]]:
    """An object with any subset of these."""
    return st.fixed_dictionaries({}, optional=fields)


def written(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")


expected = st.none() | scalars | st.lists(numbers, max_size=3) | st.lists(texts, max_size=3)
validators = st.lists(
    some(outcome=verdicts, operator=texts, expected_value=expected, expression=texts, is_decisive=st.booleans()),
    max_size=2,
)
aggregations = st.lists(
    st.fixed_dictionaries(
        {"type": texts},
        optional={"value": st.none() | scalars, "unit": texts, "outcome": verdicts, "validators": validators},
    ),
    max_size=2,
)
series = st.fixed_dictionaries(
    {"data": st.lists(numbers, max_size=4)},
    optional={"units": texts, "name": texts, "description": texts, "validators": validators},
)
about_value = {"units": st.none() | texts, "docstring": texts, "validators": validators, "aggregations": aggregations}
named = {"name": texts, "outcome": verdicts}
measurements = st.one_of(
    st.fixed_dictionaries(named, optional={"measured_value": values, **about_value}),
    st.fixed_dictionaries(named | {"x_axis": series, "y_axis": st.lists(series, max_size=2)}, optional=about_value),
)


@st.composite
def phases(draw: st.DrawFn) -> dict[str, Any]:
    began_at = draw(instants)
    return {
        "name": draw(texts),
        "outcome": draw(st.sampled_from(["PASS", "FAIL", "SKIP", "ERROR"])),
        "started_at": written(began_at),
        "ended_at": written(began_at + draw(st.timedeltas(timedelta(0), timedelta(days=9)))),
        "retry_count": draw(st.integers(0, 3)),
        "docstring": draw(st.none() | texts),
        "measurements": draw(st.lists(measurements, max_size=3)),
    }


logs = st.lists(
    st.fixed_dictionaries(
        {
            "level": st.sampled_from(["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"]),
            "timestamp": instants.map(written),
            "message": texts.filter(bool), "source_file": texts.filter(bool), "line_number": st.integers(0, 2**31 - 1),
        }
    ),
    max_size=3,
)  # fmt: skip
metadata = st.dictionaries(
    st.text("abcXYZ019_.:+-", min_size=1, max_size=40),
    texts | st.booleans() | st.floats(allow_nan=False, allow_infinity=False),
    max_size=4,
)


@st.composite
def records(draw: st.DrawFn) -> dict[str, Any]:
    began_at = draw(instants)
    return {
        "outcome": draw(st.sampled_from(["PASS", "FAIL", "ERROR", "TIMEOUT", "ABORTED"])),
        "started_at": written(began_at),
        "ended_at": written(began_at + draw(st.timedeltas(timedelta(0), timedelta(days=99)))),
        "phases": draw(st.lists(phases(), max_size=4)),
        "logs": draw(logs),
        "metadata": draw(metadata),
        "docstring": draw(st.none() | texts),
    }


def limits(sent: dict[str, Any]) -> list[Any]:
    keys = ("operator", "expected_value", "is_decisive")
    return [[one.get("outcome") or "UNSET", *(one.get(key) for key in keys)] for one in sent.get("validators") or []]


def figures(sent: dict[str, Any]) -> list[Any]:
    keys = ("type", "value", "unit", "outcome")
    return [[*(one.get(key) for key in keys), limits(one)] for one in sent.get("aggregations") or []]


def measured(sent: dict[str, Any]) -> list[Any]:
    """A measurement as it was sent, or as it is read: all that both must agree in."""
    axes = sent.get("data_series")
    if axes is None:
        axes = [sent["x_axis"], *sent["y_axis"]] if "x_axis" in sent else []
    drawn = [[one["data"], *(one.get(key) for key in ("units", "name")), limits(one)] for one in axes]
    keys = ("name", "outcome", "measured_value", "units", "docstring")
    return [*(sent.get(key) for key in keys), limits(sent), figures(sent), drawn]


def told(sent: dict[str, Any]) -> list[Any]:
    """The same of a run."""
    of_phase = ("name", "outcome", "retry_count", "docstring")
    of_line = ("level", "message", "source_file", "line_number")
    return [
        *(sent[key] for key in ("outcome", "metadata", "docstring")),
        *(datetime.fromisoformat(sent[key]) for key in ("started_at", "ended_at")),
        sorted(
            (
                [
                    *(datetime.fromisoformat(phase[key]).isoformat() for key in ("started_at", "ended_at")),
                    *(phase[key] for key in of_phase),
                    [measured(one) for one in phase["measurements"]],
                ]
                for phase in sent["phases"]
            ),
            key=json.dumps,
        ),
        [[datetime.fromisoformat(one["timestamp"]), *(one[key] for key in of_line)] for one in sent["logs"]],
    ]


@hypothesis_settings(max_examples=25, **SHARED)
@given(body=records())
def test_any_run_comes_back_equal(api: Api, fresh: Callable[[str], str], body: dict[str, Any]) -> None:
    answer = api.post_run("bench", record(api.cast, serial_number=fresh("LAW"), **body))
    assert answer.status_code == 200, answer.text

    run = api.call("bench", "GET", f"/api/v2/runs/{answer.json()['id']}").json()

    # As text: 1 and 1.0 and true are not the same here.
    assert json.dumps(told(run), default=str, sort_keys=True) == json.dumps(told(body), default=str, sort_keys=True)


@hypothesis_settings(max_examples=15, **SHARED)
@given(
    attempts=st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from([None, "s"]), st.integers(0, 3)), max_size=8),
    limit=st.integers(1, 4),
    sort_by=st.sampled_from(["started_at", "phase_name", "duration", "outcome"]),
    sort_order=st.sampled_from(["asc", "desc"]),
)
def test_final_attempts_are_those_that_nothing_repeats_and_each_is_on_one_page(
    api: Api, fresh: Callable[[str], str], attempts: list[Any], limit: int, sort_by: str, sort_order: str
) -> None:
    at, serial = "2026-11-22T12:00:00Z", fresh("ATTEMPT")
    sent = [
        {"name": name, "sequence_path": path, "retry_count": n, "outcome": "PASS", "started_at": at, "ended_at": at}
        for name, path, n in attempts
    ]
    sequences = [{"path": "s", "name": "S", "outcome": "PASS"}]
    body = record(api.cast, serial_number=serial, phases=sent, sequences=sequences)
    assert api.post_run("bench", body).status_code == 200

    query = {"procedure_id": api.cast.procedure.id, "serial_numbers": serial, "sort_by": sort_by}
    seen: list[Any] = []
    cursor: int | None = 0
    while cursor is not None:
        params = query | {"limit": str(limit), "sort_order": sort_order, "cursor": str(cursor)}
        page = api.call("bench", "GET", "/api/v2/phases", params=params).json()
        assert len(page["data"]) <= limit
        seen += page["data"]
        cursor = page["meta"]["next_cursor"]

    final = [one for one in attempts if not any(other[:2] == one[:2] and other[2] > one[2] for other in attempts)]
    shown = [(one["name"], one["sequence_path"], one["retry_count"]) for one in seen]
    assert sorted(shown, key=str) == sorted(final, key=str)
    assert len({one["id"] for one in seen}) == len(seen)
    assert all(one["is_final_attempt"] for one in seen)


@hypothesis_settings(max_examples=10, **SHARED)
@given(
    seconds=st.lists(st.integers(0, 2), min_size=1, max_size=9),
    limit=st.integers(1, 4),
    outcomes=st.sampled_from([["PASS"], ["PASS", "FAIL"], []]),
    sort_by=st.sampled_from(["started_at", "created_at", "duration", "outcome", "serial_number", "revision_number"]),
    sort_order=st.sampled_from(["asc", "desc"]),
)
def test_every_run_is_on_exactly_one_page(
    api: Api, fresh: Callable[[str], str], seconds: list[int], limit: int, outcomes: list[str], sort_by: str,
    sort_order: str,
) -> None:  # fmt: skip
    part, made = fresh("PAGED"), []
    for place, second in enumerate(seconds):
        at = f"2026-11-22T12:00:0{second}Z"
        outcome = ("PASS", "FAIL", "ERROR")[place % 3]
        body = record(api.cast, serial_number=f"{part}-{second}", part_number=part, started_at=at, ended_at=at)
        made.append((api.post_run("bench", body | {"outcome": outcome}).json()["id"], outcome))

    seen: list[str] = []
    cursor: int | None = 0
    while cursor is not None:
        params: dict[str, Any] = {
            "part_numbers": part, "limit": limit, "sort_by": sort_by, "sort_order": sort_order, "outcomes": outcomes,
        }  # fmt: skip
        page = api.call("bench", "GET", "/api/v2/runs", params=params | {"cursor": cursor}).json()
        seen += [one["id"] for one in page["data"]]
        cursor = page["meta"]["next_cursor"]

    assert len(seen) == len(set(seen))
    assert set(seen) == {run_id for run_id, outcome in made if not outcomes or outcome in outcomes}
