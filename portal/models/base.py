"""What all tables share: names of constraints, ids, instants, JSON, closed word lists."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from pydantic_core import to_json
from sqlalchemy import JSON, CheckConstraint, DateTime, Dialect, MetaData, String, Text
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.types import TypeDecorator

# Every constraint has a name that a migration can call it by.
NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


def _in_utc(value: datetime) -> datetime:
    if value.tzinfo is None:
        raise ValueError("an instant needs its zone")
    return value.astimezone(UTC)


def _as_text(value: datetime | None) -> str | None:
    """As SQLite stores it: without the zone all values have one form, and sort as they should."""
    return None if value is None else _in_utc(value).replace(tzinfo=None).isoformat(" ", "microseconds")


class UtcDateTime(TypeDecorator[datetime]):
    """An instant. Naive values are refused; what is read is aware and in UTC, on SQLite too."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def bind_processor(self, dialect: Dialect) -> Any:
        """To SQLite in one step: a record brings dozens of instants."""
        return _as_text if dialect.name == "sqlite" else super().bind_processor(dialect)

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """To the database: UTC."""
        return None if value is None else _in_utc(value)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """From the database: aware."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


Id = String(36)


def _as_json(value: Any) -> str | None:
    # Pydantic's encoder takes a fifth of the time of the standard library's: a record brings a hundred values.
    return None if value is None else to_json(value).decode()


class JsonText(TypeDecorator[Any]):
    """JSON as text, for SQLite: its own JSON columns are numeric ones, which turn 0.0 into 0 and cut long integers."""

    impl = Text
    cache_ok = True

    def bind_processor(self, dialect: Dialect) -> Any:  # noqa: ARG002
        """To the database, in one step."""
        return _as_json

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:  # noqa: ARG002
        """The same, for literals."""
        return _as_json(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:  # noqa: ARG002
        """From the database."""
        return None if value is None else json.loads(value)


# None is SQL's NULL, not JSON's: one kind of nothing. On PostgreSQL json and not jsonb, which would store numbers as
# decimals: 6.7e16 came back as an integer. A measured value is kept as it was sent.
Json = JSON(none_as_null=True).with_variant(JsonText(), "sqlite")


class Base(DeclarativeBase):
    """The parent of all tables."""

    metadata = MetaData(naming_convention=NAMES)
    type_annotation_map = {datetime: UtcDateTime, dict[str, Any]: Json, list[Any]: Json}


def new_id() -> str:
    """A new UUID (version 7) as text: it begins with its time, so that new rows are neighbours in every index."""
    at_ms, chance = time.time_ns() // 1_000_000, os.urandom(10).hex()
    variant = "89ab"[int(chance[3], 16) & 3]
    # Put together as text: a record needs dozens, and uuid.UUID takes three times as long.
    return f"{at_ms >> 16:08x}-{at_ms & 0xFFFF:04x}-7{chance[:3]}-{variant}{chance[4:7]}-{chance[7:19]}"


def one_of(column: str, words: Iterable[str]) -> CheckConstraint:
    """The column holds one of these words."""
    listed = ", ".join(f"'{word}'" for word in words)
    return CheckConstraint(f"{column} IN ({listed})", name=column)
