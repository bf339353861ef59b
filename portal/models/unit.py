"""Units under test, and what they are: part, revision, batch.

All numbers are compared without regard to case (the ``…_key`` columns) and keep the spelling of their first use.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from portal.models.base import Base, Id, Json, new_id, one_of
from portal.models.ordinal import ordinal_column
from portal.models.shared import Edited, Made

# Folding may lengthen text ("ß" becomes "ss"; some letters become three).
KEY_LENGTH = 400
SAMPLES = ("golden", "failing", "ignored")


class Part(Made, Edited, Base):
    """What is made: a part number."""

    __tablename__ = "parts"
    __table_args__ = (Index(None, "created_at", "id"),)

    id: Mapped[str] = mapped_column(Id, primary_key=True, default=new_id)
    number: Mapped[str] = mapped_column(String(60))
    number_key: Mapped[str] = mapped_column(String(KEY_LENGTH), unique=True)
    name: Mapped[str] = mapped_column(String(255))
    part_metadata: Mapped[dict[str, Any] | None] = mapped_column("metadata", Json)
    ordinal: Mapped[int] = ordinal_column()


class Revision(Made, Edited, Base):
    """A revision of a part. One of each part is its default: for units whose revision nobody has named."""

    __tablename__ = "revisions"
    __table_args__ = (
        UniqueConstraint("part_id", "number_key"),
        Index(None, "number_key", "id", unique=True),  # said to be unique, which lets SQLite take its order as it is
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
    revision_metadata: Mapped[dict[str, Any] | None] = mapped_column("metadata", Json)


class Batch(Made, Edited, Base):
    """A production batch."""

    __tablename__ = "batches"
    __table_args__ = (Index(None, "created_at", "id"),)

    id: Mapped[str] = mapped_column(Id, primary_key=True, default=new_id)
    number: Mapped[str] = mapped_column(String(100))
    number_key: Mapped[str] = mapped_column(String(KEY_LENGTH), unique=True)
    ordinal: Mapped[int] = ordinal_column()


class Unit(Made, Edited, Base):
    """One thing with a serial number. Its revision says its part; ``parent_id``: what it is built into.

    ``sample``: golden, failing and ignored units are left out of production's figures. ``last_run_at`` (the start of
    its newest run) and ``run_count`` repeat what its runs say, so that lists need not count them.
    """

    __tablename__ = "units"
    __table_args__ = (
        one_of("sample", SAMPLES),
        Index(None, "revision_id", "created_at", "id"),
        Index(None, "batch_id", "created_at", "id"),
        Index(None, "parent_id"),
        Index(None, "created_at", "id"),
        Index(None, "last_run_at", "id"),
        Index(
            "ix_units_sample",
            "sample",
            sqlite_where=text("sample IS NOT NULL"),
            postgresql_where=text("sample IS NOT NULL"),
        ),
    )

    id: Mapped[str] = mapped_column(Id, primary_key=True, default=new_id)
    serial_number: Mapped[str] = mapped_column(String(60))
    serial_key: Mapped[str] = mapped_column(String(KEY_LENGTH), unique=True)
    revision_id: Mapped[str] = mapped_column(ForeignKey("revisions.id", ondelete="RESTRICT"))
    batch_id: Mapped[str | None] = mapped_column(ForeignKey("batches.id", ondelete="SET NULL"))
    parent_id: Mapped[str | None] = mapped_column(ForeignKey("units.id", ondelete="SET NULL"))
    unit_metadata: Mapped[dict[str, Any] | None] = mapped_column("metadata", Json)
    sample: Mapped[str | None] = mapped_column(String(10))
    last_run_at: Mapped[datetime | None]
    run_count: Mapped[int] = mapped_column(default=0)
    ordinal: Mapped[int] = ordinal_column()
