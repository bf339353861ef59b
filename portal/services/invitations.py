"""Links by which people come in: a new member's first, and a member's new password. There is no e-mail server.

A link holds a random token that is stored as its hash only: it is shown once, and works once, for seven days.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from sqlalchemy import ColumnElement, select

from portal.announcements import RightsChanged
from portal.errors import Conflict, Invalid, NotFound
from portal.models import Invitation, Team, User
from portal.services import audit, edits, names, rate_limits, secrets
from portal.services.actors import Actor, Permission, Role, require
from portal.services.members import get_member, given_role, refuse_above, roles_to_give
from portal.services.sign_ins import SignIn, begin_session, end_sessions
from portal.services.teams import find_teams, join_teams
from portal.services.users import actor_of, admit, check_address, draft, find_actor, find_member

if TYPE_CHECKING:
    from portal.database import Db

VALID_FOR = timedelta(days=7)
MOST_LISTED = 100


@dataclass(frozen=True)
class Made:
    """A link that was made just now. The token is known to nobody else, and not stored."""

    id: str
    token: str


@dataclass(frozen=True)
class InvitationRow:
    """A link that still works. ``is_reset``: for a member's new password."""

    id: str
    email: str
    role: str
    team_names: list[str]
    is_reset: bool
    created_at: datetime
    created_by: str | None
    expires_at: datetime


@dataclass(frozen=True)
class Welcome:
    """What the page behind a link says. ``name``: of the member, where it is for a new password."""

    email: str
    role: str
    is_reset: bool
    name: str | None


def invite(
    db: Db, actor: Actor, email: str, role: str, team_ids: Sequence[str] = (), now: datetime | None = None
) -> Made:
    """Make a link for a new member. An earlier open one for the same address stops working.

    Raises `Invalid`, `Conflict` (a member has the address) with the field's path; `Forbidden` for a role above the
    actor's own.
    """
    require(actor, Permission.ADMINISTER)
    address = email.strip()
    issues = check_address(address, role)
    if issues:
        raise Invalid(issues)
    wanted = given_role(actor, role)
    now = now or datetime.now(UTC)
    with db.write():
        db.serialise("users")
        if find_member(db, address) is not None:
            raise Conflict(f"{address} is a member already.", "email")
        teams = find_teams(db, team_ids)
        _withdraw_earlier(db, now, email_key=names.same(address))
        made, token = _new(actor, address, wanted, now)
        made.team_ids = sorted(teams)
        db.session.add(made)
        team_names = sorted(team.name for team in teams.values())
        audit.record(db, actor, "invitation:created", made, email=address, role=wanted.value, teams=team_names)
    return Made(made.id, token)


def make_reset_link(db: Db, actor: Actor, user_id: str, now: datetime | None = None) -> Made:
    """Make a link by which a member sets a new password. Raises `NotFound`; `Forbidden` for somebody above."""
    require(actor, Permission.ADMINISTER)
    now = now or datetime.now(UTC)
    with db.write():
        db.serialise("users")  # who is given a higher role just now has the links to their account withdrawn
        user = get_member(db, actor, user_id)
        refuse_above(actor, user)
        _withdraw_earlier(db, now, user_id=user.id)
        made, token = _new(actor, user.email, Role(user.role), now)
        made.user_id = user.id
        db.session.add(made)
        audit.record(db, actor, "user:reset_link_created", user)
    return Made(made.id, token)


def list_open(db: Db, actor: Actor, now: datetime | None = None) -> list[InvitationRow]:
    """The links that still work, the newest first, at most a hundred. Raises `Forbidden`."""
    require(actor, Permission.ADMINISTER)
    wanted = (
        select(Invitation, User)
        .outerjoin(User, User.id == Invitation.created_by_user_id)
        .where(*_open(now or datetime.now(UTC)))
        .order_by(Invitation.created_at.desc(), Invitation.id.desc())
        .limit(MOST_LISTED)
    )
    team_names = {team.id: team.name for team in db.session.scalars(select(Team))}
    return [
        InvitationRow(
            one.id,
            one.email,
            one.role,
            sorted(team_names[team_id] for team_id in one.team_ids if team_id in team_names),
            one.user_id is not None,
            one.created_at,
            (maker.name or maker.email) if maker is not None else None,
            one.expires_at,
        )
        for one, maker in db.session.execute(wanted)
    ]


