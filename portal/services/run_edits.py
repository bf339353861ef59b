"""What may be added to a run once it is stored: files and metadata. The record itself stays as it came."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from portal.errors import NotFound
from portal.models import Run
from portal.services import audit, edits
from portal.services.actors import Actor, Permission, require
from portal.services.attachments import link_uploads
from portal.services.metadata import merged
from portal.services.run_details import find_run
from portal.services.run_metadata import replace_values

if TYPE_CHECKING:
    from portal.database import Db


def attach_to_run(db: Db, actor: Actor, run_id: str, upload_ids: Sequence[str], if_match: str | None = None) -> str:
    """Link announced files to the run, besides those that it has. Its id. Nothing changes without any.

    Raises `NotFound` for an unknown run or file (for a station: also what is not its own); `Conflict` for a file of
    something else; `PreconditionFailed`; `Forbidden`.
    """
    require(actor, Permission.RECORD)
    with db.write():
        run = _own_run(db, actor, run_id)
        edits.check(run, if_match)
        if upload_ids:
            link_uploads(db, actor, upload_ids, run)
            edits.touch(run)
            if not actor.is_station:  # as with records: see `attachments`
                audit.record(db, actor, "run:files_linked", run, {"files": (None, list(upload_ids))})
    return run.id


def update_run_metadata(db: Db, actor: Actor, run_id: str, changes: dict[str, Any], if_match: str | None = None) -> str:
    """Merge the changes into the run's metadata: null removes a key. The run's id.

    Raises `NotFound` (for a station: also a run that is not its own); `BadRequest` for too many keys;
    `PreconditionFailed`; `Forbidden`.
    """
    require(actor, Permission.RECORD)
    with db.write():
        run = _own_run(db, actor, run_id)
        edits.check(run, if_match)
        if changes:
            before = run.run_metadata
            run.run_metadata = merged(run.run_metadata, changes)
            run.is_simulated = run.run_metadata.get("simulated") is True
            replace_values(db, run)
            edits.touch(run)
            differences = audit.differences({"metadata": before}, {"metadata": run.run_metadata})
            audit.record(db, actor, "run:metadata_changed", run, differences)
    return run.id


def _own_run(db: Db, actor: Actor, run_id: str) -> Run:
    run = find_run(db, actor, run_id)
    if actor.is_station and run.station_id != actor.id:
        raise NotFound("run")
    return run
