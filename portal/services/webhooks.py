"""Webhooks: addresses that are told of finished runs. What is sent to them is in `webhook_deliveries`.

Addresses in the plant's own network are what most webhooks are for, so private ones are allowed; only administrators
make webhooks, and no answer's body is ever shown. Refused are other schemes than http and https, names and passwords in
the address, where they would be shown to everybody who sees the list, and the portal itself, which can only be a
mistake.
"""

from __future__ import annotations

import hashlib
import ipaddress
import socket
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, urlsplit

from sqlalchemy import Select, delete, func, select

from portal.announcements import DeliveriesQueued
from portal.errors import Conflict, Invalid, NotFound
from portal.models import User, Webhook, WebhookDelivery
from portal.services import audit, names
from portal.services.actors import Actor, Permission, require
from portal.services.refs import Person
from portal.services.webhook_secrets import SecretLost, new_secret, seal, unseal

if TYPE_CHECKING:
    from portal.database import Db
    from portal.settings import Settings

MOST_WEBHOOKS = 50  # each costs every run a row and a request
LONGEST_URL = 2000
_PORTS = {"http": 80, "https": 443}
_HERE = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True)
class LastDelivery:
    """What became of the newest delivery."""

    state: str
    at: datetime
    response_status: int | None
    error: str | None


@dataclass(frozen=True)
class WebhookRow:
    """A webhook in a list. ``last``: None before the first delivery."""

    id: str
    name: str
    url: str
    is_active: bool
    created_at: datetime
    created_by: Person | None
    last: LastDelivery | None


def create_webhook(db: Db, actor: Actor, name: str, url: str, now: datetime | None = None) -> str:
    """Make one; its id. Its secret is read once with `reveal_secret`. Raises `Invalid`; `Conflict`; `Forbidden`."""
    require(actor, Permission.ADMINISTER)
    name, url = _clean_name(name), _clean_url(db.settings, url)
    with db.write():
        db.serialise("webhooks")
        if (db.session.scalar(select(func.count()).select_from(Webhook)) or 0) >= MOST_WEBHOOKS:
            raise Conflict(f"There are {MOST_WEBHOOKS} webhooks already: remove one first.")
        made = Webhook(
            name=name,
            url=url,
            secret_sealed=seal(db.settings.secret_key, new_secret()),
            is_active=True,
            created_at=now or datetime.now(UTC),
            created_by_user_id=actor.user_id,
        )
        db.session.add(made)
        audit.record(db, actor, "webhook:created", made, audit.made(**_told(made)))
    return made.id


def reveal_secret(db: Db, actor: Actor, webhook_id: str) -> str:
    """The secret, for the answer to whoever has just made the webhook. Raises `NotFound`; `Forbidden`; `Conflict`."""
    try:
        return unseal(db.settings.secret_key, get_webhook(db, actor, webhook_id).secret_sealed)
    except SecretLost:
        raise Conflict("The portal's secret key was changed: make a new webhook in place of this one.") from None


def update_webhook(
    db: Db, actor: Actor, webhook_id: str, *, name: str | None = None, url: str | None = None,
    is_active: bool | None = None,
) -> str:  # fmt: skip
    """Change what is given; its id. Switched off it keeps what waits, and sends that when it is on again.

    Raises `Invalid`; `NotFound`; `Forbidden`.
    """
    require(actor, Permission.ADMINISTER)
    given: dict[str, Any] = {
        "name": None if name is None else _clean_name(name),
        "url": None if url is None else _clean_url(db.settings, url),
        "is_active": is_active,
    }
    changes = {field: value for field, value in given.items() if value is not None}
    with db.write():
        webhook = get_webhook(db, actor, webhook_id)
        before = _told(webhook)
        for field, value in changes.items():
            setattr(webhook, field, value)
        found = audit.differences(before, _told(webhook))
        if found:
            audit.record(db, actor, "webhook:updated", webhook, found)
        db.announce(DeliveriesQueued())
    return webhook.id


def delete_webhook(db: Db, actor: Actor, webhook_id: str) -> str:
    """Remove it with its deliveries, those that wait included; its id. Raises `NotFound`; `Forbidden`."""
    require(actor, Permission.ADMINISTER)
    with db.write():
        webhook = get_webhook(db, actor, webhook_id)
        audit.record(db, actor, "webhook:deleted", webhook, audit.removed(**_told(webhook)))
        db.session.flush()
        db.session.execute(delete(Webhook).where(Webhook.id == webhook.id))
    return webhook.id


