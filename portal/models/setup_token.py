"""Setup tokens: one enrols one machine, once, within an hour."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from portal.models.base import Base, Id, new_id


class SetupToken(Base):
    """A token, by its hash. ``withdrawn_at``: a newer one of the station has replaced it."""

    __tablename__ = "setup_tokens"
    __table_args__ = (Index(None, "station_id"),)

    id: Mapped[str] = mapped_column(Id, primary_key=True, default=new_id)
    station_id: Mapped[str] = mapped_column(ForeignKey("stations.id", ondelete="CASCADE"))
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    created_at: Mapped[datetime]
    created_by_user_id: Mapped[str | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]
    withdrawn_at: Mapped[datetime | None]
