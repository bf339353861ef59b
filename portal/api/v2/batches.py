"""``/api/v2/batches``. Source: contract/v2-api.md §7."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator
from typing_extensions import TypedDict

from portal.api.operations import Operations, Tagged
from portal.api.v2 import shapes
from portal.api.v2.shapes import IdOut, Instant, MemberRef, PageIn, PageMeta, PartRef, StationRef
from portal.services.actors import Permission
from portal.services.batches import (
    BatchQuery,
    BatchRow,
    BatchUnit,
    create_batch,
    delete_batch,
    list_batches,
    rename_batch,
    show_batch,
)
from portal.services.run_input import In, checked_batch_number
from portal.services.run_input import Instant as InstantIn
from portal.web import actor, db

api = Operations("batches_v2", "Batches")

Number = Annotated[str, AfterValidator(checked_batch_number)]


class BatchIn(In):
    """A new batch."""

    number: Number


class BatchChanges(In):
    """Its new number."""

    new_number: Number


class BatchListIn(PageIn):
    """Which batches."""

    ids: list[str] = []
    numbers: list[str] = []
    part_numbers: list[str] = []
    revision_numbers: list[str] = []
    created_after: InstantIn | None = None
    created_before: InstantIn | None = None
    search_query: str | None = None
    sort_by: Literal["number", "created_at"] = "created_at"


class BatchUnitOut(TypedDict):
    """A unit of the batch."""

    id: str
    serial_number: str
    created_at: Instant
    part: PartRef


class BatchOut(TypedDict):
    """A batch with its units."""

    id: str
    number: str
    created_at: Instant
    units: list[BatchUnitOut]
    created_by_user: MemberRef | None
    created_by_station: StationRef | None


class BatchEntry(TypedDict):
    """A batch in a list."""

    id: str
    number: str
    created_at: Instant
    unit_count: int
    created_by_user: MemberRef | None
    created_by_station: StationRef | None


class BatchPage(TypedDict):
    """A page of batches."""

    data: list[BatchEntry]
    meta: PageMeta


class BatchDeleted(TypedDict):
    """The id of what was removed; a list, as clients read it."""

    id: list[str]


@api.post("/api/v2/batches", "batches.create", body=BatchIn, answer=IdOut, needs=Permission.RECORD, errors=(409,))
def create(body: BatchIn) -> IdOut:
    """Make a batch."""
    return {"id": create_batch(db(), actor(), body.number).id}


@api.get("/api/v2/batches", "batches.list", query=BatchListIn, answer=BatchPage)
def index(query: BatchListIn) -> Any:
    """List batches, the newest first.

    Filters by part and revision go by the units in the batch.
    """
    wanted = BatchQuery(
        ids=tuple(query.ids),
        numbers=tuple(query.numbers),
        part_numbers=tuple(query.part_numbers),
        revision_numbers=tuple(query.revision_numbers),
        created_after=query.created_after,
        created_before=query.created_before,
        search=query.search_query,
    )
    return shapes.page_out(list_batches(db(), actor(), wanted, query.place(query.sort_by)), _entry)


@api.get("/api/v2/batches/{number}", "batches.get", answer=BatchOut, errors=(404,))
def show(number: str) -> Tagged:
    """Read one batch with its units."""
    batch = show_batch(db(), actor(), number)
    found = {
        "id": batch.id,
        "number": batch.number,
        "created_at": shapes.instant(batch.created_at),
        "units": [_unit(unit) for unit in batch.units],
    }
    return Tagged(found | shapes.made_by(batch.maker), batch.etag)


@api.patch(
    "/api/v2/batches/{number}", "batches.update", body=BatchChanges, answer=IdOut, needs=Permission.EDIT,
    errors=(404, 409), takes_if_match=True,
)  # fmt: skip
def update(number: str, body: BatchChanges, if_match: str | None) -> IdOut:
    """Give a batch another number."""
    return {"id": rename_batch(db(), actor(), number, body.new_number, if_match).id}


@api.delete("/api/v2/batches/{number}", "batches.delete", answer=BatchDeleted, needs=Permission.EDIT, errors=(404,))
def remove(number: str) -> BatchDeleted:
    """Remove a batch.

    Its units and runs stay, without a batch.
    """
    return {"id": [delete_batch(db(), actor(), number)]}


def _entry(batch: BatchRow) -> Any:
    found = {
        "id": batch.id,
        "number": batch.number,
        "created_at": shapes.instant(batch.created_at),
        "unit_count": batch.unit_count,
    }
    return found | shapes.made_by(batch.maker)


def _unit(unit: BatchUnit) -> BatchUnitOut:
    return {
        "id": unit.id,
        "serial_number": unit.serial_number,
        "created_at": shapes.instant(unit.created_at),
        "part": shapes.part(unit.part, unit.part_name, unit.revision),
    }
