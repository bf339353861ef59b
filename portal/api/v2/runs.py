"""``/api/v2/runs``: records in, records out. Source: contract/v2-api.md §3, §4."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify, request

from portal.api import bodies, keys
from portal.api.uploads import address
from portal.api.v2 import run_json
from portal.api.v2.run_query import read_query
from portal.services.attachments import create_attachment
from portal.services.run_input import In, RunIn
from portal.services.runs import create_run, list_runs, show_run
from portal.web import actor, db

api = Blueprint("runs_v2", __name__, url_prefix="/api/v2/runs")
keys.required(api)


class AttachmentIn(In):
    """A file that will be put. ``phase``, ours: the phase that it belongs to."""

    name: str
    phase: str | None = None


@api.post("")
def create() -> Response:
    """Store the record of a run, once for each ``Idempotency-Key``."""
    run = bodies.read_body(RunIn)
    return jsonify(id=create_run(db(), actor(), run, request.headers.get("Idempotency-Key")))


@api.get("")
def index() -> Response:
    """A page of runs, newest first."""
    query = read_query(request.args)
    page = list_runs(db(), actor(), query.as_query())
    has_more = page.next_cursor is not None
    return jsonify(
        data=[run_json.run_summary(run, with_metadata=query.include_metadata) for run in page.items],
        meta={"has_more": has_more, "next_cursor": query.cursor + len(page.items) if has_more else None},
    )


@api.get("/<run_id>")
def show(run_id: str) -> Response:
    """One run with all that it holds."""
    return jsonify(run_json.run_whole(show_run(db(), actor(), keys.require_uuid(run_id, "id"))))


@api.post("/<run_id>/attachments")
def attach(run_id: str) -> Response:
    """Announce a file of the run; the answer says where to put it."""
    keys.require_uuid(run_id, "id")
    given = bodies.read_body(AttachmentIn)
    key = request.headers.get("Idempotency-Key")
    made = create_attachment(db(), actor(), run_id, given.name, given.phase, key)
    return jsonify(id=made.id, upload_url=address(made.id, "upload"))
