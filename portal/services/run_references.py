"""The unit and the version that a record names, and the unit's part, revision and batch: found, or made on the fly.

All are compared without regard to case; the spelling of the first use is kept. Two records that bring the same new part
at once make one part: the database settles it. Rows are always taken in the same order (part, revision, batch, unit),
so that two records never wait for each other. Source: contract/v2-api.md §3.1.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import select

from portal.errors import BadRequest
from portal.models import Procedure, ProcedureVersion, Revision, Unit
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
    present = db.session.get(Revision, unit.revision_id) if unit is not None else None
    revision = take_revision_for(db, actor, present, run.part_number, run.revision_number, now)
    batch_id = take_batch(db, actor, run.batch_number, now).id if run.batch_number is not None else None
    is_new = False
    if unit is None:
        is_new = insert_unit(db, actor, run.serial_number, revision.id, now, batch_id=batch_id)
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
