"""Files of runs, as the older API links them: one by one, once the run is there. Source: contract/v1-api.md §5, §6."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic_core import from_json
from sqlalchemy import func, select

from portal.errors import NotFound
from portal.models import Attachment, Phase, Run
from portal.services import audit
from portal.services.actors import Actor, Permission, require
from portal.services.attachments import link_uploads, open_upload
from portal.services.run_details import find_run

if TYPE_CHECKING:
    from portal.database import Db

MOST_REPORT_BYTES = 20_000_000  # it is read again for each of its files


def sync_upload(db: Db, actor: Actor, upload_id: str, run_id: str) -> str:
    """Say that an announced file is one of the run's; its id.

    Where the run was read from a report that has files of this name in its phases, it becomes that phase's: the first
    one the first's, as clients send them in the report's order.
    Raises `NotFound` (for a station: also what is not its own); `Conflict` for a file of something else; `Forbidden`.
    """
    require(actor, Permission.RECORD)
    run = find_run(db, actor, run_id)
    if actor.is_station and run.station_id != actor.id:
        raise NotFound("run")
    places = _places_of_files(db, run)
    with db.write():
        link_uploads(db, actor, [upload_id], run)
        linked = db.session.get_one(Attachment, upload_id.lower())
        if linked.phase_id is None and linked.name in places:
            linked.phase_id = _phase_id(db, run, linked, places[linked.name])
        if not actor.is_station:  # as with records: see `attachments`
            audit.record(db, actor, "run:files_linked", run, {"files": (None, [linked.id])})
    return linked.id


def _places_of_files(db: Db, run: Run) -> dict[str, list[int]]:
    """By name of a file: positions of the phases that have one, from the run's report; empty where there is none."""
    wanted = select(Attachment.id).where(
        Attachment.run_id == run.id, Attachment.is_report, Attachment.size_bytes <= MOST_REPORT_BYTES
    )
    report_id = db.session.scalars(wanted.limit(1)).first()
    found: dict[str, list[int]] = {}
    for position, names in enumerate(_files_of_phases(db, report_id) if report_id is not None else []):
        for name in names:
            found.setdefault(name, []).append(position)
    return found


def _files_of_phases(db: Db, report_id: str) -> list[list[str]]:
    """The names of each phase's files, in the report's order, which is that of the stored phases."""
    try:
        record = from_json(open_upload(db, report_id).read(), allow_inf_nan=True)
    except ValueError:
        return []
    phases = record.get("phases") if isinstance(record, dict) else None
    files = [
        phase.get("attachments") for phase in (phases if isinstance(phases, list) else []) if isinstance(phase, dict)
    ]
    return [list(one) if isinstance(one, dict) else [] for one in files]


def _phase_id(db: Db, run: Run, linked: Attachment, positions: list[int]) -> str | None:
    """The phase of the next file of that name."""
    earlier = select(func.count()).where(
        Attachment.run_id == run.id, Attachment.name == linked.name, Attachment.phase_id.is_not(None)
    )
    position = positions[min(db.session.scalar(earlier) or 0, len(positions) - 1)]
    return db.session.scalar(select(Phase.id).where(Phase.run_id == run.id, Phase.position == position))
