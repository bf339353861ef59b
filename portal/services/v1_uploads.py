"""Files of runs, as the older API links them: one by one, once the run is there. Source: contract/v1-api.md §5, §6."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic_core import from_json
from sqlalchemy import select

from portal.errors import NotFound
from portal.models import Attachment, Run
from portal.services import audit
from portal.services.actors import Actor, Permission, require
from portal.services.attachments import find_phase_id, link_uploads, open_upload
from portal.services.run_details import find_run

if TYPE_CHECKING:
    from portal.database import Db

MOST_REPORT_BYTES = 20_000_000  # it is read again for each of its files


def sync_upload(db: Db, actor: Actor, upload_id: str, run_id: str) -> str:
    """Say that an announced file is one of the run's; its id.

    Where the run was read from a report that has a file of this name in one of its phases, it becomes that phase's.
    Raises `NotFound` (for a station: also what is not its own); `Conflict` for a file of something else; `Forbidden`.
    """
    require(actor, Permission.RECORD)
    run = find_run(db, actor, run_id)
    if actor.is_station and run.station_id != actor.id:
        raise NotFound("run")
    phases_by_file = _phases_by_file(db, run)
    with db.write():
        link_uploads(db, actor, [upload_id], run)
        linked = db.session.get_one(Attachment, upload_id.lower())
        linked.phase_id = linked.phase_id or find_phase_id(db, run, phases_by_file.get(linked.name))
        audit.record(db, actor, "run:files_linked", run, attachments=[linked.id])
    return linked.id


def _phases_by_file(db: Db, run: Run) -> dict[str, str]:
    """Names of phases by the names of their files, from the run's report; empty where there is none."""
    wanted = select(Attachment.id).where(
        Attachment.run_id == run.id, Attachment.is_report, Attachment.size_bytes <= MOST_REPORT_BYTES
    )
    report_id = db.session.scalars(wanted.limit(1)).first()
    if report_id is None:
        return {}
    try:
        record = from_json(open_upload(db, report_id).read(), allow_inf_nan=True)
    except ValueError:
        return {}
    match record:
        case {"phases": [*phases]}:
            return {
                file: phase["name"]
                for phase in phases
                if isinstance(phase, dict)
                and isinstance(phase.get("attachments"), dict)
                and isinstance(phase.get("name"), str)
                for file in phase["attachments"]
            }
        case _:
            return {}
