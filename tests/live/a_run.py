"""The events of a small run."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from station.protocol import (
    Component,
    IdentifyRequest,
    IdentifyResolved,
    Measurement,
    MeasurementUpdate,
    Outcome,
    PhaseComplete,
    PhaseLog,
    PhaseStarted,
    PlannedPhase,
    RunComplete,
    RunStarted,
    RunStarting,
    UiClosed,
    UiRequest,
    Unit,
    Validator,
)

START = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
RAIL = Measurement(
    name="rail_3v3",
    units="V",
    validators=[Validator(expression=">= 3.2", operator=">=", expected_value=3.2)],
)


def a_run(phases: int = 2, verdict: Outcome = Outcome.FAIL) -> list:
    """The events of a small run with a prompt, a log line and a failed measurement in the last phase."""
    events: list = []

    def add(kind, **facts):
        at = START + timedelta(seconds=len(events))
        events.append(kind(execution_id="e1", seq=len(events), at=at, **facts))

    add(RunStarting, procedure_id="p1", procedure_name="PCBA & co")
    component = Component(key="serial_number", label="Serial Number", required=True)
    add(IdentifyRequest, request_id="r1", components=[component])
    add(IdentifyResolved, unit=Unit(serial_number="SN-<1>"))
    add(RunStarted, phases=[PlannedPhase(key=f"{n}_phase", name=f"phase {n}") for n in range(phases)])
    for n in range(phases):
        place = {"phase_key": f"{n}_phase"}
        add(PhaseStarted, name=f"phase {n}", measurements=[RAIL], **place)
        add(UiRequest, request_id=f"q{n}", message="Which colour?", components=[Component(key="response")], **place)
        add(UiClosed, request_id=f"q{n}", **place)
        add(PhaseLog, message="measuring <rail>", **place)
        measured = RAIL.model_copy(update={"measured_value": 3.0 + n / 1000})
        add(MeasurementUpdate, measurement=measured, **place)
        judged = measured.model_copy(update={"outcome": verdict})
        add(
            PhaseComplete, name=f"phase {n}", outcome=verdict, measurements=[judged],
            started_at=START, ended_at=START + timedelta(seconds=1), **place,
        )  # fmt: skip
    add(RunComplete, outcome=verdict)
    return events
