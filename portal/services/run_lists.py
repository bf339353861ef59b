"""Runs in lists: newest first, a page at a time, in one statement."""

from __future__ import annotations

from collections.abc import Iterable, Sized
from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from sqlalchemy import Select, func, select, tuple_, union_all
from sqlalchemy.orm import aliased

from portal.models import (
    Batch,
    Part,
    Procedure,
    ProcedureVersion,
    Revision,
    Run,
    RunMetadataValue,
    Station,
    Unit,
    User,
)
from portal.services.actors import Actor, Permission, require
from portal.services.cursors import read_cursor, write_cursor
from portal.services.paging import CountedPage, Listing, Place
from portal.services.procedures import ProcedureRef
from portal.services.refs import Person, Ref
from portal.services.run_filters import MOST_MERGED, Condition_, RunFilter, narrowing, several
from portal.services.run_metadata import values_of, with_value
from portal.services.station_lookup import visible_runs

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
        # Of one outcome, unit or part there may be any number: within it, the index by which it is filtered leads on.
        "outcome": (Run.outcome, Run.started_at),
        "serial_number": (Unit.serial_key, Run.started_at),
        "part_number": (Part.number_key, Run.started_at),
        "revision_number": (Revision.number_key, Revision.id, Run.started_at),
    },
)


@dataclass(frozen=True)
class Page(Generic[T]):
    """A page of a list. ``next_cursor``: None at the end."""

    items: list[T]
    next_cursor: str | None


@dataclass(frozen=True, kw_only=True)
class RunQuery(RunFilter):
    """Which runs, and which page of them, newest first. For pages of ours, whose filters have one value each.

    ``serial_part``: a piece of the serial number, as somebody types it.
    """

    serial_number: str | None = None
    serial_part: str | None = None
    outcome: str | None = None
    station_id: str | None = None
    procedure_id: str | None = None
    cursor: str | None = None
    limit: int = 50


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
    sequences: list[dict[str, Any]]
    unit_id: str
    sample: str | None
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


@dataclass(frozen=True)
class _Way:
    """A statement that finds starts and ids of runs, in their order by an index."""

    found: Select[datetime, str]

    def first(self, place: Place, last: Any) -> Select[datetime, str]:
        """As many as a page holds and one, behind the last row of the page before."""
        keys = self.found.selected_columns
        wanted = self.found.limit(place.limit + 1)
        if last is not None:
            at = tuple_(*keys)
            wanted = wanted.where(at < tuple(last) if place.is_descending else at > tuple(last))
        return wanted.order_by(*_in_order(keys, place))


def _in_order(keys: Iterable[Any], place: Place) -> list[Any]:
    return [one.desc() if place.is_descending else one.asc() for one in keys]


def list_runs(db: Db, actor: Actor, query: RunQuery) -> Page[RunRow]:
    """A page of runs, newest first. Raises `BadRequest` for a cursor that is none; `Forbidden`."""
    require(actor, Permission.VIEW)
    limit = max(1, min(query.limit, LARGEST_PAGE))
    behind = [tuple_(Run.started_at, Run.id) < read_cursor(query.cursor)] if query.cursor is not None else []
    wanted = select_rows().where(*behind, *_narrowing(db, query), *visible_runs(actor))
    wanted = wanted.order_by(Run.started_at.desc(), Run.id.desc()).limit(limit + 1)
    rows = [row_of(found) for found in db.session.execute(wanted)]
    has_more = len(rows) > limit
    rows = rows[:limit]
    return Page(rows, write_cursor(rows[-1].started_at, rows[-1].id) if has_more else None)


def page_runs(db: Db, actor: Actor, query: RunFilter, place: Place) -> CountedPage[RunRow]:
    """A page of runs for the published interface. Raises `BadRequest` for a cursor that is none; `Forbidden`."""
    require(actor, Permission.VIEW)
    conditions = narrowing(db, query) + visible_runs(actor)
    if place.sort_by == "started_at":
        conditions = _merged(db, conditions, _ways(query, conditions), place)
    # With a filter, what it leaves is found and then sorted.
    wanted = select_rows(first=FIRST.get(place.sort_by) if not conditions else None)
    rows, cursor = RUNS.page(db, wanted, place, conditions)
    return CountedPage([row_of(row) for row in rows], cursor)


