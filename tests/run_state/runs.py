"""Random runs: any stream of events that a station may send."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from station.protocol import (
    AnyRunEvent,
    AttachmentAdded,
    Component,
    IdentifyRequest,
    IdentifyResolved,
    Measurement,
    MeasurementUpdate,
    Outcome,
    PhaseComplete,
    PhaseLog,
    PhaseStarted,
    PlanContinued,
    PlannedPhase,
    RunComplete,
    RunCrashed,
    RunStarted,
    RunStarting,
    RunStopping,
    UiClosed,
    UiRequest,
    Unit,
)

AT = datetime(2026, 1, 5, 8, tzinfo=UTC)
KEYS = st.sampled_from(["0_power_on", "1_rails", "2_boot"])
ATTEMPTS = st.integers(1, 3)
NAMES = st.sampled_from(["rail", "current", "version"])
REQUESTS = st.sampled_from(["q1", "q2", "q3"])
SERIALS = st.sampled_from([None, "SN-1", "SN-2"])
OUTCOMES = st.sampled_from([Outcome.PASS, Outcome.FAIL, Outcome.ERROR, Outcome.TIMEOUT, Outcome.SKIP, Outcome.ABORTED])
ENDS = st.sampled_from([Outcome.PASS, Outcome.FAIL, Outcome.ERROR, Outcome.TIMEOUT, Outcome.ABORTED])


@st.composite
def measurements(draw: st.DrawFn) -> Measurement:
    value = draw(st.one_of(st.none(), st.integers(-9, 9), st.text(max_size=3), st.booleans()))
    return Measurement(
        name=draw(NAMES), measured_value=value, outcome=draw(st.sampled_from([Outcome.PASS, Outcome.FAIL]))
    )


@st.composite
def happenings(draw: st.DrawFn) -> tuple[type[Any], dict[str, Any]]:
    """The kind and the fields of one event of the middle of a run."""
    place = {"phase_key": draw(KEYS), "attempt": draw(ATTEMPTS)}
    planned = [PlannedPhase(key=draw(KEYS), name="phase")]
    unit = Unit(serial_number=draw(SERIALS), part_number=draw(SERIALS))
    choices: list[tuple[type[Any], dict[str, Any]]] = [
        (IdentifyRequest, {"request_id": draw(REQUESTS), "components": [Component(key="serial_number")]}),
        (IdentifyResolved, {"unit": unit}),
        (RunStarted, {"phases": planned, "unit": draw(st.sampled_from([None, unit]))}),
        (PlanContinued, {"phases": planned}),
        (PhaseStarted, {**place, "name": "phase", "measurements": draw(st.lists(measurements(), max_size=2))}),
        (PhaseLog, {**place, "message": draw(st.text(max_size=5))}),
        (MeasurementUpdate, {**place, "measurement": draw(measurements())}),
        (AttachmentAdded, {**place, "name": "photo.png"}),
        (
            PhaseComplete,
            {
                **place, "name": "phase", "outcome": draw(OUTCOMES), "started_at": AT, "ended_at": AT,
                "measurements": draw(st.one_of(st.none(), st.lists(measurements(), max_size=2))),
            },
        ),
        (UiRequest, {**place, "request_id": draw(REQUESTS), "components": [Component(key="response")]}),
        (UiClosed, {**place, "request_id": draw(REQUESTS)}),
        (RunStopping, {"by": "olga@example.com"}),
        (RunCrashed, {"error": "it broke", "error_kind": "subprocess_crash"}),
    ]  # fmt: skip
    return draw(st.sampled_from(choices))


@st.composite
def runs(draw: st.DrawFn, execution_id: str = "run-1") -> list[AnyRunEvent]:
    """A whole run: it starts, things happen in any order, and mostly it ends."""
    middle = draw(st.lists(happenings(), max_size=25))
    kinds: list[tuple[type[Any], dict[str, Any]]] = [
        (RunStarting, {"procedure_id": "p", "procedure_name": "P"}),
        *middle,
    ]
    if draw(st.booleans()):
        kinds.append((RunComplete, {"outcome": draw(ENDS)}))
    return [
        kind(execution_id=execution_id, seq=seq, at=AT + timedelta(seconds=seq), **fields)
        for seq, (kind, fields) in enumerate(kinds)
    ]
