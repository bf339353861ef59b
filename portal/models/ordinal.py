"""Ordinals: the order in which rows were made, as numbers that are never used twice.

The published clients page with whole numbers. A page's cursor is the ordinal of its last row; the row says where the
list goes on (`portal.services.paging`). A number that came back after a deletion would continue another list, so it is
not ``max + 1``: PostgreSQL has sequences, SQLite a row in ``counters``.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, String, text
from sqlalchemy.orm import Mapped, mapped_column

from portal.models.base import Base

# Tables with ordinals; each has its sequence on PostgreSQL.
COUNTED = ("runs", "units", "parts", "batches", "procedures", "audit_entries")

_NEXT_ON_SQLITE = text(
    "INSERT INTO counters (name, value) VALUES (:name, 1) "
    "ON CONFLICT (name) DO UPDATE SET value = counters.value + 1 RETURNING value"
)


class Counter(Base):
    """How many rows of a table were ever made. Used on SQLite, which lets one writer in at a time anyway."""

    __tablename__ = "counters"

    name: Mapped[str] = mapped_column(String(40), primary_key=True)
    value: Mapped[int] = mapped_column(BigInteger)


def _next(context: Any) -> int:
    table = context.current_column.table.name
    connection = context.root_connection
    if connection.dialect.name == "sqlite":
        value = connection.execute(_NEXT_ON_SQLITE, {"name": table}).scalar_one()
    else:
        value = connection.execute(text(f"SELECT nextval('{table}_ordinal')")).scalar_one()
    return int(value)


def ordinal_column() -> Mapped[int]:
    """The column: set by itself when a row is inserted."""
    return mapped_column(BigInteger, unique=True, default=_next)