def _ways(query: RunFilter, conditions: list[Condition_]) -> list[_Way]:
    """Statements that find runs, each in the list's order by an index of its own; all together they find every run.

    They are for "one of several values", where an IN would read and sort all runs of all values; and for a value of the
    metadata where nothing else is asked, which one index in the list's order knows.
    """
    found = several(conditions)
    if found is not None:
        condition, values = found
        others = [one for one in conditions if one is not condition]
        runs = select(Run.started_at, Run.id).where(*others)
        return [_Way(runs.where(condition.left == value)) for value in values]
    if _given(query) != {"metadata"}:
        return []
    key, asked = next(iter(query.metadata.items()))
    kept, sought = RunMetadataValue, values_of(asked)
    if sought is None or len(sought) > MOST_MERGED:
        return []
    runs = select(kept.started_at, kept.run_id).join(Run, Run.id == kept.run_id).where(*conditions)
    return [_Way(runs.where(*with_value(key, [value]))) for value in sought]


def _given(query: RunFilter) -> set[str]:
    """Names of the filters that are used."""
    values = {one.name: getattr(query, one.name) for one in fields(query)}
    return {name for name, value in values.items() if not (value is None or (isinstance(value, Sized) and not value))}


def _merged(db: Db, conditions: list[Condition_], ways: list[_Way], place: Place) -> list[Condition_]:
    """The conditions as the ids of the page, found by the ways; as they are when there is no way.

    As ids and not as a statement within the list's: SQLite would read the list in its order, and ask of each run
    whether it is among them. In any other order than that of the starts nothing is gained.
    """
    if not ways:
        return conditions
    last = None
    if place.cursor:
        last = db.session.execute(select(Run.started_at, Run.id).where(Run.ordinal == place.cursor)).first()
        if last is None:  # deleted meanwhile: `Listing` knows where it stood
            return conditions
    firsts = union_all(*(select(way.first(place, last).subquery()) for way in ways)).subquery()
    wanted = select(firsts.c[1]).order_by(*_in_order(firsts.c, place)).limit(place.limit + 1)
    return [Run.id.in_(db.session.scalars(wanted).all())]


def last_result(db: Db, serial_number: str) -> RunRow | None:
    """The newest run of a unit, whoever asks; None for a unit that was never tested."""
    wanted = select_rows().where(*_narrowing(db, RunQuery(serial_number=serial_number)))
    found = db.session.execute(wanted.order_by(Run.started_at.desc(), Run.id.desc()).limit(1)).first()
    return row_of(found) if found is not None else None


def select_rows(*, first: Any = None) -> Select[*tuple[Any, ...]]:
    """The statement behind every list of runs: one row holds all that a `RunRow` needs.

    Every other table is joined from outside, though a run always has a unit and so on: SQLite then reads the runs
    first, in the order of an index, and not some small table. first: the model by which the list is sorted, if it is
    another: read before the runs, in the order of its own index.
    """
    found = select(Run, Unit, Revision, Part, Procedure, Station, Batch, ProcedureVersion, Operator, Uploader)
    if first is not None:
        # Joined from outside as well, or SQLite would begin with the runs; and then without those that have none.
        found = found.select_from(first).outerjoin(Run, _ON[first]).where(func.coalesce(Run.id, "") != "")
    else:
        found = found.select_from(Run)
    for model, is_its in _ON.items():
        if model is not first:
            found = found.outerjoin(model, is_its)
    return (
        found.outerjoin(Procedure, Procedure.id == Run.procedure_id)
        .outerjoin(Station, Station.id == Run.station_id)
        .outerjoin(Batch, Batch.id == Run.batch_id)
        .outerjoin(ProcedureVersion, ProcedureVersion.id == Run.procedure_version_id)
        .outerjoin(Operator, Operator.id == Run.operated_by_user_id)
        .outerjoin(Uploader, Uploader.id == Run.created_by_user_id)
    )


_ON: dict[Any, Any] = {
    Unit: Unit.id == Run.unit_id,
    Revision: Revision.id == Run.revision_id,
    Part: Part.id == Run.part_id,
}
FIRST: dict[str, Any] = {"serial_number": Unit, "part_number": Part, "revision_number": Revision}


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
        sequences=run.sequences or [],
        unit_id=unit.id,
        sample=unit.sample,
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


def _narrowing(db: Db, query: RunQuery) -> list[Any]:
    single = {
        "serial_numbers": query.serial_number,
        "outcomes": query.outcome,
        "station_ids": query.station_id,
        "procedure_ids": query.procedure_id,
    }
    given: dict[str, Any] = {
        name: (*getattr(query, name), value) for name, value in single.items() if value is not None
    }
    if query.serial_part is not None:
        given["search"] = query.serial_part
    return narrowing(db, replace(query, **given))
