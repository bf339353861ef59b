"""A long run piece by piece, as its page shows it: as much at a time as a page can hold.

A run may have 10 000 phases, a phase 10 000 measurements, a page at most 500 kB. What a row costs there is estimated
from what it holds; a piece ends where its budget is spent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import select

from portal.models import LogLine, Measurement, Phase
from portal.services.run_views import (
    AttachmentView,
    LogView,
    MeasurementView,
    PhaseView,
    phase_view,
    read_logs,
    read_measurements,
)

if TYPE_CHECKING:
    from portal.database import Db

MOST_PHASES, MOST_MEASUREMENTS, MOST_LINES = 60, 200, 300  # read for one piece
BUDGET_BYTES, LOG_BUDGET_BYTES = 240_000, 100_000
PHASE_BYTES, MEASUREMENT_BYTES, LINE_BYTES = 1000, 1500, 350  # of markup, without what they say
POINT_BYTES, NUMBER_BYTES, MOST_NUMBERS = 14, 45, 100  # of a drawn point, and of one in the table beside the drawing
MOST_FAILED = 50


@dataclass(frozen=True)
class Start:
    """Where a piece begins: at this phase, and in it at this measurement. Both are positions in the run."""

    phase: int
    measurement: int


FIRST = Start(0, 0)


@dataclass(frozen=True)
class PhasePiece:
    """Phases one after another. ``more``: where it goes on; None at the end."""

    phases: list[PhaseView]
    more: Start | None


@dataclass(frozen=True)
class LogPiece:
    """Lines one after another. ``more``: the position of the next; None at the end."""

    lines: list[LogView]
    more: int | None


def phases_from(db: Db, run_id: str, start: Start, files: Sequence[AttachmentView]) -> PhasePiece:
    """The phases from there on. At least something, whatever it costs, so that there is an end."""
    phases = db.session.scalars(
        select(Phase)
        .where(Phase.run_id == run_id, Phase.position >= start.phase)
        .order_by(Phase.position)
        .limit(MOST_PHASES + 1)
    ).all()
    measurements = read_measurements(
        db,
        select(Measurement)
        .where(Measurement.phase_id.in_([phase.id for phase in phases]), Measurement.position >= start.measurement)
        .order_by(Measurement.position)
        .limit(MOST_MEASUREMENTS + 1),
        whole=False,
    )
    by_phase: dict[str, list[MeasurementView]] = {}
    for phase_id, one in measurements:
        by_phase.setdefault(phase_id, []).append(one)
    # The one too much is never shown: it says that there is more.
    beyond = measurements[-1][1].position if len(measurements) > MOST_MEASUREMENTS else None
    shown: list[PhaseView] = []
    spent, next_measurement = 0, start.measurement
    for phase in phases:
        if shown and (spent > BUDGET_BYTES or len(shown) == MOST_PHASES):
            return PhasePiece(shown, Start(phase.position, next_measurement))
        spent += PHASE_BYTES + len(phase.name) + len(phase.docstring or "")
        kept: list[MeasurementView] = []
        cut_at: int | None = None
        for one in by_phase.get(phase.id, []):
            if one.position == beyond or (spent > BUDGET_BYTES and (kept or shown)):
                cut_at = one.position
                break
            kept.append(one)
            spent += cost_of(one)
            next_measurement = one.position + 1
        is_continued = phase.position == start.phase and bool(kept) and _began_before(db, phase, start)
        if kept or cut_at is None:
            shown.append(phase_view(phase, kept, files, is_continued=is_continued))
        if cut_at is not None:
            return PhasePiece(shown, Start(phase.position, cut_at))
    return PhasePiece(shown, None)


def _began_before(db: Db, phase: Phase, start: Start) -> bool:
    if start.measurement == 0:
        return False
    earlier = select(Measurement.id).where(Measurement.phase_id == phase.id, Measurement.position < start.measurement)
    return db.session.scalar(earlier.limit(1)) is not None


def logs_from(db: Db, run_id: str, start: int) -> LogPiece:
    """The lines from that one on."""
    wanted = select(LogLine).where(LogLine.run_id == run_id, LogLine.position >= start)
    lines = read_logs(db, wanted.order_by(LogLine.position).limit(MOST_LINES + 1))
    spent = 0
    for place, line in enumerate(lines):
        if place and (spent > LOG_BUDGET_BYTES or place == MOST_LINES):
            return LogPiece(lines[:place], line.position)
        spent += LINE_BYTES + len(line.message) + len(line.source_file)
    return LogPiece(lines, None)


def failed_phases(db: Db, run_id: str) -> list[PhaseView]:
    """The last attempts that did not pass, with the measurements that failed in them; the first 50 of each."""
    phases = db.session.scalars(
        select(Phase)
        .where(Phase.run_id == run_id, Phase.is_final_attempt, Phase.outcome.in_(("FAIL", "ERROR")))
        .order_by(Phase.position)
        .limit(MOST_FAILED)
    ).all()
    wanted = (
        select(Measurement)
        .where(Measurement.phase_id.in_([phase.id for phase in phases]), Measurement.outcome == "FAIL")
        .order_by(Measurement.position)
        .limit(MOST_FAILED)
    )
    by_phase: dict[str, list[MeasurementView]] = {}
    for phase_id, one in read_measurements(db, wanted, whole=False) if phases else ():
        by_phase.setdefault(phase_id, []).append(one)
    return [phase_view(phase, by_phase.get(phase.id, [])) for phase in phases]


def cost_of(measurement: MeasurementView) -> int:
    """About how many bytes it takes on a page."""
    words = len(measurement.name) + len(measurement.units or "") + len(measurement.docstring or "")
    words += sum(len(one["expression"]) for one in measurement.validators)
    points = [len(axis.data) for axis in measurement.axes]
    drawing = sum(points) * POINT_BYTES + sum(min(count, MOST_NUMBERS) for count in points) * NUMBER_BYTES
    return MEASUREMENT_BYTES + words + (drawing + 3000 if points else 0)
