"""``GET /api/v2/audit``: who did what. An operation of ours."""

from __future__ import annotations

from typing import Any, Literal

from typing_extensions import TypedDict

from portal.api.operations import Operations
from portal.api.v2 import shapes
from portal.api.v2.shapes import Instant, PageIn, PageMeta
from portal.services.actors import Permission
from portal.services.audit_trail import AuditQuery, list_entries
from portal.services.run_input import Instant as InstantIn
from portal.web import actor, db

api = Operations("audit_v2", "Audit")


class AuditIn(PageIn):
    """Which entries: all that is given must fit. ``after`` and ``before`` are inside."""

    object_kind: str | None = None
    object_id: str | None = None
    action: str | None = None
    actor_id: str | None = None
    after: InstantIn | None = None
    before: InstantIn | None = None


class AuditActor(TypedDict):
    """Who did it, under the name of that time."""

    kind: Literal["user", "station", "system"]
    id: str
    name: str


class AuditObject(TypedDict):
    """What it was done to: the kind is the name of its table."""

    kind: str
    id: str
    name: str | None


class AuditOut(TypedDict):
    """One change. ``details``: what the action says more, under names that depend on it.

    ``before`` and ``after``: the fields that are other than they were, with their values; null where there are none.
    """

    id: str
    at: Instant
    action: str
    actor: AuditActor
    object: AuditObject
    details: dict[str, Any]
    address: str | None
    before: dict[str, Any] | None
    after: dict[str, Any] | None


class AuditPage(TypedDict):
    """A page of entries."""

    data: list[AuditOut]
    meta: PageMeta


@api.get(
    "/api/v2/audit", "audit.list", query=AuditIn, answer=AuditPage, needs=Permission.ADMINISTER, who="people",
    is_ours=True,
)  # fmt: skip
def index(query: AuditIn) -> Any:
    """List who did what, the newest first.

    For those who manage people and keys.
    """
    wanted = AuditQuery(
        object_kind=query.object_kind,
        object_id=query.object_id,
        action=query.action,
        actor_id=query.actor_id,
        after=query.after,
        before=query.before,
    )
    return shapes.page_out(list_entries(db(), actor(), wanted, query.place("at")), _entry)


def _entry(entry: Any) -> AuditOut:
    return {
        "id": entry.id,
        "at": shapes.instant(entry.at),
        "action": entry.action,
        "actor": {"kind": entry.actor_kind, "id": entry.actor_id, "name": entry.actor_name},
        "object": {"kind": entry.object_kind, "id": entry.object_id, "name": entry.object_name},
        "details": entry.details,
        "address": entry.address,
        "before": entry.before,
        "after": entry.after,
    }
