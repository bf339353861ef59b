"""What runs have in their metadata, value by value: to find them by. The metadata itself stays with the run."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from portal.models.base import Base, Id

LONGEST_SOUGHT = 100  # characters of a text that are sought by: an index holds no page of text


class RunMetadataValue(Base):
    """One value of one run, ``value`` as `sought` writes it. ``started_at`` repeats the run's, for the list's order."""

    __tablename__ = "run_metadata_values"
    __table_args__ = (Index(None, "key", "value", "started_at", "run_id"), {"sqlite_with_rowid": False})

    run_id: Mapped[str] = mapped_column(Id, ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True)
    key: Mapped[str] = mapped_column(String(40), primary_key=True)
    value: Mapped[str] = mapped_column(String(LONGEST_SOUGHT + 2))
    started_at: Mapped[datetime]


def sought(value: Any) -> str:
    """One text for all values that are equal, and for the beginnings of long texts: t:…, n:1.5, b:true."""
    if isinstance(value, bool):
        return "b:true" if value else "b:false"
    if isinstance(value, str):
        return "t:" + value.replace("\0", "")[:LONGEST_SOUGHT]
    return f"n:{float(value) + 0.0!r}"  # adding zero makes one of both zeros
