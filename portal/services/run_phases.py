"""Phases of all runs of a procedure. Source: contract/v2-api.md §10."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import Select, select

from portal.errors import NotFound
from portal.models import Measurement, Phase, Procedure, Run, Unit
from portal.services.actors import Actor, Permission, require
from portal.services.names import is_id
from portal.services.paging import CountedPage, Place
from portal.services.pieces import PieceList
from portal.services.refs import Ref
from portal.services.run_filters import Condition_, RunFilter, ids_of, narrowing, one_of
from portal.services.run_views import PhaseView, read_phases

if TYPE_CHECKING:
    from portal.database import Db

PHASES = PieceList(
    Phase.position,
    {
        "started_at": Phase.started_at,
        "duration": Phase.duration_ms,
        "outcome": Phase.outcome,
        "serial_number": Unit.serial_key,
        "phase_name": Phase.name,
    },
)


@dataclass(frozen=True, kw_only=True)
class OfPhases:
    """Which phases of one procedure, or what is in them: all that is given must fit, of several values any.

    ``runs``: of which runs. Bounds are inclusive; the start is the phase's. only_final: leaves attempts out that were
    repeated.
    """

    procedure_id: str
    runs: RunFilter
    ids: Sequence[str] = ()
    started_after: datetime | None = None
    started_before: datetime | None = None
    only_final: bool = True


@dataclass(frozen=True, kw_only=True)
class PhaseQuery(OfPhases):
    """Which phases. The durations are the phase's."""

    names: Sequence[str] = ()
    outcomes: Sequence[str] = ()
    sequence_paths: Sequence[str] = ()
    duration_min_ms: int | None = None
    duration_max_ms: int | None = None


@dataclass(frozen=True)
class PhaseRow:
    """A phase in a list, with what its run and unit are."""

    id: str
    name: str
    outcome: str
    started_at: datetime
    ended_at: datetime
    duration_ms: int
    retry_count: int
    sequence_path: str | None
    is_final_attempt: bool
    run_id: str
    run_outcome: str
    serial_number: str
    sample: str | None


@dataclass(frozen=True)
class PhaseDetail:
    """One phase with its measurements, and where it belongs."""

    phase: PhaseView
    run_id: str
    serial_number: str
    procedure: Ref


def list_phases(db: Db, actor: Actor, query: PhaseQuery, place: Place) -> CountedPage[PhaseRow]:
    """A page of phases. Raises `BadRequest` for a cursor that is none; `Forbidden`."""
    require(actor, Permission.VIEW)
    wanted = _rows().where(*_narrowing(query), *narrowing(db, query.runs))
    rows, cursor = PHASES.page(db, wanted, place)
    return CountedPage([_row_of(row) for row in rows], cursor)


def show_phase(db: Db, actor: Actor, phase_id: str) -> PhaseDetail:
    """One phase with its measurements, whole. Raises `NotFound`; `Forbidden`."""
    require(actor, Permission.VIEW)
    wanted = (
        select(Phase, Unit.serial_number, Procedure)
        .join(Run, Run.id == Phase.run_id)
        .join(Unit, Unit.id == Run.unit_id)
        .join(Procedure, Procedure.id == Phase.procedure_id)
    )
    found = db.session.execute(wanted.where(Phase.id == phase_id.lower())).first() if is_id(phase_id) else None
    if found is None:
        raise NotFound("phase")
    phase, serial_number, procedure = found
    (view,) = read_phases(
        db,
        select(Phase).where(Phase.id == phase.id),
        select(Measurement).where(Measurement.phase_id == phase.id).order_by(Measurement.position),
        whole=True,
    )
    return PhaseDetail(view, phase.run_id, serial_number, Ref(procedure.id, procedure.name))


def _rows() -> Select[*tuple[Any, ...]]:
    return (
        select(Phase, Run.outcome, Unit.serial_number, Unit.sample)
        .join(Run, Run.id == Phase.run_id)
        .join(Unit, Unit.id == Run.unit_id)
    )


def _row_of(found: Any) -> PhaseRow:
    phase, run_outcome, serial_number, sample = found
    return PhaseRow(
        id=phase.id,
        name=phase.name,
        outcome=phase.outcome,
        started_at=phase.started_at,
        ended_at=phase.ended_at,
        duration_ms=phase.duration_ms,
        retry_count=phase.retry_count,
        sequence_path=phase.sequence_path,
        is_final_attempt=phase.is_final_attempt,
        run_id=phase.run_id,
        run_outcome=run_outcome,
        serial_number=serial_number,
        sample=sample,
    )


def _narrowing(query: PhaseQuery) -> list[Condition_]:
    words = {Phase.name: query.names, Phase.outcome: query.outcomes, Phase.sequence_path: query.sequence_paths}
    found = narrow_phases(query, Phase.id, words)
    if query.duration_min_ms is not None:
        found.append(Phase.duration_ms >= query.duration_min_ms)
    if query.duration_max_ms is not None:
        found.append(Phase.duration_ms <= query.duration_max_ms)
    return found


def narrow_phases(query: OfPhases, id_: Any, words: Mapping[Any, Sequence[str]]) -> list[Condition_]:
    """What lists of phases and of what is in them ask alike, the runs aside.

    id_: the column of the ids that are meant. words: by column, which values it may have; none for any.
    """
    found: list[Condition_] = [Phase.procedure_id == query.procedure_id.lower()]
    if query.ids:
        found.append(one_of(id_, ids_of(query.ids)))
    found += [one_of(column, values) for column, values in words.items() if values]
    if query.started_after is not None:
        found.append(Phase.started_at >= query.started_after)
    if query.started_before is not None:
        found.append(Phase.started_at <= query.started_before)
    if query.only_final:
        found.append(Phase.is_final_attempt.is_(True))
    return found
