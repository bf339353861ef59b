"""Revisions of parts. Numbers are compared without regard to case, within their part. Source: contract/v2-api.md §6."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, select
from sqlalchemy.exc import IntegrityError

from portal.errors import Conflict
from portal.models import Attachment, Part, Revision, Run, Unit
from portal.models.base import new_id
from portal.services import audit, edits
from portal.services.actors import Actor, Permission, require
from portal.services.attachments import delete_attachments, link_uploads
from portal.services.lookup import the_one
from portal.services.metadata import merged
from portal.services.names import same
from portal.services.part_lookup import find_part
from portal.services.refs import Maker, Ref, maker_of, with_maker
from portal.services.upsert import insert_or_ignore, is_unique

if TYPE_CHECKING:
    from portal.database import Db

DEFAULT_REVISION = "A"
MOST_UNITS = 1000  # a part may have a million units: who wants all pages through the list of units


@dataclass(frozen=True)
class RevisionChanges:
    """What an update names; None: nothing of it. ``image_id``: an announced file, empty for no picture any more."""

    number: str | None = None
    image_id: str | None = None
    metadata: dict[str, Any] | None = None


@dataclass(frozen=True)
class RevisionDetail:
    """A revision with its part, whose name in ``part`` is its number, and its newest units."""

    id: str
    number: str
    created_at: datetime
    part: Ref
    part_name: str
    metadata: dict[str, Any]
    units: list[Ref]
    maker: Maker
    etag: str


def create_revision(
    db: Db, actor: Actor, part_number: str, number: str, metadata: dict[str, Any], now: datetime | None = None
) -> Revision:
    """Make a revision of a part. Raises `NotFound` for the part; `Conflict`; `Forbidden`."""
    require(actor, Permission.RECORD)
    with db.write():
        part = find_part(db, part_number)
        if not insert_revision(db, actor, part.id, number, now or datetime.now(UTC), metadata):
            raise Conflict(f"There already exists a revision {number} of the part {part.number}.", "number")
        made = _get(db, part, number)
        edits.touch(part)
        _record(db, actor, "created", part, made, {}, _fields(made))
    return made


def show_revision(db: Db, actor: Actor, part_number: str, number: str, most_units: int = MOST_UNITS) -> RevisionDetail:
    """One revision with its newest units, at most so many. Raises `NotFound`; `Forbidden`."""
    require(actor, Permission.VIEW)
    part = find_part(db, part_number)
    revision = _get(db, part, number)
    made_by = with_maker(select(Revision.id), Revision, actor).where(Revision.id == revision.id)
    _, user, station = db.session.execute(made_by).one()
    units = (
        select(Unit.id, Unit.serial_number)
        .where(Unit.revision_id == revision.id)
        .order_by(Unit.created_at.desc(), Unit.id.desc())
        .limit(most_units)
    )
    return RevisionDetail(
        id=revision.id,
        number=revision.number,
        created_at=revision.created_at,
        part=Ref(part.id, part.number),
        part_name=part.name,
        metadata=revision.revision_metadata or {},
        units=[Ref(*row) for row in db.session.execute(units)],
        maker=maker_of(user, station),
        etag=edits.etag(revision),
    )


def update_revision(
    db: Db, actor: Actor, part_number: str, number: str, changes: RevisionChanges, if_match: str | None = None
) -> Revision:
    """Change what is named. Raises `NotFound`; `Conflict`; `BadRequest`; `Forbidden`; `PreconditionFailed`."""
    require(actor, Permission.EDIT)
    with db.write():
        part = find_part(db, part_number)
        revision = _get(db, part, number, to_change=True)
        edits.check(revision, if_match)
        before = _fields(revision)
        if changes.number is not None:
            _rename(db, part, revision, changes.number)
        if changes.metadata is not None:
            revision.revision_metadata = merged(revision.revision_metadata, changes.metadata)
        if changes.image_id is not None:
            _set_image(db, actor, revision, changes.image_id)
        after = _fields(revision) | ({} if changes.image_id is None else {"image": changes.image_id or None})
        edits.touch(revision)
        edits.touch(part)
        _record(db, actor, "changed", part, revision, before, after)
    return revision


def delete_revision(db: Db, actor: Actor, part_number: str, number: str) -> str:
    """Remove a revision that nothing uses. Its id. Raises `NotFound`; `Conflict`; `Forbidden`."""
    require(actor, Permission.EDIT)
    with db.write():
        part = find_part(db, part_number)
        revision = _get(db, part, number)
        _record(db, actor, "deleted", part, revision, _fields(revision), {})
        edits.touch(part)
        remove_revisions(db, actor, [revision], f"The revision {revision.number} of the part {part.number}")
    return revision.id


def remove_revisions(db: Db, actor: Actor, revisions: list[Revision], what: str) -> None:
    """Take revisions and their pictures out; inside the write transaction of whoever may.

    what: names them in the refusal. Raises `Conflict` while units or runs use one of them.
    """
    ids = [revision.id for revision in revisions]
    for table, words in ((Unit, "units"), (Run, "runs")):
        if db.session.scalar(select(table.id).where(table.revision_id.in_(ids)).limit(1)) is not None:
            raise Conflict(f"{what} has {words}: remove or move those first. Nothing was removed.")
    images = db.session.scalars(select(Attachment.id).where(Attachment.revision_id.in_(ids))).all()
    delete_attachments(db, actor, images)
    try:
        db.session.execute(delete(Revision).where(Revision.id.in_(ids)))
    except IntegrityError as error:  # a unit was filed under it in this very moment
        raise Conflict(f"{what} is being used just now. Nothing was removed.") from error


def take_revision(db: Db, actor: Actor, part_id: str, number: str, now: datetime) -> Revision:
    """The part's revision of that number, made when there is none. Inside the write transaction of whoever may."""
    wanted = select(Revision).where(Revision.part_id == part_id, Revision.number_key == same(number))
    found = db.session.scalar(wanted)
    if found is None:
        insert_revision(db, actor, part_id, number, now)
        found = db.session.scalars(wanted).one()
    return found


