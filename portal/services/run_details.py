"""Everything that one run holds, in a fixed number of statements; or what its page shows of it."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, or_, select

from portal.errors import NotFound
from portal.models import LogLine, Measurement, Part, Phase, Revision, Run, RunSubUnit, Unit
from portal.services import edits
from portal.services.actors import Actor, Permission, require
from portal.services.names import is_id
from portal.services.run_lists import RunRow, row_of, select_rows
from portal.services.run_pieces import (
    FIRST,
    LogPiece,
    PhasePiece,
    Start,
    failed_phases,
    logs_from,
    phases_from,
)
from portal.services.run_views import (
    AttachmentView,
    LogView,
    MeasurementView,
    PhaseView,
    SeriesView,
    read_attachments,
    read_logs,
    read_phases,
)
from portal.services.station_lookup import sees_run, visible_runs

if TYPE_CHECKING:
    from portal.database import Db

__all__ = [
    "AttachmentView",
    "LogView",
    "MeasurementView",
    "PhaseView",
    "RunDetail",
    "SeriesView",
    "SubUnitView",
    "find_run",
    "show_logs",
    "show_phases",
    "show_run",
    "show_start",
]

PREVIOUS_RUNS = 10


@dataclass(frozen=True)
class SubUnitView:
    """A unit that was built into the unit under test in this run."""

    id: str
    serial_number: str
    part_number: str
    part_name: str


@dataclass(frozen=True)
class RunDetail(RunRow):
    """A run with all that belongs to it. ``previous_runs``: of the same unit, the newest first.

    A page shows the beginning of a long one: ``phases`` and ``logs`` are then not all, ``more_phases`` and
    ``more_logs`` say where they go on. ``failed_phases``: the last attempts that did not pass, with what failed in
    them, wherever they are in the record. ``etag``: of this state of the run.
    """

    phases: list[PhaseView]
    logs: list[LogView]
    attachments: list[AttachmentView]
    previous_runs: list[RunRow]
    sub_units: list[SubUnitView]
    config: list[dict[str, Any]]
    secrets: list[dict[str, Any]]
    phase_count: int
    log_count: int
    etag: str
    failed_phases: list[PhaseView] = field(default_factory=list)
    more_phases: Start | None = None
    more_logs: int | None = None


def find_run(db: Db, actor: Actor, run_id: str) -> Run:
    """The run's row. Raises `NotFound`; `Forbidden`."""
    require(actor, Permission.VIEW)
    found = db.session.get(Run, run_id.lower()) if is_id(run_id) else None
    if found is None or not sees_run(db, actor, found):
        raise NotFound("run")
    return found


def show_run(db: Db, actor: Actor, run_id: str) -> RunDetail:
    """One run, whole. Raises `NotFound`; `Forbidden`."""
    run = find_run(db, actor, run_id)
    files = read_attachments(db, run.id)
    phases = read_phases(
        db,
        select(Phase).where(Phase.run_id == run.id).order_by(Phase.position),
        select(Measurement)
        .join(Phase, Phase.id == Measurement.phase_id)
        .where(Phase.run_id == run.id)
        .order_by(Measurement.position),
        files,
        whole=True,
    )
    logs = read_logs(db, select(LogLine).where(LogLine.run_id == run.id).order_by(LogLine.position))
    return _detail(
        db, actor, run, files, phases=phases, logs=logs, phase_count=len(phases), log_count=len(logs),
    )  # fmt: skip


def show_start(db: Db, actor: Actor, run_id: str) -> RunDetail:
    """One run as its page shows it: the beginning of what is long, and of curves what is drawn.

    Raises `NotFound`; `Forbidden`.
    """
    run = find_run(db, actor, run_id)
    files = read_attachments(db, run.id)
    phases, logs = phases_from(db, run.id, FIRST, files), logs_from(db, run.id, 0)
    return _detail(
        db,
        actor,
        run,
        files,
        phases=phases.phases,
        logs=logs.lines,
        phase_count=_count(db, Phase, run.id),
        log_count=_count(db, LogLine, run.id),
        failed_phases=failed_phases(db, run.id),
        more_phases=phases.more,
        more_logs=logs.more,
    )


def show_phases(db: Db, actor: Actor, run_id: str, start: Start) -> tuple[RunRow, PhasePiece]:
    """A long run's phases from there on, as its page shows them. Raises `NotFound`; `Forbidden`."""
    run = find_run(db, actor, run_id)
    return _row(db, run), phases_from(db, run.id, start, read_attachments(db, run.id))


def show_logs(db: Db, actor: Actor, run_id: str, start: int) -> tuple[RunRow, LogPiece]:
    """A long run's log from that line on. Raises `NotFound`; `Forbidden`."""
    run = find_run(db, actor, run_id)
    return _row(db, run), logs_from(db, run.id, start)


def _detail(db: Db, actor: Actor, run: Run, files: list[AttachmentView], **pieces: Any) -> RunDetail:
    row = _row(db, run)
    return RunDetail(
        **{one.name: getattr(row, one.name) for one in fields(row)},
        attachments=files,
        previous_runs=_previous(db, actor, run),
        sub_units=_sub_units(db, run),
        config=run.config or [],
        secrets=run.secrets or [],
        etag=edits.etag(run),
        **pieces,
    )


def _row(db: Db, run: Run) -> RunRow:
    return row_of(db.session.execute(select_rows().where(Run.id == run.id)).one())


def _count(db: Db, model: type[Phase] | type[LogLine], run_id: str) -> int:
    """How many there are: positions have no holes, so that the last one says it."""
    last = db.session.scalar(select(func.max(model.position)).where(model.run_id == run_id))
    return 0 if last is None else last + 1


def _previous(db: Db, actor: Actor, run: Run) -> list[RunRow]:
    is_before = or_(Run.started_at < run.started_at, (Run.started_at == run.started_at) & (Run.id < run.id))
    wanted = (
        select_rows()
        .where(Run.unit_id == run.unit_id, is_before, *visible_runs(actor))
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
