"""A stored run in short, as it is told to others: over webhooks, and to those who follow the stream of new runs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select
from typing_extensions import TypedDict

from portal.models import Run, Station
from portal.services.run_lists import row_of, select_rows
from portal.services.station_lookup import sees_team, visible_runs

if TYPE_CHECKING:
    from collections.abc import Iterable

    from portal.database import Db
    from portal.services.actors import Actor
    from portal.services.refs import Ref

RUN_FINISHED = "run.finished"
LATE_BY = timedelta(seconds=10)  # how long a transaction may take and still be told to who comes back


class NamedRef(TypedDict):
    """A procedure or a station."""

    id: str
    name: str


class RunNotice(TypedDict):
    """A run in short. Times are ISO 8601, UTC."""

    id: str
    outcome: str
    started_at: str
    ended_at: str
    created_at: str
    execution_id: str | None
    serial_number: str
    part_number: str
    revision_number: str
    batch_number: str | None
    procedure: NamedRef
    procedure_version: str | None
    station: NamedRef | None
    operated_by: str | None


@dataclass(frozen=True)
class Filter:
    """Which runs are told: of any of these procedures and any of these stations; of all, where none is named.

    reader: who is told; None: somebody who sees every run.
    """

    procedure_ids: frozenset[str] = frozenset()
    station_ids: frozenset[str] = frozenset()
    reader: Actor | None = None

    def wants(self, notice: RunNotice, team_id: str | None = None) -> bool:
        """Whether this run, of a station of that team, is among them."""
        if self.reader is not None and not sees_team(self.reader, team_id):
            return False
        station = notice["station"]
        return (not self.procedure_ids or notice["procedure"]["id"] in self.procedure_ids) and (
            not self.station_ids or (station is not None and station["id"] in self.station_ids)
        )


def find_notices(db: Db, run_ids: Iterable[str]) -> list[tuple[int, RunNotice, str | None]]:
    """The runs with their ordinals and their stations' teams, in the order in which they were stored.

    Those that are gone are left out.
    """
    wanted = select_rows().where(Run.id.in_(list(run_ids))).order_by(Run.ordinal)
    return [(found[0].ordinal, _notice(found), _team_of(found)) for found in db.session.execute(wanted)]


def notices_after(db: Db, ordinal: int, wanted: Filter, limit: int) -> list[tuple[int, RunNotice]]:
    """The runs behind that ordinal, oldest first."""
    rows = select_rows().where(Run.ordinal > ordinal).order_by(Run.ordinal).limit(limit)
    if wanted.procedure_ids:
        rows = rows.where(Run.procedure_id.in_(wanted.procedure_ids))
    if wanted.station_ids:
        rows = rows.where(Run.station_id.in_(wanted.station_ids))
    if wanted.reader is not None:
        rows = rows.where(*visible_runs(wanted.reader))
    return [(found[0].ordinal, _notice(found)) for found in db.session.execute(rows)]


def resume_point(db: Db, ordinal: int) -> int:
    """From where on to tell somebody who has heard of that ordinal, so that none is left out.

    SQLite stores runs one after the other. PostgreSQL stores several at once, and one with a lower ordinal may be
    there later: the last seconds before are told again.
    """
    if db.database.is_sqlite:
        return ordinal
    heard_at = db.session.scalar(select(Run.created_at).where(Run.ordinal == ordinal))
    if heard_at is None:
        return ordinal
    first = select(func.min(Run.ordinal)).where(Run.created_at >= heard_at - LATE_BY, Run.ordinal <= ordinal)
    return (db.session.scalar(first) or ordinal) - 1


def iso(at: datetime) -> str:
    """ISO 8601, UTC, microseconds."""
    return at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def _notice(found: Any) -> RunNotice:
    run = row_of(found)
    return {
        "id": run.id,
        "outcome": run.outcome,
        "started_at": iso(run.started_at),
        "ended_at": iso(run.ended_at),
        "created_at": iso(run.created_at),
        "execution_id": run.execution_id,
        "serial_number": run.serial_number,
        "part_number": run.part_number,
        "revision_number": run.revision_number,
        "batch_number": run.batch_number,
        "procedure": {"id": run.procedure.id, "name": run.procedure.name},
        "procedure_version": run.procedure_version,
        "station": _named(run.station),
        "operated_by": run.operated_by,
    }


def _team_of(found: Any) -> str | None:
    station: Station | None = found[5]  # as `select_rows` orders them
    return station.team_id if station is not None else None


def _named(ref: Ref | None) -> NamedRef | None:
    return {"id": ref.id, "name": ref.name} if ref is not None else None
