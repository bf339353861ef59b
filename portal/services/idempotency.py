"""Requests that carry a key are carried out once: a repeated one gets the first answer.

The key is claimed first, with the id that its object will have, and in the transaction that makes the object: either
both are stored, or neither. Kept for 30 days. Source: contract/v2-api.md §1.3, run-json.md.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from sqlalchemy import delete, select

from portal.errors import BadRequest, Conflict
from portal.models import IdempotencyKey
from portal.services.upsert import insert_or_ignore

if TYPE_CHECKING:
    from portal.database import Db
    from portal.services.actors import Actor

KEEP = timedelta(days=30)
LONGEST_KEY = 255


def fingerprint(operation: str, body: str | bytes) -> str:
    """What tells one request from another: the operation and its whole body."""
    data = body.encode() if isinstance(body, str) else body
    return hashlib.sha256(operation.encode() + b"\0" + data).hexdigest()


def claim(db: Db, actor: Actor, key: str, print_: str, object_id: str, now: datetime | None = None) -> str:
    """The id of the key's object: ``object_id`` for a new key, else that of the first request.

    Call it first in the write transaction. Two requests at once: the second waits for the first. Raises `Conflict` when
    the key was used for another request.
    """
    if not key.strip() or len(key) > LONGEST_KEY or not key.isprintable():
        raise BadRequest(f"The Idempotency-Key must be 1 to {LONGEST_KEY} printable characters.", "Idempotency-Key")
    now = now or datetime.now(UTC)
    db.session.execute(delete(IdempotencyKey).where(IdempotencyKey.created_at < now - KEEP))
    owner = actor.owner_key
    if insert_or_ignore(
        db, IdempotencyKey, owner=owner, key=key, fingerprint=print_, object_id=object_id, created_at=now
    ):
        return object_id
    wanted = select(IdempotencyKey).where(IdempotencyKey.owner == owner, IdempotencyKey.key == key)
    first = db.session.scalars(wanted).one()
    if first.fingerprint != print_:
        raise Conflict(
            "This Idempotency-Key was already used for a request with another body. Nothing was stored; "
            "the first request stays as it is.",
            "Idempotency-Key",
        )
    return first.object_id
