"""The team that a station belongs to."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import select

from portal.errors import NotFound
from portal.models import Team
from portal.services import names

if TYPE_CHECKING:
    from portal.database import Db


@dataclass(frozen=True)
class TeamRef:
    """A team, as other things name it."""

    id: str
    name: str


def list_team_options(db: Db) -> list[TeamRef]:
    """All teams that a station can be given to, by name."""
    return [TeamRef(*row) for row in db.session.execute(select(Team.id, Team.name).order_by(Team.name_key, Team.id))]


def find_team(db: Db, team_id: str) -> TeamRef | None:
    """The team; None when there is none."""
    if not names.is_id(team_id):
        return None
    row = db.session.execute(select(Team.id, Team.name).where(Team.id == team_id.lower())).first()
    return TeamRef(*row) if row is not None else None


def get_team_ref(db: Db, team_id: str) -> TeamRef:
    """The team. Raises `NotFound`."""
    found = find_team(db, team_id)
    if found is None:
        raise NotFound("team")
    return found


def teams_by_id(db: Db, team_ids: Collection[str]) -> dict[str, TeamRef]:
    """Those of the teams that there are."""
    if not team_ids:
        return {}
    rows = db.session.execute(select(Team.id, Team.name).where(Team.id.in_(team_ids)))
    return {row[0]: TeamRef(*row) for row in rows}
