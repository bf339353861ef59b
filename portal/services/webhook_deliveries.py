"""What is sent to webhooks: queued with the run, sent by `portal.live.deliveries`, tried again, and kept for a while.

A delivery is a row that is made in the transaction that stores the run: either both are there, or neither. Whoever
sends it claims it first by putting its next try off, for longer than sending takes; so one that was claimed by a
process which died is due again by itself. It may then arrive twice, and never not at all: its id tells.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, func, select, tuple_, update

from portal import driver
from portal.announcements import DeliveriesQueued
from portal.errors import Conflict, NotFound
from portal.models import Webhook, WebhookDelivery
from portal.models.base import new_id
from portal.services import audit
from portal.services.actors import Actor
from portal.services.cursors import read_cursor, write_cursor
from portal.services.run_lists import Page
from portal.services.run_notices import RUN_FINISHED, find_notices, iso
from portal.services.upsert import changed, insert_all
from portal.services.webhooks import get_webhook

if TYPE_CHECKING:
    from portal.database import Db

TEST = "webhook.test"
CLAIM = timedelta(seconds=60)  # sending takes at most ten
KEEP = timedelta(days=30)
LONGEST_ERROR = 300
# After each failed try; together nearly 24 hours. Then it has failed.
DELAYS = tuple(timedelta(seconds=s) for s in (10, 60, 300, 1800, 7200, 21_600, 21_600, 32_400))

# Asked with every run: made once.
_ACTIVE = select(Webhook.__table__.c.id).where(Webhook.__table__.c.is_active)


@dataclass(frozen=True)
class Claimed:
    """A delivery that is to be sent now. ``until``: when it is due again, unless what became of it is noted before."""

    id: str
    event: str
    url: str
    secret_sealed: str
    body: bytes
    attempt: int
    until: datetime


@dataclass(frozen=True)
class DeliveryRow:
    """A delivery in the log. ``response_status`` and ``error``: of the last try."""

    id: str
    event: str
    run_id: str | None
    state: str
    attempts: int
    response_status: int | None
    error: str | None
    created_at: datetime
    next_try_at: datetime | None
    finished_at: datetime | None


def queue_deliveries(db: Db, run_id: str, now: datetime) -> None:
    """Tell all webhooks of the run; inside the transaction that stores it. One short statement when there are none."""
    webhook_ids = [one.id for one in driver.every(db, _ACTIVE)]
    if not webhook_ids:
        return
    ((_, notice, _team),) = find_notices(db, [run_id])
    _queue(db, webhook_ids, RUN_FINISHED, {"run": notice}, now, run_id=run_id)


def send_test(db: Db, actor: Actor, webhook_id: str, now: datetime | None = None) -> str:
    """Queue a message that says it is a test; the delivery's id. Raises `NotFound`; `Conflict`; `Forbidden`."""
    with db.write():
        webhook = get_webhook(db, actor, webhook_id)
        _refuse_when_off(webhook)
        audit.record(db, actor, "webhook:tested", webhook)
        return _queue(db, [webhook.id], TEST, {}, now or datetime.now(UTC))


def retry_delivery(db: Db, actor: Actor, webhook_id: str, delivery_id: str, now: datetime | None = None) -> str:
    """Send it now, again or for another round of tries; its id. Raises `NotFound`; `Conflict`; `Forbidden`."""
    with db.write():
        webhook = get_webhook(db, actor, webhook_id)
        _refuse_when_off(webhook)
        again = {"state": "queued", "attempts": 0, "next_try_at": now or datetime.now(UTC), "finished_at": None}
        is_it = (WebhookDelivery.id == delivery_id, WebhookDelivery.webhook_id == webhook_id)
        if not changed(db.session.execute(update(WebhookDelivery).where(*is_it).values(**again))):
            raise NotFound("delivery")
        audit.record(db, actor, "webhook:retried", webhook, delivery_id=delivery_id)
        db.announce(DeliveriesQueued())
    return delivery_id


def list_deliveries(
    db: Db, actor: Actor, webhook_id: str, cursor: str | None = None, limit: int = 50
) -> Page[DeliveryRow]:
    """A page of the log, newest first. Raises `NotFound`; `BadRequest` for a cursor that is none; `Forbidden`."""
    get_webhook(db, actor, webhook_id)
    place = (WebhookDelivery.created_at, WebhookDelivery.id)
    wanted = select(WebhookDelivery).where(WebhookDelivery.webhook_id == webhook_id)
    if cursor is not None:
        at, row_id = read_cursor(cursor)
        wanted = wanted.where(tuple_(*place) < (at, row_id))
    found = list(db.session.scalars(wanted.order_by(*(column.desc() for column in place)).limit(limit + 1)))
    rows, has_more = found[:limit], len(found) > limit
    next_cursor = write_cursor(rows[-1].created_at, rows[-1].id) if has_more else None
    return Page([_row_of(one) for one in rows], next_cursor)


