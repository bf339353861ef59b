"""Parts: what is made. Numbers are compared without regard to case. Source: contract/v2-api.md §6."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import Select, delete, func, or_, select
from sqlalchemy.exc import IntegrityError

from portal.errors import BadRequest, Conflict
from portal.models import Part, Revision, Run
from portal.models.base import new_id
from portal.services import audit, edits
from portal.services.actors import Actor, Permission, require
from portal.services.metadata import Condition, matching, merged
from portal.services.names import is_id, same
from portal.services.paging import CountedPage, Listing, Place
from portal.services.part_lookup import find_part
from portal.services.refs import Maker, maker_of, with_maker
from portal.services.revisions import insert_revision, remove_revisions, take_default_revision, take_revision
from portal.services.upsert import insert_or_ignore, is_unique

if TYPE_CHECKING:
    from portal.database import Db

PARTS = Listing(
    "parts",
    Part.id,
    Part.ordinal,
    {"created_at": Part.created_at, "number": Part.number_key, "name": func.lower(Part.name)},
)


@dataclass(frozen=True)
class NewPart:
    """A part to be made. Without a name it is called by its number; without a revision it gets the default one."""

    number: str
    name: str | None = None
    revision_number: str | None = None
    metadata: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class PartChanges:
    """What an update names; None: nothing of it."""

    new_number: str | None = None
    name: str | None = None
    metadata: dict[str, Any] | None = None


@dataclass(frozen=True)
class PartQuery:
    """Which parts: all that is given must fit. ``search``: a piece of the number, the name or a revision's number.

    ``procedure_ids``: parts that were tested with one of these.
    """

    search: str | None = None
    procedure_ids: tuple[str, ...] = ()
    metadata: dict[str, Condition] = field(default_factory=dict)


@dataclass(frozen=True)
class RevisionRow:
    """A revision of a part."""

    id: str
    number: str
    created_at: datetime


@dataclass(frozen=True)
class PartRow:
    """A part in a list, with its revisions in the order in which they were made."""

    id: str
    number: str
    name: str
    created_at: datetime
    metadata: dict[str, Any]
    revisions: list[RevisionRow]
    maker: Maker


@dataclass(frozen=True)
class PartDetail(PartRow):
    """A part. ``etag``: of this state of it."""

    etag: str


def create_part(db: Db, actor: Actor, part: NewPart, now: datetime | None = None) -> Part:
    """Make a part with its first revision. Raises `Conflict` when there is one of that number; `Forbidden`."""
    require(actor, Permission.RECORD)
    now = now or datetime.now(UTC)
    with db.write():
        if not _insert(db, actor, part, now):
            raise Conflict(f"There already exists a part with the number {part.number}.", "number")
        made = find_part(db, part.number)
        if part.revision_number is None:
            take_default_revision(db, actor, made.id, now)
        else:
            # The only revision is the default one: units whose revision nobody names are filed under it.
            insert_revision(db, actor, made.id, part.revision_number, now, is_default=True)
        audit.record(db, actor, "part:created", made, audit.made(**_fields(made)))
    return made


def take_part(db: Db, actor: Actor, number: str, now: datetime) -> Part:
    """The part of that number, made when there is none. Inside the write transaction of whoever may."""
    wanted = select(Part).where(Part.number_key == same(number))
    found = db.session.scalar(wanted)
    if found is None:
        _insert(db, actor, NewPart(number), now)
        found = db.session.scalars(wanted).one()
    return found


def take_revision_for(
    db: Db, actor: Actor, present: Revision | None, part_number: str | None, revision_number: str | None, now: datetime
) -> Revision:
    """The revision of a unit after something has named its part, its revision, both or neither; made when unknown.

    present: the one that the unit has; None for a new unit, whose part must be named. Another part without a revision
    means that part's default one.
    """
    if part_number is not None:
        part_id = take_part(db, actor, part_number, now).id
    else:
        assert present is not None  # noqa: S101  (for a new unit the part is named)
        part_id = present.part_id
    if revision_number is not None:
        return take_revision(db, actor, part_id, revision_number, now)
    if present is not None and present.part_id == part_id:
        return present
    return take_default_revision(db, actor, part_id, now)


def show_part(db: Db, actor: Actor, number: str) -> PartDetail:
    """One part. Raises `NotFound`; `Forbidden`."""
    require(actor, Permission.VIEW)
    part = find_part(db, number)
    (row,) = _with_revisions(db, db.session.execute(_rows(actor).where(Part.id == part.id)).all())
    return PartDetail(**vars(row), etag=edits.etag(part))


def list_parts(db: Db, actor: Actor, query: PartQuery, place: Place) -> CountedPage[PartRow]:
    """A page of parts. Raises `BadRequest` for a cursor that is none; `Forbidden`."""
    require(actor, Permission.VIEW)
    rows, cursor = PARTS.page(db, _narrow(db, _rows(actor), query), place)
    return CountedPage(_with_revisions(db, rows), cursor)


def update_part(db: Db, actor: Actor, number: str, changes: PartChanges, if_match: str | None = None) -> Part:
    """Change what is named. Raises `NotFound`; `Conflict`; `BadRequest`; `Forbidden`; `PreconditionFailed`."""
    require(actor, Permission.EDIT)
    if changes == PartChanges():
        raise BadRequest("Nothing is to be changed: send at least one field of new_number, name and metadata.")
    with db.write():
        part = find_part(db, number, to_change=True)
        edits.check(part, if_match)
        before = _fields(part)
        if changes.new_number is not None:
            _rename(db, part, changes.new_number)
        part.name = part.name if changes.name is None else changes.name
        if changes.metadata is not None:
            part.part_metadata = merged(part.part_metadata, changes.metadata)
        edits.touch(part)
        audit.record(db, actor, "part:changed", part, audit.differences(before, _fields(part)))
    return part


def delete_part(db: Db, actor: Actor, number: str) -> tuple[str, list[str]]:
    """Remove a part that nothing uses, with its revisions: its id and theirs.

    Raises `NotFound`; `Conflict` while units or runs are of this part; `Forbidden`.
    """
    require(actor, Permission.EDIT)
    with db.write():
        part = find_part(db, number, to_change=True)
        what = f"The part {part.number}"
        if db.session.scalar(select(Run.id).where(Run.part_id == part.id).limit(1)) is not None:
            raise Conflict(f"{what} has runs: remove those first. Nothing was removed.")
        revisions = list(db.session.scalars(select(Revision).where(Revision.part_id == part.id)))
        PARTS.remember(db, _rows(actor), [part.id])
        audit.record(db, actor, "part:deleted", part, audit.removed(**_fields(part)))
        remove_revisions(db, actor, revisions, what)
        try:
            db.session.execute(delete(Part).where(Part.id == part.id))
        except IntegrityError as error:  # a run was filed under it in this very moment
            raise Conflict(f"{what} is being used just now. Nothing was removed.") from error
    return part.id, [revision.id for revision in revisions]


def _fields(part: Part) -> dict[str, Any]:
    return {"number": part.number, "name": part.name, "metadata": part.part_metadata or {}}


def _rows(actor: Actor) -> Select[Any]:
    return with_maker(select(Part), Part, actor)


def _with_revisions(db: Db, rows: Sequence[Any]) -> list[PartRow]:
    """The rows of the list's statement, and the revisions of all of them in one more."""
    found: dict[str, list[RevisionRow]] = {row[0].id: [] for row in rows}
    wanted = (
        select(Revision.part_id, Revision.id, Revision.number, Revision.created_at)
        .where(Revision.part_id.in_(found))
        .order_by(Revision.created_at, Revision.id)
    )
    for part_id, revision_id, number, made_at in db.session.execute(wanted):
        found[part_id].append(RevisionRow(revision_id, number, made_at))
    return [
        PartRow(
            part.id,
            part.number,
            part.name,
            part.created_at,
            part.part_metadata or {},
            found[part.id],
            maker_of(user, station),
        )
        for part, user, station in rows
    ]


