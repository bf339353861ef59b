"""Units under test, and what they are: part, revision, batch.

All numbers are compared without regard to case (the ``…_key`` columns) and keep the spelling of their first use.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from portal.models.base import Base, Id, Json, new_id

# Folding may lengthen text ("ß" becomes "ss"; some letters become three).
KEY_LENGTH = 400


class Part(Base):
    """What is made: a part number."""

    __tablename__ = "parts"

    id: Mapped[str] = mapped_column(Id, primary_key=True, default=new_id)
    number: Mapped[str] = mapped_column(String(60))
    number_key: Mapped[str] = mapped_column(String(KEY_LENGTH), unique=True)
    name: Mapped[str] = mapped_column(String(255))
    created_at: Mapped[datetime]


class Revision(Base):
    """A revision of a part. One of each part is its default: for units whose revision nobody has named."""

    __tablename__ = "revisions"
    __table_args__ = (
        UniqueConstraint("part_id", "number_key"),
        Index(
            "uq_revisions_part_id_default",
            "part_id",
            unique=True,
            sqlite_where=text("is_default"),
            postgresql_where=text("is_default"),
        ),
    )

    id: Mapped[str] = mapped_column(Id, primary_key=True, default=new_id)
    part_id: Mapped[str] = mapped_column(ForeignKey("parts.id", ondelete="CASCADE"))
    number: Mapped[str] = mapped_column(String(60))
    number_key: Mapped[str] = mapped_column(String(KEY_LENGTH))
    is_default: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime]


class Batch(Base):
    """A production batch."""

    __tablename__ = "batches"

    id: Mapped[str] = mapped_column(Id, primary_key=True, default=new_id)
    number: Mapped[str] = mapped_column(String(100))
    number_key: Mapped[str] = mapped_column(String(KEY_LENGTH), unique=True)
    created_at: Mapped[datetime]


class Unit(Base):
    """One thing with a serial number. Its revision says its part; ``parent_id``: what it is built into."""

    __tablename__ = "units"
    __table_args__ = (Index(None, "revision_id"), Index(None, "batch_id"), Index(None, "parent_id"))

    id: Mapped[str] = mapped_column(Id, primary_key=True, default=new_id)
    serial_number: Mapped[str] = mapped_column(String(60))
    serial_key: Mapped[str] = mapped_column(String(KEY_LENGTH), unique=True)
    revision_id: Mapped[str] = mapped_column(ForeignKey("revisions.id", ondelete="RESTRICT"))
    batch_id: Mapped[str | None] = mapped_column(ForeignKey("batches.id", ondelete="SET NULL"))
    parent_id: Mapped[str | None] = mapped_column(ForeignKey("units.id", ondelete="SET NULL"))
    unit_metadata: Mapped[dict[str, Any] | None] = mapped_column("metadata", Json)
    created_at: Mapped[datetime]
    created_by_user_id: Mapped[str | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    created_by_station_id: Mapped[str | None] = mapped_column(ForeignKey("stations.id", ondelete="SET NULL"))
