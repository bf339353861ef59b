"""``/api/v2/parts/…/revisions``. Source: contract/v2-api.md §6."""

from __future__ import annotations

from typing import Any

from typing_extensions import TypedDict

from portal.api.operations import Operations, Tagged
from portal.api.v2 import shapes
from portal.api.v2.numbers import RevisionNumber
from portal.api.v2.shapes import IdOut, Instant, MemberRef, StationRef, UnitRef
from portal.services.actors import Permission
from portal.services.metadata import Metadata, MetadataChanges
from portal.services.revisions import (
    RevisionChanges,
    create_revision,
    delete_revision,
    show_revision,
    update_revision,
)
from portal.services.run_input import In
from portal.web import actor, db

api = Operations("revisions_v2", "Parts")

ONE = "/api/v2/parts/{part_number}/revisions/{revision_number}"


class RevisionIn(In):
    """A new revision."""

    number: RevisionNumber
    metadata: Metadata = {}


class RevisionUpdateIn(In):
    """What changes. ``image_id``: an announced file that becomes the picture; an empty text takes it away."""

    number: RevisionNumber | None = None
    image_id: str | None = None
    metadata: MetadataChanges | None = None


class PartOfRevision(TypedDict):
    """The part."""

    id: str
    number: str
    name: str


class RevisionOut(TypedDict):
    """A revision, with at most 1 000 of its units, the newest first: the list of units has all of them."""

    id: str
    number: str
    created_at: Instant
    part: PartOfRevision
    units: list[UnitRef]
    metadata: dict[str, Any]
    created_by_user: MemberRef | None
    created_by_station: StationRef | None


@api.post(
    "/api/v2/parts/{part_number}/revisions", "parts.revisions.create", body=RevisionIn, answer=IdOut,
    needs=Permission.RECORD, errors=(404, 409),
)  # fmt: skip
def create(part_number: str, body: RevisionIn) -> IdOut:
    """Make a revision of a part."""
    return {"id": create_revision(db(), actor(), part_number, body.number, body.metadata).id}


@api.get(ONE, "parts.revisions.get", answer=RevisionOut, errors=(404,))
def show(part_number: str, revision_number: str) -> Tagged:
    """Read one revision with its part and its newest units."""
    revision = show_revision(db(), actor(), part_number, revision_number)
    found = {
        "id": revision.id,
        "number": revision.number,
        "created_at": shapes.instant(revision.created_at),
        "part": {"id": revision.part.id, "number": revision.part.name, "name": revision.part_name},
        "units": [{"id": unit.id, "serial_number": unit.name} for unit in revision.units],
        "metadata": revision.metadata,
    }
    return Tagged(found | shapes.made_by(revision.maker), revision.etag)


@api.patch(
    ONE, "parts.revisions.update", body=RevisionUpdateIn, answer=IdOut, needs=Permission.EDIT, errors=(404, 409),
    takes_if_match=True,
)  # fmt: skip
def update(part_number: str, revision_number: str, body: RevisionUpdateIn, if_match: str | None) -> IdOut:
    """Change a revision's number, picture or metadata."""
    changes = RevisionChanges(**body.model_dump())
    return {"id": update_revision(db(), actor(), part_number, revision_number, changes, if_match).id}


@api.delete(ONE, "parts.revisions.delete", answer=IdOut, needs=Permission.EDIT, errors=(404, 409))
def remove(part_number: str, revision_number: str) -> IdOut:
    """Remove a revision of which there are no units and no runs."""
    return {"id": delete_revision(db(), actor(), part_number, revision_number)}
