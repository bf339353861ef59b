"""Requests that carry a key are carried out once: a repeated one gets the first answer.

The key is claimed first, and in the transaction that does what was asked: either both are stored, or neither. So a
request that was refused, or broke off, may be sent again under its key. Kept for 30 days.
Source: contract/v2-api.md §1.3, run-json.md.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, select

from portal.errors import BadRequest, Conflict
from portal.models import IdempotencyKey
from portal.services.upsert import insert_or_ignore

if TYPE_CHECKING:
    from portal.database import Db
    from portal.services.actors import Actor

KEEP = timedelta(days=30)
LONGEST_KEY = 255


def fingerprint(operation: str, body: bytes) -> str:
    """What tells one request from another: the operation and its whole body."""
    return hashlib.sha256(operation.encode("utf-8", "surrogateescape") + b"\0" + body).hexdigest()


def once(db: Db, actor: Actor, key: str, print_: str, act: Callable[[], Any], now: datetime | None = None) -> Any:
    """What ``act`` gives (JSON), or gave when the key was new; in one transaction with what it does.

    Two requests at once: the second waits for the first. Raises `BadRequest` for a key that is none; `Conflict` when it
    was used for another request.
    """
    if not key.strip() or len(key) > LONGEST_KEY or not key.isprintable():
        raise BadRequest(f"The Idempotency-Key must be 1 to {LONGEST_KEY} printable characters.", "Idempotency-Key")
    now = now or datetime.now(UTC)
    owner = actor.owner_key
    with db.write():
        db.session.execute(delete(IdempotencyKey).where(IdempotencyKey.created_at < now - KEEP))
        is_new = insert_or_ignore(db, IdempotencyKey, owner=owner, key=key, fingerprint=print_, created_at=now)
        wanted = select(IdempotencyKey).where(IdempotencyKey.owner == owner, IdempotencyKey.key == key)
        if is_new:
            answer = act()
            db.session.scalars(wanted).one().answer = answer
            return answer
        first = db.session.scalars(wanted).one()
        if first.fingerprint not in ("", print_):
            raise Conflict(
                "This Idempotency-Key was already used for a request with another body. Nothing was stored; "
                "the first request stays as it is.",
                "Idempotency-Key",
            )
        return first.answer
