"""Signing in: a password becomes a random token, which stands for a row that can be ended at any time."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from sqlalchemy import delete, select, update

from portal.announcements import SignedOut
from portal.errors import Invalid, NotFound, StorageFull, TooManyRequests
from portal.models import SignInSession, User
from portal.services import audit, failed_sign_ins, names, passwords, rate_limits, secrets
from portal.services.actors import Actor
from portal.services.users import acting, actor_of, find_member

if TYPE_CHECKING:
    from portal.database import Db

NOTE_USE_EVERY = timedelta(minutes=1)  # a page may make ten requests; each need not write
MOST_LISTED = 100
REFUSAL = "The e-mail address or the password is wrong."


@dataclass(frozen=True)
class SignIn:
    """Somebody is signed in. The token is known to nobody else, and not stored."""

    token: str
    user: User


def sign_in(
    db: Db, email: str, password: str, address: str, user_agent: str | None, now: datetime | None = None
) -> SignIn:
    """Check a password and begin a session. Raises `Invalid`, with one message for all reasons; `TooManyRequests`.

    Tries are counted before the password is looked at: checking one costs 64 MiB and a tenth of a second.
    """
    now = now or datetime.now(UTC)
    who = f"{address}\0{names.same(email)}"
    try:
        rate_limits.take(db, rate_limits.SIGN_IN_OF_ADDRESS, address, now)
        rate_limits.take(db, rate_limits.SIGN_IN, who, now)
    except TooManyRequests:
        failed_sign_ins.note_failure(db, email, address, now)
        raise
    user = find_member(db, email)
    stored = user.password_hash if user is not None else None
    db.session.close()  # no transaction stays open while the hash is computed
    if not passwords.fits(stored, password) or user is None:
        failed_sign_ins.note_failure(db, email, address, now)
        raise Invalid(REFUSAL)
    with db.write():
        token = begin_session(db, user, address, user_agent, now)
        if passwords.is_outdated(user.password_hash):
            db.session.execute(update(User).where(User.id == user.id).values(password_hash=passwords.store(password)))
        rate_limits.forgive(db, rate_limits.SIGN_IN, who)
        audit.record(db, replace(actor_of(user), address=address), "user:signed_in", user)
    return SignIn(token, user)


def begin_session(db: Db, user: User, address: str, user_agent: str | None, now: datetime) -> str:
    """Sign somebody in who has proved who they are; inside a write transaction. The token, which is not stored."""
    token = secrets.new_token(43)
    db.session.execute(delete(SignInSession).where(SignInSession.expires_at < now))
    db.session.add(
        SignInSession(
            user_id=user.id,
            token_hash=secrets.digest(token),
            created_at=now,
            last_used_at=now,
            expires_at=now + timedelta(seconds=db.settings.sign_in_lifetime_s),
            address=address[:64],
            user_agent=(user_agent or "")[:300].replace("\0", "") or None,
        )
    )
    return token


def find_user_by_token(db: Db, token: str, now: datetime | None = None) -> User | None:
    """Whose session this is. None when it is unknown, was ended, or has not been used for too long."""
    now = now or datetime.now(UTC)
    token_hash = secrets.digest(token)
    wanted = (
        select(User, SignInSession.last_used_at)
        .join(SignInSession, SignInSession.user_id == User.id)
        .where(SignInSession.token_hash == token_hash, SignInSession.expires_at > now, User.removed_at.is_(None))
    )
    found = db.session.execute(wanted).first()
    if found is None:
        return None
    user, last_used_at = found
    if now - last_used_at > NOTE_USE_EVERY:
        with contextlib.suppress(StorageFull), db.write():  # who only reads is not refused for it
            db.session.execute(
                update(SignInSession)
                .where(SignInSession.token_hash == token_hash)
                .values(last_used_at=now, expires_at=now + timedelta(seconds=db.settings.sign_in_lifetime_s))
            )
    return user


def is_signed_in(db: Db, token: str, now: datetime | None = None) -> bool:
    """Whether the session goes on."""
    return peek(db, token, now) is not None


def peek(db: Db, token: str, now: datetime | None = None) -> Actor | None:
    """Who is signed in, with the rights of now. To ask is no use of it: an open page does not keep a session alive."""
    wanted = (
        select(User)
        .join(SignInSession, SignInSession.user_id == User.id)
        .where(
            SignInSession.token_hash == secrets.digest(token),
            SignInSession.expires_at > (now or datetime.now(UTC)),
            User.removed_at.is_(None),
        )
    )
    user = db.session.scalar(wanted)
    return acting(db, user) if user is not None else None


@dataclass(frozen=True)
class SessionRow:
    """A browser in which somebody is signed in. ``is_this``: the one that asks."""

    id: str
    address: str | None
    user_agent: str | None
    created_at: datetime
    last_used_at: datetime
    is_this: bool


def list_sessions(db: Db, actor: Actor, token: str, now: datetime | None = None) -> list[SessionRow]:
    """Where the actor is signed in, this browser first, then the last used first; at most the newest hundred."""
    this = secrets.digest(token)
    wanted = (
        select(SignInSession)
        .where(SignInSession.user_id == actor.user_id, SignInSession.expires_at > (now or datetime.now(UTC)))
        .order_by(SignInSession.last_used_at.desc(), SignInSession.id)
        .limit(MOST_LISTED)
    )
    rows = [
        SessionRow(one.id, one.address, one.user_agent, one.created_at, one.last_used_at, one.token_hash == this)
        for one in db.session.scalars(wanted)
    ]
    return sorted(rows, key=lambda row: not row.is_this)


def end_session(db: Db, actor: Actor, session_id: str) -> None:
    """Sign the actor out in one browser. Raises `NotFound`, also for somebody else's."""
    with db.write():
        found = db.session.get(SignInSession, session_id) if names.is_id(session_id) else None
        if found is None or found.user_id != actor.user_id:
            raise NotFound("sign-in")
        user = db.session.get_one(User, found.user_id)
        audit.record(db, actor, "user:session_ended", user, address=found.address or "unknown")
        db.announce(SignedOut(found.token_hash))
        db.session.delete(found)


def end_other_sessions(db: Db, actor: Actor, token: str) -> int:
    """Sign the actor out everywhere but here. How many sessions that were."""
    with db.write():
        user = db.session.get_one(User, actor.id)
        count = end_sessions(db, user, but=token)
        if count:
            audit.record(db, actor, "user:sessions_ended", user, count=count)
    return count


def end_sessions(db: Db, user: User, but: str | None = None) -> int:
    """Sign somebody out everywhere, but for the browser with that token; inside a write transaction. How many."""
    ended = select(SignInSession).where(SignInSession.user_id == user.id)
    if but is not None:
        ended = ended.where(SignInSession.token_hash != secrets.digest(but))
    found = db.session.scalars(ended).all()
    for one in found:
        db.announce(SignedOut(one.token_hash))
        db.session.delete(one)
    return len(found)


def sign_out(db: Db, token: str, address: str | None = None) -> None:
    """End the session. Nothing happens when it has ended already."""
    user = find_user_by_token(db, token)
    with db.write():
        db.session.execute(delete(SignInSession).where(SignInSession.token_hash == secrets.digest(token)))
        if user is not None:
            audit.record(db, replace(actor_of(user), address=address), "user:signed_out", user)
        db.announce(SignedOut(secrets.digest(token)))
