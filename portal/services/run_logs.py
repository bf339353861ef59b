"""Log lines of all runs. Source: contract/v2-api.md §10."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import Select, case, func, select

from portal.errors import NotFound
from portal.models import LogLine, Procedure, Run, Station, Unit
from portal.models.run import LOG_LEVELS
from portal.services.actors import Actor, Permission, require
from portal.services.names import is_id
from portal.services.paging import CountedPage, Place
from portal.services.pieces import PieceList
from portal.services.refs import Person, Ref
from portal.services.run_filters import Condition_, RunFilter, narrowing, one_of
from portal.services.run_lists import Uploader
from portal.services.station_lookup import visible_runs

if TYPE_CHECKING:
    from portal.database import Db

LOGS = PieceList(
    LogLine.position,
    {
        "created_at": LogLine.at,
        # By weight, not by letter.
        "level": case({level: weight for weight, level in enumerate(LOG_LEVELS)}, value=LogLine.level),
        "run_id": LogLine.run_id,
        "outcome": Run.outcome,
    },
)


@dataclass(frozen=True, kw_only=True)
class LogQuery:
    """Which lines: all that is given must fit, of several values any. ``runs``: of which runs.

    search: a piece of the message, in any case. Bounds are inclusive.
    """

    runs: RunFilter
    search: str | None = None
    levels: Sequence[str] = ()
    source_files: Sequence[str] = ()
    after: datetime | None = None
    before: datetime | None = None


@dataclass(frozen=True)
class LogRow:
    """A line with where it belongs."""

    id: str
    level: str
    at: datetime
    message: str
    source_file: str
    line_number: int
    run_id: str
    run_outcome: str
    run_started_at: datetime
    unit: Ref
    procedure: Ref
    user: Person | None
    station: Ref | None


def list_logs(db: Db, actor: Actor, query: LogQuery, place: Place) -> CountedPage[LogRow]:
    """A page of log lines. Raises `BadRequest` for a cursor that is none; `Forbidden`."""
    require(actor, Permission.VIEW)
    wanted = _rows().where(*_narrowing(query), *narrowing(db, query.runs), *visible_runs(actor))
    rows, cursor = LOGS.page(db, wanted, place)
    return CountedPage([_row_of(row) for row in rows], cursor)


def show_log(db: Db, actor: Actor, log_id: str) -> LogRow:
    """One line. Raises `NotFound`; `Forbidden`."""
    require(actor, Permission.VIEW)
    wanted = _rows().where(LogLine.id == log_id.lower(), *visible_runs(actor))
    found = db.session.execute(wanted).first() if is_id(log_id) else None
    if found is None:
        raise NotFound("log line")
    return _row_of(found)


def _rows() -> Select[*tuple[Any, ...]]:
    return (
        select(LogLine, Run.outcome, Run.started_at, Unit.id, Unit.serial_number, Procedure.id, Procedure.name)
        .add_columns(Uploader, Station)
        .join(Run, Run.id == LogLine.run_id)
        .join(Unit, Unit.id == Run.unit_id)
        .join(Procedure, Procedure.id == Run.procedure_id)
        .outerjoin(Uploader, Uploader.id == Run.created_by_user_id)
        .outerjoin(Station, Station.id == Run.station_id)
    )


def _row_of(found: Any) -> LogRow:
    line, outcome, started_at, unit_id, serial_number, procedure_id, procedure_name, user, station = found
    return LogRow(
        id=line.id,
        level=line.level,
        at=line.at,
        message=line.message,
        source_file=line.source_file,
        line_number=line.line_number,
        run_id=line.run_id,
        run_outcome=outcome,
        run_started_at=started_at,
        unit=Ref(unit_id, serial_number),
        procedure=Ref(procedure_id, procedure_name),
        user=Person(user.id, user.name, user.email) if user is not None else None,
        station=Ref(station.id, station.name) if station is not None else None,
    )


def _narrowing(query: LogQuery) -> list[Condition_]:
    found: list[Condition_] = []
    if query.levels:
        found.append(one_of(LogLine.level, query.levels))
    if query.source_files:
        found.append(one_of(LogLine.source_file, query.source_files))
    if query.search:
        found.append(func.lower(LogLine.message).contains(query.search.lower().replace("\0", ""), autoescape=True))
    if query.after is not None:
        found.append(LogLine.at >= query.after)
    if query.before is not None:
        found.append(LogLine.at <= query.before)
    return found
