"""Members, as those who manage people see and change them. Themselves they change in `accounts`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sqlalchemy import ColumnElement, Select, delete, func, or_, select, update

from portal.announcements import RightsChanged
from portal.errors import Conflict, Forbidden, Invalid, NotFound
from portal.models import ApiKey, Invitation, SignInSession, Team, TeamMember, User
from portal.services import audit, edits, names
from portal.services.actors import Actor, Permission, Role, can, require
from portal.services.refs import Ref
from portal.services.sign_ins import end_sessions

if TYPE_CHECKING:
    from portal.database import Db

PAGE_SIZE = 100


@dataclass(frozen=True)
class MemberRow:
    """A member. ``seen_at``: when one of their browsers last asked for anything; None when none is signed in."""

    id: str
    name: str | None
    email: str
    role: Role
    created_at: datetime
    seen_at: datetime | None
    teams: list[Ref]


@dataclass(frozen=True)
class MemberPage:
    """Some of the members, by address. ``next_after``: the address to go on behind; None at the end."""

    items: list[MemberRow]
    next_after: str | None


def page_members(db: Db, actor: Actor, search: str = "", after: str = "") -> MemberPage:
    """A page of members. search: a piece of the name or address. Raises `Forbidden`."""
    require(actor, Permission.ADMINISTER)
    wanted = _select().where(User.email_key > names.same(after)) if after else _select()
    text = names.same(search)
    if text:
        is_named = func.lower(User.name).contains(text, autoescape=True)
        wanted = wanted.where(or_(User.email_key.contains(text, autoescape=True), is_named))
    found = db.session.execute(wanted.order_by(User.email_key).limit(PAGE_SIZE + 1)).all()
    rows = _rows(db, found[:PAGE_SIZE])
    return MemberPage(rows, rows[-1].email if len(found) > PAGE_SIZE else None)


def show_member(db: Db, actor: Actor, user_id: str) -> MemberRow:
    """One member. Raises `NotFound`, also for one who was removed; `Forbidden`."""
    user = get_member(db, actor, user_id)
    (row,) = _rows(db, db.session.execute(_select().where(User.id == user.id)).all())
    return row


def get_member(db: Db, actor: Actor, user_id: str) -> User:
    """The member's row. Raises `NotFound`; `Forbidden`."""
    require(actor, Permission.ADMINISTER)
    found = db.session.get(User, user_id) if names.is_id(user_id) else None
    if found is None or found.removed_at is not None:
        raise NotFound("member")
    return found


def roles_to_give(actor: Actor) -> list[Role]:
    """The roles that the actor may give to others: none above their own."""
    if not can(actor, Permission.ADMINISTER):
        return []
    return [role for role in Role if actor.role is None or role.rank <= actor.role.rank]


def change_role(db: Db, actor: Actor, user_id: str, role: str) -> None:
    """Give a member another role.

    Raises `NotFound`; `Invalid`; `Forbidden` for a role above the actor's own, or of somebody above; `Conflict` for the
    last owner.
    """
    require(actor, Permission.ADMINISTER)
    wanted = given_role(actor, role)
    with db.write():
        db.serialise("users")
        user = get_member(db, actor, user_id)
        refuse_above(actor, user)
        before = Role(user.role)
        if before is wanted:
            return
        _keep_an_owner(db, user)
        user.role = wanted.value
        edits.touch(user)
        _withdraw_links(db, Invitation.user_id == user.id)
        if wanted.rank < before.rank:
            _withdraw_links(db, Invitation.created_by_user_id == user.id)
        audit.record(db, actor, "user:role_changed", user, changes={"role": (before.value, wanted.value)})
        db.announce(RightsChanged(user.id))


def remove_member(db: Db, actor: Actor, user_id: str) -> None:
    """Take a member out: their sessions, keys and links are worth nothing from now on; what they did keeps their name.

    Raises `NotFound`; `Forbidden` for somebody above; `Conflict` for oneself, and for the last owner.
    """
    require(actor, Permission.ADMINISTER)
    with db.write():
        db.serialise("users")
        user = get_member(db, actor, user_id)
        refuse_above(actor, user)
        if user.id == actor.user_id:
            raise Conflict("You cannot remove yourself: ask somebody else who manages people.")
        _keep_an_owner(db, user)
        now = datetime.now(UTC)
        user.removed_at = now
        edits.touch(user, now)
        end_sessions(db, user)
        is_theirs = ApiKey.user_id == user.id
        db.session.execute(update(ApiKey).where(is_theirs, ApiKey.revoked_at.is_(None)).values(revoked_at=now))
        db.session.execute(delete(TeamMember).where(TeamMember.user_id == user.id))
        _withdraw_links(db, or_(Invitation.user_id == user.id, Invitation.created_by_user_id == user.id))
        audit.record(db, actor, "user:removed", user, role=user.role)
        db.announce(RightsChanged(user.id))


def given_role(actor: Actor, role: str) -> Role:
    """A role that the actor may give. Raises `Invalid`, path ``role``; `Forbidden`."""
    if role not in list(Role):
        raise Invalid(f"Choose a role: one of {', '.join(Role)}.", "role")
    if Role(role) not in roles_to_give(actor):
        raise Forbidden(f"Only somebody with the role {role} gives it to others. Nothing was changed.")
    return Role(role)


def refuse_above(actor: Actor, user: User) -> None:
    """Raises `Forbidden` for a member whose role is above the actor's."""
    if actor.role is not None and Role(user.role).rank > actor.role.rank:
        raise Forbidden(f"{user.name or user.email} is {user.role}: only who has that role changes it.")


def _keep_an_owner(db: Db, user: User) -> None:
    """Raises `Conflict` for the last one."""
    if user.role != Role.OWNER:
        return
    others = select(User.id).where(User.role == Role.OWNER, User.removed_at.is_(None), User.id != user.id)
    if db.session.scalar(others.limit(1)) is None:
        raise Conflict(f"{user.name or user.email} is the last owner: make somebody else an owner first.")


def _withdraw_links(db: Db, which: ColumnElement[bool]) -> None:
    """A link that is still open must not outlive the rights that made it, or give more than when it was made."""
    still_open = (Invitation.used_at.is_(None), Invitation.withdrawn_at.is_(None))
    withdrawn = update(Invitation).where(which, *still_open)
    db.session.execute(withdrawn.values(withdrawn_at=datetime.now(UTC)))


def _select() -> Select[*tuple[User, datetime]]:
    seen = (
        select(func.max(SignInSession.last_used_at))
        .where(SignInSession.user_id == User.id)
        .correlate(User)
        .scalar_subquery()
    )
    return select(User, seen).where(User.removed_at.is_(None))


def _rows(db: Db, found: object) -> list[MemberRow]:
    rows = [(user, seen_at) for user, seen_at in found]  # type: ignore[attr-defined]
    wanted = (
        select(TeamMember.user_id, Team.id, Team.name)
        .join(Team, Team.id == TeamMember.team_id)
        .where(TeamMember.user_id.in_([user.id for user, _ in rows]))
        .order_by(Team.name_key)
    )
    teams: dict[str, list[Ref]] = {}
    for user_id, team_id, name in db.session.execute(wanted):
        teams.setdefault(user_id, []).append(Ref(team_id, name))
    return [
        MemberRow(user.id, user.name, user.email, Role(user.role), user.created_at, seen_at, teams.get(user.id, []))
        for user, seen_at in rows
    ]
