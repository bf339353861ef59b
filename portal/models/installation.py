"""Installations: the machines that were enrolled for stations."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from portal.models.base import Base, Id, new_id


class Installation(Base):
    """A machine enrolled for a station. One at a time is active; ``memory_mb`` is its main memory."""

    __tablename__ = "installations"
    __table_args__ = (
        Index(
            "uq_installations_station_id_active",
            "station_id",
            unique=True,
            sqlite_where=text("revoked_at IS NULL"),
            postgresql_where=text("revoked_at IS NULL"),
        ),
        Index(None, "station_id"),
    )

    id: Mapped[str] = mapped_column(Id, primary_key=True, default=new_id)
    station_id: Mapped[str] = mapped_column(ForeignKey("stations.id", ondelete="CASCADE"))
    hostname: Mapped[str] = mapped_column(String(255))
    os: Mapped[str] = mapped_column(String(200))
    platform: Mapped[str] = mapped_column(String(100))
    program_version: Mapped[str] = mapped_column(String(60))
    mac_address: Mapped[str | None] = mapped_column(String(60))
    python_version: Mapped[str | None] = mapped_column(String(60))
    cpu_count: Mapped[int | None]
    memory_mb: Mapped[int | None]
    run_mode: Mapped[str | None] = mapped_column(String(20))
    address: Mapped[str | None] = mapped_column(String(64))
    uploads_waiting: Mapped[int] = mapped_column(default=0)
    enrolled_at: Mapped[datetime]
    greeted_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
    revoked_reason: Mapped[str | None] = mapped_column(String(200))
