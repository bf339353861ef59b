"""Which requests were carried out under which key, so that a repeated one gets the first answer."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from portal.models.base import Base, Id, Json, new_id


class IdempotencyKey(Base):
    """A key of one actor (``user:<id>``, ``station:<id>``), the fingerprint of its request, and the answer to it.

    ``fingerprint``: empty in rows of an older version, which took it of something else; these fit any request.
    """

    __tablename__ = "idempotency_keys"
    __table_args__ = (UniqueConstraint("owner", "key"), Index(None, "created_at"))

    id: Mapped[str] = mapped_column(Id, primary_key=True, default=new_id)
    owner: Mapped[str] = mapped_column(String(60))
    key: Mapped[str] = mapped_column(String(255))
    fingerprint: Mapped[str] = mapped_column(String(64))
    answer: Mapped[Any | None] = mapped_column(Json)
    created_at: Mapped[datetime]
