"""Sign-ins that failed, in the audit trail: one entry for each address and minute, with a count.

Entries cannot be removed, so a flood must not be able to fill the disk with them. The first failure of an address is
noted at once; what follows within a minute is counted in a bucket, and noted with the next one or by a chore. From
many addresses at once not more than one a second is noted by itself; the rest is counted together.
"""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from sqlalchemy import select

from portal.errors import StorageFull, TooManyRequests
from portal.models import RateBucket
from portal.services import audit, rate_limits
from portal.services.actors import Actor
from portal.services.upsert import insert_or_ignore
from portal.services.users import LONGEST_EMAIL, find_user_by_email

if TYPE_CHECKING:
    from portal.database import Db

ACTION = "user:sign_in_failed"
EVERY = timedelta(minutes=1)
ALL_ADDRESSES = rate_limits.Limit("failed-sign-ins", 60, 1.0)
# The key is no hash here: the address must be known when the count is noted.
KEY = "failed sign-ins "
ELSEWHERE = "many addresses"


def note_failure(db: Db, email: str, address: str, now: datetime) -> None:
    """Note a failure, or count it until there is room for an entry."""
    with contextlib.suppress(StorageFull), db.write():
        counted = _count(db, address, now)
        if counted is None:
            return
        try:
            rate_limits.take(db, ALL_ADDRESSES, "", now)
        except TooManyRequests:
            together = _count(db, ELSEWHERE, now, counted)
            if together is not None:
                _record(db, None, ELSEWHERE, together)
        else:
            _record(db, email, address, counted)


def note_counted(db: Db, now: datetime | None = None) -> int:
    """Note what was counted and has had no entry yet: a chore. How many entries were made."""
    now = now or datetime.now(UTC)
    is_waiting = (RateBucket.key.startswith(KEY), RateBucket.tokens > 0, RateBucket.updated_at <= now - EVERY)
    with db.write():
        waiting = db.session.scalars(select(RateBucket).where(*is_waiting).with_for_update()).all()
        for bucket in waiting:
            tries, bucket.tokens, bucket.updated_at = int(bucket.tokens), 0.0, now
            _record(db, None, bucket.key.removeprefix(KEY), tries)
        return len(waiting)


def _count(db: Db, address: str, now: datetime, tries: int = 1) -> int | None:
    """Count tries. All that have no entry yet where one is due now, which empties the bucket; else None."""
    key = f"{KEY}{address}"[:64]
    insert_or_ignore(db, RateBucket, key=key, tokens=0.0, updated_at=now - EVERY)
    bucket = db.session.get_one(RateBucket, key, with_for_update=True)
    bucket.tokens += tries
    if now - bucket.updated_at < EVERY:
        return None
    counted, bucket.tokens, bucket.updated_at = int(bucket.tokens), 0.0, now
    return counted


def _record(db: Db, email: str | None, address: str, tries: int) -> None:
    """An entry about the account, where there is one. What is no e-mail address is not kept: it may be a password."""
    user = find_user_by_email(db, email) if email is not None else None
    shown = email.strip() if email is not None and "@" in email and email.isprintable() else None
    shown = user.email if user is not None else shown[:LONGEST_EMAIL] if shown is not None else None
    nobody = Actor("system", "nobody", "Somebody", address=None if address == ELSEWHERE else address)
    about = ("users", user.id if user is not None else "unknown", shown)
    words = "an unknown account" if email is not None else "some account"
    audit.record_about(db, nobody, ACTION, about, details={"email": shown or words, "tries": tries})
