"""Storing what was read of a file: all of its runs, the file as a report, and the note that it was imported."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import select

from portal.errors import BadRequest
from portal.models import FileImport, Unit
from portal.services import audit
from portal.services.actors import Actor
from portal.services.imports.drafts import Draft
from portal.services.imports.procedures import take_procedure
from portal.services.imports.upload import Upload, attach_report
from portal.services.metadata import MOST_KEYS
from portal.services.names import same
from portal.services.run_input import RunIn
from portal.services.runs import create_run

if TYPE_CHECKING:
    from portal.database import Db

TABULAR = "TABULAR"  # the importer of tables, whose meaning is not in the file: it may be read again, in another way


def store_drafts(db: Db, actor: Actor, upload: Upload, drafts: list[Draft], importer: str, now: datetime) -> FileImport:
    """Store the runs of a file, all of them or none. Raises what `create_run` and `take_procedure` raise."""
    with db.part():
        run_ids: list[str] = []
        procedure_ids = {
            name: take_procedure(db, actor, name) for name in dict.fromkeys(one.procedure for one in drafts)
        }
        for draft in drafts:
            run = draft.as_run(procedure_ids[draft.procedure])
            _require_part(db, run)
            run_ids.append(create_run(db, actor, _reported(run, run_ids[0] if run_ids else upload.run_id), now))
        attach_report(db, actor, upload, run_ids[0])
        made = FileImport(
            attachment_id=upload.id, importer=importer, sha256=upload.sha256, run_ids=run_ids, created_at=now,
            created_by_user_id=actor.user_id, created_by_station_id=actor.station_id,
        )  # fmt: skip
        db.session.add(made)
        audit.record(db, actor, "file:imported", made, importer=importer, name=upload.name, runs=len(run_ids))
    return made


def _require_part(db: Db, run: RunIn) -> None:
    """Raises `BadRequest` for a new unit without a part.

    That is so for a station's too, other than in `create_run`: contract/v1-api.md §1.2.
    """
    known = select(Unit.id).where(Unit.serial_key == same(run.serial_number))
    if run.part_number is None and db.session.scalar(known) is None:
        raise BadRequest(f"The unit {run.serial_number!r} is new, and its part number is missing in the file.")


def _reported(run: RunIn, report_run_id: str | None) -> RunIn:
    """The run, naming the one that has the file it was read from, unless it has the file itself."""
    if report_run_id is None or len(run.metadata) >= MOST_KEYS:
        return run
    return run.model_copy(update={"metadata": {**run.metadata, "report_run_id": report_run_id}})