def take_default_revision(db: Db, actor: Actor, part_id: str, now: datetime) -> Revision:
    """The part's revision for units whose revision nobody has named."""
    wanted = select(Revision).where(Revision.part_id == part_id, Revision.is_default)
    found = db.session.scalar(wanted)
    if found is None and not insert_revision(db, actor, part_id, DEFAULT_REVISION, now, is_default=True):
        # Somebody named a revision "A" before: it becomes the default, unless another one just has.
        named = take_revision(db, actor, part_id, DEFAULT_REVISION, now)
        if db.session.scalar(wanted) is None:
            named.is_default = True
            db.session.flush()
    return found or db.session.scalars(wanted).one()


def insert_revision(
    db: Db,
    actor: Actor,
    part_id: str,
    number: str,
    now: datetime,
    metadata: dict[str, Any] | None = None,
    *,
    is_default: bool = False,
) -> bool:
    """Insert a revision unless one of that number is there. True when it was inserted."""
    return insert_or_ignore(
        db, Revision, id=new_id(), part_id=part_id, number=number, number_key=same(number), is_default=is_default,
        revision_metadata=metadata or {}, created_at=now, created_by_user_id=actor.user_id,
        created_by_station_id=actor.station_id,
    )  # fmt: skip


def _fields(revision: Revision) -> dict[str, Any]:
    return {"number": revision.number, "metadata": revision.revision_metadata or {}}


def _record(
    db: Db, actor: Actor, verb: str, part: Part, revision: Revision, before: dict[str, Any], after: dict[str, Any]
) -> None:
    changes = audit.differences(before, after)
    audit.record(
        db, actor, f"revision:{verb}", revision, changes, part_number=part.number, number=revision.number
    )  # fmt: skip


def _get(db: Db, part: Part, number: str, *, to_change: bool = False) -> Revision:
    wanted = select(Revision).where(Revision.part_id == part.id, Revision.number_key == same(number))
    what = f"revision of the part {part.number}: {number[:100]!r} was not found"
    return the_one(db, wanted, what, to_change=to_change)


def _rename(db: Db, part: Part, revision: Revision, number: str) -> None:
    other = select(Revision.number).where(
        Revision.part_id == part.id, Revision.number_key == same(number), Revision.id != revision.id
    )
    taken = db.session.scalar(other)
    revision.number, revision.number_key = number, same(number)
    if taken is not None or not is_unique(db):
        raise Conflict(f"There already exists a revision {taken or number} of the part {part.number}.", "number")


def _set_image(db: Db, actor: Actor, revision: Revision, image_id: str) -> None:
    present = db.session.scalars(select(Attachment.id).where(Attachment.revision_id == revision.id)).all()
    if image_id:
        link_uploads(db, actor, [image_id], revision)
    delete_attachments(db, actor, [one for one in present if one != image_id.lower()])