def _narrow(db: Db, wanted: Select[Any], query: PartQuery) -> Select[Any]:
    if query.search:
        piece = query.search.strip().replace("\0", "")
        of_part = select(Revision.id).where(Revision.part_id == Part.id)
        wanted = wanted.where(
            or_(
                Part.number_key.contains(same(piece), autoescape=True),
                func.lower(Part.name).contains(piece.lower(), autoescape=True),
                Part.name.contains(piece, autoescape=True),  # SQLite's lower() knows only A to Z
                of_part.where(Revision.number_key.contains(same(piece), autoescape=True)).exists(),
            )
        )
    if query.procedure_ids:
        ids = [one.lower() for one in query.procedure_ids if is_id(one)]
        wanted = wanted.where(select(Run.id).where(Run.part_id == Part.id, Run.procedure_id.in_(ids)).exists())
    for condition in matching(db, Part.part_metadata, query.metadata):
        wanted = wanted.where(condition)
    return wanted


def _insert(db: Db, actor: Actor, part: NewPart, now: datetime) -> bool:
    return insert_or_ignore(
        db, Part, id=new_id(), number=part.number, number_key=same(part.number), name=part.name or part.number,
        created_at=now, part_metadata=part.metadata, created_by_user_id=actor.user_id,
        created_by_station_id=actor.station_id,
    )  # fmt: skip


def _rename(db: Db, part: Part, number: str) -> None:
    taken = db.session.scalar(select(Part.number).where(Part.number_key == same(number), Part.id != part.id))
    part.number, part.number_key = number, same(number)
    if taken is not None or not is_unique(db):
        raise Conflict(f"There already exists a part with the number {taken or number}.", "new_number")
