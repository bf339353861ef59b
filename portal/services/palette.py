"""Everything by name, for whoever wants to go there: a few of each kind, each kind one statement."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, and_, or_, select

from portal.models import Batch, Part, Procedure, Run, Station, Unit
from portal.services.actors import Actor, Permission, require
from portal.services.names import same
from portal.services.station_lookup import visible_runs, visible_stations

if TYPE_CHECKING:
    from portal.database import Db

MOST_OF_A_KIND = 8
_PIECE_OF_ID = re.compile(r"[0-9a-f][0-9a-f-]{3,35}")


@dataclass(frozen=True)
class Hit:
    """Something found. ``key``: what its page is asked for by. ``note``: what tells it from its like."""

    kind: str
    key: str
    name: str
    note: str = ""


def find_by_name(db: Db, actor: Actor, text: str) -> list[Hit]:
    """Stations and procedures by a piece of the name, others by the beginning of their number. Raises `Forbidden`.

    Nothing where nothing was typed; a station's program sees only itself, and asks elsewhere.
    """
    require(actor, Permission.VIEW)
    wanted = same(text)[:100]
    if not wanted or actor.is_station:
        return []
    return [
        *_stations(db, actor, wanted),
        *_procedures(db, wanted),
        *_numbered(db, "units", Unit.serial_key, Unit.serial_number, wanted),
        *_numbered(db, "parts", Part.number_key, Part.number, wanted),
        *_numbered(db, "batches", Batch.number_key, Batch.number, wanted),
        *(_runs(db, actor, wanted) if _PIECE_OF_ID.fullmatch(wanted) else []),
    ]


def _stations(db: Db, actor: Actor, text: str) -> list[Hit]:
    matches: list[ColumnElement[bool]] = [Station.name_key.contains(text, autoescape=True)]
    digits = text.removeprefix("st-").lstrip("0")
    if digits.isascii() and digits.isdigit() and len(digits) < 9:
        matches.append(Station.number == int(digits))
    wanted = (
        select(Station.id, Station.name, Station.number)
        .where(Station.archived_at.is_(None), or_(*matches), *visible_stations(actor))
        .order_by(Station.name_key, Station.id)
        .limit(MOST_OF_A_KIND)
    )
    return [Hit("stations", key, name, f"ST-{number:04d}") for key, name, number in db.session.execute(wanted)]


def _procedures(db: Db, text: str) -> list[Hit]:
    matches = or_(
        Procedure.name_key.contains(text, autoescape=True), Procedure.identifier_key.contains(text, autoescape=True)
    )
    wanted = (
        select(Procedure.id, Procedure.name, Procedure.identifier)
        .where(Procedure.archived_at.is_(None), matches)
        .order_by(Procedure.name_key, Procedure.id)
        .limit(MOST_OF_A_KIND)
    )
    return [Hit("procedures", *row) for row in db.session.execute(wanted)]


def _numbered(db: Db, kind: str, key: Any, shown: Any, text: str) -> list[Hit]:
    wanted = select(shown).where(_begins(db, key, text)).order_by(key).limit(MOST_OF_A_KIND)
    return [Hit(kind, number, number) for number in db.session.scalars(wanted)]


def _runs(db: Db, actor: Actor, text: str) -> list[Hit]:
    wanted = (
        select(Run.id, Unit.serial_number, Run.outcome)
        .join(Unit, Unit.id == Run.unit_id)
        .where(_begins(db, Run.id, text), *visible_runs(actor))
        .order_by(Run.id)
        .limit(MOST_OF_A_KIND)
    )
    return [Hit("runs", id_, id_, f"{serial} {outcome}") for id_, serial, outcome in db.session.execute(wanted)]


def _begins(db: Db, column: Any, text: str) -> ColumnElement[bool]:
    """In a form that an index serves: LIKE alone is none on SQLite, and on PostgreSQL depends on the collation."""
    matches = and_(column >= text, column.startswith(text, autoescape=True))
    return and_(matches, column < f"{text}\U0010ffff") if db.database.is_sqlite else matches
