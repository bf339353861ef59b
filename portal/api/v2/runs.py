"""``/api/v2/runs``: records in, records out. Source: contract/v2-api.md §3, §4."""

from __future__ import annotations

from typing import Any

from portal.api.operations import Operations
from portal.api.uploads import AttachmentIn, UploadOut, with_upload_address
from portal.api.v2 import run_json
from portal.api.v2.run_query import RunQueryIn
from portal.api.v2.shapes import IdOut
from portal.services.actors import Permission
from portal.services.attachments import create_attachment
from portal.services.run_input import RunIn
from portal.services.runs import create_run, list_runs, show_run
from portal.web import actor, db

api = Operations("runs_v2", "Runs")


@api.post("/api/v2/runs", "runs.create", body=RunIn, answer=IdOut, needs=Permission.RECORD, errors=(404, 409, 422))
def create(body: RunIn) -> IdOut:
    """Store the record of a run."""
    return {"id": create_run(db(), actor(), body)}


@api.get("/api/v2/runs", "runs.list", query=RunQueryIn, answer=dict[str, Any])
def index(query: RunQueryIn) -> Any:
    """List runs, the newest first."""
    page = list_runs(db(), actor(), query.as_query())
    has_more = page.next_cursor is not None
    return {
        "data": [run_json.run_summary(run, with_metadata=query.include_metadata) for run in page.items],
        "meta": {"has_more": has_more, "next_cursor": query.cursor + len(page.items) if has_more else None},
    }


@api.get("/api/v2/runs/{id}", "runs.get", answer=dict[str, Any], errors=(404,))
def show(id: str) -> Any:  # noqa: A002  (the path's word)
    """Read one run with all that it holds."""
    return run_json.run_whole(show_run(db(), actor(), id))


@api.post(
    "/api/v2/runs/{id}/attachments", "runs.create_attachment", body=AttachmentIn, answer=UploadOut,
    needs=Permission.RECORD, errors=(404,), refresh=with_upload_address,
)  # fmt: skip
def attach(id: str, body: AttachmentIn) -> Any:  # noqa: A002
    """Announce a file of the run; the answer says where to put it."""
    return {"id": create_attachment(db(), actor(), id, body.name, body.phase).id}
