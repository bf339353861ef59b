"""Ordinals: the order in which rows were made, as numbers that are never used twice.

The published clients page with whole numbers. A page's cursor is the ordinal of its last row; the row says where the
list goes on (`portal.services.paging`). A number that came back after a deletion would continue another list, so it is
not ``max + 1`` alone: PostgreSQL has sequences; on SQLite, which lets one writer in at a time, ``counters`` keeps the
highest number that was deleted.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, Connection, String
from sqlalchemy.orm import Mapped, mapped_column

from portal.models.base import Base

# Tables with ordinals; each has its sequence on PostgreSQL.
COUNTED = ("runs", "units", "parts", "batches", "procedures", "audit_entries")

_NOTE_DELETED = (
    "INSERT INTO counters (name, value) VALUES (?, ?) "
    "ON CONFLICT (name) DO UPDATE SET value = MAX(counters.value, excluded.value)"
)


class Counter(Base):
    """The highest number of a table that was ever deleted, on SQLite; and how far a chore has come."""

    __tablename__ = "counters"

    name: Mapped[str] = mapped_column(String(40), primary_key=True)
    value: Mapped[int] = mapped_column(BigInteger)


def next_ordinal_sql(table: str, dialect: str) -> str:
    """The next number of one of the tables, as an expression: it costs no statement of its own."""
    if dialect != "sqlite":
        return f"nextval('{table}_ordinal')"
    newest = f"SELECT MAX(ordinal) FROM {table}"  # noqa: S608  (names of our own)
    deleted = f"SELECT value FROM counters WHERE name = '{table}'"  # noqa: S608
    return f"(1 + MAX(COALESCE(({newest}), 0), COALESCE(({deleted}), 0)))"


def note_deleted(connection: Connection, table: str, ordinal: int) -> None:
    """Never give this number again; inside the transaction that deletes its row."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql(_NOTE_DELETED, (table, ordinal))


def ordinal_column() -> Mapped[int]:
    """The column: set by itself when a row is inserted."""
    return mapped_column(BigInteger, unique=True, default=_of_new_row)


def _of_new_row(context: Any) -> int:
    connection: Connection = context.root_connection
    sql = next_ordinal_sql(context.current_column.table.name, connection.dialect.name)
    return int(connection.exec_driver_sql(f"SELECT {sql}").scalar_one())
