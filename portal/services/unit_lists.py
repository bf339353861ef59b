"""Units in lists: any filter, any order, a page at a time, in a fixed number of statements.

What a page shows of other tables in several rows (children, last runs) is read for all its units at once, after the
page itself: that one is then served by an index on units. Source: contract/v2-api.md §5.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, Select, and_, func, or_, select
from sqlalchemy.orm import aliased

from portal.models import Batch, Part, Procedure, Revision, Run, Unit
from portal.services.actors import Actor, Permission, require
from portal.services.metadata import Condition, matching
from portal.services.names import is_id, same
from portal.services.paging import CountedPage, Listing, Place
from portal.services.refs import Maker, Ref, maker_of, with_maker

if TYPE_CHECKING:
    from portal.database import Db

MOST_CHILDREN = 10
PRODUCTION = "production"  # not a class of units but the lack of one

Parent = aliased(Unit)
LastRun = aliased(Run)
LastProcedure = aliased(Procedure)

UNITS = Listing(
    "units",
    Unit.id,
    Unit.ordinal,
    {
        "created_at": Unit.created_at,
        "serial_number": Unit.serial_key,
        "last_run_at": Unit.last_run_at,
        "part_number": Part.number_key,
        "last_run_procedure": func.coalesce(func.lower(LastProcedure.name), ""),
    },
    nullable=frozenset({"last_run_at"}),
)


@dataclass(frozen=True)
class UnitQuery:
    """Which units: all that is given must fit, of several values any. ``search``: a piece of the serial number.

    ``procedure_ids``, ``outcomes`` and ``started_…`` are about one run of the unit; with ``latest_only`` about its
    newest. ``samples``: classes; ``production`` means without one.
    """

    search: str | None = None
    ids: tuple[str, ...] = ()
    serial_numbers: tuple[str, ...] = ()
    part_numbers: tuple[str, ...] = ()
    revision_numbers: tuple[str, ...] = ()
    batch_numbers: tuple[str, ...] = ()
    procedure_ids: tuple[str, ...] = ()
    outcomes: tuple[str, ...] = ()
    started_after: datetime | None = None
    started_before: datetime | None = None
    latest_only: bool = False
    run_count_min: int | None = None
    run_count_max: int | None = None
    created_after: datetime | None = None
    created_before: datetime | None = None
    created_by_user_ids: tuple[str, ...] = ()
    created_by_station_ids: tuple[str, ...] = ()
    exclude_units_with_parent: bool = False
    samples: tuple[str, ...] = ()
    metadata: dict[str, Condition] = field(default_factory=dict)


@dataclass(frozen=True)
class LastRunView:
    """The newest run of a unit."""

    id: str
    outcome: str
    started_at: datetime
    ended_at: datetime
    procedure: Ref


@dataclass(frozen=True)
class UnitRow:
    """A unit in a list. ``part.name``, ``revision.name``, ``batch.name`` are numbers, names of units serial numbers.

    ``children``: the first ones only.
    """

    id: str
    serial_number: str
    created_at: datetime
    sample: str | None
    run_count: int
    metadata: dict[str, Any]
    part: Ref
    part_name: str
    revision: Ref
    batch: Ref | None
    parent: Ref | None
    maker: Maker
    children: list[Ref]
    last_run: LastRunView | None


def list_units(db: Db, actor: Actor, query: UnitQuery, place: Place) -> CountedPage[UnitRow]:
    """A page of units. Raises `BadRequest` for a cursor that is none; `Forbidden`."""
    require(actor, Permission.VIEW)
    wanted = select_places() if place.sort_by == "last_run_procedure" else select_units()
    rows, cursor = UNITS.page(db, _narrow(db, wanted, query), place)
    return CountedPage(rows_of(db, rows), cursor)


def select_units() -> Select[Any]:
    """The statement behind every list of units: one row for `rows_of`."""
    wanted: Select[*tuple[Any, ...]] = (
        select(Unit, Revision, Part, Batch, Parent)
        .join(Revision, Revision.id == Unit.revision_id)
        .join(Part, Part.id == Revision.part_id)
        .outerjoin(Batch, Batch.id == Unit.batch_id)
        .outerjoin(Parent, Parent.id == Unit.parent_id)
    )
    return with_maker(wanted, Unit)


def select_places() -> Select[Any]:
    """The same with all that units can be sorted by: also the procedure of the newest run."""
    return (
        select_units()
        .outerjoin(LastRun, LastRun.id == last_run_id())
        .outerjoin(LastProcedure, LastProcedure.id == LastRun.procedure_id)
    )


def last_run_id() -> Any:
    """The id of a unit's newest run, as a part of a statement on units."""
    newest = aliased(Run)
    return (
        select(newest.id)
        .where(newest.unit_id == Unit.id)
        .order_by(newest.started_at.desc(), newest.id.desc())
        .limit(1)
        .correlate(Unit)
        .scalar_subquery()
    )


