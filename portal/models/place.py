"""Where deleted rows stood in lists, for whoever is paging through one while its rows are deleted."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from portal.models.base import Base, Json


class DeletedPlace(Base):
    """A row that is gone, by the cursor that may still name it, and what it was sorted by. Kept for a day."""

    __tablename__ = "deleted_places"
    __table_args__ = (Index(None, "deleted_at"),)

    kind: Mapped[str] = mapped_column(String(40), primary_key=True)
    ordinal: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    keys: Mapped[dict[str, Any]] = mapped_column(Json)
    deleted_at: Mapped[datetime]
