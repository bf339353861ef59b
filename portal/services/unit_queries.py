"""Which units: the filters of every list of them. Source: contract/v2-api.md §5."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, Select, and_, or_, select
from sqlalchemy.orm import aliased

from portal.models import Batch, Part, Revision, Run, Unit
from portal.services.actors import Actor
from portal.services.metadata import Condition, matching
from portal.services.names import is_id, same
from portal.services.serial_search import units_with_piece
from portal.services.station_lookup import visible_runs

if TYPE_CHECKING:
    from portal.database import Db

MOST_FOUND = 200  # by a piece of the serial number: of more, a page is soon found in the list's order
PRODUCTION = "production"  # not a class of units but the lack of one


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


def narrow(db: Db, actor: Actor, wanted: Select[Any], query: UnitQuery) -> Select[Any]:
    """The statement with the conditions of the query. Part, revision and batch are looked up at once."""
    conditions = [*_by_refs(db, query), *_by_itself(db, query), *_by_runs(actor, query)]
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


def _by_itself(db: Db, query: UnitQuery) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if query.search:
        found.append(_searched(db, same(query.search)))
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


def _searched(db: Db, typed: str) -> ColumnElement[bool]:
    few = units_with_piece(db, typed, MOST_FOUND)
    return _one_of(Unit.id, few) if few is not None else Unit.serial_key.contains(typed, autoescape=True)


def _by_runs(actor: Actor, query: UnitQuery) -> list[ColumnElement[bool]]:
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
    whose = [Run.id == last_run_id(actor)] if query.latest_only else [Run.unit_id == Unit.id, *visible_runs(actor)]
    return [select(Run.id).where(and_(*whose, *fits)).exists()]


def last_run_id(actor: Actor) -> Any:
    """The id of the newest run of a unit that the actor may see, as a part of a statement on units."""
    newest = aliased(Run)
    return (
        select(newest.id)
        .where(newest.unit_id == Unit.id, *visible_runs(actor, newest))
        .order_by(newest.started_at.desc(), newest.id.desc())
        .limit(1)
        .correlate(Unit)
        .scalar_subquery()
    )


def _ids(texts: Sequence[str]) -> list[str]:
    return [one.lower() for one in texts if is_id(one)]


def _one_of(column: Any, values: Sequence[str]) -> ColumnElement[bool]:
    """A comparison with one value keeps the order of an index, a list of one does not."""
    found: ColumnElement[bool] = column == values[0] if len(values) == 1 else column.in_(values)
    return found
