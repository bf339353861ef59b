"""``/api/v2/webhooks``: who is told of finished runs. Ours, not of the published interface."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field
from typing_extensions import TypedDict

from portal.api.operations import Operations
from portal.api.v2 import shapes
from portal.api.v2.shapes import IdOut, Instant, MemberRef
from portal.errors import NotFound
from portal.services.actors import Permission
from portal.services.run_input import In
from portal.services.webhook_deliveries import DeliveryRow, list_deliveries, retry_delivery, send_test
from portal.services.webhooks import (
    WebhookRow,
    create_webhook,
    delete_webhook,
    list_webhooks,
    reveal_secret,
    show_webhook,
    update_webhook,
)
from portal.web import actor, db

api = Operations("webhooks_v2", "Webhooks")

State = Literal["queued", "sent", "failed"]
ADMIN: Any = {"needs": Permission.ADMINISTER, "who": "people", "is_ours": True}


class WebhookIn(In):
    """A new webhook. ``url``: http or https, without name and password."""

    name: str
    url: str


class WebhookChanges(In):
    """What is to change."""

    name: str | None = None
    url: str | None = None
    is_active: bool | None = None


class DeliveryListIn(In):
    """How much of the log, from where on."""

    limit: int = Field(50, ge=1, le=shapes.LARGEST_PAGE)
    cursor: str | None = None


class WebhookMade(TypedDict):
    """The new webhook's id, and the secret that its messages are signed with, which is shown only here.

    ``secret``: null in an answer that is repeated for its ``Idempotency-Key`` after the webhook was removed.
    """

    id: str
    secret: str | None


class LastDeliveryOut(TypedDict):
    """What became of the newest delivery."""

    state: State
    created_at: Instant
    response_status: int | None
    error: str | None


class WebhookOut(TypedDict):
    """A webhook."""

    id: str
    name: str
    url: str
    is_active: bool
    created_at: Instant
    created_by_user: MemberRef | None
    last_delivery: LastDeliveryOut | None


class WebhookList(TypedDict):
    """All webhooks."""

    data: list[WebhookOut]


class DeliveryOut(TypedDict):
    """A message: queued until it was taken, or given up. ``response_status`` and ``error``: of the last try."""

    id: str
    event: str
    run_id: str | None
    state: State
    attempts: int
    response_status: int | None
    error: str | None
    created_at: Instant
    next_try_at: Instant | None
    finished_at: Instant | None


class DeliveryMeta(TypedDict):
    """Whether there is more, and where it goes on."""

    has_more: bool
    next_cursor: str | None


class DeliveryPage(TypedDict):
    """A page of the log."""

    data: list[DeliveryOut]
    meta: DeliveryMeta


def _with_secret(made: IdOut) -> WebhookMade:
    """Read each time it is answered: an answer that is kept for its ``Idempotency-Key`` must not hold a secret."""
    try:
        return {"id": made["id"], "secret": reveal_secret(db(), actor(), made["id"])}
    except NotFound:
        return {"id": made["id"], "secret": None}


@api.post(
    "/api/v2/webhooks", "webhooks.create", body=WebhookIn, answer=WebhookMade, errors=(409, 422), refresh=_with_secret,
    **ADMIN,
)  # fmt: skip
def create(body: WebhookIn) -> IdOut:
    """Make a webhook.

    It is told of every run that is stored from now on. The secret in the answer is shown only this once.
    """
    return {"id": create_webhook(db(), actor(), body.name, body.url)}


@api.get("/api/v2/webhooks", "webhooks.list", answer=WebhookList, **ADMIN)
def index() -> Any:
    """List the webhooks, by name."""
    return {"data": [_webhook(one) for one in list_webhooks(db(), actor())]}


@api.get("/api/v2/webhooks/{id}", "webhooks.get", answer=WebhookOut, errors=(404,), **ADMIN)
def show(id: str) -> Any:  # noqa: A002  (the path's word)
    """Read one webhook."""
    return _webhook(show_webhook(db(), actor(), id))


@api.patch(
    "/api/v2/webhooks/{id}", "webhooks.update", body=WebhookChanges, answer=IdOut, errors=(404, 422), **ADMIN
)  # fmt: skip
def update(id: str, body: WebhookChanges) -> IdOut:  # noqa: A002
    """Change a webhook, or switch it off and on.

    While it is off nothing is sent and no run is queued; what waits is sent when it is on again.
    """
    return {"id": update_webhook(db(), actor(), id, name=body.name, url=body.url, is_active=body.is_active)}


@api.delete("/api/v2/webhooks/{id}", "webhooks.delete", answer=IdOut, errors=(404,), **ADMIN)
def remove(id: str) -> IdOut:  # noqa: A002
    """Remove a webhook with its log.

    What waits is not sent.
    """
    return {"id": delete_webhook(db(), actor(), id)}


@api.post("/api/v2/webhooks/{id}/test", "webhooks.test", answer=IdOut, errors=(404, 409), **ADMIN)
def test(id: str) -> IdOut:  # noqa: A002
    """Send a message of the event ``webhook.test``; the answer is the delivery's id."""
    return {"id": send_test(db(), actor(), id)}


@api.get(
    "/api/v2/webhooks/{id}/deliveries", "webhooks.list_deliveries", query=DeliveryListIn, answer=DeliveryPage,
    errors=(404,), **ADMIN,
)  # fmt: skip
def deliveries(id: str, query: DeliveryListIn) -> Any:  # noqa: A002
    """List what was sent, and what became of it, the newest first.

    Kept for 30 days.
    """
    page = list_deliveries(db(), actor(), id, query.cursor, query.limit)
    return {
        "data": [_delivery(one) for one in page.items],
        "meta": {"has_more": page.next_cursor is not None, "next_cursor": page.next_cursor},
    }


@api.post(
    "/api/v2/webhooks/{id}/deliveries/{delivery_id}/retry", "webhooks.retry_delivery", answer=IdOut, errors=(404, 409),
    **ADMIN,
)  # fmt: skip
def retry(id: str, delivery_id: str) -> IdOut:  # noqa: A002
    """Send a message again, now."""
    return {"id": retry_delivery(db(), actor(), id, delivery_id)}


def _webhook(one: WebhookRow) -> WebhookOut:
    last: Any = None
    if one.last is not None:
        last = {
            "state": one.last.state,
            "created_at": shapes.instant(one.last.at),
            "response_status": one.last.response_status,
            "error": one.last.error,
        }
    return {
        "id": one.id,
        "name": one.name,
        "url": one.url,
        "is_active": one.is_active,
        "created_at": shapes.instant(one.created_at),
        "created_by_user": shapes.member(one.created_by),
        "last_delivery": last,
    }


def _delivery(one: DeliveryRow) -> Any:
    instants = {
        name: shapes.instant(at) if (at := getattr(one, name)) is not None else None
        for name in ("created_at", "next_try_at", "finished_at")
    }
    return vars(one) | instants
