"""Changes of one thing by several people: none is lost unseen. ``ETag`` and ``If-Match`` are made of the edit count."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Protocol

from portal.errors import PreconditionFailed


class Editable(Protocol):
    """A row that counts its edits."""

    id: Any
    edits: Any
    updated_at: Any


def etag(row: Editable) -> str:
    """Names this state of the row, in the form of the header."""
    return f'"{row.id[-12:]}-{row.edits}"'


def check(row: Editable, if_match: str | None) -> None:
    """Raises `PreconditionFailed` unless the row is as it was when ``if_match`` was read. None: not asked for."""
    if if_match is None or if_match.strip() == "*":
        return
    if etag(row) not in {one.strip() for one in if_match.split(",")}:
        raise PreconditionFailed(
            "It was changed meanwhile by somebody else. Nothing was changed now: read it again, then send your change "
            "with the new ETag."
        )


def touch(row: Editable, now: datetime | None = None) -> None:
    """Count one edit."""
    row.edits = (row.edits or 0) + 1
    row.updated_at = now or datetime.now(UTC)
