"""The procedure that a file names: by our id, by its short identifier, or by its name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from portal.errors import BadRequest, Forbidden, NotFound
from portal.models import Procedure
from portal.services.actors import Actor
from portal.services.imports.drafts import ProcedureName
from portal.services.names import is_id, same
from portal.services.procedures import LONGEST_NAME, create_procedure, linked_procedures

if TYPE_CHECKING:
    from portal.database import Db


def take_procedure(db: Db, actor: Actor, wanted: ProcedureName) -> str:
    """The id of the named procedure; inside the write transaction of whoever may store runs.

    ``ref`` wins over ``name``; either may be an id, an identifier or a name. A ``name`` that no procedure has makes
    one, for people; a station finds only what is linked to it. Whether a given id exists is for `create_run` to say.
    Raises `BadRequest` when nothing is named; `NotFound`; `Forbidden`.
    """
    given = wanted.ref or wanted.name
    if given is None:
        raise BadRequest("The file names no procedure: it needs its procedure_id, or its name.", "procedure_id")
    if is_id(given):
        return given.lower()
    db.serialise("procedures")
    known = _known(db, actor)
    found = _by_identifier(known, given) or _by_name(known, given)
    if found is not None:
        return found.id
    if actor.is_station:
        raise Forbidden("This station is not authorized to create runs of this procedure: link it to the station.")
    if wanted.ref is not None:
        raise NotFound(f"procedure: nothing has the identifier {given[:60]!r}")
    return create_procedure(db, actor, _tidy(given)).id


def _known(db: Db, actor: Actor) -> list[Procedure]:
    """What the actor may store runs of, the oldest first: of several with one name it is meant."""
    if actor.is_station:
        return sorted(linked_procedures(db, actor.id), key=lambda one: (one.created_at, one.id))
    return list(db.session.scalars(select(Procedure).order_by(Procedure.created_at, Procedure.id)))


def _by_identifier(known: list[Procedure], identifier: str) -> Procedure | None:
    return next((one for one in known if one.identifier_key == identifier.lower()), None)


def _by_name(known: list[Procedure], name: str) -> Procedure | None:
    key = same(_tidy(name))
    return next((one for one in known if same(_tidy(one.name)) == key), None)


def _tidy(name: str) -> str:
    """A name that can be a procedure's: files have line breaks in theirs, and more letters than anybody reads."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in name).split())[:LONGEST_NAME].strip()
