"""Inserts that settle races in the database: whoever comes second finds the row of the first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from sqlalchemy import CursorResult, Table
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import IntegrityError

if TYPE_CHECKING:
    from portal.database import Db
    from portal.models.base import Base


def insert_or_ignore(db: Db, model: type[Base], **values: Any) -> bool:
    """Insert a row unless a unique one like it is there. True when it was inserted.

    On PostgreSQL it waits for a transaction that has just inserted the same: a query after it sees what that one did.
    """
    table = cast("Table", model.__table__)
    insert = sqlite.insert if db.database.is_sqlite else postgresql.insert
    statement = insert(table).values({_column(model, name): value for name, value in values.items()})
    # Asked for by RETURNING: the drivers do not agree on the row count of an INSERT.
    returned = db.session.execute(statement.on_conflict_do_nothing().returning(*table.primary_key.columns))
    return returned.first() is not None


def insert_all(db: Db, model: type[Base], rows: list[dict[str, Any]]) -> None:
    """Insert many rows at once. Column names, not attribute names."""
    if rows:
        db.session.execute(cast("Table", model.__table__).insert(), rows)


def is_unique(db: Db) -> bool:
    """Write what was changed; False when a unique value was taken by somebody in this very moment.

    The transaction is lost then: raise something that says so.
    """
    try:
        db.session.flush()
    except IntegrityError:
        return False
    return True


def changed(result: object) -> int:
    """How many rows an UPDATE or DELETE has touched."""
    return cast("CursorResult[Any]", result).rowcount


def _column(model: type[Base], attribute: str) -> Any:
    return model.__mapper__.columns[attribute].name
