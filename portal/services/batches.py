"""Production batches. Numbers are compared without regard to case. Source: contract/v2-api.md §7."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import Select, delete, func, select, update

from portal.errors import Conflict
from portal.models import Batch, Part, Revision, Run, Unit
from portal.models.base import new_id
from portal.services import audit, edits
from portal.services.actors import Actor, Permission, require
from portal.services.lookup import the_one
from portal.services.names import is_id, same
from portal.services.paging import CountedPage, Listing, Place
from portal.services.refs import Maker, Ref, maker_of, with_maker
from portal.services.upsert import insert_or_ignore

if TYPE_CHECKING:
    from portal.database import Db

BATCHES = Listing("batches", Batch.id, Batch.ordinal, {"created_at": Batch.created_at, "number": Batch.number_key})


@dataclass(frozen=True)
class BatchQuery:
    """Which batches: all that is given must fit, of several values any. ``search``: a piece of the number."""

    ids: tuple[str, ...] = ()
    numbers: tuple[str, ...] = ()
    part_numbers: tuple[str, ...] = ()
    revision_numbers: tuple[str, ...] = ()
    created_after: datetime | None = None
    created_before: datetime | None = None
    search: str | None = None


@dataclass(frozen=True)
class BatchRow:
    """A batch in a list."""

    id: str
    number: str
    created_at: datetime
    unit_count: int
    maker: Maker


@dataclass(frozen=True)
class BatchUnit:
    """A unit of a batch. ``part.name`` and ``revision.name`` are their numbers."""

    id: str
    serial_number: str
    created_at: datetime
    part: Ref
    part_name: str
    revision: Ref


@dataclass(frozen=True)
class BatchDetail(BatchRow):
    """A batch with its units, the newest first. ``etag``: of this state of it."""

    units: list[BatchUnit]
    etag: str


def create_batch(db: Db, actor: Actor, number: str, now: datetime | None = None) -> Batch:
    """Make a batch. ``number``: checked already. Raises `Conflict` when there is one of that number; `Forbidden`."""
    require(actor, Permission.RECORD)
    now = now or datetime.now(UTC)
    with db.write():
        if not _insert(db, actor, number, now):
            raise Conflict(f"There already exists a batch with the number {number}.", "number")
        made = get_batch(db, actor, number)
        audit.record(db, actor, "batch:created", made, audit.made(number=made.number))
    return made


def take_batch(db: Db, actor: Actor, number: str, now: datetime) -> Batch:
    """The batch of that number, made when there is none. Inside the write transaction of whoever may."""
    wanted = select(Batch).where(Batch.number_key == same(number))
    found = db.session.scalar(wanted)
    if found is None:
        _insert(db, actor, number, now)
        found = db.session.scalars(wanted).one()
    return found


def rename_batch(db: Db, actor: Actor, number: str, new_number: str, if_match: str | None = None) -> Batch:
    """Give the batch another number. Raises `NotFound`; `Conflict`; `Forbidden`; `PreconditionFailed`."""
    require(actor, Permission.EDIT)
    with db.write():
        db.serialise("batches")
        batch = get_batch(db, actor, number)
        edits.check(batch, if_match)
        other = db.session.scalar(select(Batch).where(Batch.number_key == same(new_number)))
        if other is not None and other.id != batch.id:
            raise Conflict(f"There already exists a batch with the number {other.number}.", "new_number")
        before, batch.number, batch.number_key = batch.number, new_number, same(new_number)
        edits.touch(batch)
        audit.record(db, actor, "batch:renamed", batch, {"number": (before, new_number)})
    return batch


def delete_batch(db: Db, actor: Actor, number: str) -> str:
    """Remove the batch; its units and runs stay, without one. Its id. Raises `NotFound`; `Forbidden`."""
    require(actor, Permission.EDIT)
    with db.write():
        batch = get_batch(db, actor, number)
        BATCHES.remember(db, _rows(actor), [batch.id])
        audit.record(db, actor, "batch:deleted", batch, audit.removed(number=batch.number))
        for table in (Unit, Run):  # said here and not left to the foreign key, which reads the whole table on SQLite
            db.session.execute(update(table).where(table.batch_id == batch.id).values(batch_id=None))
        db.session.execute(delete(Batch).where(Batch.id == batch.id))
    return batch.id


def get_batch(db: Db, actor: Actor, number: str) -> Batch:
    """The batch of that number. Raises `NotFound`; `Forbidden`."""
    require(actor, Permission.VIEW)
    return the_one(db, select(Batch).where(Batch.number_key == same(number)), "batch")


def show_batch(db: Db, actor: Actor, number: str) -> BatchDetail:
    """One batch with its units. Raises `NotFound`; `Forbidden`."""
    batch = get_batch(db, actor, number)
    row = _row_of(db.session.execute(_rows(actor).where(Batch.id == batch.id)).one())
    units = (
        select(Unit, Revision, Part)
        .join(Revision, Revision.id == Unit.revision_id)
        .join(Part, Part.id == Revision.part_id)
        .where(Unit.batch_id == batch.id)
        .order_by(Unit.created_at.desc(), Unit.id.desc())
    )
    found = [
        BatchUnit(
            unit.id,
            unit.serial_number,
            unit.created_at,
            Ref(part.id, part.number),
            part.name,
            Ref(revision.id, revision.number),
        )
        for unit, revision, part in db.session.execute(units)
    ]
    return BatchDetail(**vars(row), units=found, etag=edits.etag(batch))


def list_batches(db: Db, actor: Actor, query: BatchQuery, place: Place) -> CountedPage[BatchRow]:
    """A page of batches. Raises `BadRequest` for a cursor that is none; `Forbidden`."""
    require(actor, Permission.VIEW)
    rows, cursor = BATCHES.page(db, _narrow(_rows(actor), query), place)
    return CountedPage([_row_of(row) for row in rows], cursor)


def _rows(actor: Actor) -> Select[Any]:
    count = select(func.count()).select_from(Unit).where(Unit.batch_id == Batch.id).scalar_subquery()
    return with_maker(select(Batch, count), Batch, actor)


def _row_of(found: Any) -> BatchRow:
    batch, unit_count, user, station = found
    return BatchRow(batch.id, batch.number, batch.created_at, unit_count, maker_of(user, station))


def _narrow(wanted: Select[Any], query: BatchQuery) -> Select[Any]:
    if query.ids:
        wanted = wanted.where(Batch.id.in_([one.lower() for one in query.ids if is_id(one)]))
    if query.numbers:
        wanted = wanted.where(Batch.number_key.in_(map(same, query.numbers)))
    if query.search:
        wanted = wanted.where(Batch.number_key.contains(same(query.search), autoescape=True))
    if query.created_after is not None:
        wanted = wanted.where(Batch.created_at >= query.created_after)
    if query.created_before is not None:
        wanted = wanted.where(Batch.created_at <= query.created_before)
    if query.part_numbers or query.revision_numbers:
        inside = select(Unit.id).join(Revision, Revision.id == Unit.revision_id).where(Unit.batch_id == Batch.id)
        if query.part_numbers:
            inside = inside.join(Part, Part.id == Revision.part_id)
            inside = inside.where(Part.number_key.in_(map(same, query.part_numbers)))
        if query.revision_numbers:
            inside = inside.where(Revision.number_key.in_(map(same, query.revision_numbers)))
        wanted = wanted.where(inside.exists())
    return wanted


def _insert(db: Db, actor: Actor, number: str, now: datetime) -> bool:
    return insert_or_ignore(
        db, Batch, id=new_id(), number=number, number_key=same(number), created_at=now,
        created_by_user_id=actor.user_id, created_by_station_id=actor.station_id,
    )  # fmt: skip
