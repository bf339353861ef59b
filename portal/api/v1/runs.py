"""``/api/v1/runs``. Source: contract/v1-api.md §3, §4."""

from __future__ import annotations

from typing import Annotated, Any

from portal.api.operations import Operations
from portal.api.v1.run_input import RunV1In
from portal.api.v1.run_json import run_v1
from portal.api.v2.run_json import run_whole
from portal.api.v2.shapes import IdOut
from portal.services.actors import Permission
from portal.services.run_input import In, named
from portal.services.run_removal import delete_runs
from portal.services.v1_runs import create_drafted_run, runs_of_unit
from portal.web import actor, db

api = Operations("runs_v1", "v1")


class UnitRunsIn(In):
    """Whose runs."""

    serial_number: Annotated[str, named("serial number", 60)]


@api.post("/api/v1/runs", "v1.runs.create", body=RunV1In, answer=IdOut, needs=Permission.RECORD, errors=(404, 409, 422))
def create(body: RunV1In) -> IdOut:
    """Store the record of a run, in the older words.

    What v2's ``runs.create`` does, with steps or phases. A procedure that is named, and has no id, is made when there
    is none of that name.
    """
    return {"id": create_drafted_run(db(), actor(), body.as_draft(), body.unit_under_test.part_name)}


@api.get("/api/v1/runs", "v1.runs.list", query=UnitRunsIn, answer=list[dict[str, Any]])
def index(query: UnitRunsIn) -> Any:
    """List the runs of a unit, whole, the newest first.

    At most the newest 100; v2's ``runs.list`` pages through all.
    """
    return [run_v1(run_whole(run)) for run in runs_of_unit(db(), actor(), query.serial_number)]


@api.delete("/api/v1/runs/{id}", "v1.runs.delete", answer=IdOut, needs=Permission.EDIT, errors=(404,))
def remove(id: str) -> IdOut:  # noqa: A002  (the path's word)
    """Remove a run with all that is its own."""
    return {"id": delete_runs(db(), actor(), [id])[0]}
