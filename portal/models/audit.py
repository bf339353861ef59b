"""Who did what, when, from where. Only ever added to: a trigger of the database refuses anything else."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Index, String
from sqlalchemy.orm import Mapped, mapped_column

from portal.models.base import Base, Id, Json, new_id, one_of
from portal.models.ordinal import ordinal_column


class AuditEntry(Base):
    """One change. Names are kept beside the ids: an entry must stay readable when its object is gone.

    ``before`` and ``after``: the fields that changed, with their values; None where the change is no change of fields.
    ``address``: where the request came from; None for the command line.
    """

    __tablename__ = "audit_entries"
    __table_args__ = (
        one_of("actor_kind", ("user", "station", "system")),
        Index(None, "object_kind", "object_id", "at", "id"),
        Index(None, "at", "id"),
        Index(None, "action", "at", "id"),
        Index(None, "actor_id", "at", "id"),
    )

    id: Mapped[str] = mapped_column(Id, primary_key=True, default=new_id)
    at: Mapped[datetime]
    actor_kind: Mapped[str] = mapped_column(String(10))
    actor_id: Mapped[str] = mapped_column(String(36))
    actor_name: Mapped[str] = mapped_column(String(254))
    action: Mapped[str] = mapped_column(String(60))
    object_kind: Mapped[str] = mapped_column(String(30))
    object_id: Mapped[str] = mapped_column(String(36))
    object_name: Mapped[str | None] = mapped_column(String(254))
    details: Mapped[dict[str, Any]] = mapped_column(Json)
    address: Mapped[str | None] = mapped_column(String(64))
    before: Mapped[dict[str, Any] | None]
    after: Mapped[dict[str, Any] | None]
    ordinal: Mapped[int] = ordinal_column()
