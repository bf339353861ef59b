"""Lists of the published interface: a page at a time, in any order, with a whole number as the cursor.

The cursor names the last row of the page before, and that row says where the list goes on: behind its own sort key and
id. So page 1000 costs what page 1 costs, and no row is lost or shown twice while others are added. A row that was
deleted meanwhile has left its keys behind (`remember`), so that one may delete what one pages through.

Clients read cursors as integers, the oldest as floating-point numbers: texts cannot be used, and nothing above 2**53.
Source: contract/v2-api.md §1.8, §1.10.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from sqlalchemy import ColumnElement, Select, and_, delete, or_, select

from portal.errors import BadRequest
from portal.models import DeletedPlace
from portal.services.upsert import insert_or_ignore

if TYPE_CHECKING:
    from portal.database import Db

T = TypeVar("T")
KEEP_PLACES = timedelta(days=1)


@dataclass(frozen=True)
class CountedPage(Generic[T]):
    """A page of a list. ``next_cursor``: None at the end."""

    items: list[T]
    next_cursor: int | None


@dataclass(frozen=True)
class Place:
    """What a page is asked for by: how many rows, in which order, behind which row."""

    sort_by: str
    is_descending: bool = True
    limit: int = 50
    cursor: int = 0


@dataclass(frozen=True)
class Listing:
    """One list: its name, the columns that are its rows' id and ordinal, and what it may be sorted by.

    Sort keys must not be NULL (wrap them in ``coalesce``), and come from tables that the list's statement joins.
    """

    kind: str
    id: Any
    ordinal: Any
    sorts: Mapping[str, Any]

    def page(self, db: Db, wanted: Select[Any], place: Place) -> tuple[list[Any], int | None]:
        """The rows of one page, and the cursor of the next.

        wanted: the statement with its joins and filters, and without an order. Its rows are returned as they are, less
        the last column, which is the ordinal. Raises `BadRequest` for a cursor that is none.
        """
        key = self.sorts[place.sort_by]
        if place.cursor:
            wanted = wanted.where(self._behind(db, wanted, place, key))
        directed = (key.desc(), self.id.desc()) if place.is_descending else (key.asc(), self.id.asc())
        found = db.session.execute(
            wanted.add_columns(self.ordinal.label("_ordinal")).order_by(*directed).limit(place.limit + 1)
        ).all()
        rows = found[: place.limit]
        return [row[:-1] for row in rows], int(rows[-1][-1]) if len(found) > place.limit else None

    def remember(self, db: Db, wanted: Select[Any], ids: Iterable[str], now: datetime | None = None) -> None:
        """Keep the places of rows that are about to be deleted. Inside the transaction that deletes them.

        wanted: the list's statement with its joins, without filters.
        """
        now = now or datetime.now(UTC)
        db.session.execute(delete(DeletedPlace).where(DeletedPlace.deleted_at < now - KEEP_PLACES))
        names = list(self.sorts)
        columns = [self.sorts[name] for name in names]
        statement = wanted.with_only_columns(self.ordinal, self.id, *columns).where(self.id.in_(list(ids)))
        for ordinal, row_id, *values in db.session.execute(statement).all():
            keys = {"id": row_id} | {name: _packed(value) for name, value in zip(names, values, strict=True)}
            insert_or_ignore(db, DeletedPlace, kind=self.kind, ordinal=ordinal, keys=keys, deleted_at=now)

    def _behind(self, db: Db, wanted: Select[Any], place: Place, key: Any) -> ColumnElement[bool]:
        value, row_id = self._place_of(db, wanted, place, key)
        if place.is_descending:
            return and_(key <= value, or_(key < value, and_(key == value, self.id < row_id)))
        return and_(key >= value, or_(key > value, and_(key == value, self.id > row_id)))

    def _place_of(self, db: Db, wanted: Select[Any], place: Place, key: Any) -> tuple[Any, str]:
        # The joins are the list's own, the filters are not asked again: the row may have changed since.
        located = select(key, self.id).select_from(*wanted.get_final_froms()).where(self.ordinal == place.cursor)
        found = db.session.execute(located).first()
        if found is not None:
            return found[0], found[1]
        gone = db.session.get(DeletedPlace, (self.kind, place.cursor))
        if gone is not None:
            return _unpacked(gone.keys[place.sort_by]), gone.keys["id"]
        raise BadRequest("This list has no such cursor: begin again without one.", "cursor")


def _packed(value: Any) -> Any:
    return {"at": value.isoformat()} if isinstance(value, datetime) else value


def _unpacked(value: Any) -> Any:
    return datetime.fromisoformat(value["at"]) if isinstance(value, dict) else value
