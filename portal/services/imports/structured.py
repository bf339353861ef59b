"""Files that describe their runs themselves: read, and stored whole or not at all.

The file stays with us as the report of its first run; its other runs name that one in their metadata
(``report_run_id``), because a file belongs to one thing. Source: contract/v2-api.md §11.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sqlalchemy import select

from portal.errors import BadRequest, PortalError
from portal.models import FileImport, Run, Unit
from portal.services import audit
from portal.services.actors import Actor, Permission, require
from portal.services.imports.drafts import Draft
from portal.services.imports.formats import Importer, parse
from portal.services.imports.procedures import take_procedure
from portal.services.imports.upload import attach_report, read_upload
from portal.services.metadata import MOST_KEYS
from portal.services.names import same
from portal.services.run_input import RunIn
from portal.services.runs import create_run

if TYPE_CHECKING:
    from portal.database import Db


@dataclass(frozen=True)
class ImportItem:
    """One file to read, and as what."""

    upload_id: str
    importer: Importer


@dataclass(frozen=True)
class ImportResult:
    """What became of one file. ``error``: why nothing of it was stored."""

    upload_id: str
    run_ids: list[str] = field(default_factory=list)
    is_already_imported: bool = False
    warnings: list[str] = field(default_factory=list)
    error: str | None = None


def import_files(db: Db, actor: Actor, items: list[ImportItem], *, allow_duplicate: bool) -> list[ImportResult]:
    """Read the files, each on its own: what is wrong with one is said in its result. Raises `Forbidden`."""
    require(actor, Permission.RECORD)
    return [_import_or_error(db, actor, item, allow_duplicate=allow_duplicate) for item in items]


def import_file(
    db: Db, actor: Actor, item: ImportItem, *, allow_duplicate: bool = False, now: datetime | None = None
) -> ImportResult:
    """Read one file into runs, all of them or none.

    The same content again gives the runs of the first time, unless ``allow_duplicate``, or none of them is left.
    Raises `NotFound` (upload, procedure), `BadRequest`, `Invalid`, `Conflict`, `TooLarge`, `Forbidden`.
    """
    require(actor, Permission.RECORD)
    upload = read_upload(db, actor, item.upload_id)
    if not allow_duplicate and (earlier := _earlier(db, upload.sha256)):
        return ImportResult(item.upload_id, earlier, is_already_imported=True)
    parsed = parse(item.importer, upload.content)
    now = now or datetime.now(UTC)
    with db.part():
        db.serialise(f"import {upload.sha256}")
        if not allow_duplicate and (earlier := _earlier(db, upload.sha256)):
            return ImportResult(item.upload_id, earlier, is_already_imported=True)
        run_ids: list[str] = []
        for draft in parsed.drafts:
            run = _run_of(db, actor, draft, report_run_id=run_ids[0] if run_ids else upload.run_id)
            run_ids.append(create_run(db, actor, run, now))
        attach_report(db, actor, upload, run_ids[0])
        made = FileImport(
            attachment_id=upload.id, importer=item.importer, sha256=upload.sha256, run_ids=run_ids, created_at=now,
            created_by_user_id=actor.user_id, created_by_station_id=actor.station_id,
        )  # fmt: skip
        db.session.add(made)
        audit.record(db, actor, "file:imported", made, importer=item.importer, name=upload.name, runs=len(run_ids))
    return ImportResult(item.upload_id, run_ids, warnings=parsed.warnings)


def _import_or_error(db: Db, actor: Actor, item: ImportItem, *, allow_duplicate: bool) -> ImportResult:
    try:
        return import_file(db, actor, item, allow_duplicate=allow_duplicate)
    except PortalError as error:
        return ImportResult(item.upload_id, error=error.message)


def _earlier(db: Db, sha256: str) -> list[str]:
    """The runs that were read from the same content before, those that are left of them."""
    wanted = select(FileImport.run_ids).where(FileImport.sha256 == sha256).order_by(FileImport.id.desc())
    for run_ids in db.session.scalars(wanted):
        left = set(db.session.scalars(select(Run.id).where(Run.id.in_(run_ids))))
        if left:
            return [run_id for run_id in run_ids if run_id in left]
    return []


def _run_of(db: Db, actor: Actor, draft: Draft, report_run_id: str | None) -> RunIn:
    """The draft as a record. Raises `BadRequest`.

    Here a station's new unit needs its part too, other than in `create_run`: contract/v1-api.md §1.2.
    """
    run = draft.as_run(take_procedure(db, actor, draft.procedure))
    known = select(Unit.id).where(Unit.serial_key == same(run.serial_number))
    if run.part_number is None and db.session.scalar(known) is None:
        raise BadRequest(f"The unit {run.serial_number!r} is new, and its part number is missing in the file.")
    if report_run_id is None or len(run.metadata) >= MOST_KEYS:
        return run
    return run.model_copy(update={"metadata": {**run.metadata, "report_run_id": report_run_id}})
