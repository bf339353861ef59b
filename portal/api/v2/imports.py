"""``/api/v2/imports``: files that become runs. Source: contract/v2-api.md §11."""

from __future__ import annotations

from typing import Annotated, NotRequired

from pydantic import Field, model_validator
from typing_extensions import TypedDict

from portal.api import keys
from portal.api.operations import Operations
from portal.services.actors import Permission
from portal.services.imports.formats import Importer
from portal.services.imports.mapping import Mapping
from portal.services.imports.structured import ImportItem, ImportResult, import_files
from portal.services.imports.tabular import import_table
from portal.services.metadata import refuse
from portal.services.run_input import In
from portal.web import actor, db

api = Operations("imports_v2", "Imports")

MOST_ITEMS = 100


class ItemIn(In):
    """An uploaded file, and its format."""

    upload_id: str
    importer: Importer


class StructuredIn(In):
    """Files to read, each on its own. ``allow_duplicate``: also those whose content was read before."""

    items: Annotated[list[ItemIn], Field(min_length=1, max_length=MOST_ITEMS)]
    allow_duplicate: bool = False


class ItemOut(TypedDict):
    """What became of one file: its runs (``id`` is the first), or ``error``. ``warnings``: what was not kept of it."""

    upload_id: str
    success: bool
    id: NotRequired[str]
    ids: NotRequired[list[str]]
    already_imported: NotRequired[bool]
    warnings: NotRequired[list[str]]
    error: NotRequired[str]


class StructuredOut(TypedDict):
    """A result for each file, in the order of the request."""

    results: list[ItemOut]


class TabularIn(In):
    """A table, the procedure of its runs, and what its columns are: a mapping, or the id of a saved one."""

    upload_id: str
    procedure_id: str
    mapping: Mapping | None = None
    template_id: str | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> TabularIn:
        if (self.mapping is None) == (self.template_id is None):
            raise refuse("Give either a mapping or a template_id, and not both.")
        return self


class TabularOut(TypedDict):
    """The first run of the table, the import, and (ours) all of its runs."""

    id: str
    file_import_id: str
    ids: list[str]


@api.post(
    "/api/v2/imports/structured", "imports.structured", body=StructuredIn, answer=StructuredOut,
    needs=Permission.RECORD, errors=(404,),
)  # fmt: skip
def structured(body: StructuredIn) -> StructuredOut:
    """Read uploaded reports into runs.

    Each file is stored whole or not at all, and what is wrong with one is said in its result. A file that holds
    several tests gives several runs; it becomes an attachment of the first, and the others name that one in their
    metadata (`report_run_id`). The procedure is the one that the file names; a person's import makes it when there is
    none of that name. Content that was read before gives the runs of that time.
    """
    items = [ImportItem(one.upload_id, one.importer) for one in body.items]
    results = import_files(db(), actor(), items, allow_duplicate=body.allow_duplicate)
    return {"results": [_result(one) for one in results]}


@api.post(
    "/api/v2/imports/tabular", "imports.tabular", body=TabularIn, answer=TabularOut, needs=Permission.RECORD,
    errors=(404, 409, 413, 422),
)  # fmt: skip
def tabular(body: TabularIn) -> TabularOut:
    """Read an uploaded table (CSV) into runs.

    Without phases, in the layouts none and wide, each row is a run. In the layout long, and where rows name their
    phase, rows with the same serial number and start are one run. So a table may hold many runs: all of them are
    stored, or none.
    """
    procedure_id = keys.require_uuid(body.procedure_id, "procedure_id")
    made = import_table(db(), actor(), body.upload_id, procedure_id, body.mapping)
    return {"id": made.run_ids[0], "file_import_id": made.file_import_id, "ids": made.run_ids}


def _result(one: ImportResult) -> ItemOut:
    if one.error is not None:
        return {"upload_id": one.upload_id, "success": False, "error": one.error}
    return {
        "upload_id": one.upload_id,
        "success": True,
        "id": one.run_ids[0],
        "ids": one.run_ids,
        "already_imported": one.is_already_imported,
        "warnings": one.warnings,
    }
