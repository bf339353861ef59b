"""Removing a procedure for good, with all that it has done. Source: contract/v2-api.md §2."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import delete, func, select

from portal.errors import NotFound
from portal.models import EndedLink, Phase, Procedure, ProcedureVersion, Run, StationProcedure
from portal.services import audit
from portal.services.actors import Actor, Permission, require
from portal.services.procedure_lists import PROCEDURES, select_procedures
from portal.services.procedures import announce_linked, get_procedure
from portal.services.run_removal import PIECE, remove_runs

if TYPE_CHECKING:
    from portal.database import Db


def delete_procedure(db: Db, actor: Actor, procedure_id: str) -> str:
    """Remove the procedure with its runs, their files, its versions and its links; units stay. Its id.

    All of it or nothing: while many runs go, other writers wait. Raises `NotFound`; `Forbidden`.
    """
    require(actor, Permission.EDIT)
    with db.write():
        procedure = get_procedure(db, actor, procedure_id)
        # Waits for records that are being stored: their runs must be seen below, or their files would stay behind.
        if db.session.scalar(select(Procedure.id).where(Procedure.id == procedure.id).with_for_update()) is None:
            raise NotFound("procedure")
        of_it = Run.procedure_id == procedure.id
        count = db.session.scalar(select(func.count()).select_from(Run).where(of_it)) or 0
        audit.record(db, actor, "procedure:deleted", procedure, identifier=procedure.identifier, runs=count)
        announce_linked(db, procedure.id)
        while run_ids := db.session.scalars(select(Run.id).where(of_it).limit(PIECE)).all():
            remove_runs(db, run_ids)
        PROCEDURES.remember(db, select_procedures(), [procedure.id])
        for table in (ProcedureVersion, StationProcedure, EndedLink, Phase):
            db.session.execute(delete(table).where(table.procedure_id == procedure.id))
        db.session.execute(delete(Procedure).where(Procedure.id == procedure.id))
    return procedure.id
