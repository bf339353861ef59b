"""``/api/v2/parts``. Source: contract/v2-api.md §6."""

from __future__ import annotations

from typing import Annotated, Any, Literal, NotRequired

from typing_extensions import TypedDict

from portal.api.operations import Operations, Tagged
from portal.api.v2 import shapes
from portal.api.v2.numbers import PartNumber, RevisionNumber
from portal.api.v2.shapes import IdOut, Instant, MemberRef, NumberRef, PageIn, PageMeta, StationRef
from portal.services.actors import Permission
from portal.services.metadata import Metadata, MetadataChanges, read_filter
from portal.services.parts import (
    NewPart,
    PartChanges,
    PartQuery,
    PartRow,
    create_part,
    delete_part,
    list_parts,
    show_part,
    update_part,
)
from portal.services.run_input import In, named
from portal.web import actor, db

api = Operations("parts_v2", "Parts")

PartName = Annotated[str, named("part's name", 255)]


class PartIn(In):
    """A new part. Without a name it is called by its number; without a revision number it gets the revision A."""

    number: PartNumber
    name: PartName | None = None
    revision_number: RevisionNumber | None = None
    metadata: Metadata = {}


class PartUpdateIn(In):
    """What changes: at least one of them."""

    new_number: PartNumber | None = None
    name: PartName | None = None
    metadata: MetadataChanges | None = None


class PartListIn(PageIn):
    """Which parts. ``search_query``: a piece of the number, the name or a revision's number."""

    search_query: str | None = None
    procedure_ids: list[str] = []
    metadata: str | None = None
    include_metadata: bool = False
    sort_by: Literal["name", "number", "created_at"] = "created_at"


class RevisionEntry(TypedDict):
    """A revision of a part."""

    id: str
    number: str
    created_at: Instant


class PartOut(TypedDict):
    """A part with its revisions, the oldest first."""

    id: str
    number: str
    name: str
    created_at: Instant
    revisions: list[RevisionEntry]
    metadata: dict[str, Any]
    created_by_user: MemberRef | None
    created_by_station: StationRef | None


class PartEntry(TypedDict):
    """A part in a list."""

    id: str
    number: str
    name: str
    created_at: Instant
    revisions: list[NumberRef]
    metadata: NotRequired[dict[str, Any]]


class PartPage(TypedDict):
    """A page of parts."""

    data: list[PartEntry]
    meta: PageMeta


class PartUpdated(TypedDict):
    """The part as it is now."""

    id: str
    number: str
    name: str
    updated_at: Instant


class PartDeleted(TypedDict):
    """The ids of what was removed."""

    id: str
    deletedRevisionIds: list[str]


@api.post("/api/v2/parts", "parts.create", body=PartIn, answer=IdOut, needs=Permission.RECORD, errors=(409,))
def create(body: PartIn) -> IdOut:
    """Make a part with its first revision."""
    return {"id": create_part(db(), actor(), NewPart(**body.model_dump())).id}


@api.get("/api/v2/parts", "parts.list", query=PartListIn, answer=PartPage)
def index(query: PartListIn) -> Any:
    """List parts, the newest first.

    ``procedure_ids``: parts that were tested with one of these.
    """
    wanted = PartQuery(query.search_query, tuple(query.procedure_ids), read_filter(query.metadata))
    page = list_parts(db(), actor(), wanted, query.place(query.sort_by))
    return shapes.page_out(page, lambda part: _entry(part, with_metadata=query.include_metadata))


@api.get("/api/v2/parts/{number}", "parts.get", answer=PartOut, errors=(404,))
def show(number: str) -> Tagged:
    """Read one part with its revisions."""
    part = show_part(db(), actor(), number)
    found = _facts(part) | {
        "revisions": [
            {"id": one.id, "number": one.number, "created_at": shapes.instant(one.created_at)} for one in part.revisions
        ],
        "metadata": part.metadata,
    }
    return Tagged(found | shapes.made_by(part.maker), part.etag)


@api.patch(
    "/api/v2/parts/{number}", "parts.update", body=PartUpdateIn, answer=PartUpdated, needs=Permission.EDIT,
    errors=(404, 409), takes_if_match=True,
)  # fmt: skip
def update(number: str, body: PartUpdateIn, if_match: str | None) -> Any:
    """Change a part's number, name or metadata."""
    part = update_part(db(), actor(), number, PartChanges(**body.model_dump()), if_match)
    changed_at = shapes.instant(part.updated_at or part.created_at)
    return {"id": part.id, "number": part.number, "name": part.name, "updated_at": changed_at}


@api.delete("/api/v2/parts/{number}", "parts.delete", answer=PartDeleted, needs=Permission.EDIT, errors=(404, 409))
def remove(number: str) -> PartDeleted:
    """Remove a part of which there are no units and no runs, with its revisions."""
    part_id, revision_ids = delete_part(db(), actor(), number)
    return {"id": part_id, "deletedRevisionIds": revision_ids}


def _entry(part: PartRow, *, with_metadata: bool) -> Any:
    found = _facts(part) | {"revisions": [{"id": one.id, "number": one.number} for one in part.revisions]}
    return found | ({"metadata": part.metadata} if with_metadata else {})


def _facts(part: PartRow) -> dict[str, Any]:
    return {"id": part.id, "number": part.number, "name": part.name, "created_at": shapes.instant(part.created_at)}
