"""The unit, part, revision, batch and version that a record names: found, or made on the fly.

All are compared without regard to case; the spelling of the first use is kept. Two records that bring the same new part
at once make one part: the database settles it. Rows are always taken in the same order (part, revision, batch, unit),
so that two records never wait for each other. Source: contract/v2-api.md §3.1.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import select

from portal.errors import BadRequest, NotFound
from portal.models import Part, Procedure, ProcedureVersion, Revision, RunSubUnit, Unit
from portal.models.base import new_id
from portal.services.batches import take_batch
from portal.services.names import same
from portal.services.upsert import insert_or_ignore

if TYPE_CHECKING:
    from portal.database import Db
    from portal.services.actors import Actor
    from portal.services.run_input import RunIn

DEFAULT_REVISION = "A"


def take_unit(db: Db, actor: Actor, run: RunIn, procedure: Procedure, now: datetime) -> tuple[Unit, str, bool]:
    """The unit under test, moved to the part, revision and batch that the record names; its part's id; is it new?

    A new unit from a station that names no part is filed under the procedure's identifier: a bench has nobody to ask
    hours later, and its record must not be refused. Anybody else is told: raises `BadRequest`.
    """
    key = same(run.serial_number)
    unit = db.session.scalar(select(Unit).where(Unit.serial_key == key))
    if unit is None and run.part_number is None and actor.is_station:
        run = run.model_copy(update={"part_number": procedure.identifier})
    if run.part_number is None and unit is None:
        raise BadRequest(
            f"The unit {run.serial_number!r} is new, and its part number is missing: send part_number.", "part_number"
        )
    revision = _revision(db, actor, run, unit, now)
    batch_id = take_batch(db, actor, run.batch_number, now).id if run.batch_number is not None else None
    is_new = False
    if unit is None:
        is_new = insert_or_ignore(
            db, Unit, id=new_id(), serial_number=run.serial_number, serial_key=key, revision_id=revision.id,
            batch_id=batch_id, unit_metadata={}, created_at=now, created_by_user_id=actor.user_id,
            created_by_station_id=actor.station_id,
        )  # fmt: skip
    locked = select(Unit).where(Unit.serial_key == key).with_for_update().execution_options(populate_existing=True)
    unit = db.session.scalars(locked).one()
    unit.revision_id = revision.id
    unit.batch_id = batch_id or unit.batch_id
    if run.unit_metadata:
        unit.unit_metadata = {**(unit.unit_metadata or {}), **run.unit_metadata}
    unit.run_count += 1
    unit.last_run_at = max(unit.last_run_at or run.started_at, run.started_at)
    db.session.flush()
    return unit, revision.part_id, is_new


def take_version(db: Db, actor: Actor, procedure_id: str, tag: str, now: datetime) -> ProcedureVersion:
    """The procedure's version of that tag, made when there is none."""
    wanted = select(ProcedureVersion).where(
        ProcedureVersion.procedure_id == procedure_id, ProcedureVersion.tag_key == same(tag)
    )
    found = db.session.scalar(wanted)
    if found is None:
        insert_or_ignore(
            db, ProcedureVersion, id=new_id(), procedure_id=procedure_id, tag=tag, tag_key=same(tag), created_at=now,
            created_by_user_id=actor.user_id, created_by_station_id=actor.station_id,
        )  # fmt: skip
        found = db.session.scalars(wanted).one()
    return found


def take_sub_units(db: Db, run_id: str, unit: Unit, serial_numbers: list[str]) -> None:
    """Build the named units into the unit under test, each leaving a former parent.

    Raises `NotFound` for one that is unknown; `BadRequest` where the unit would become a part of itself.
    """
    keys = dict.fromkeys(same(serial) for serial in serial_numbers)
    wanted = select(Unit).where(Unit.serial_key.in_(keys)).order_by(Unit.id).with_for_update()
    found = db.session.scalars(wanted).all()
    known = {one.serial_key for one in found}
    for serial in serial_numbers:
        if same(serial) not in known:
            raise NotFound(f"sub-unit: the serial number {serial!r} is not known")
    above = _ancestors(db, unit)
    for one in found:
        if one.id in above:
            raise BadRequest(f"The unit {one.serial_number!r} cannot be a part of itself.", "sub_units")
        if one.parent_id != unit.id:
            one.parent_id = unit.id
            db.session.add(RunSubUnit(run_id=run_id, unit_id=one.id))
    db.session.flush()


def _revision(db: Db, actor: Actor, run: RunIn, unit: Unit | None, now: datetime) -> Revision:
    """The revision that the unit has after this record."""
    present = db.session.get(Revision, unit.revision_id) if unit is not None else None
    if run.part_number is not None:
        part = take_part(db, actor, run.part_number, now)
        part_id = part.id
    else:
        assert present is not None  # noqa: S101  (a new unit without a part was refused)
        part_id = present.part_id
    if run.revision_number is not None:
        return take_revision(db, actor, part_id, run.revision_number, now)
    if present is not None and present.part_id == part_id:
        return present
    return take_default_revision(db, actor, part_id, now)


def take_part(db: Db, actor: Actor, number: str, now: datetime, name: str | None = None) -> Part:
    """The part of that number, made when there is none; its name is its number unless another one is given."""
    wanted = select(Part).where(Part.number_key == same(number))
    found = db.session.scalar(wanted)
    if found is None:
        insert_or_ignore(
            db, Part, id=new_id(), number=number, number_key=same(number), name=name or number, created_at=now,
            part_metadata={}, created_by_user_id=actor.user_id, created_by_station_id=actor.station_id,
        )  # fmt: skip
        found = db.session.scalars(wanted).one()
    return found


def take_revision(db: Db, actor: Actor, part_id: str, number: str, now: datetime) -> Revision:
    """The part's revision of that number, made when there is none."""
    wanted = select(Revision).where(Revision.part_id == part_id, Revision.number_key == same(number))
    found = db.session.scalar(wanted)
    if found is None:
        _insert_revision(db, actor, part_id, number, now, is_default=False)
        found = db.session.scalars(wanted).one()
    return found


def take_default_revision(db: Db, actor: Actor, part_id: str, now: datetime) -> Revision:
    """The part's revision for units whose revision nobody has named."""
    wanted = select(Revision).where(Revision.part_id == part_id, Revision.is_default)
    found = db.session.scalar(wanted)
    if found is None and not _insert_revision(db, actor, part_id, DEFAULT_REVISION, now, is_default=True):
        # Somebody named a revision "A" before: it becomes the default, unless another one just has.
        named = take_revision(db, actor, part_id, DEFAULT_REVISION, now)
        if db.session.scalar(wanted) is None:
            named.is_default = True
            db.session.flush()
    return found or db.session.scalars(wanted).one()


def _insert_revision(db: Db, actor: Actor, part_id: str, number: str, now: datetime, *, is_default: bool) -> bool:
    return insert_or_ignore(
        db, Revision, id=new_id(), part_id=part_id, number=number, number_key=same(number), is_default=is_default,
        revision_metadata={}, created_at=now, created_by_user_id=actor.user_id, created_by_station_id=actor.station_id,
    )  # fmt: skip


def _ancestors(db: Db, unit: Unit) -> set[str]:
    """The unit and all that it is built into."""
    above: set[str] = set()
    at: str | None = unit.id
    while at is not None and at not in above:
        above.add(at)
        at = db.session.scalar(select(Unit.parent_id).where(Unit.id == at))
    return above
