"""What a run is made of, as it is read: phases, measurements, axes, log lines, files. Each kind in one statement."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import Select, select

from portal.models import Attachment, LogLine, Measurement, Phase
from portal.services.curves import Axes, read_curves
from portal.services.validators import shown_aggregation, shown_validator

if TYPE_CHECKING:
    from portal.database import Db


@dataclass(frozen=True)
class SeriesView:
    """One axis. ``count``: of its points; ``data``: all of them, or those that a drawing shows.

    ``validators`` with all keys of the interface.
    """

    data: list[Any]
    name: str | None
    units: str | None
    description: str | None
    validators: list[dict[str, Any]]
    aggregations: list[dict[str, Any]]
    count: int


@dataclass(frozen=True)
class MeasurementView:
    """A value with its limits and its verdict. ``position``: among all of its run."""

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
    position: int

    @property
    def axes(self) -> list[SeriesView]:
        """All of them, x first."""
        return [self.x_axis, *self.y_axis] if self.x_axis is not None else self.y_axis


@dataclass(frozen=True)
class AttachmentView:
    """A file of the run. ``size_bytes`` is None until it has been uploaded; ``phase``: its name."""

    id: str
    name: str
    size_bytes: int | None
    content_type: str | None
    is_image: bool
    phase: str | None
    is_report: bool
    phase_id: str | None


@dataclass(frozen=True)
class PhaseView:
    """One attempt of a phase; ``attempt`` counts from 1. ``position``: in its run.

    ``is_continued``: its first measurements are on the page before.
    """

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
    position: int
    is_final_attempt: bool
    is_continued: bool = field(default=False)


@dataclass(frozen=True)
class LogView:
    """A line of the log."""

    id: str
    level: str
    at: datetime
    message: str
    source_file: str
    line_number: int
    position: int


def read_phases(
    db: Db,
    wanted: Select[Phase],
    measurements: Select[Measurement],
    files: Sequence[AttachmentView] = (),
    *,
    whole: bool,
) -> list[PhaseView]:
    """The phases with those of the measurements that are theirs. ``whole``: with every point of every curve."""
    by_phase: dict[str, list[MeasurementView]] = {}
    for phase_id, one in read_measurements(db, measurements, whole=whole):
        by_phase.setdefault(phase_id, []).append(one)
    return [phase_view(phase, by_phase.get(phase.id, []), files) for phase in db.session.scalars(wanted)]


def phase_view(
    phase: Phase,
    measurements: list[MeasurementView],
    files: Iterable[AttachmentView] = (),
    *,
    is_continued: bool = False,
) -> PhaseView:
    """A phase with what belongs to it."""
    return PhaseView(
        id=phase.id,
        name=phase.name,
        outcome=phase.outcome,
        started_at=phase.started_at,
        ended_at=phase.ended_at,
        duration_ms=phase.duration_ms,
        attempt=phase.retry_count + 1,
        sequence_path=phase.sequence_path,
        docstring=phase.docstring,
        measurements=measurements,
        attachments=[file for file in files if file.phase_id == phase.id],
        position=phase.position,
        is_final_attempt=phase.is_final_attempt,
        is_continued=is_continued,
    )


def read_measurements(db: Db, wanted: Select[Measurement], *, whole: bool) -> list[tuple[str, MeasurementView]]:
    """Measurements, each behind the id of its phase."""
    stored = db.session.scalars(wanted).all()
    packed = [one.id for one in stored if is_packed(one)]
    curves = read_curves(db, packed, whole=whole) if packed else {}
    return [(one.phase_id, _measurement(one, curves.get(one.id, {}))) for one in stored]


def is_packed(measurement: Measurement) -> bool:
    """Whether its points are in curves."""
    axes = [measurement.x_axis, *(measurement.y_axis or [])]
    return any(axis is not None and "data" not in axis for axis in axes)


def read_logs(db: Db, wanted: Select[LogLine]) -> list[LogView]:
    """Log lines."""
    return [
        LogView(line.id, line.level, line.at, line.message, line.source_file, line.line_number, line.position)
        for line in db.session.scalars(wanted)
    ]


def read_attachments(db: Db, run_id: str) -> list[AttachmentView]:
    """The files of a run."""
    wanted = (
        select(Attachment, Phase.name)
        .outerjoin(Phase, Phase.id == Attachment.phase_id)
        .where(Attachment.run_id == run_id)
        .order_by(Attachment.created_at, Attachment.id)
    )
    return [
        AttachmentView(
            file.id, file.name, file.size_bytes, file.content_type, file.is_image, phase_name, file.is_report,
            file.phase_id,
        )
        for file, phase_name in db.session.execute(wanted)
    ]  # fmt: skip


def _measurement(stored: Measurement, curves: Axes) -> MeasurementView:
    first = 0 if stored.x_axis is None else 1
    return MeasurementView(
        id=stored.id,
        name=stored.name,
        outcome=stored.outcome,
        measured_value=stored.measured_value,
        units=stored.units,
        validators=[shown_validator(one) for one in stored.validators],
        aggregations=[shown_aggregation(one) for one in stored.aggregations],
        x_axis=_series(stored.x_axis, curves.get(0)) if stored.x_axis is not None else None,
        y_axis=[_series(one, curves.get(place)) for place, one in enumerate(stored.y_axis or [], first)],
        docstring=stored.docstring,
        position=stored.position,
    )


def _series(stored: dict[str, Any], points: list[float | None] | None) -> SeriesView:
    data = stored.get("data", points or [])
    return SeriesView(
        data=data,
        name=stored["name"],
        units=stored["units"],
        description=stored.get("description"),
        validators=[shown_validator(one) for one in stored.get("validators", [])],
        aggregations=[shown_aggregation(one) for one in stored.get("aggregations", [])],
        count=stored.get("count", len(data)),
    )
