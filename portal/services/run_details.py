"""Everything that one run holds, in a fixed number of statements."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import or_, select

from portal.errors import NotFound
from portal.models import Attachment, LogLine, Measurement, Part, Phase, Revision, Run, RunSubUnit, Unit
from portal.services.actors import Actor, Permission, require
from portal.services.names import is_id
from portal.services.run_lists import RunRow, row_of, select_rows
from portal.services.validators import shown_validator

if TYPE_CHECKING:
    from portal.database import Db

PREVIOUS_RUNS = 10


@dataclass(frozen=True)
class SeriesView:
    """One axis. ``validators`` with all keys of the interface."""

    data: list[Any]
    name: str | None
    units: str | None
    description: str | None
    validators: list[dict[str, Any]]
    aggregations: list[dict[str, Any]]


@dataclass(frozen=True)
class MeasurementView:
    """A value with its limits and its verdict."""

    id: str
    name: str
    outcome: str
    measured_value: Any
    units: str | None
    validators: list[dict[str, Any]]
    aggregations: list[dict[str, Any]]
    x_axis: SeriesView | None
    y_axis: list[SeriesView]
    docstring: str | None


@dataclass(frozen=True)
class AttachmentView:
    """A file of the run. ``size_bytes`` is None until it has been uploaded; ``phase``: its name."""

    id: str
    name: str
    size_bytes: int | None
    content_type: str | None
    is_image: bool
    phase: str | None


@dataclass(frozen=True)
class PhaseView:
    """One attempt of a phase; ``attempt`` counts from 1."""

    id: str
    name: str
    outcome: str
    started_at: datetime
    ended_at: datetime
    duration_ms: int
    attempt: int
    sequence_path: str | None
    docstring: str | None
    measurements: list[MeasurementView]
    attachments: list[AttachmentView]


@dataclass(frozen=True)
class LogView:
    """A line of the log."""

    id: str
    level: str
    at: datetime
    message: str
    source_file: str
    line_number: int


@dataclass(frozen=True)
class SubUnitView:
    """A unit that was built into the unit under test in this run."""

    id: str
    serial_number: str
    part_number: str
    part_name: str


@dataclass(frozen=True)
class RunDetail(RunRow):
    """A run with all that belongs to it. ``previous_runs``: of the same unit, the newest first."""

    phases: list[PhaseView]
    logs: list[LogView]
    attachments: list[AttachmentView]
    previous_runs: list[RunRow]
    sub_units: list[SubUnitView]
    sequences: list[dict[str, Any]]
    config: list[dict[str, Any]]
    secrets: list[dict[str, Any]]


def find_run(db: Db, actor: Actor, run_id: str) -> Run:
    """The run's row. Raises `NotFound`; `Forbidden`."""
    require(actor, Permission.VIEW)
    found = db.session.get(Run, run_id.lower()) if is_id(run_id) else None
    if found is None:
        raise NotFound("run")
    return found


def show_run(db: Db, actor: Actor, run_id: str) -> RunDetail:
    """One run. Raises `NotFound`; `Forbidden`."""
    run = find_run(db, actor, run_id)
    row = row_of(db.session.execute(select_rows().where(Run.id == run.id)).one())
    attachments = _attachments(db, run)
    return RunDetail(
        **{field.name: getattr(row, field.name) for field in fields(row)},
        phases=_phases(db, run, attachments),
        logs=_logs(db, run),
        attachments=[view for _, view in attachments],
        previous_runs=_previous(db, run),
        sub_units=_sub_units(db, run),
        sequences=run.sequences or [],
        config=run.config or [],
        secrets=run.secrets or [],
    )


def _attachments(db: Db, run: Run) -> list[tuple[str | None, AttachmentView]]:
    """Each with the id of its phase."""
    wanted = (
        select(Attachment, Phase.name)
        .outerjoin(Phase, Phase.id == Attachment.phase_id)
        .where(Attachment.run_id == run.id)
        .order_by(Attachment.created_at, Attachment.id)
    )
    return [
        (
            file.phase_id,
            AttachmentView(file.id, file.name, file.size_bytes, file.content_type, file.is_image, phase_name),
        )
        for file, phase_name in db.session.execute(wanted)
    ]


def _phases(db: Db, run: Run, attachments: list[tuple[str | None, AttachmentView]]) -> list[PhaseView]:
    measurements_by_phase: dict[str, list[MeasurementView]] = {}
    wanted = (
        select(Measurement)
        .join(Phase, Phase.id == Measurement.phase_id)
        .where(Phase.run_id == run.id)
        .order_by(Measurement.phase_id, Measurement.position)
    )
    for one in db.session.scalars(wanted):
        measurements_by_phase.setdefault(one.phase_id, []).append(_measurement(one))
    phases = db.session.scalars(select(Phase).where(Phase.run_id == run.id).order_by(Phase.position))
    return [
        PhaseView(
            id=phase.id,
            name=phase.name,
            outcome=phase.outcome,
            started_at=phase.started_at,
            ended_at=phase.ended_at,
            duration_ms=(phase.ended_at - phase.started_at) // timedelta(milliseconds=1),
            attempt=phase.retry_count + 1,
            sequence_path=phase.sequence_path,
            docstring=phase.docstring,
            measurements=measurements_by_phase.get(phase.id, []),
            attachments=[view for phase_id, view in attachments if phase_id == phase.id],
        )
        for phase in phases
    ]


def _measurement(stored: Measurement) -> MeasurementView:
    return MeasurementView(
        id=stored.id,
        name=stored.name,
        outcome=stored.outcome,
        measured_value=stored.measured_value,
        units=stored.units,
        validators=[shown_validator(one) for one in stored.validators],
        aggregations=stored.aggregations,
        x_axis=_series(stored.x_axis) if stored.x_axis is not None else None,
        y_axis=[_series(one) for one in stored.y_axis or []],
        docstring=stored.docstring,
    )


def _series(stored: dict[str, Any]) -> SeriesView:
    return SeriesView(
        data=stored["data"],
        name=stored["name"],
        units=stored["units"],
        description=stored.get("description"),
        validators=[shown_validator(one) for one in stored.get("validators", [])],
        aggregations=stored.get("aggregations", []),
    )


def _logs(db: Db, run: Run) -> list[LogView]:
    wanted = select(LogLine).where(LogLine.run_id == run.id).order_by(LogLine.position)
    return [
        LogView(line.id, line.level, line.at, line.message, line.source_file, line.line_number)
        for line in db.session.scalars(wanted)
    ]


def _previous(db: Db, run: Run) -> list[RunRow]:
    is_before = or_(Run.started_at < run.started_at, (Run.started_at == run.started_at) & (Run.id < run.id))
    wanted = (
        select_rows()
        .where(Run.unit_id == run.unit_id, is_before)
        .order_by(Run.started_at.desc(), Run.id.desc())
        .limit(PREVIOUS_RUNS)
    )
    return [row_of(found) for found in db.session.execute(wanted)]


def _sub_units(db: Db, run: Run) -> list[SubUnitView]:
    wanted = (
        select(Unit.id, Unit.serial_number, Part.number, Part.name)
        .join(RunSubUnit, RunSubUnit.unit_id == Unit.id)
        .join(Revision, Revision.id == Unit.revision_id)
        .join(Part, Part.id == Revision.part_id)
        .where(RunSubUnit.run_id == run.id)
        .order_by(Unit.serial_key)
    )
    return [SubUnitView(*row) for row in db.session.execute(wanted)]