def withdraw(db: Db, actor: Actor, invitation_id: str) -> None:
    """Make a link worthless. Nothing happens when it is already. Raises `NotFound`; `Forbidden`."""
    require(actor, Permission.ADMINISTER)
    with db.write():
        found = db.session.get(Invitation, invitation_id) if names.is_id(invitation_id) else None
        if found is None:
            raise NotFound("invitation")
        if found.used_at is None and found.withdrawn_at is None:
            found.withdrawn_at = datetime.now(UTC)
            audit.record(db, actor, "invitation:withdrawn", found)


def show_welcome(db: Db, token: str, address: str, now: datetime | None = None) -> Welcome:
    """What a link is for. Raises `NotFound` for one that does not work (any more); `TooManyRequests`."""
    now = now or datetime.now(UTC)
    rate_limits.take(db, rate_limits.INVITATION, address, now)
    found = _find(db, token, now)
    user = db.session.get(User, found.user_id) if found.user_id is not None else None
    return Welcome(found.email, found.role, user is not None, user.name if user is not None else None)


def accept(
    db: Db, token: str, name: str, password: str, address: str, user_agent: str | None, now: datetime | None = None
) -> SignIn:
    """Use a link, once: the new member comes in, or the member has the new password; signed in here, and only here.

    Raises `NotFound`; `Invalid` for what was typed: the link then still works; `Conflict`; `TooManyRequests`.
    """
    now = now or datetime.now(UTC)
    rate_limits.take(db, rate_limits.INVITATION, address, now)
    found = _find(db, token, now)
    if found.user_id is None:
        names.clean(name, "name", 200, "name")
    db.session.close()  # no transaction stays open while the hash is computed
    # Slow on purpose, and checks what was typed: before the transaction.
    drafted = draft(name, found.email, found.role, password)
    with db.write():
        db.serialise("users")
        found = _find(db, token, now)
        found.used_at = now
        user = _let_in(db, found, drafted, address, now)
        db.session.flush()
        new_token = begin_session(db, user, address, user_agent, now)
        audit.record(db, _acting_from(user, address), "user:signed_in", user)
    return SignIn(new_token, user)


def _let_in(db: Db, found: Invitation, drafted: User, address: str, now: datetime) -> User:
    if found.user_id is None:
        user = admit(db, drafted)
        db.session.flush()  # a new member has an id from now on
        audit.record(db, _acting_from(user, address), "invitation:accepted", user, role=user.role)
        join_teams(db, user, found.team_ids)
        return user
    user = db.session.get_one(User, found.user_id)
    if user.removed_at is not None:
        raise NotFound("invitation")
    user.password_hash = drafted.password_hash
    edits.touch(user, now)
    end_sessions(db, user)
    audit.record(db, _acting_from(user, address), "user:password_reset", user)
    db.announce(RightsChanged(user.id))
    return user


def _acting_from(user: User, address: str) -> Actor:
    return replace(actor_of(user), address=address)


def _new(actor: Actor, email: str, role: Role, now: datetime) -> tuple[Invitation, str]:
    token = secrets.new_token(43)
    made = Invitation(
        token_hash=secrets.digest(token),
        email=email,
        email_key=names.same(email),
        role=role.value,
        team_ids=[],
        created_at=now,
        created_by_user_id=actor.user_id,
        expires_at=now + VALID_FOR,
    )
    return made, token


def _withdraw_earlier(db: Db, now: datetime, *, email_key: str | None = None, user_id: str | None = None) -> None:
    wanted = select(Invitation).where(*_open(now), Invitation.user_id == user_id if user_id else
                                      Invitation.email_key == email_key)  # fmt: skip
    for one in db.session.scalars(wanted):
        one.withdrawn_at = now


def _find(db: Db, token: str, now: datetime) -> Invitation:
    wanted = select(Invitation).where(Invitation.token_hash == secrets.digest(token), *_open(now))
    found = db.session.scalar(wanted)
    if found is None or not _has_backing(db, found):
        raise NotFound("invitation (any more): it was used, withdrawn, or is older than seven days. Ask for a new link")
    return found


def _has_backing(db: Db, found: Invitation) -> bool:
    """Whether who made the link could make it now. One that was on its way while they lost the right has none."""
    if found.created_by_user_id is None:
        return True
    maker = find_actor(db, found.created_by_user_id)
    return maker is not None and Role(found.role) in roles_to_give(maker)


def _open(now: datetime) -> tuple[ColumnElement[bool], ...]:
    return (Invitation.used_at.is_(None), Invitation.withdrawn_at.is_(None), Invitation.expires_at > now)
