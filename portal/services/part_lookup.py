"""Finding a part by its number. A module of its own, because parts and their revisions both need it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from portal.errors import NotFound
from portal.models import Part
from portal.services.names import same

if TYPE_CHECKING:
    from portal.database import Db


def find_part(db: Db, number: str, *, to_change: bool = False) -> Part:
    """The part of that number; whoever calls this has checked who asks. ``to_change``: locked. Raises `NotFound`."""
    wanted = select(Part).where(Part.number_key == same(number))
    if to_change:  # and read again: it may have been another one before the lock was had
        wanted = wanted.with_for_update().execution_options(populate_existing=True)
    found = db.session.scalar(wanted)
    if found is None:
        raise NotFound(f"part: {number[:100]!r} was not found")
    return found
