"""Procedures, and which stations may run them.

Source: contract/v2-api.md §2. Lists and details are in `procedure_lists`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import Delete, delete, select

from portal.announcements import ProceduresLinked
from portal.errors import Conflict, Invalid, NotFound
from portal.models import EndedLink, Procedure, StationProcedure
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
    identifier: str | None = None


def create_procedure(db: Db, actor: Actor, name: str, identifier: str | None = None) -> Procedure:
    """Make a procedure. Without an identifier it gets one from its name.

    Raises `Invalid`; `Forbidden`; `Conflict` when the identifier is taken.
    """
    require(actor, Permission.EDIT)
    name = names.clean(name, "procedure's name", LONGEST_NAME, "name")
    given = _clean_identifier(identifier) if (identifier or "").strip() else None
    with db.write():
        db.serialise("procedures")
        chosen = given or _free_identifier(db, names.slug(name))
        _refuse_taken(db, chosen)
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
    """Rename it, or say how it is deployed. Nothing happens where nothing is other than it was.

    With another identifier its stations look for another folder. Raises `NotFound`; `Invalid`; `Forbidden`;
    `Conflict` when the identifier is taken; `PreconditionFailed`.
    """
    require(actor, Permission.EDIT)
    with db.write():
        db.serialise("procedures")  # of two with the same ETag, the second sees what the first did
        procedure = get_procedure(db, actor, procedure_id)
        edits.check(procedure, if_match)
        wanted = dict(changes.deployment)
        if changes.name is not None:
            wanted["name"] = names.clean(changes.name, "procedure's name", LONGEST_NAME, "name")
        if changes.identifier is not None:
            wanted["identifier"] = _clean_identifier(changes.identifier)
            _refuse_taken(db, wanted["identifier"], but=procedure.id)
        other = {name: value for name, value in wanted.items() if getattr(procedure, name) != value}
        if not other:
            return procedure
        edited = {name: (getattr(procedure, name), value) for name, value in other.items()}
        for name, value in other.items():
            setattr(procedure, name, value)
        procedure.name_key = names.same(procedure.name)
        procedure.identifier_key = procedure.identifier.lower()
        edits.touch(procedure)
        fields = ", ".join(name.replace("_", " ") for name in other)
        audit.record(db, actor, "procedure:changed", procedure, changes=edited, fields=fields)
        if {"name", "identifier"} & other.keys():
            announce_linked(db, procedure.id)
    return procedure


def announce_linked(db: Db, procedure_id: str) -> None:
    """Tell the stations that may run the procedure that something about it changes; inside the write transaction."""
    linked = select(StationProcedure.station_id).where(StationProcedure.procedure_id == procedure_id)
    for station_id in db.session.scalars(linked):
        db.announce(ProceduresLinked(station_id))


def procedures_by_station(db: Db, station_ids: Sequence[str] | None) -> dict[str, list[ProcedureRef]]:
    """The linked procedures by station, each by name. ``station_ids``: None for all, cheaper than naming thousands."""
    wanted = (
        select(StationProcedure.station_id, Procedure.id, Procedure.name, Procedure.identifier)
        .join(Procedure, Procedure.id == StationProcedure.procedure_id)
        .order_by(Procedure.name_key, Procedure.id)
    )
    if station_ids is not None:
        wanted = wanted.where(StationProcedure.station_id.in_(station_ids))
    found: dict[str, list[ProcedureRef]] = {}
    for station_id, *procedure in db.session.execute(wanted):
        found.setdefault(station_id, []).append(ProcedureRef(*procedure))
    return found


def list_procedures(db: Db, actor: Actor) -> list[Procedure]:
    """All that are not archived, by name."""
    require(actor, Permission.VIEW)
    found = db.session.scalars(select(Procedure).where(Procedure.archived_at.is_(None))).all()
    return sorted(found, key=lambda procedure: (names.same(procedure.name), procedure.id))


def find_procedure(db: Db, identifier: str) -> Procedure | None:
    """The procedure with that identifier, for commands."""
    return db.session.scalar(select(Procedure).where(Procedure.identifier_key == identifier.lower()))


def get_procedure(db: Db, actor: Actor, procedure_id: str) -> Procedure:
    """One of them, archived or not: its runs name it for ever. Raises `NotFound`."""
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


def link_procedure(db: Db, actor: Actor, station_id: str, procedure_id: str) -> bool:
    """Let the station run the procedure. False, and nothing happens, when it may already.

    Raises `NotFound`; `Forbidden`; `Conflict` for an archived procedure.
    """
    require(actor, Permission.EDIT)
    with db.write():
        station = get_station(db, actor, station_id)
        procedure = get_procedure(db, actor, procedure_id)
        # Waits for whoever is archiving it: no link may be left behind that nothing shows.
        archived = select(Procedure.archived_at).where(Procedure.id == procedure.id).with_for_update()
        if db.session.scalar(archived) is not None:
            raise Conflict(f"The procedure “{procedure.name}” is archived: restore it, then link it.", "procedure_id")
        now = datetime.now(UTC)
        is_new = insert_or_ignore(db, StationProcedure, station_id=station.id, procedure_id=procedure.id, linked_at=now)
        if is_new:
            db.session.execute(_pair(EndedLink, station.id, procedure.id))
            edits.touch(station)
            audit.record(db, actor, "procedure:linked", station, procedure=procedure.name, procedure_id=procedure.id)
            db.announce(ProceduresLinked(station.id))
    return is_new


def unlink_procedure(db: Db, actor: Actor, station_id: str, procedure_id: str) -> None:
    """Let the station no longer run the procedure. Nothing happens when it may not anyway.

    Its records stay, a run in flight goes on, and records that the station still holds are taken.
    """
    require(actor, Permission.EDIT)
    with db.write():
        station = get_station(db, actor, station_id)
        procedure = get_procedure(db, actor, procedure_id)
        if end_link(db, station.id, procedure.id, datetime.now(UTC)):
            edits.touch(station)
            audit.record(db, actor, "procedure:unlinked", station, procedure=procedure.name, procedure_id=procedure.id)
            db.announce(ProceduresLinked(station.id))


def end_link(db: Db, station_id: str, procedure_id: str, at: datetime) -> bool:
    """Whether there was a link, which is none any more. Inside a write transaction."""
    if not changed(db.session.execute(_pair(StationProcedure, station_id, procedure_id))):
        return False
    db.session.execute(_pair(EndedLink, station_id, procedure_id))
    insert_or_ignore(db, EndedLink, station_id=station_id, procedure_id=procedure_id, ended_at=at)
    return True


def _pair(table: type[StationProcedure | EndedLink], station_id: str, procedure_id: str) -> Delete:
    return delete(table).where(table.station_id == station_id, table.procedure_id == procedure_id)


def _clean_identifier(identifier: str | None) -> str:
    given = (identifier or "").strip()
    if not _IDENTIFIER.fullmatch(given):
        raise Invalid(
            f"The identifier must be 1 to {LONGEST_IDENTIFIER} letters (a-z), digits, “-” or “_”: "
            "it is the name of a folder on the bench.",
            "identifier",
        )
    return given


def _refuse_taken(db: Db, identifier: str, but: str | None = None) -> None:
    other = find_procedure(db, identifier)
    if other is not None and other.id != but:
        which = "an archived" if other.archived_at is not None else "another"
        raise Conflict(f"The identifier “{identifier}” is taken by {which} procedure, “{other.name}”.", "identifier")


def _free_identifier(db: Db, wanted: str) -> str:
    candidate, number = wanted, 1
    while find_procedure(db, candidate) is not None:
        number += 1
        ending = f"_{number}"
        candidate = wanted[: LONGEST_IDENTIFIER - len(ending)] + ending
    return candidate
