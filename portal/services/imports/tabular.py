"""Tables read into runs, by a mapping of their columns. Source: contract/v2-api.md §11.

A table may hold many runs (see `rows`); the interface answers one id, which is that of the first, and we name them all.
The table stays with us as the report of its first run, as other imported files do.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from pydantic import ValidationError

from portal.errors import BadRequest, NotFound
from portal.services.actors import Actor, Permission, require
from portal.services.imports.drafts import Draft, ProcedureName, sentence
from portal.services.imports.mapping import Mapping
from portal.services.imports.rows import read_runs
from portal.services.imports.storing import TABULAR, store_drafts
from portal.services.imports.table import read_table
from portal.services.imports.upload import read_upload

if TYPE_CHECKING:
    from portal.database import Db


@dataclass(frozen=True)
class TabularImport:
    """The runs that were made, and the id of the import."""

    run_ids: list[str]
    file_import_id: str


def import_table(
    db: Db,
    actor: Actor,
    upload_id: str,
    procedure_id: str,
    mapping: Mapping | None,
    now: datetime | None = None,
) -> TabularImport:
    """Read a table into runs of the procedure, all of them or none.

    mapping: None for one that was saved before, of which there are none yet. Raises `NotFound` (template, upload,
    procedure), `BadRequest` (with row and column), `Invalid`, `TooLarge`, `Forbidden`.
    """
    require(actor, Permission.RECORD)
    upload = read_upload(db, actor, upload_id)
    if mapping is None:
        raise NotFound("template")
    try:
        runs = read_runs(read_table(upload.content), mapping)
    except ValidationError as error:
        raise BadRequest(f"The file holds what cannot be stored: {sentence(error)}") from error
    drafts = [Draft(ProcedureName(ref=procedure_id), fields) for fields in runs]
    made = store_drafts(db, actor, upload, drafts, TABULAR, now or datetime.now(UTC))
    return TabularImport(made.run_ids, made.id)
