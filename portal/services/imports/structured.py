"""Files that describe their runs themselves: read, and stored whole or not at all.

The file stays with us as the report of its first run; its other runs name that one in their metadata
(``report_run_id``), because a file belongs to one thing. Source: contract/v2-api.md §11.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import structlog
from sqlalchemy import select

from portal.errors import PortalError
from portal.models import FileImport, Run
from portal.services.actors import Actor, Permission, require
from portal.services.imports.formats import Importer, parse
from portal.services.imports.storing import TABULAR, store_drafts
from portal.services.imports.upload import read_upload

if TYPE_CHECKING:
    from portal.database import Db


log = structlog.get_logger(__name__)


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
        made = store_drafts(db, actor, upload, parsed.drafts, item.importer, now)
    return ImportResult(item.upload_id, made.run_ids, warnings=parsed.warnings)


def _import_or_error(db: Db, actor: Actor, item: ImportItem, *, allow_duplicate: bool) -> ImportResult:
    try:
        return import_file(db, actor, item, allow_duplicate=allow_duplicate)
    except PortalError as error:
        return ImportResult(item.upload_id, error=error.message)
    except Exception:  # the files before it are stored and must be told of, and those after it be read
        log.exception("import_failed", upload_id=item.upload_id, importer=item.importer)
        return ImportResult(item.upload_id, error="The portal failed on this file. Nothing of it was stored.")


def _earlier(db: Db, sha256: str) -> list[str]:
    """The runs that were read from the same content before, those that are left of them."""
    wanted = select(FileImport.run_ids).where(FileImport.sha256 == sha256, FileImport.importer != TABULAR)
    wanted = wanted.order_by(FileImport.id.desc())
    for run_ids in db.session.scalars(wanted):
        left = set(db.session.scalars(select(Run.id).where(Run.id.in_(run_ids))))
        if left:
            return [run_id for run_id in run_ids if run_id in left]
    return []
