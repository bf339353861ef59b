"""``/api/v2/logs``. Source: contract/v2-api.md §10."""

from __future__ import annotations

from typing import Any, Literal

from typing_extensions import TypedDict

from portal.api.operations import Operations
from portal.api.v2 import shapes
from portal.api.v2.shapes import Instant, Level, MemberRef, Outcome, PageIn, PageMeta, ProcedureRef, StationRef, UnitRef
from portal.services.run_filter_input import OfRunsIn
from portal.services.run_input import Instant as InstantIn
from portal.services.run_logs import LogQuery, LogRow, list_logs, show_log
from portal.web import actor, db

api = Operations("logs_v2", "Logs")


class LogListIn(OfRunsIn, PageIn):
    """Which lines. ``search_query``: a piece of the message, in any case."""

    procedure_ids: list[str] = []
    search_query: str | None = None
    levels: list[Level] = []
    timestamp_after: InstantIn | None = None
    timestamp_before: InstantIn | None = None
    source_files: list[str] = []
    run_ids: list[str] = []
    run_outcomes: list[Outcome] = []
    sort_by: Literal["created_at", "level", "run_id", "outcome"] = "created_at"

    def as_query(self) -> LogQuery:
        """For the service."""
        return LogQuery(
            runs=self.of_runs(ids=self.run_ids, outcomes=self.run_outcomes, procedure_ids=self.procedure_ids),
            search=self.search_query,
            levels=self.levels,
            source_files=self.source_files,
            after=self.timestamp_after,
            before=self.timestamp_before,
        )


class LogRunRef(TypedDict):
    """The run of a line."""

    id: str
    outcome: Outcome
    started_at: Instant


class LogOut(TypedDict):
    """A line of a run's log. ``created_at``: when it was written."""

    id: str
    level: Level
    message: str
    created_at: Instant
    source_file: str | None
    line_number: int | None
    run: LogRunRef
    unit: UnitRef
    procedure: ProcedureRef
    created_by_user: MemberRef | None
    created_by_station: StationRef | None


class LogPage(TypedDict):
    """A page of log lines."""

    data: list[LogOut]
    meta: PageMeta


@api.get("/api/v2/logs", "logs.list", query=LogListIn, answer=LogPage)
def index(query: LogListIn) -> Any:
    """List log lines, the newest first.

    The bounds of the time are inclusive.
    """
    return shapes.page_out(list_logs(db(), actor(), query.as_query(), query.place(query.sort_by)), _line)


@api.get("/api/v2/logs/{id}", "logs.get", answer=LogOut, errors=(404,))
def show(id: str) -> Any:  # noqa: A002  (the path's word)
    """Read one log line."""
    return _line(show_log(db(), actor(), id))


def _line(line: LogRow) -> Any:
    return {
        "id": line.id,
        "level": line.level,
        "message": line.message,
        "created_at": shapes.instant(line.at),
        "source_file": line.source_file,
        "line_number": line.line_number,
        "run": {"id": line.run_id, "outcome": line.run_outcome, "started_at": shapes.instant(line.run_started_at)},
        "unit": {"id": line.unit.id, "serial_number": line.unit.name},
        "procedure": {"id": line.procedure.id, "name": line.procedure.name},
        "created_by_user": shapes.member(line.user),
        "created_by_station": shapes.station(line.station),
    }
