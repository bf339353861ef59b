"""Procedures, and which stations may run them.

Source: contract/v2-api.md §2. Lists and details are in `procedure_lists`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, select

from portal.announcements import ProceduresLinked
from portal.errors import Conflict, Invalid, NotFound
from portal.models import Procedure, StationProcedure
from portal.services import audit, edits, names
from portal.services.actors import Actor, Permission, require
from portal.services.station_lookup import get_station
from portal.services.upsert import changed, insert_or_ignore

if TYPE_CHECKING:
    from portal.database import Db

LONGEST_NAME, LONGEST_IDENTIFIER = 200, 60
_IDENTIFIER = re.compile(r"[A-Za-z0-9_-]{1,60}")


@dataclass(frozen=True)
class ProcedureRef:
    """A procedure as other things name it."""

    id: str
    name: str
    identifier: str


@dataclass(frozen=True)
class ProcedureChanges:
    """What shall be other than it is. ``deployment``: new values by the name of their column."""

    name: str | None = None
    deployment: Mapping[str, Any] = field(default_factory=dict)


def create_procedure(db: Db, actor: Actor, name: str, identifier: str | None = None) -> Procedure:
    """Make a procedure. Without an identifier it gets one from its name.

    Raises `Invalid`; `Forbidden`; `Conflict` when the identifier is taken.
    """
    require(actor, Permission.EDIT)
    name = names.clean(name, "procedure's name", LONGEST_NAME, "name")
    given = (identifier or "").strip()
    if given and not _IDENTIFIER.fullmatch(given):
        raise Invalid(
            f"The identifier must be 1 to {LONGEST_IDENTIFIER} letters (a-z), digits, “-” or “_”: "
            "it is the name of a folder on the bench.",
            "identifier",
        )
    with db.write():
        db.serialise("procedures")
        chosen = given or _free_identifier(db, names.slug(name))
        if _is_taken(db, chosen):
            raise Conflict(f"The identifier “{chosen}” is taken by another procedure.", "identifier")
        made = Procedure(
            name=name,
            name_key=names.same(name),
            identifier=chosen,
            identifier_key=chosen.lower(),
            created_at=datetime.now(UTC),
            created_by_user_id=actor.user_id,
        )
        db.session.add(made)
        audit.record(db, actor, "procedure:created", made, identifier=chosen)
    return made


def update_procedure(
    db: Db, actor: Actor, procedure_id: str, changes: ProcedureChanges, if_match: str | None = None
) -> Procedure:
    """Rename it, or say how it is deployed; its identifier stays. Nothing happens where nothing is other than it was.

    Raises `NotFound`; `Invalid`; `Forbidden`; `PreconditionFailed`.
    """
    require(actor, Permission.EDIT)
    with db.write():
        db.serialise("procedures")  # of two with the same ETag, the second sees what the first did
        procedure = get_procedure(db, actor, procedure_id)
        edits.check(procedure, if_match)
        wanted = dict(changes.deployment)
        if changes.name is not None:
            wanted["name"] = names.clean(changes.name, "procedure's name", LONGEST_NAME, "name")
        other = {name: value for name, value in wanted.items() if getattr(procedure, name) != value}
        if not other:
            return procedure
        before = {name: getattr(procedure, name) for name in other}
        for name, value in other.items():
            setattr(procedure, name, value)
        procedure.name_key = names.same(procedure.name)
        edits.touch(procedure)
        audit.record(db, actor, "procedure:changed", procedure, before=before, after=other)
        if "name" in other:
            announce_linked(db, procedure.id)
    return procedure


def announce_linked(db: Db, procedure_id: str) -> None:
    """Tell the stations that may run the procedure that something about it changes; inside the write transaction."""
    linked = select(StationProcedure.station_id).where(StationProcedure.procedure_id == procedure_id)
    for station_id in db.session.scalars(linked):
        db.announce(ProceduresLinked(station_id))


def list_procedures(db: Db, actor: Actor) -> list[Procedure]:
    """All of them, by name."""
    require(actor, Permission.VIEW)
    found = db.session.scalars(select(Procedure)).all()
    return sorted(found, key=lambda procedure: (names.same(procedure.name), procedure.id))


def find_procedure(db: Db, identifier: str) -> Procedure | None:
    """The procedure with that identifier, for commands."""
    return db.session.scalar(select(Procedure).where(Procedure.identifier_key == identifier.lower()))


def get_procedure(db: Db, actor: Actor, procedure_id: str) -> Procedure:
    """One of them. Raises `NotFound`."""
    require(actor, Permission.VIEW)
    found = db.session.get(Procedure, procedure_id) if names.is_id(procedure_id) else None
    if found is None:
        raise NotFound("procedure")
    return found


def linked_procedures(db: Db, station_id: str) -> list[Procedure]:
    """What the station may run, by name."""
    wanted = (
        select(Procedure)
        .join(StationProcedure, StationProcedure.procedure_id == Procedure.id)
        .where(StationProcedure.station_id == station_id)
    )
    return sorted(db.session.scalars(wanted), key=lambda procedure: (names.same(procedure.name), procedure.id))


def link_procedure(db: Db, actor: Actor, station_id: str, procedure_id: str) -> None:
    """Let the station run the procedure. Nothing happens when it may already. Raises `NotFound`; `Forbidden`."""
    require(actor, Permission.EDIT)
    with db.write():
        station = get_station(db, actor, station_id)
        procedure = get_procedure(db, actor, procedure_id)
        now = datetime.now(UTC)
        if insert_or_ignore(db, StationProcedure, station_id=station.id, procedure_id=procedure.id, linked_at=now):
            edits.touch(station)
            audit.record(db, actor, "procedure:linked", station, procedure=procedure.name, procedure_id=procedure.id)
            db.announce(ProceduresLinked(station.id))


def unlink_procedure(db: Db, actor: Actor, station_id: str, procedure_id: str) -> None:
    """Let the station no longer run the procedure; its records stay. Nothing happens when it may not anyway."""
    require(actor, Permission.EDIT)
    with db.write():
        station = get_station(db, actor, station_id)
        procedure = get_procedure(db, actor, procedure_id)
        link = delete(StationProcedure).where(
            StationProcedure.station_id == station.id, StationProcedure.procedure_id == procedure.id
        )
        if changed(db.session.execute(link)):
            edits.touch(station)
            audit.record(db, actor, "procedure:unlinked", station, procedure=procedure.name, procedure_id=procedure.id)
            db.announce(ProceduresLinked(station.id))


def _free_identifier(db: Db, wanted: str) -> str:
    candidate, number = wanted, 1
    while _is_taken(db, candidate):
        number += 1
        ending = f"_{number}"
        candidate = wanted[: LONGEST_IDENTIFIER - len(ending)] + ending
    return candidate


def _is_taken(db: Db, identifier: str) -> bool:
    return find_procedure(db, identifier) is not None