def get_webhook(db: Db, actor: Actor, webhook_id: str) -> Webhook:
    """The webhook. Raises `NotFound`; `Forbidden`."""
    require(actor, Permission.ADMINISTER)
    found = db.session.get(Webhook, webhook_id)
    if found is None:
        raise NotFound("webhook")
    return found


def show_webhook(db: Db, actor: Actor, webhook_id: str) -> WebhookRow:
    """The webhook with its newest delivery. Raises `NotFound`; `Forbidden`."""
    get_webhook(db, actor, webhook_id)
    return _row_of(db.session.execute(_rows().where(Webhook.id == webhook_id)).one())


def list_webhooks(db: Db, actor: Actor) -> list[WebhookRow]:
    """All of them, by name. Raises `Forbidden`."""
    require(actor, Permission.ADMINISTER)
    return [_row_of(row) for row in db.session.execute(_rows().order_by(func.lower(Webhook.name), Webhook.id))]


def _rows() -> Select[*tuple[Any, ...]]:
    newest = (
        select(WebhookDelivery.id)
        .where(WebhookDelivery.webhook_id == Webhook.id)
        .order_by(WebhookDelivery.created_at.desc(), WebhookDelivery.id.desc())
        .limit(1)
        .correlate(Webhook)
        .scalar_subquery()
    )
    return (
        select(Webhook, User, WebhookDelivery)
        .outerjoin(User, User.id == Webhook.created_by_user_id)
        .outerjoin(WebhookDelivery, WebhookDelivery.id == newest)
    )


def _row_of(found: Any) -> WebhookRow:
    webhook, user, last = found
    return WebhookRow(
        id=webhook.id,
        name=webhook.name,
        url=webhook.url,
        is_active=webhook.is_active,
        created_at=webhook.created_at,
        created_by=Person(user.id, user.name, user.email) if user is not None else None,
        last=LastDelivery(last.state, last.created_at, last.response_status, last.error) if last is not None else None,
    )


def _told(webhook: Webhook) -> dict[str, Any]:
    """The webhook's fields for the audit trail, which keeps them for ever.

    Of the address only the host: many services take a secret in the path or behind the question mark. A digest tells
    one such address from another.
    """
    parts = urlsplit(webhook.url)
    url = f"{parts.scheme}://{parts.netloc}"
    if parts.path.strip("/") or parts.query:
        url += f"/… ({hashlib.sha256(webhook.url.encode()).hexdigest()[:8]})"
    return {"name": webhook.name, "url": url, "is_active": webhook.is_active}


def _clean_name(name: str) -> str:
    return names.clean(name, "webhook's name", 100, "name")


def _clean_url(settings: Settings, url: str) -> str:
    """The address as it is kept. Raises `Invalid` with one sentence."""
    url = url.strip()
    if not url:
        raise Invalid(
            "The URL is empty: give the address that is to be told, such as https://mes.example.com/runs.", "url"
        )
    if len(url) > LONGEST_URL or not url.isascii() or not url.isprintable() or " " in url:
        raise Invalid(f"The URL must be at most {LONGEST_URL} ASCII characters, without blanks.", "url")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise Invalid("The URL cannot be read: its host or port is malformed.", "url") from None
    if parts.scheme not in _PORTS or not parts.hostname:
        raise Invalid("The URL must begin with http:// or https:// and a host.", "url")
    if "@" in parts.netloc:
        raise Invalid("The URL holds a name or a password, which would be shown. Messages are signed instead.", "url")
    if parts.fragment:
        raise Invalid("The URL has a part behind #, which is never sent.", "url")
    if port == 0:
        raise Invalid("The URL's port cannot be 0.", "url")
    if _is_this_portal(settings, parts):
        raise Invalid("The URL is this portal's own.", "url")
    return url


def _is_this_portal(settings: Settings, parts: SplitResult) -> bool:
    place = (parts.hostname, parts.port or _PORTS[parts.scheme])
    if settings.public_url:
        public = urlsplit(settings.public_url)
        if place == (public.hostname, public.port or _PORTS.get(public.scheme, 80)):
            return True
    return settings.port != 0 and place[1] == settings.port and _is_here(settings, parts.hostname or "")


def _is_here(settings: Settings, host: str) -> bool:
    """Whether the host is this machine, in any of the ways to write its own addresses."""
    host = host.rstrip(".")
    if host in {*_HERE, settings.host}:
        return True
    try:
        address = ipaddress.ip_address(socket.inet_aton(host) if ":" not in host else host)
    except (OSError, ValueError):
        return False
    mapped = getattr(address, "ipv4_mapped", None) or address
    return bool(mapped.is_loopback or mapped.is_unspecified)
