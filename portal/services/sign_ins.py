"""Signing in: a password becomes a random token, which stands for a row that can be ended at any time."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from sqlalchemy import delete, select, update

from portal.announcements import SignedOut
from portal.errors import Invalid, StorageFull, TooManyRequests
from portal.models import SignInSession, User
from portal.services import audit, failed_sign_ins, names, passwords, rate_limits, secrets
from portal.services.users import actor_of, find_user_by_email

if TYPE_CHECKING:
    from portal.database import Db

NOTE_USE_EVERY = timedelta(minutes=1)  # a page may make ten requests; each need not write
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
    user = find_user_by_email(db, email)
    stored = user.password_hash if user is not None else None
    db.session.close()  # no transaction stays open while the hash is computed
    if not passwords.fits(stored, password) or user is None:
        failed_sign_ins.note_failure(db, email, address, now)
        raise Invalid(REFUSAL)
    token = secrets.new_token(43)
    with db.write():
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
        if passwords.is_outdated(user.password_hash):
            db.session.execute(update(User).where(User.id == user.id).values(password_hash=passwords.store(password)))
        rate_limits.forgive(db, rate_limits.SIGN_IN, who)
        audit.record(db, replace(actor_of(user), address=address), "user:signed_in", user)
    return SignIn(token, user)


def find_user_by_token(db: Db, token: str, now: datetime | None = None) -> User | None:
    """Whose session this is. None when it is unknown, was ended, or has not been used for too long."""
    now = now or datetime.now(UTC)
    token_hash = secrets.digest(token)
    wanted = (
        select(User, SignInSession.last_used_at)
        .join(SignInSession, SignInSession.user_id == User.id)
        .where(SignInSession.token_hash == token_hash, SignInSession.expires_at > now)
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
    """Whether the session goes on. To ask is no use of it: an open page alone does not keep it alive."""
    now = now or datetime.now(UTC)
    wanted = select(SignInSession.id).where(
        SignInSession.token_hash == secrets.digest(token), SignInSession.expires_at > now
    )
    return db.session.scalar(wanted) is not None


def sign_out(db: Db, token: str, address: str | None = None) -> None:
    """End the session. Nothing happens when it has ended already."""
    user = find_user_by_token(db, token)
    with db.write():
        db.session.execute(delete(SignInSession).where(SignInSession.token_hash == secrets.digest(token)))
        if user is not None:
            audit.record(db, replace(actor_of(user), address=address), "user:signed_out", user)
        db.announce(SignedOut(token))
