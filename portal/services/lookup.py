"""Finding one thing by what people call it. Whoever calls this has checked who asks."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from portal.errors import NotFound

if TYPE_CHECKING:
    from sqlalchemy import Select

    from portal.database import Db

T = TypeVar("T")


def the_one(db: Db, wanted: Select[T], what: str, *, to_change: bool = False) -> T:
    """What the statement finds. ``to_change``: locked. Raises `NotFound`, which says that there is no such ``what``."""
    if to_change:  # and read again: it may have been another one before the lock was had
        wanted = wanted.with_for_update().execution_options(populate_existing=True)
    found = db.session.scalar(wanted)
    if found is None:
        raise NotFound(what)
    return found
