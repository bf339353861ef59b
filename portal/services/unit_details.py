"""Everything that is known of one unit, in a fixed number of statements. Source: contract/v2-api.md §5."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import or_, select

from portal.models import Attachment, Part, Procedure, Revision, Run, Unit
from portal.services import edits
from portal.services.actors import Actor, Permission, require
from portal.services.refs import Ref
from portal.services.station_lookup import visible_runs
from portal.services.unit_lists import UnitFacts, rows_of, select_units
from portal.services.unit_lookup import find_unit

if TYPE_CHECKING:
    from portal.database import Db


@dataclass(frozen=True)
class RelatedUnit:
    """What a unit is built into, or what is built into it. ``part.name`` and ``revision.name`` are numbers."""

    id: str
    serial_number: str
    part: Ref
    part_name: str
    revision: Ref


@dataclass(frozen=True)
class FirstRun:
    """The run that brought a unit which nobody knew before."""

    id: str
    outcome: str
    created_at: datetime
    started_at: datetime
    ended_at: datetime
    duration_ms: int
    procedure: Ref


@dataclass(frozen=True)
class UnitFile:
    """A file of the unit. ``size_bytes`` is None until it has been uploaded."""

    id: str
    name: str
    size_bytes: int | None
    content_type: str | None
    is_image: bool


@dataclass(frozen=True)
class UnitDetail(UnitFacts):
    """A unit with all that belongs to it. ``created_during``: None for one that was made by itself."""

    parent: RelatedUnit | None
    children: list[RelatedUnit]
    created_during: FirstRun | None
    attachments: list[UnitFile]
    etag: str


def show_unit(db: Db, actor: Actor, serial_number: str) -> UnitDetail:
    """One unit. Raises `NotFound`; `Forbidden`."""
    require(actor, Permission.VIEW)
    unit = find_unit(db, serial_number)
    (row,) = rows_of(db, actor, db.session.execute(select_units(actor).where(Unit.id == unit.id)).all())
    related = _related(db, unit)
    return UnitDetail(
        **{one.name: getattr(row, one.name) for one in fields(UnitFacts)},
        parent=next((one for one in related if one.id == unit.parent_id), None),
        children=[one for one in related if one.id != unit.parent_id],
        created_during=_first_run(db, actor, unit),
        attachments=_files(db, unit),
        etag=edits.etag(unit),
    )


def _related(db: Db, unit: Unit) -> list[RelatedUnit]:
    wanted = (
        select(Unit, Revision, Part)
        .join(Revision, Revision.id == Unit.revision_id)
        .join(Part, Part.id == Revision.part_id)
        .where(or_(Unit.parent_id == unit.id, Unit.id == unit.parent_id))
        .order_by(Unit.created_at, Unit.id)
    )
    return [
        RelatedUnit(one.id, one.serial_number, Ref(part.id, part.number), part.name, Ref(revision.id, revision.number))
        for one, revision, part in db.session.execute(wanted)
    ]


def _first_run(db: Db, actor: Actor, unit: Unit) -> FirstRun | None:
    wanted = (
        select(Run, Procedure.id, Procedure.name)
        .join(Procedure, Procedure.id == Run.procedure_id)
        .where(Run.unit_id == unit.id, Run.has_made_unit, *visible_runs(actor))
        .order_by(Run.started_at, Run.id)
        .limit(1)
    )
    found = db.session.execute(wanted).first()
    if found is None:
        return None
    run, procedure_id, name = found
    return FirstRun(
        run.id, run.outcome, run.created_at, run.started_at, run.ended_at, run.duration_ms, Ref(procedure_id, name)
    )


def _files(db: Db, unit: Unit) -> list[UnitFile]:
    wanted = select(Attachment).where(Attachment.unit_id == unit.id).order_by(Attachment.created_at, Attachment.id)
    return [
        UnitFile(file.id, file.name, file.size_bytes, file.content_type, file.is_image)
        for file in db.session.scalars(wanted)
    ]
