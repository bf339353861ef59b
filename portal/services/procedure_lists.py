"""Procedures as they are shown: in a list, and one with what it has done. Source: contract/v2-api.md §2."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, or_, select

from portal.models import Procedure, Run, Station, StationProcedure, Unit, User
from portal.services import edits, names
from portal.services.actors import Actor, Permission, require
from portal.services.paging import CountedPage, Listing, Place
from portal.services.procedures import get_procedure
from portal.services.refs import Person, Ref
from portal.services.station_lookup import visible_runs, visible_stations

if TYPE_CHECKING:
    from sqlalchemy import Select

    from portal.database import Db

PROCEDURES = Listing(
    "procedures",
    Procedure.id,
    Procedure.ordinal,
    {"created_at": Procedure.created_at, "name": Procedure.name_key},
)
RECENT_RUNS = 10


@dataclass(frozen=True)
class ProcedureQuery:
    """Which procedures, the archived ones or the others: all that is given must fit.

    search: a piece of the name; with ``in_identifier`` also of the identifier, which the API does not search.
    """

    search: str | None = None
    created_after: datetime | None = None
    created_before: datetime | None = None
    is_archived: bool = False
    in_identifier: bool = False


@dataclass(frozen=True)
class ProcedureRow:
    """A procedure in a list. ``maker``: None when it was made by a command, or its maker is gone."""

    id: str
    name: str
    identifier: str
    created_at: datetime
    maker: Person | None


@dataclass(frozen=True)
class RecentRun:
    """A run, as far as its procedure shows it."""

    id: str
    outcome: str
    started_at: datetime
    serial_number: str


@dataclass(frozen=True)
class ProcedureDetail(ProcedureRow):
    """A procedure with what it has done, the newest first, and where. ``etag``: of this state of it."""

    production_branch: str | None
    is_auto_pushed: bool
    excluded_branch_patterns: list[str]
    root_directory: str | None
    entry_point: str | None
    runs_count: int
    recent_runs: list[RecentRun]
    stations: list[Ref]
    etag: str


def page_procedures(db: Db, actor: Actor, query: ProcedureQuery, place: Place) -> CountedPage[ProcedureRow]:
    """A page of procedures. Raises `BadRequest` for a cursor that is none; `Forbidden`."""
    require(actor, Permission.VIEW)
    rows, cursor = PROCEDURES.page(db, _narrow(select_procedures(), query), place)
    return CountedPage([_row_of(*row) for row in rows], cursor)


def show_procedure(db: Db, actor: Actor, procedure_id: str) -> ProcedureDetail:
    """One procedure with its newest runs. Raises `NotFound`; `Forbidden`."""
    procedure = get_procedure(db, actor, procedure_id)
    maker = db.session.get(User, procedure.created_by_user_id) if procedure.created_by_user_id is not None else None
    count = select(func.count()).select_from(Run).where(Run.procedure_id == procedure.id)
    return ProcedureDetail(
        **vars(_row_of(procedure, maker)),
        production_branch=procedure.production_branch,
        is_auto_pushed=procedure.is_auto_pushed,
        excluded_branch_patterns=procedure.excluded_branch_patterns or [],
        root_directory=procedure.root_directory,
        entry_point=procedure.entry_point,
        runs_count=db.session.scalar(count) or 0,
        recent_runs=_recent_runs(db, actor, procedure.id),
        stations=_stations(db, actor, procedure.id),
        etag=edits.etag(procedure),
    )


def select_procedures() -> Select[Any]:
    """The statement behind the list."""
    return select(Procedure).add_columns(User).outerjoin(User, User.id == Procedure.created_by_user_id)


def _row_of(procedure: Procedure, user: User | None) -> ProcedureRow:
    maker = Person(user.id, user.name, user.email) if user is not None else None
    return ProcedureRow(procedure.id, procedure.name, procedure.identifier, procedure.created_at, maker)


def _narrow(wanted: Select[Any], query: ProcedureQuery) -> Select[Any]:
    wanted = wanted.where(Procedure.archived_at.is_not(None) if query.is_archived else Procedure.archived_at.is_(None))
    text = names.same(query.search or "")
    if text:
        in_name = Procedure.name_key.contains(text, autoescape=True)
        in_identifier = Procedure.identifier_key.contains(text, autoescape=True)
        wanted = wanted.where(or_(in_name, in_identifier) if query.in_identifier else in_name)
    if query.created_after is not None:
        wanted = wanted.where(Procedure.created_at >= query.created_after)
    if query.created_before is not None:
        wanted = wanted.where(Procedure.created_at <= query.created_before)
    return wanted


def _recent_runs(db: Db, actor: Actor, procedure_id: str) -> list[RecentRun]:
    wanted = (
        select(Run.id, Run.outcome, Run.started_at, Unit.serial_number)
        .join(Unit, Unit.id == Run.unit_id)
        .where(Run.procedure_id == procedure_id, *visible_runs(actor))
        .order_by(Run.started_at.desc(), Run.id.desc())
        .limit(RECENT_RUNS)
    )
    return [RecentRun(*row) for row in db.session.execute(wanted)]


def _stations(db: Db, actor: Actor, procedure_id: str) -> list[Ref]:
    wanted = (
        select(Station.id, Station.name)
        .join(StationProcedure, StationProcedure.station_id == Station.id)
        .where(
            StationProcedure.procedure_id == procedure_id,
            Station.archived_at.is_(None),
            *(() if actor.is_station else visible_stations(actor)),
        )
        .order_by(Station.number)
    )
    return [Ref(*row) for row in db.session.execute(wanted)]
