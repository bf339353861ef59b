"""Teams: they scope which stations viewers and operators see (`portal.services.station_lookup`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sqlalchemy import delete, func, select, update

from portal.announcements import RightsChanged, StationChanged
from portal.errors import Conflict, Invalid, NotFound
from portal.models import Station, Team, TeamMember, User
from portal.services import audit, edits, names
from portal.services.actors import Actor, Permission, require
from portal.services.refs import Person, Ref

if TYPE_CHECKING:
    from portal.database import Db

LONGEST_NAME = 60


@dataclass(frozen=True)
class TeamRow:
    """A team in a list, with how much belongs to it."""

    id: str
    name: str
    member_count: int
    station_count: int


@dataclass(frozen=True)
class TeamDetail:
    """One team. Its stations are those that are not archived, by number."""

    id: str
    name: str
    created_at: datetime
    members: list[Person]
    stations: list[Ref]


def list_teams(db: Db, actor: Actor) -> list[TeamRow]:
    """All teams, by name. Raises `Forbidden`."""
    require(actor, Permission.VIEW)
    members = (
        select(func.count())
        .select_from(TeamMember)
        .join(User, User.id == TeamMember.user_id)
        .where(TeamMember.team_id == Team.id, User.removed_at.is_(None))
        .scalar_subquery()
    )
    stations = (
        select(func.count())
        .select_from(Station)
        .where(Station.team_id == Team.id, Station.archived_at.is_(None))
        .scalar_subquery()
    )
    wanted = select(Team.id, Team.name, members, stations).order_by(Team.name_key)
    return [TeamRow(*row) for row in db.session.execute(wanted)]


def show_team(db: Db, actor: Actor, team_id: str) -> TeamDetail:
    """One team with its members and stations. Raises `NotFound`; `Forbidden`."""
    team = get_team(db, actor, team_id)
    members = (
        select(User)
        .join(TeamMember, TeamMember.user_id == User.id)
        .where(TeamMember.team_id == team.id, User.removed_at.is_(None))
        .order_by(User.email_key)
    )
    stations = (
        select(Station.id, Station.name)
        .where(Station.team_id == team.id, Station.archived_at.is_(None))
        .order_by(Station.number)
    )
    return TeamDetail(
        team.id,
        team.name,
        team.created_at,
        [Person(one.id, one.name, one.email) for one in db.session.scalars(members)],
        [Ref(*row) for row in db.session.execute(stations)],
    )


def get_team(db: Db, actor: Actor, team_id: str) -> Team:
    """One of them. Raises `NotFound`; `Forbidden`."""
    require(actor, Permission.ADMINISTER)
    found = db.session.get(Team, team_id) if names.is_id(team_id) else None
    if found is None:
        raise NotFound("team")
    return found


def create_team(db: Db, actor: Actor, name: str) -> Team:
    """Make a team. Raises `Invalid`, `Conflict` with the path ``name``; `Forbidden`."""
    require(actor, Permission.ADMINISTER)
    name = names.clean(name, "team's name", LONGEST_NAME, "name")
    with db.write():
        db.serialise("teams")
        _refuse_taken(db, name)
        made = Team(
            name=name, name_key=names.same(name), created_at=datetime.now(UTC), created_by_user_id=actor.user_id
        )
        db.session.add(made)
        audit.record(db, actor, "team:created", made)
    return made


def rename_team(db: Db, actor: Actor, team_id: str, name: str) -> None:
    """Give the team another name. Raises `NotFound`; `Invalid`, `Conflict` with the path ``name``; `Forbidden`."""
    require(actor, Permission.ADMINISTER)
    name = names.clean(name, "team's name", LONGEST_NAME, "name")
    with db.write():
        db.serialise("teams")
        team = get_team(db, actor, team_id)
        _refuse_taken(db, name, but=team.id)
        if team.name != name:
            before, team.name, team.name_key = team.name, name, names.same(name)
            edits.touch(team)
            audit.record(db, actor, "team:renamed", team, changes={"name": (before, name)})


def delete_team(db: Db, actor: Actor, team_id: str) -> None:
    """Delete the team. Its stations are then in no team, and seen by everybody. Raises `NotFound`; `Forbidden`."""
    require(actor, Permission.ADMINISTER)
    with db.write():
        team = get_team(db, actor, team_id)
        station_ids = db.session.scalars(select(Station.id).where(Station.team_id == team.id)).all()
        user_ids = db.session.scalars(select(TeamMember.user_id).where(TeamMember.team_id == team.id)).all()
        audit.record(db, actor, "team:deleted", team, stations=len(station_ids), members=len(user_ids))
        db.session.execute(update(Station).where(Station.team_id == team.id).values(team_id=None))
        db.session.delete(team)
        for user_id in user_ids:
            db.announce(RightsChanged(user_id))
        for station_id in station_ids:
            db.announce(StationChanged(station_id))


def set_members(db: Db, actor: Actor, team_id: str, user_ids: Sequence[str]) -> None:
    """Say who is in the team, all at once. Raises `NotFound`; `Invalid` for who is no member; `Forbidden`."""
    require(actor, Permission.ADMINISTER)
    with db.write():
        team = get_team(db, actor, team_id)
        wanted = _members(db, user_ids)
        is_in_team = select(User).join(TeamMember, TeamMember.user_id == User.id)
        is_in_team = is_in_team.where(TeamMember.team_id == team.id, User.removed_at.is_(None))
        before = {user.id: user for user in db.session.scalars(is_in_team)}
        if before.keys() == wanted.keys():
            return
        _replace(db, joined={(team.id, one) for one in wanted.keys() - before.keys()},
                 left={(team.id, one) for one in before.keys() - wanted.keys()})  # fmt: skip
        changes = {"members": (_emails(before.values()), _emails(wanted.values()))}
        audit.record(db, actor, "team:members_changed", team, changes=changes)


def set_teams(db: Db, actor: Actor, user_id: str, team_ids: Sequence[str]) -> None:
    """Say in which teams a member is, all at once. Raises `NotFound`; `Invalid`, path ``teams``; `Forbidden`."""
    require(actor, Permission.ADMINISTER)
    with db.write():
        users = _members(db, [user_id])
        if not users:
            raise NotFound("member")
        wanted = find_teams(db, team_ids)
        before = {team.id: team for team in _teams_of(db, user_id)}
        if before.keys() == wanted.keys():
            return
        _replace(db, joined={(one, user_id) for one in wanted.keys() - before.keys()},
                 left={(one, user_id) for one in before.keys() - wanted.keys()})  # fmt: skip
        changes = {"teams": (sorted(t.name for t in before.values()), sorted(t.name for t in wanted.values()))}
        audit.record(db, actor, "user:teams_changed", users[user_id], changes=changes)


def join_teams(db: Db, user: User, team_ids: Sequence[str]) -> None:
    """Put a new member into teams, those that there still are; inside a write transaction."""
    known = db.session.scalars(select(Team.id).where(Team.id.in_(team_ids))).all()
    _replace(db, joined={(team_id, user.id) for team_id in known}, left=set())


def find_teams(db: Db, team_ids: Sequence[str]) -> dict[str, Team]:
    """The teams by their ids. Raises `Invalid`, path ``teams``, when there is not each of them."""
    ids = {one for one in team_ids if names.is_id(one)}
    found = {team.id: team for team in db.session.scalars(select(Team).where(Team.id.in_(ids)))}
    if len(found) != len(set(team_ids)):
        raise Invalid("One of the teams is not there any more: choose again.", "teams")
    return found


def _members(db: Db, user_ids: Sequence[str]) -> dict[str, User]:
    ids = {one for one in user_ids if names.is_id(one)}
    wanted = select(User).where(User.id.in_(ids), User.removed_at.is_(None))
    found = {user.id: user for user in db.session.scalars(wanted)}
    if len(found) != len(set(user_ids)):
        raise Invalid("One of the people is no member any more: choose again.", "members")
    return found


def _teams_of(db: Db, user_id: str) -> Sequence[Team]:
    wanted = select(Team).join(TeamMember, TeamMember.team_id == Team.id).where(TeamMember.user_id == user_id)
    return db.session.scalars(wanted).all()


def _replace(db: Db, joined: set[tuple[str, str]], left: set[tuple[str, str]]) -> None:
    """Pairs of team and user."""
    now = datetime.now(UTC)
    for team_id, user_id in left:
        db.session.execute(delete(TeamMember).where(TeamMember.team_id == team_id, TeamMember.user_id == user_id))
    for team_id, user_id in joined:
        db.session.add(TeamMember(team_id=team_id, user_id=user_id, joined_at=now))
    for user_id in {user_id for _team, user_id in joined | left}:
        db.announce(RightsChanged(user_id))


def _emails(users: object) -> list[str]:
    return sorted(user.email for user in users)  # type: ignore[attr-defined]


def _refuse_taken(db: Db, name: str, but: str | None = None) -> None:
    other = db.session.scalar(select(Team).where(Team.name_key == names.same(name)))
    if other is not None and other.id != but:
        raise Conflict(f"There is already a team named “{other.name}”: choose another name.", "name")
