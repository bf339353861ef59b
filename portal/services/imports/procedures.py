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

    An id or identifier wins over a name. A name that no procedure has makes one, for people; a station finds only what
    is linked to it. Whether a given id exists is for `create_run` to say. Raises `BadRequest` when nothing is named;
    `NotFound`; `Forbidden`.
    """
    if wanted.ref is None and wanted.name is None:
        raise BadRequest("The file names no procedure: it needs its procedure_id, or its name.", "procedure_id")
    if wanted.ref is not None and is_id(wanted.ref):
        return wanted.ref.lower()
    db.serialise("procedures")
    known = _known(db, actor)
    if wanted.ref is not None:
        found = _by_identifier(known, wanted.ref)
    else:
        found = _by_name(known, wanted.name or "") or _by_identifier(known, wanted.name or "")
    if found is not None:
        return found.id
    if actor.is_station:
        raise Forbidden("This station is not authorized to create runs of this procedure: link it to the station.")
    if wanted.name is None or wanted.ref is not None:
        raise NotFound(f"procedure: nothing has the identifier {(wanted.ref or '')[:60]!r}")
    return create_procedure(db, actor, " ".join(wanted.name.split())[:LONGEST_NAME]).id


def _known(db: Db, actor: Actor) -> list[Procedure]:
    """What the actor may store runs of, the oldest first: of several with one name it is meant."""
    if actor.is_station:
        return sorted(linked_procedures(db, actor.id), key=lambda one: (one.created_at, one.id))
    return list(db.session.scalars(select(Procedure).order_by(Procedure.created_at, Procedure.id)))


def _by_identifier(known: list[Procedure], identifier: str) -> Procedure | None:
    return next((one for one in known if one.identifier_key == identifier.lower()), None)


def _by_name(known: list[Procedure], name: str) -> Procedure | None:
    key = same(" ".join(name.split())[:LONGEST_NAME])
    return next((one for one in known if same(" ".join(one.name.split())) == key), None)
