"""``/api/v2/procedures/{procedure_id}/versions``. Source: contract/v2-api.md §2.1."""

from __future__ import annotations

from typing import Annotated, Any

from typing_extensions import TypedDict

from portal.api.operations import Operations
from portal.api.v2 import shapes
from portal.api.v2.shapes import IdOut, Instant, ProcedureRef, StationRef
from portal.services.actors import Permission
from portal.services.run_input import In, named
from portal.services.versions import LONGEST_TAG, create_version, delete_version, show_version
from portal.web import actor, db

api = Operations("versions_v2", "Procedures")

PATH = "/api/v2/procedures/{procedure_id}/versions"


class VersionIn(In):
    """A new version."""

    tag: Annotated[str, named("version's tag", LONGEST_TAG)]


class VersionMaker(TypedDict):
    """A member."""

    id: str
    name: str | None


class VersionOut(TypedDict):
    """A version, and how many runs have it."""

    id: str
    tag: str
    created_at: Instant
    procedure: ProcedureRef
    run_count: int
    created_by_user: VersionMaker | None
    created_by_station: StationRef | None


@api.post(
    PATH, "procedures.versions.create", body=VersionIn, answer=IdOut, needs=Permission.EDIT, who="people",
    errors=(404, 409),
)  # fmt: skip
def create(procedure_id: str, body: VersionIn) -> IdOut:
    """Make a version of a procedure.

    A run that names a version which is not there makes it, too.
    """
    return {"id": create_version(db(), actor(), procedure_id, body.tag).id}


@api.get(f"{PATH}/{{tag}}", "procedures.versions.get", answer=VersionOut, errors=(404,))
def show(procedure_id: str, tag: str) -> Any:
    """Read one version."""
    found = show_version(db(), actor(), procedure_id, tag)
    user = found.maker.user
    return {
        "id": found.id,
        "tag": found.tag,
        "created_at": shapes.instant(found.created_at),
        "procedure": {"id": found.procedure.id, "name": found.procedure.name},
        "run_count": found.run_count,
        "created_by_user": {"id": user.id, "name": user.name} if user is not None else None,
        "created_by_station": shapes.station(found.maker.station),
    }


@api.delete(
    f"{PATH}/{{tag}}", "procedures.versions.delete", answer=IdOut, needs=Permission.EDIT, who="people",
    errors=(404, 409),
)  # fmt: skip
def remove(procedure_id: str, tag: str) -> IdOut:
    """Remove a version that no run has."""
    return {"id": delete_version(db(), actor(), procedure_id, tag)}
