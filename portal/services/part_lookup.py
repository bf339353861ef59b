"""Finding a part by its number. A module of its own, because parts and their revisions both need it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from portal.models import Part
from portal.services.lookup import the_one
from portal.services.names import same

if TYPE_CHECKING:
    from portal.database import Db


def find_part(db: Db, number: str, *, to_change: bool = False) -> Part:
    """The part of that number; whoever calls this has checked who asks. ``to_change``: locked. Raises `NotFound`."""
    wanted = select(Part).where(Part.number_key == same(number))
    return the_one(db, wanted, f"part: {number[:100]!r} was not found", to_change=to_change)
