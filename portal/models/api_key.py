"""API keys, of people and of stations."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from portal.models.base import Base, Id, new_id


class ApiKey(Base):
    """A key, by its hash; ``prefix`` are its first characters, by which people tell it from others.

    Either a person's or a station's; a station's key that came with an enrolment dies with its installation.
    """

    __tablename__ = "api_keys"
    __table_args__ = (
        CheckConstraint("(user_id IS NULL) <> (station_id IS NULL)", name="one_owner"),
        Index(None, "user_id"),
        Index(None, "station_id"),
    )

    id: Mapped[str] = mapped_column(Id, primary_key=True, default=new_id)
    key_hash: Mapped[str] = mapped_column(String(64), unique=True)
    prefix: Mapped[str] = mapped_column(String(12))
    name: Mapped[str] = mapped_column(String(100))
    user_id: Mapped[str | None] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    station_id: Mapped[str | None] = mapped_column(ForeignKey("stations.id", ondelete="CASCADE"))
    installation_id: Mapped[str | None] = mapped_column(ForeignKey("installations.id", ondelete="CASCADE"))
    created_at: Mapped[datetime]
    last_used_at: Mapped[datetime | None]
    last_used_address: Mapped[str | None] = mapped_column(String(64))
    revoked_at: Mapped[datetime | None]
