"""Which stations may run which procedures: our operations, and the older call of the published suite.

Source: contract/v2-api.md §8; issue 3, "Where sources disagree".
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from typing_extensions import TypedDict

from portal.api.operations import Operations
from portal.api.v2.names import uuid
from portal.services.actors import Permission
from portal.services.procedures import link_procedure, unlink_procedure
from portal.services.run_input import In
from portal.web import actor, db

api = Operations("links_v2", "Stations")

PATH = "/api/v2/stations/{id}/procedures/{procedure_id}"


class Pair(In):
    """A station, and the procedure that it may run."""

    id: Annotated[str, uuid("station's id")]
    procedure_id: Annotated[str, uuid("procedure_id")]


class LinkIn(In):
    """The older call wraps what it says."""

    json_: Pair = Field(alias="json")


class LinkOut(TypedDict):
    """The station and the procedure."""

    id: str
    procedure_id: str


@api.put(
    PATH,
    "stations.link_procedure",
    answer=LinkOut,
    needs=Permission.EDIT,
    who="people",
    errors=(404, 409),
    is_ours=True,
)
def link(id: str, procedure_id: str) -> LinkOut:  # noqa: A002  (the interface's name)
    """Let a station run a procedure.

    Nothing happens when it may already.
    """
    return _linked(Pair(id=id, procedure_id=procedure_id))


@api.delete(
    PATH, "stations.unlink_procedure", answer=LinkOut, needs=Permission.EDIT, who="people", errors=(404,), is_ours=True
)
def unlink(id: str, procedure_id: str) -> LinkOut:  # noqa: A002
    """Let a station no longer run a procedure.

    Its runs stay. Nothing happens when it may not anyway.
    """
    unlink_procedure(db(), actor(), id, procedure_id)
    return {"id": id, "procedure_id": procedure_id}


@api.post(
    "/api/trpc/station.linkProcedure", "stations.link_procedure_by_call", body=LinkIn, answer=LinkOut,
    needs=Permission.EDIT, who="people", errors=(404, 409), is_ours=True,
)  # fmt: skip
def link_by_call(body: LinkIn) -> LinkOut:
    """Let a station run a procedure: the older call.

    New programs send PUT to the station's procedure.
    """
    return _linked(body.json_)


def _linked(pair: Pair) -> LinkOut:
    link_procedure(db(), actor(), pair.id, pair.procedure_id)
    return {"id": pair.id, "procedure_id": pair.procedure_id}
