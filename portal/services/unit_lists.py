"""Units in lists: any filter, any order, a page at a time, in a fixed number of statements.

What a page shows of other tables in several rows (children, last runs) is read for all its units at once, after the
page itself: that one is then served by an index on units. Source: contract/v2-api.md §5.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import Select, func, select
from sqlalchemy.orm import aliased

from portal.models import Batch, Part, Procedure, Revision, Run, Unit
from portal.services.actors import Actor, Permission, require
from portal.services.paging import CountedPage, Listing, Place
from portal.services.refs import Maker, Ref, maker_of, with_maker
from portal.services.unit_queries import UnitQuery, last_run_id, narrow

if TYPE_CHECKING:
    from portal.database import Db

MOST_CHILDREN = 10

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
class LastRunView:
    """The newest run of a unit that whoever asks may see."""

    id: str
    outcome: str
    started_at: datetime
    ended_at: datetime
    procedure: Ref


@dataclass(frozen=True)
class UnitFacts:
    """What a unit is. ``part.name``, ``revision.name`` and ``batch.name`` are their numbers."""

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
    maker: Maker


@dataclass(frozen=True)
class UnitRow(UnitFacts):
    """A unit in a list. The names of ``parent`` and ``children`` (the first ones only) are serial numbers."""

    parent: Ref | None
    children: list[Ref]
    last_run: LastRunView | None


def list_units(db: Db, actor: Actor, query: UnitQuery, place: Place) -> CountedPage[UnitRow]:
    """A page of units. Raises `BadRequest` for a cursor that is none; `Forbidden`."""
    require(actor, Permission.VIEW)
    wanted = select_places(actor) if place.sort_by == "last_run_procedure" else select_units(actor)
    rows, cursor = UNITS.page(db, narrow(db, actor, wanted, query), place)
    return CountedPage(rows_of(db, actor, rows), cursor)


def select_units(actor: Actor) -> Select[Any]:
    """The statement behind every list of units: one row for `rows_of`."""
    wanted: Select[*tuple[Any, ...]] = (
        select(Unit, Revision, Part, Batch, Parent)
        .join(Revision, Revision.id == Unit.revision_id)
        .join(Part, Part.id == Revision.part_id)
        .outerjoin(Batch, Batch.id == Unit.batch_id)
        .outerjoin(Parent, Parent.id == Unit.parent_id)
    )
    return with_maker(wanted, Unit, actor)


def select_places(actor: Actor) -> Select[Any]:
    """The same with all that units can be sorted by: also the procedure of the newest run."""
    return (
        select_units(actor)
        .outerjoin(LastRun, LastRun.id == last_run_id(actor))
        .outerjoin(LastProcedure, LastProcedure.id == LastRun.procedure_id)
    )


def rows_of(db: Db, actor: Actor, found: Sequence[Any]) -> list[UnitRow]:
    """Rows of that statement, with the last runs and first children of all of them in two more statements."""
    ids = [row[0].id for row in found]
    children, last_runs = _first_children(db, ids), _last_runs(db, actor, ids)
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


def _last_runs(db: Db, actor: Actor, ids: Sequence[str]) -> dict[str, LastRunView]:
    wanted = (
        select(Unit.id, Run, Procedure.id, Procedure.name)
        .select_from(Unit)
        .join(Run, Run.id == last_run_id(actor))
        .join(Procedure, Procedure.id == Run.procedure_id)
        .where(Unit.id.in_(ids))
    )
    return {
        unit_id: LastRunView(run.id, run.outcome, run.started_at, run.ended_at, Ref(procedure_id, name))
        for unit_id, run, procedure_id, name in db.session.execute(wanted)
    }
