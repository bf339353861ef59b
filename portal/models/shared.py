"""Columns that several tables have in the same sense."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column


class Made:
    """When a row was made, and by whom: a member or a station, never both."""

    created_at: Mapped[datetime]
    created_by_user_id: Mapped[str | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    created_by_station_id: Mapped[str | None] = mapped_column(ForeignKey("stations.id", ondelete="SET NULL"))


class Edited:
    """How often people have changed a row, and when last: what ``ETag`` and ``If-Match`` compare."""

    edits: Mapped[int] = mapped_column(default=0)
    updated_at: Mapped[datetime | None]
