"""How many tries somebody has left. In the database, so that one process or many count the same."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Index, String
from sqlalchemy.orm import Mapped, mapped_column

from portal.models.base import Base


class RateBucket(Base):
    """A token bucket: ``tokens`` were left at ``updated_at``, and refill with time. ``key``: a hash, not an address."""

    __tablename__ = "rate_buckets"
    __table_args__ = (Index(None, "updated_at"),)

    key: Mapped[str] = mapped_column(String(64), primary_key=True)
    tokens: Mapped[float]
    updated_at: Mapped[datetime]
