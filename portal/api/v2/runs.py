"""``/api/v2/runs``: records in, records out. Source: contract/v2-api.md §3, §4."""

from __future__ import annotations

import functools
from typing import Annotated, Any

from pydantic import Field
from typing_extensions import TypedDict

from portal.api.operations import Operations, Tagged
from portal.api.uploads import AttachmentIn, UploadOut, with_upload_address
from portal.api.v2 import run_json, shapes
from portal.api.v2.run_query import RunListIn
from portal.api.v2.run_shapes import RunOut, RunPage
from portal.api.v2.shapes import IdOut
from portal.services.actors import Permission
from portal.services.attachments import create_attachment
from portal.services.metadata import MetadataChanges
from portal.services.run_edits import attach_to_run, update_run_metadata
from portal.services.run_input import In, RunIn
from portal.services.run_removal import delete_runs
from portal.services.runs import create_run, page_runs, show_run
from portal.web import actor, db

api = Operations("runs_v2", "Runs")


class RunChanges(In):
    """Files to link to the run: ids of announced uploads. Those that it has stay."""

    attachments: list[str] = []


class RunMetadataIn(In):
    """Metadata to merge: keys that are not named stay, null removes one."""

    metadata: MetadataChanges = {}


class RunIdsIn(In):
    """Which runs."""

    ids: Annotated[list[str], Field(min_length=1, max_length=1000)]


class RunsDeleted(TypedDict):
    """The ids of what was removed."""

    id: list[str]


@api.post("/api/v2/runs", "runs.create", body=RunIn, answer=IdOut, needs=Permission.RECORD, errors=(404, 409, 422))
def create(body: RunIn) -> IdOut:
    """Store the record of a run.

    Unit, part, revision, batch and version are made as they are named. The same `client_run_ref` again answers the id
    of the run that was stored first. A station may store runs of the procedures that are linked to it.
    """
    return {"id": create_run(db(), actor(), body)}


@api.get("/api/v2/runs", "runs.list", query=RunListIn, answer=RunPage)
def index(query: RunListIn) -> Any:
    """List runs, the newest first.

    Different filters must all fit, of several values of one filter any. Numbers and tags are compared without regard
    to case.
    """
    page = page_runs(db(), actor(), query.as_filter(), query.place(query.sort_by))
    entry = functools.partial(
        run_json.run_entry, with_metadata=query.include_metadata, with_sequences=query.include_sequences
    )
    return shapes.page_out(page, entry)


@api.get("/api/v2/runs/{id}", "runs.get", answer=RunOut, errors=(404,))
def show(id: str) -> Tagged:  # noqa: A002  (the path's word)
    """Read one run with all that it holds."""
    run = show_run(db(), actor(), id)
    return Tagged(run_json.run_whole(run), run.etag)


@api.patch(
    "/api/v2/runs/{id}", "runs.update", body=RunChanges, answer=IdOut, needs=Permission.RECORD, errors=(404, 409),
    takes_if_match=True,
)  # fmt: skip
def update(id: str, body: RunChanges, if_match: str | None) -> IdOut:  # noqa: A002
    """Link uploaded files to a run."""
    return {"id": attach_to_run(db(), actor(), id, body.attachments, if_match)}


@api.patch(
    "/api/v2/runs/{id}/metadata", "runs.update_metadata", body=RunMetadataIn, answer=IdOut, needs=Permission.RECORD,
    errors=(404,), takes_if_match=True,
)  # fmt: skip
def update_metadata(id: str, body: RunMetadataIn, if_match: str | None) -> IdOut:  # noqa: A002
    """Change a run's metadata."""
    return {"id": update_run_metadata(db(), actor(), id, body.metadata, if_match)}


@api.delete(
    "/api/v2/runs", "runs.delete", query=RunIdsIn, answer=RunsDeleted, needs=Permission.EDIT, errors=(404,)
)  # fmt: skip
def remove(query: RunIdsIn) -> RunsDeleted:
    """Remove runs for good, all that are named or none.

    Their phases, measurements, logs and files go with them; units, parts and batches stay.
    """
    return {"id": delete_runs(db(), actor(), query.ids)}


@api.post(
    "/api/v2/runs/{id}/attachments", "runs.create_attachment", body=AttachmentIn, answer=UploadOut,
    needs=Permission.RECORD, errors=(404,), refresh=with_upload_address,
)  # fmt: skip
def attach(id: str, body: AttachmentIn) -> Any:  # noqa: A002
    """Announce a file of the run; the answer says where to put it."""
    return {"id": create_attachment(db(), actor(), id, body.name, body.phase).id}
