"""The unit and the version that a record names, and the unit's part, revision and batch: found, or made on the fly.

All are compared without regard to case; the spelling of the first use is kept. Two records that bring the same new part
at once make one part: the database settles it. Rows are always taken in the same order (part, revision, batch, unit),
so that two records never wait for each other. Source: contract/v2-api.md §3.1.

Most records are of a unit that stays what it is, or of a new one of a known part: they are served by statements that
are made once (`_UNIT`, `_REVISION`). Whatever else a record brings takes the longer way.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, case, or_, select, update

from portal import driver
from portal.errors import BadRequest
from portal.models import Part, ProcedureVersion, Revision, Unit
from portal.models.base import new_id
from portal.services.batches import take_batch
from portal.services.names import same
from portal.services.parts import take_revision_for
from portal.services.unit_lookup import insert_unit
from portal.services.upsert import insert_or_ignore

if TYPE_CHECKING:
    from portal.database import Db
    from portal.services.actors import Actor
    from portal.services.run_input import RunIn

_PARTS, _REVISIONS, _UNITS, _VERSIONS = (model.__table__.c for model in (Part, Revision, Unit, ProcedureVersion))
_UNIT = (
    select(
        _UNITS.id,
        _UNITS.revision_id,
        _UNITS.batch_id,
        _REVISIONS.part_id,
        _REVISIONS.number_key.label("revision_key"),
        _PARTS.number_key.label("part_key"),
    )
    .join_from(Unit.__table__, Revision.__table__, _REVISIONS.id == _UNITS.revision_id)
    .join(Part.__table__, _PARTS.id == _REVISIONS.part_id)
    .where(_UNITS.serial_key == bindparam("serial"))
)
_REVISION = (
    select(_REVISIONS.id, _REVISIONS.part_id)
    .join_from(Revision.__table__, Part.__table__, _PARTS.id == _REVISIONS.part_id)
    .where(
        _PARTS.number_key == bindparam("part"),
        or_(_REVISIONS.number_key == bindparam("revision"), bindparam("by_default") & _REVISIONS.is_default),
    )
)
_AT = bindparam("at", type_=_UNITS.last_run_at.type)
_COUNT_RUN = (
    update(Unit)
    .where(_UNITS.id == bindparam("unit"))
    .values(
        run_count=_UNITS.run_count + 1,
        last_run_at=case((_UNITS.last_run_at > _AT, _UNITS.last_run_at), else_=_AT),
    )
)
_VERSION = select(_VERSIONS.id).where(
    _VERSIONS.procedure_id == bindparam("procedure"), _VERSIONS.tag_key == bindparam("tag")
)


@dataclass(frozen=True)
class UnitTaken:
    """The unit under test as it is with this record. ``is_new``: the record has made it."""

    id: str
    part_id: str
    revision_id: str
    batch_id: str | None
    is_new: bool


def take_unit(db: Db, actor: Actor, run: RunIn, identifier: str, now: datetime) -> UnitTaken:
    """The unit under test, moved to the part, revision and batch that the record names.

    A new unit from a station that names no part is filed under the procedure's ``identifier``: a bench has nobody to
    ask hours later, and its record must not be refused. Anybody else is told: raises `BadRequest`.
    """
    found = driver.first(db, _UNIT, serial=same(run.serial_number))
    if found is None and run.part_number is None and actor.is_station:
        run = run.model_copy(update={"part_number": identifier})
    if run.part_number is None and found is None:
        raise BadRequest(
            f"The unit {run.serial_number!r} is new, and its part number is missing: send part_number.", "part_number"
        )
    if found is None:
        taken = _insert_of_known_part(db, actor, run, now)
    else:
        taken = _as_it_is(found, run)
    if taken is None:
        taken = _take(db, actor, run, now)
    if not taken.is_new:
        driver.change(db, _COUNT_RUN, unit=taken.id, at=run.started_at)
    return taken


def take_version(db: Db, actor: Actor, procedure_id: str, tag: str, now: datetime) -> str:
    """The id of the procedure's version of that tag, made when there is none."""
    wanted = {"procedure": procedure_id, "tag": same(tag)}
    found = driver.first(db, _VERSION, **wanted)
    if found is None:
        insert_or_ignore(
            db, ProcedureVersion, id=new_id(), procedure_id=procedure_id, tag=tag, tag_key=same(tag), created_at=now,
            created_by_user_id=actor.user_id, created_by_station_id=actor.station_id,
        )  # fmt: skip
        found = driver.first(db, _VERSION, **wanted)
    return str(found.id)


def _as_it_is(found: Any, run: RunIn) -> UnitTaken | None:
    """A known unit of which the record says nothing new; None where it does."""
    is_same_part = run.part_number is None or same(run.part_number) == found.part_key
    is_same_revision = run.revision_number is None or same(run.revision_number) == found.revision_key
    if is_same_part and is_same_revision and run.batch_number is None and not run.unit_metadata:
        return UnitTaken(found.id, found.part_id, found.revision_id, found.batch_id, is_new=False)
    return None


def _insert_of_known_part(db: Db, actor: Actor, run: RunIn, now: datetime) -> UnitTaken | None:
    """A new unit of a part and revision that are there; None where something else must be made too."""
    if run.part_number is None or run.batch_number is not None or run.unit_metadata:
        return None
    revision = driver.first(
        db, _REVISION, part=same(run.part_number), revision=same(run.revision_number or ""),
        by_default=run.revision_number is None,
    )  # fmt: skip
    if revision is None:
        return None
    unit_id = new_id()
    if not insert_unit(db, actor, run.serial_number, revision.id, now, id=unit_id, **_first(run)):
        return None  # somebody has made it in this very moment
    return UnitTaken(unit_id, revision.part_id, revision.id, None, is_new=True)


def _first(run: RunIn) -> dict[str, Any]:
    """What a unit says of its runs when this is its first."""
    return {"run_count": 1, "last_run_at": run.started_at}


def _take(db: Db, actor: Actor, run: RunIn, now: datetime) -> UnitTaken:
    """The longer way: whatever is new is made, and the unit is moved."""
    key = same(run.serial_number)
    unit = db.session.scalar(select(Unit).where(Unit.serial_key == key))
    present = db.session.get(Revision, unit.revision_id) if unit is not None else None
    revision = take_revision_for(db, actor, present, run.part_number, run.revision_number, now)
    batch_id = take_batch(db, actor, run.batch_number, now).id if run.batch_number is not None else None
    is_new = False
    if unit is None:
        is_new = insert_unit(db, actor, run.serial_number, revision.id, now, batch_id=batch_id, **_first(run))
    locked = select(Unit).where(Unit.serial_key == key).with_for_update().execution_options(populate_existing=True)
    unit = db.session.scalars(locked).one()
    unit.revision_id = revision.id
    unit.batch_id = batch_id or unit.batch_id
    if run.unit_metadata:
        unit.unit_metadata = {**(unit.unit_metadata or {}), **run.unit_metadata}
    db.session.flush()
    return UnitTaken(unit.id, revision.part_id, revision.id, unit.batch_id, is_new)
