"""Runs in lists: newest first, a page at a time, in one statement."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from sqlalchemy import Select, and_, or_, select
from sqlalchemy.orm import aliased

from portal.models import Batch, Part, Procedure, ProcedureVersion, Revision, Run, Station, Unit, User
from portal.services.actors import Actor, Permission, require
from portal.services.cursors import read_cursor, write_cursor
from portal.services.names import is_id, same
from portal.services.paging import Listing
from portal.services.procedures import ProcedureRef
from portal.services.refs import Person, Ref

if TYPE_CHECKING:
    from portal.database import Db

T = TypeVar("T")
LARGEST_PAGE = 1000

Operator = aliased(User)
Uploader = aliased(User)

RUNS = Listing(
    "runs",
    Run.id,
    Run.ordinal,
    {
        "started_at": Run.started_at,
        "created_at": Run.created_at,
        "duration": Run.duration_ms,
        "outcome": Run.outcome,
        "serial_number": Unit.serial_key,
        "part_number": Part.number_key,
        "revision_number": Revision.number_key,
    },
)


@dataclass(frozen=True)
class Page(Generic[T]):
    """A page of a list. ``next_cursor``: None at the end."""

    items: list[T]
    next_cursor: str | None


@dataclass(frozen=True)
class RunQuery:
    """Which runs. All that is given must fit; several values of one kind: any of them.

    ``serial_part``: a piece of the serial number, as somebody types it. ``offset`` is for the published interface,
    whose pages are counted; pages of ours use ``cursor``.
    """

    serial_number: str | None = None
    serial_part: str | None = None
    outcome: str | None = None
    station_id: str | None = None
    procedure_id: str | None = None
    started_after: datetime | None = None
    started_before: datetime | None = None
    cursor: str | None = None
    limit: int = 50
    offset: int = 0
    ids: tuple[str, ...] = ()
    outcomes: tuple[str, ...] = ()
    procedure_ids: tuple[str, ...] = ()
    serial_numbers: tuple[str, ...] = ()
    part_numbers: tuple[str, ...] = ()
    station_ids: tuple[str, ...] = ()


@dataclass(frozen=True)
class RunRow:
    """A run in a list. ``operated_by``: the member's address, or the name as it was declared."""

    id: str
    outcome: str
    started_at: datetime
    ended_at: datetime
    created_at: datetime
    duration_ms: int
    serial_number: str
    part_number: str
    procedure: ProcedureRef
    station: Ref | None
    operated_by: str | None
    is_simulated: bool
    execution_id: str | None
    slot_key: str | None
    slot_name: str | None
    docstring: str | None
    metadata: dict[str, Any]
    unit_id: str
    part: Ref
    part_name: str
    revision: Ref
    batch: Ref | None
    version: Ref | None
    operator: Person | None
    created_by_user: Person | None

    @property
    def revision_number(self) -> str:
        """Of the unit, when it was tested."""
        return self.revision.name

    @property
    def batch_number(self) -> str | None:
        """Of the unit, when it was tested."""
        return self.batch.name if self.batch is not None else None

    @property
    def procedure_version(self) -> str | None:
        """The version's tag."""
        return self.version.name if self.version is not None else None


def list_runs(db: Db, actor: Actor, query: RunQuery) -> Page[RunRow]:
    """A page of runs, newest first. Raises `BadRequest` for a cursor that is none; `Forbidden`."""
    require(actor, Permission.VIEW)
    limit = max(1, min(query.limit, LARGEST_PAGE))
    wanted = _narrow(select_rows(), query).order_by(Run.started_at.desc(), Run.id.desc()).limit(limit + 1)
    if query.cursor is not None:
        started_at, run_id = read_cursor(query.cursor)
        wanted = wanted.where(
            or_(Run.started_at < started_at, and_(Run.started_at == started_at, Run.id < run_id)),
            Run.started_at <= started_at,  # lets the index begin here
        )
    if query.offset:
        wanted = wanted.offset(query.offset)
    rows = [row_of(found) for found in db.session.execute(wanted)]
    has_more = len(rows) > limit
    rows = rows[:limit]
    return Page(rows, write_cursor(rows[-1].started_at, rows[-1].id) if has_more else None)


