"""Places in a list that is ordered by an instant and an id, newest first: opaque texts for the next page.

A page begins behind the last row of the page before, not at a count: no row is lost or shown twice while others are
added in front. Source: style, "Lists page by key".
"""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta

from portal.errors import BadRequest
from portal.services.names import is_id

_REFUSAL = "This page's cursor cannot be read: start again from the first page."
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def write_cursor(at: datetime, row_id: str) -> str:
    """The place behind the row."""
    micros = (at - _EPOCH) // timedelta(microseconds=1)
    return base64.urlsafe_b64encode(json.dumps([micros, row_id]).encode()).decode().rstrip("=")


def read_cursor(cursor: str) -> tuple[datetime, str]:
    """What `write_cursor` was given. Raises `BadRequest` for anything else."""
    try:
        padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
        micros, row_id = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
        at = _EPOCH + timedelta(microseconds=micros)
    except (ValueError, TypeError, OverflowError, RecursionError) as error:  # binascii's error is a ValueError
        raise BadRequest(_REFUSAL, "cursor") from error
    if not is_id(row_id):
        raise BadRequest(_REFUSAL, "cursor")
    return at, row_id
