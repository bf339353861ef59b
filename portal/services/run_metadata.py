"""Runs by what their metadata says: what is kept to find them by, and the ways to them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, delete, select

from portal.models import Run, RunMetadataValue
from portal.models.run_metadata import sought
from portal.services.metadata import Condition
from portal.services.upsert import insert_all

if TYPE_CHECKING:
    from portal.database import Db


def keep_values(db: Db, run_id: str, started_at: datetime, metadata: dict[str, Any]) -> None:
    """Let the new run be found by its metadata. Inside the transaction that stores it."""
    insert_all(
        db,
        RunMetadataValue,
        [
            {"run_id": run_id, "key": key, "value": sought(value), "started_at": started_at}
            for key, value in metadata.items()
        ],
    )


def replace_values(db: Db, run: Run) -> None:
    """The same, when the run's metadata has changed."""
    db.session.execute(delete(RunMetadataValue).where(RunMetadataValue.run_id == run.id))
    keep_values(db, run.id, run.started_at, run.run_metadata)


def values_of(condition: Condition) -> list[str] | None:
    """What a value may be, as it is kept; None when the condition says more than "one of these".

    Runs that are found by it must still fulfil the condition itself: of a long text only the beginning is kept.
    """
    if condition.eq is not None:
        return [sought(condition.eq)]
    return None if condition.in_ is None else list(dict.fromkeys(map(sought, condition.in_)))


def with_value(key: str, values: Sequence[str]) -> list[ColumnElement[bool]]:
    """Conditions on `RunMetadataValue`: the key has one of the values."""
    value = RunMetadataValue.value
    return [RunMetadataValue.key == key, value == values[0] if len(values) == 1 else value.in_(values)]


def few_runs(db: Db, conditions: dict[str, Condition], most: int) -> list[str] | None:
    """The ids of all runs that one of the conditions leaves, if those are at most so many; else None."""
    for key, condition in conditions.items():
        values = values_of(condition)
        if values is not None:
            wanted = select(RunMetadataValue.run_id).where(*with_value(key, values)).limit(most + 1)
            found = db.session.scalars(wanted).all()
            if len(found) <= most:
                return list(found)
    return None