def last_result(db: Db, serial_number: str) -> RunRow | None:
    """The newest run of a unit, whoever asks; None for a unit that was never tested."""
    wanted = _narrow(select_rows(), RunQuery(serial_number=serial_number))
    found = db.session.execute(wanted.order_by(Run.started_at.desc(), Run.id.desc()).limit(1)).first()
    return row_of(found) if found is not None else None


def select_rows() -> Select[*tuple[Any, ...]]:
    """The statement behind every list of runs: one row holds all that a `RunRow` needs."""
    return (
        select(Run, Unit, Revision, Part, Procedure, Station, Batch, ProcedureVersion, Operator, Uploader)
        .join(Unit, Unit.id == Run.unit_id)
        .join(Revision, Revision.id == Run.revision_id)
        .join(Part, Part.id == Revision.part_id)
        .join(Procedure, Procedure.id == Run.procedure_id)
        .outerjoin(Station, Station.id == Run.station_id)
        .outerjoin(Batch, Batch.id == Run.batch_id)
        .outerjoin(ProcedureVersion, ProcedureVersion.id == Run.procedure_version_id)
        .outerjoin(Operator, Operator.id == Run.operated_by_user_id)
        .outerjoin(Uploader, Uploader.id == Run.created_by_user_id)
    )


def row_of(found: Any) -> RunRow:
    """One row of that statement."""
    run, unit, revision, part, procedure, station, batch, version, operator, uploader = found
    person = _operator_of(run, operator)
    return RunRow(
        id=run.id,
        outcome=run.outcome,
        started_at=run.started_at,
        ended_at=run.ended_at,
        created_at=run.created_at,
        duration_ms=run.duration_ms,
        serial_number=unit.serial_number,
        part_number=part.number,
        procedure=ProcedureRef(procedure.id, procedure.name, procedure.identifier),
        station=Ref(station.id, station.name) if station is not None else None,
        operated_by=(person.email or person.name) if person is not None else None,
        is_simulated=run.is_simulated,
        execution_id=run.execution_id,
        slot_key=run.slot_key or None,
        slot_name=run.slot_name,
        docstring=run.docstring,
        metadata=run.run_metadata,
        unit_id=unit.id,
        part=Ref(part.id, part.number),
        part_name=part.name,
        revision=Ref(revision.id, revision.number),
        batch=Ref(batch.id, batch.number) if batch is not None else None,
        version=Ref(version.id, version.tag) if version is not None else None,
        operator=person,
        created_by_user=Person(uploader.id, uploader.name, uploader.email) if uploader is not None else None,
    )


def _operator_of(run: Run, member: User | None) -> Person | None:
    if member is not None:
        return Person(member.id, member.name, member.email)
    return Person(None, run.operated_by_name, None) if run.operated_by_name is not None else None


def _narrow(wanted: Select[*tuple[Any, ...]], query: RunQuery) -> Select[*tuple[Any, ...]]:
    serials = (*query.serial_numbers, *([query.serial_number] if query.serial_number is not None else []))
    any_of: list[tuple[Any, tuple[str, ...]]] = [
        (Run.id, tuple(one for one in query.ids if is_id(one)) if query.ids else ()),
        (Run.outcome, _with(query.outcomes, query.outcome)),
        (Run.procedure_id, _with(query.procedure_ids, query.procedure_id)),
        (Run.station_id, _with(query.station_ids, query.station_id)),
        (Unit.serial_key, tuple(same(one) for one in serials)),
        (Part.number_key, tuple(same(one) for one in query.part_numbers)),
    ]
    for column, values in any_of:
        if values:
            clean = [value.replace("\0", "") for value in values]  # PostgreSQL refuses the text altogether
            wanted = wanted.where(column == clean[0] if len(clean) == 1 else column.in_(clean))
    if query.ids and not any(is_id(one) for one in query.ids):
        wanted = wanted.where(Run.id == "")
    if query.serial_part is not None:
        typed = same(query.serial_part.replace("\0", ""))
        wanted = wanted.where(Unit.serial_key.contains(typed, autoescape=True))
    if query.started_after is not None:
        wanted = wanted.where(Run.started_at >= query.started_after)
    if query.started_before is not None:
        wanted = wanted.where(Run.started_at <= query.started_before)
    return wanted


def _with(several: tuple[str, ...], one: str | None) -> tuple[str, ...]:
    return several if one is None else (*several, one)