def rows_of(db: Db, found: Sequence[Any]) -> list[UnitRow]:
    """Rows of that statement, with the last runs and first children of all of them in two more statements."""
    ids = [row[0].id for row in found]
    children, last_runs = _first_children(db, ids), _last_runs(db, ids)
    return [
        UnitRow(
            id=unit.id,
            serial_number=unit.serial_number,
            created_at=unit.created_at,
            sample=unit.sample,
            run_count=unit.run_count,
            metadata=unit.unit_metadata or {},
            part=Ref(part.id, part.number),
            part_name=part.name,
            revision=Ref(revision.id, revision.number),
            batch=Ref(batch.id, batch.number) if batch is not None else None,
            parent=Ref(parent.id, parent.serial_number) if parent is not None else None,
            maker=maker_of(user, station),
            children=children.get(unit.id, []),
            last_run=last_runs.get(unit.id),
        )
        for unit, revision, part, batch, parent, user, station in found
    ]


def _first_children(db: Db, ids: Sequence[str]) -> dict[str, list[Ref]]:
    place = func.row_number().over(partition_by=Unit.parent_id, order_by=(Unit.created_at, Unit.id)).label("place")
    numbered = select(Unit.parent_id, Unit.id, Unit.serial_number, place).where(Unit.parent_id.in_(ids)).subquery()
    first = select(numbered).where(numbered.c.place <= MOST_CHILDREN).order_by(numbered.c.parent_id, numbered.c.place)
    children: dict[str, list[Ref]] = {}
    for parent_id, unit_id, serial_number, _ in db.session.execute(first):
        children.setdefault(parent_id, []).append(Ref(unit_id, serial_number))
    return children


def _last_runs(db: Db, ids: Sequence[str]) -> dict[str, LastRunView]:
    wanted = (
        select(Unit.id, Run, Procedure.id, Procedure.name)
        .select_from(Unit)
        .join(Run, Run.id == last_run_id())
        .join(Procedure, Procedure.id == Run.procedure_id)
        .where(Unit.id.in_(ids))
    )
    return {
        unit_id: LastRunView(run.id, run.outcome, run.started_at, run.ended_at, Ref(procedure_id, name))
        for unit_id, run, procedure_id, name in db.session.execute(wanted)
    }


def _narrow(db: Db, wanted: Select[Any], query: UnitQuery) -> Select[Any]:
    conditions = [*_by_refs(db, query), *_by_itself(query), *_by_runs(query)]
    return wanted.where(*conditions, *matching(db, Unit.unit_metadata, query.metadata))


def _by_refs(db: Db, query: UnitQuery) -> list[ColumnElement[bool]]:
    """Part, revision and batch, asked for first: with their ids an index on units gives the rows in order."""
    found: list[ColumnElement[bool]] = []
    if query.part_numbers or query.revision_numbers:
        revisions = select(Revision.id).join(Part, Part.id == Revision.part_id)
        if query.part_numbers:
            revisions = revisions.where(Part.number_key.in_(map(same, query.part_numbers)))
        if query.revision_numbers:
            revisions = revisions.where(Revision.number_key.in_(map(same, query.revision_numbers)))
        found.append(_one_of(Unit.revision_id, db.session.scalars(revisions).all()))
    if query.batch_numbers:
        batches = select(Batch.id).where(Batch.number_key.in_(map(same, query.batch_numbers)))
        found.append(_one_of(Unit.batch_id, db.session.scalars(batches).all()))
    return found


def _by_itself(query: UnitQuery) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if query.search:
        found.append(Unit.serial_key.contains(same(query.search), autoescape=True))
    if query.serial_numbers:
        found.append(_one_of(Unit.serial_key, list(map(same, query.serial_numbers))))
    for column, ids in (
        (Unit.id, query.ids),
        (Unit.created_by_user_id, query.created_by_user_ids),
        (Unit.created_by_station_id, query.created_by_station_ids),
    ):
        if ids:
            found.append(_one_of(column, _ids(ids)))
    bounds: tuple[tuple[Any, Any, Any], ...] = (
        (Unit.created_at, operator.ge, query.created_after),
        (Unit.created_at, operator.le, query.created_before),
        (Unit.run_count, operator.ge, query.run_count_min),
        (Unit.run_count, operator.le, query.run_count_max),
    )
    for column, compare, bound in bounds:
        if bound is not None:
            found.append(compare(column, bound))
    if query.exclude_units_with_parent:
        found.append(Unit.parent_id.is_(None))
    if query.samples:
        classes = Unit.sample.in_([one for one in query.samples if one != PRODUCTION])
        found.append(or_(classes, Unit.sample.is_(None)) if PRODUCTION in query.samples else classes)
    return found


def _by_runs(query: UnitQuery) -> list[ColumnElement[bool]]:
    fits: list[ColumnElement[bool]] = []
    if query.procedure_ids:
        fits.append(_one_of(Run.procedure_id, _ids(query.procedure_ids)))
    if query.outcomes:
        fits.append(Run.outcome.in_(query.outcomes))
    if query.started_after is not None:
        fits.append(Run.started_at >= query.started_after)
    if query.started_before is not None:
        fits.append(Run.started_at <= query.started_before)
    if not fits:
        return []
    whose = Run.id == last_run_id() if query.latest_only else Run.unit_id == Unit.id
    return [select(Run.id).where(and_(whose, *fits)).exists()]


def _ids(texts: Sequence[str]) -> list[str]:
    return [one.lower() for one in texts if is_id(one)]


def _one_of(column: Any, values: Sequence[str]) -> ColumnElement[bool]:
    """A comparison with one value keeps the order of an index, a list of one does not."""
    found: ColumnElement[bool] = column == values[0] if len(values) == 1 else column.in_(values)
    return found
