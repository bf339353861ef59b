"""Units under test: made, changed, removed. Serial numbers are compared without regard to case.

Lists are in `unit_lists`, trees in `unit_children`, all about one in `unit_details`. Source: contract/v2-api.md §5.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, select, update

from portal.errors import Conflict, NotFound
from portal.models import Attachment, Batch, Part, Revision, Run, Unit
from portal.services import audit, edits
from portal.services.actors import Actor, Permission, require
from portal.services.attachments import announce_upload, delete_attachments, link_uploads
from portal.services.batches import take_batch
from portal.services.metadata import merged
from portal.services.names import same
from portal.services.parts import take_part, take_revision_for
from portal.services.revisions import take_revision
from portal.services.serial_search import move_serial_pieces
from portal.services.unit_lists import UNITS, select_places
from portal.services.unit_lookup import find_unit, insert_unit
from portal.services.upsert import is_unique

if TYPE_CHECKING:
    from portal.database import Db


@dataclass(frozen=True)
class NewUnit:
    """A unit to be made."""

    serial_number: str
    part_number: str
    revision_number: str
    sample: str | None = None
    metadata: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class UnitChanges:
    """What an update names; None: nothing of it. ``clears``: those of ``batch_number`` and ``sample`` to be emptied."""

    new_serial_number: str | None = None
    part_number: str | None = None
    revision_number: str | None = None
    batch_number: str | None = None
    sample: str | None = None
    attachments: tuple[str, ...] = ()
    metadata: dict[str, Any] | None = None
    clears: frozenset[str] = frozenset()


def create_unit(db: Db, actor: Actor, unit: NewUnit, now: datetime | None = None) -> Unit:
    """Make a unit; its part and revision as well when nobody knows them.

    Raises `Conflict` when there is one of that serial number; `Forbidden`.
    """
    require(actor, Permission.RECORD)
    now = now or datetime.now(UTC)
    with db.write():
        part = take_part(db, actor, unit.part_number, now)
        revision = take_revision(db, actor, part.id, unit.revision_number, now)
        facts = {"sample": unit.sample, "unit_metadata": unit.metadata}
        if not insert_unit(db, actor, unit.serial_number, revision.id, now, **facts):
            raise _taken(unit.serial_number, "serial_number")
        made = find_unit(db, unit.serial_number)
        audit.record(db, actor, "unit:created", made, audit.made(**_fields(db, made)))
    return made


def update_unit(db: Db, actor: Actor, serial_number: str, changes: UnitChanges, if_match: str | None = None) -> Unit:
    """Change what is named: rename, move to another part, revision or batch (made when unknown), add files, and more.

    Runs keep the part, revision and batch that the unit had when it was tested. Raises `NotFound`; `Conflict`;
    `BadRequest`; `Forbidden`; `PreconditionFailed`.
    """
    require(actor, Permission.RECORD)
    now = datetime.now(UTC)
    with db.write():
        # An unknown unit makes no parts. It is locked after what it refers to, in the order in which runs take them.
        present = db.session.get_one(Revision, find_unit(db, serial_number).revision_id)
        revision = take_revision_for(db, actor, present, changes.part_number, changes.revision_number, now)
        batch = take_batch(db, actor, changes.batch_number, now) if changes.batch_number is not None else None
        unit = find_unit(db, serial_number, to_change=True)
        edits.check(unit, if_match)
        before = _fields(db, unit)
        if revision.id != present.id:
            unit.revision_id = revision.id
        if batch is not None or "batch_number" in changes.clears:
            unit.batch_id = batch.id if batch is not None else None
        if changes.sample is not None or "sample" in changes.clears:
            unit.sample = changes.sample
        if changes.metadata is not None:
            unit.unit_metadata = merged(unit.unit_metadata, changes.metadata)
        if changes.new_serial_number is not None:
            _rename(db, unit, changes.new_serial_number)
        link_uploads(db, actor, changes.attachments, unit)
        edits.touch(unit, now)
        after = _fields(db, unit) | ({"files": list(changes.attachments)} if changes.attachments else {})
        audit.record(db, actor, "unit:changed", unit, audit.differences(before, after))
    return unit


def delete_units(db: Db, actor: Actor, serial_numbers: Sequence[str]) -> list[str]:
    """Remove units that were never tested, all of them or none: their ids. What was built into them stays, by itself.

    Raises `NotFound` when one is unknown; `Conflict` when one has runs, which would be of nothing; `Forbidden`.
    """
    require(actor, Permission.EDIT)
    asked = {same(one): one for one in serial_numbers}
    with db.write():
        # In one order, so that two deletions do not wait for each other.
        found = {key: find_unit(db, asked[key], to_change=True) for key in sorted(asked)}
        units = [found[key] for key in asked]
        ids = [unit.id for unit in units]
        tested = select(Unit.serial_number).where(
            Unit.id.in_(ids), select(Run.id).where(Run.unit_id == Unit.id).exists()
        )
        with_runs = db.session.scalar(tested.limit(1))
        if with_runs is not None:
            raise Conflict(f"The unit {with_runs} has runs: remove those first. Nothing was removed.", "serial_numbers")
        UNITS.remember(db, select_places(actor), ids)
        for unit in units:
            audit.record(db, actor, "unit:deleted", unit, audit.removed(**_fields(db, unit)))
            move_serial_pieces(db, unit.id, unit.serial_key, None)
        files = db.session.scalars(select(Attachment.id).where(Attachment.unit_id.in_(ids))).all()
        delete_attachments(db, actor, files)
        db.session.execute(update(Unit).where(Unit.parent_id.in_(ids)).values(parent_id=None))
        db.session.execute(delete(Unit).where(Unit.id.in_(ids)))
    return ids


def attach_to_unit(db: Db, actor: Actor, serial_number: str, name: str) -> Attachment:
    """Announce a file of the unit; its bytes come later. Raises `NotFound`; `BadRequest`; `Forbidden`."""
    require(actor, Permission.RECORD)
    with db.write():
        unit = find_unit(db, serial_number)
        announced = announce_upload(db, actor, name)
        link_uploads(db, actor, [announced.id], unit)
        audit.record(db, actor, "unit:changed", unit, {"files": (None, announced.name)})
    return announced


def detach_from_unit(db: Db, actor: Actor, serial_number: str, attachment_ids: Sequence[str]) -> list[str]:
    """Remove files of the unit, all or none: their ids. Raises `NotFound` for a file that is not its; `Forbidden`."""
    require(actor, Permission.EDIT)
    with db.write():
        unit = find_unit(db, serial_number)
        own = set(db.session.scalars(select(Attachment.id).where(Attachment.unit_id == unit.id)))
        if not own.issuperset(one.lower() for one in attachment_ids):
            raise NotFound("attachment of this unit")
        edits.touch(unit)
        return delete_attachments(db, actor, attachment_ids)


def _fields(db: Db, unit: Unit) -> dict[str, Any]:
    revision = db.session.get_one(Revision, unit.revision_id)
    return {
        "serial_number": unit.serial_number,
        "part_number": db.session.get_one(Part, revision.part_id).number,
        "revision_number": revision.number,
        "batch_number": db.session.get_one(Batch, unit.batch_id).number if unit.batch_id is not None else None,
        "sample": unit.sample,
        "metadata": unit.unit_metadata or {},
    }


def _rename(db: Db, unit: Unit, serial_number: str) -> None:
    other = select(Unit.serial_number).where(Unit.serial_key == same(serial_number), Unit.id != unit.id)
    taken = db.session.scalar(other)
    before = unit.serial_key
    unit.serial_number, unit.serial_key = serial_number, same(serial_number)
    if taken is not None or not is_unique(db):
        raise _taken(taken or serial_number, "new_serial_number")
    move_serial_pieces(db, unit.id, before, unit.serial_key)


def _taken(serial_number: str, *path: str) -> Conflict:
    return Conflict(f"There already exists a unit with the serial number {serial_number}.", *path)
