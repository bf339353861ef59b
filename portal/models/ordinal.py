"""Ordinals: the order in which rows were made, as numbers that are never used twice.

The published clients page with whole numbers. A page's cursor is the ordinal of its last row; the row says where the
list goes on (`portal.services.paging`). A number that came back after a deletion would continue another list, so it is
not ``max + 1``: PostgreSQL has sequences, SQLite a row in ``counters``.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, Connection, String
from sqlalchemy.orm import Mapped, mapped_column

from portal.models.base import Base

# Tables with ordinals; each has its sequence on PostgreSQL.
COUNTED = ("runs", "units", "parts", "batches", "procedures", "audit_entries")

_NEXT_ON_SQLITE = (
    "INSERT INTO counters (name, value) VALUES (?, 1) "
    "ON CONFLICT (name) DO UPDATE SET value = counters.value + 1 RETURNING value"
)


class Counter(Base):
    """How many rows of a table were ever made. Used on SQLite, which lets one writer in at a time anyway."""

    __tablename__ = "counters"

    name: Mapped[str] = mapped_column(String(40), primary_key=True)
    value: Mapped[int] = mapped_column(BigInteger)


def next_ordinal(connection: Connection, table: str) -> int:
    """The next number of the table."""
    if connection.dialect.name == "sqlite":
        return int(connection.exec_driver_sql(_NEXT_ON_SQLITE, (table,)).scalar_one())
    return int(connection.exec_driver_sql("SELECT nextval(%s)", (f"{table}_ordinal",)).scalar_one())


def ordinal_column() -> Mapped[int]:
    """The column: set by itself when a row is inserted."""
    return mapped_column(BigInteger, unique=True, default=_of_new_row)


def _of_new_row(context: Any) -> int:
    return next_ordinal(context.root_connection, context.current_column.table.name)
