"""How often something may be tried: token buckets in the database, after the model of healthchecks.

A bucket holds ``capacity`` tries and refills evenly. Slightly inexact when two requests race, which does not matter.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from sqlalchemy import delete

from portal.errors import TooManyRequests
from portal.models import RateBucket
from portal.services.upsert import insert_or_ignore

if TYPE_CHECKING:
    from portal.database import Db

FORGET_AFTER = timedelta(days=1)


@dataclass(frozen=True)
class Limit:
    """``capacity`` tries at once, then one every ``refill_s`` seconds."""

    name: str
    capacity: int
    refill_s: float


SIGN_IN = Limit("sign-in", 5, 30.0)  # one person mistyping, at one place
SIGN_IN_OF_ADDRESS = Limit("sign-in-address", 40, 2.0)  # a plant behind one address; each try costs 64 MiB

PASSWORD = Limit("password", 5, 30.0)  # the old one, asked for again; by member
INSTALLER = Limit("installer", 600, 0.5)  # scripts and wheels, by address: a plant that upgrades all of its benches
INVITATION = Limit("invitation", 20, 3.0)  # links, by address: their tokens cannot be guessed, and nobody shall try


def take(db: Db, limit: Limit, who: str, now: datetime) -> None:
    """Use up one try, for good, whatever comes after. Raises `TooManyRequests`."""
    with db.write():
        key = _key(limit, who)
        insert_or_ignore(db, RateBucket, key=key, tokens=float(limit.capacity), updated_at=now)
        bucket = db.session.get_one(RateBucket, key, with_for_update=True)
        passed_s = max(0.0, (now - bucket.updated_at).total_seconds())
        tokens = min(float(limit.capacity), bucket.tokens + passed_s / limit.refill_s)
        is_allowed = tokens >= 1
        bucket.tokens = tokens - 1 if is_allowed else tokens
        bucket.updated_at = now
        db.session.execute(delete(RateBucket).where(RateBucket.updated_at < now - FORGET_AFTER))
    if not is_allowed:
        raise TooManyRequests((1 - tokens) * limit.refill_s)


def forgive(db: Db, limit: Limit, who: str) -> None:
    """It was the right one: earlier tries no longer count."""
    with db.write():
        db.session.execute(delete(RateBucket).where(RateBucket.key == _key(limit, who)))


def _key(limit: Limit, who: str) -> str:
    return hashlib.sha256(f"{limit.name}\0{who}".encode("utf-8", "replace")).hexdigest()
