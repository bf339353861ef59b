"""Lists of what runs are made of: phases, measurements, log lines. Their cursors are numbers too.

A piece has a position in its run, and its run an ordinal: together they are one number, ``ordinal * 2**20 + position``,
that is also the last key of every order. Below 2**53 there is room for 2**33 runs. A page cannot go on behind a piece
whose run was deleted meanwhile: it is asked to begin again. Source: contract/v2-api.md §1.8, §10.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sqlalchemy import Select, and_, or_, select

from portal.errors import BadRequest
from portal.models import Run
from portal.services.run_input import MOST_PIECES

if TYPE_CHECKING:
    from portal.database import Db
    from portal.services.paging import Place


class PieceList:
    """One kind of piece: the column of its position, and what its list may be sorted by. No key may be NULL."""

    def __init__(self, position: Any, sorts: Mapping[str, Any]) -> None:
        self.position = position
        self.sorts = sorts

    def page(self, db: Db, wanted: Select[Any], place: Place) -> tuple[list[Any], int | None]:
        """The rows of one page, and the cursor of the next. ``wanted`` joins the pieces with their runs.

        Raises `BadRequest` for a cursor that is none.
        """
        key, down = self.sorts[place.sort_by], place.is_descending
        if place.cursor:
            wanted = wanted.where(self._behind(db, wanted, place, key))
        order = [one.desc() if down else one.asc() for one in (key, Run.ordinal, self.position)]
        numbered = wanted.add_columns(Run.ordinal.label("_ordinal"), self.position.label("_position"))
        found = db.session.execute(numbered.order_by(*order).limit(place.limit + 1)).all()
        rows = found[: place.limit]
        cursor = rows[-1][-2] * MOST_PIECES + rows[-1][-1] if len(found) > place.limit else None
        return [row[:-2] for row in rows], cursor

    def _behind(self, db: Db, wanted: Select[Any], place: Place, key: Any) -> Any:
        ordinal, position = divmod(place.cursor, MOST_PIECES)
        at = and_(Run.ordinal == ordinal, self.position == position)
        found = db.session.execute(select(key).select_from(*wanted.get_final_froms()).where(at)).first()
        if found is None:
            raise BadRequest("This list has no such cursor: begin again without one.", "cursor")
        value = found[0]
        if place.is_descending:
            later = or_(Run.ordinal < ordinal, and_(Run.ordinal == ordinal, self.position < position))
            return and_(key <= value, or_(key < value, later))
        later = or_(Run.ordinal > ordinal, and_(Run.ordinal == ordinal, self.position > position))
        return and_(key >= value, or_(key > value, later))