# ── for the portal's own thread, which acts for nobody ──


def next_tries(db: Db) -> dict[str, datetime]:
    """When each webhook that is on is due next; those for which nothing waits are left out."""
    wanted = (
        select(WebhookDelivery.webhook_id, func.min(WebhookDelivery.next_try_at))
        .join(Webhook, Webhook.id == WebhookDelivery.webhook_id)
        .where(WebhookDelivery.state == "queued", Webhook.is_active)
        .group_by(WebhookDelivery.webhook_id)
    )
    return {webhook_id: at for webhook_id, at in db.session.execute(wanted) if at is not None}


def claim_next(db: Db, webhook_id: str, now: datetime) -> Claimed | None:
    """The webhook's delivery that has been due for longest, for whoever calls this alone; None when none is due."""
    due = (
        select(WebhookDelivery, Webhook)
        .join(Webhook, Webhook.id == WebhookDelivery.webhook_id)
        .where(
            WebhookDelivery.webhook_id == webhook_id,
            WebhookDelivery.state == "queued",
            WebhookDelivery.next_try_at <= now,
            Webhook.is_active,
        )
        .order_by(WebhookDelivery.next_try_at, WebhookDelivery.id)
        .limit(1)
    )
    with db.write():
        found = db.session.execute(due).first()
        if found is None:
            return None
        delivery, webhook = found
        claimed = Claimed(
            id=delivery.id,
            event=delivery.event,
            url=webhook.url,
            secret_sealed=webhook.secret_sealed,
            body=_body(delivery),
            attempt=delivery.attempts + 1,
            until=now + CLAIM,
        )
        is_still_due = (
            WebhookDelivery.id == delivery.id,
            WebhookDelivery.state == "queued",
            WebhookDelivery.next_try_at == delivery.next_try_at,
        )
        values = {"next_try_at": claimed.until, "attempts": claimed.attempt}
        is_mine = changed(db.session.execute(update(WebhookDelivery).where(*is_still_due).values(**values))) == 1
    return claimed if is_mine else None


def note_outcome(db: Db, claimed: Claimed, status: int | None, error: str | None, now: datetime) -> None:
    """What became of the try; without an ``error`` it was taken. Ignored when somebody has asked for another since."""
    values: dict[str, Any] = {"response_status": status, "error": error[:LONGEST_ERROR] if error else None}
    if error is None:
        values |= {"state": "sent", "next_try_at": None, "finished_at": now}
    elif claimed.attempt > len(DELAYS):
        values |= {"state": "failed", "next_try_at": None, "finished_at": now}
    else:
        values |= {"next_try_at": now + DELAYS[claimed.attempt - 1]}
    is_mine = (WebhookDelivery.id == claimed.id, WebhookDelivery.next_try_at == claimed.until)
    with db.write():
        db.session.execute(update(WebhookDelivery).where(*is_mine).values(**values))


def prune_deliveries(db: Db, now: datetime) -> None:
    """Forget what is older than the log is kept, whatever became of it."""
    with db.write():
        for webhook_id in db.session.scalars(select(Webhook.id)).all():
            is_old = (WebhookDelivery.webhook_id == webhook_id, WebhookDelivery.created_at < now - KEEP)
            db.session.execute(delete(WebhookDelivery).where(*is_old))


def _queue(
    db: Db, webhook_ids: list[str], event: str, payload: dict[str, Any], now: datetime, run_id: str | None = None
) -> str:
    rows = [
        {
            "id": new_id(),
            "webhook_id": webhook_id,
            "run_id": run_id,
            "event": event,
            "payload": payload,
            "state": "queued",
            "attempts": 0,
            "next_try_at": now,
            "created_at": now,
        }
        for webhook_id in webhook_ids
    ]
    insert_all(db, WebhookDelivery, rows)
    db.announce(DeliveriesQueued())
    return str(rows[-1]["id"])


def _refuse_when_off(webhook: Webhook) -> None:
    if not webhook.is_active:
        raise Conflict("The webhook is switched off: switch it on first.")


def _body(delivery: WebhookDelivery) -> bytes:
    whole = {"id": delivery.id, "event": delivery.event, "created_at": iso(delivery.created_at), **delivery.payload}
    return json.dumps(whole, ensure_ascii=False, separators=(",", ":")).encode()


def _row_of(one: WebhookDelivery) -> DeliveryRow:
    return DeliveryRow(
        id=one.id,
        event=one.event,
        run_id=one.run_id,
        state=one.state,
        attempts=one.attempts,
        response_status=one.response_status,
        error=one.error,
        created_at=one.created_at,
        next_try_at=one.next_try_at,
        finished_at=one.finished_at,
    )
