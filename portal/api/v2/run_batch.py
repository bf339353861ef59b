"""``POST /api/v2/runs/batch``: many runs in one request, a line each. Ours, not of the published interface."""

from __future__ import annotations

from typing import Any, NotRequired

from typing_extensions import TypedDict

from portal.api import bodies
from portal.api.operations import Operations
from portal.errors import PortalError
from portal.services.actors import Permission
from portal.services.run_batches import create_runs
from portal.services.run_input import RunIn
from portal.web import actor, db

api = Operations("run_batch_v2", "Runs")


class LineIssue(TypedDict):
    """One thing that is wrong with a line."""

    message: str
    path: list[str | int]


class LineError(TypedDict):
    """Why a line was refused, as for a single run."""

    message: str
    code: str
    issues: NotRequired[list[LineIssue]]


class LineStored(TypedDict):
    """A line that was stored, and the id of its run."""

    line: int
    id: str


class LineRefused(TypedDict):
    """A line that was refused. Nothing of it was stored."""

    line: int
    error: LineError


@api.post(
    "/api/v2/runs/batch", "runs.create_batch", lines=RunIn, answer=list[LineStored | LineRefused],
    needs=Permission.RECORD, is_ours=True,
)  # fmt: skip
def create(lines: list[tuple[int, bytes]]) -> Any:
    """Store up to 1000 runs, one JSON object a line.

    Send them as ``application/x-ndjson``. Each line is accepted or refused on its own; the answer is a list with an
    entry for each line, in their order. Give each run a ``client_run_ref``: then a request whose answer was lost can be
    sent again, and every run that is there already is answered with its id. With an ``Idempotency-Key`` the whole
    request is one transaction, for which other writers wait.
    """
    results = create_runs(db(), actor(), (_run(line) for _, line in lines))
    return [_entry(number, result) for (number, _), result in zip(lines, results, strict=True)]


def _run(line: bytes) -> RunIn | PortalError:
    """What the line holds. A generator reads them one by one, so that they are not all in memory at once."""
    try:
        return bodies.read(RunIn, bodies.read_object(line))
    except PortalError as refusal:
        return refusal


def _entry(number: int, result: str | PortalError) -> LineStored | LineRefused:
    if isinstance(result, str):
        return {"line": number, "id": result}
    error: LineError = {"message": result.message, "code": result.code}
    if result.issues:
        error["issues"] = [{"message": issue.message, "path": list(issue.path)} for issue in result.issues]
    return {"line": number, "error": error}
