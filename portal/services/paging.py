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
from portal.models.ordinal import note_deleted
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

    Sort keys must not be NULL (wrap them in ``coalesce``), and come from tables that the list's statement joins. Those
    that are named in ``nullable`` may be: rows without such a key are the last of a descending list.
    """

    kind: str
    id: Any
    ordinal: Any
    sorts: Mapping[str, Any]
    nullable: frozenset[str] = frozenset()

    def page(self, db: Db, wanted: Select[Any], place: Place) -> tuple[list[Any], int | None]:
        """The rows of one page, and the cursor of the next.

        wanted: the statement with its joins and filters, and without an order. Its rows are returned as they are, less
        the last column, which is the ordinal. Raises `BadRequest` for a cursor that is none.
        """
        key = self.sorts[place.sort_by]
        after = self._place_of(db, wanted, place, key) if place.cursor else None
        ordered = wanted.add_columns(self.ordinal.label("_ordinal")).order_by(*self.order(place))
        found: list[Any] = []
        for conditions in self._stretches(place, key, after):
            if len(found) <= place.limit:
                stretch = ordered.where(*conditions).limit(place.limit + 1 - len(found))
                found += db.session.execute(stretch).all()
        rows = found[: place.limit]
        return [row[:-1] for row in rows], int(rows[-1][-1]) if len(found) > place.limit else None

    def order(self, place: Place) -> list[Any]:
        """What the list is ordered by."""
        keys = (self.sorts[place.sort_by], self.id)
        return [key.desc() if place.is_descending else key.asc() for key in keys]

    def remember(self, db: Db, wanted: Select[Any], ids: Iterable[str], now: datetime | None = None) -> None:
        """Keep the places of rows that are about to be deleted. Inside the transaction that deletes them.

        wanted: the list's statement with its joins, without filters.
        """
        now = now or datetime.now(UTC)
        db.session.execute(delete(DeletedPlace).where(DeletedPlace.deleted_at < now - KEEP_PLACES))
        names = list(self.sorts)
        columns = [self.sorts[name] for name in names]
        statement = wanted.with_only_columns(self.ordinal, self.id, *columns).where(self.id.in_(list(ids)))
        rows = db.session.execute(statement).all()
        note_deleted(db.connection, self.kind, max((row[0] for row in rows), default=0))
        for ordinal, row_id, *values in rows:
            keys = {"id": row_id} | {name: _packed(value) for name, value in zip(names, values, strict=True)}
            insert_or_ignore(db, DeletedPlace, kind=self.kind, ordinal=ordinal, keys=keys, deleted_at=now)

    def _stretches(self, place: Place, key: Any, after: tuple[Any, str] | None) -> list[list[ColumnElement[bool]]]:
        """What is read one after the other: all rows, or those with a key and those without one.

        Of those two, no index would serve one statement on both database engines.
        """
        stretches: list[list[ColumnElement[bool]]] = [[]]
        if place.sort_by in self.nullable:
            stretches = [[key.is_not(None)], [key.is_(None)]]
            if not place.is_descending:
                stretches.reverse()
            if after is not None and (after[0] is None) == place.is_descending:
                del stretches[0]
        if after is not None:
            stretches[0].append(self._behind(place, key, *after))
        return stretches

    def _behind(self, place: Place, key: Any, value: Any, row_id: str) -> ColumnElement[bool]:
        tie: ColumnElement[bool] = self.id < row_id if place.is_descending else self.id > row_id
        if value is None:
            return tie
        if place.is_descending:
            return and_(key <= value, or_(key < value, and_(key == value, tie)))
        return and_(key >= value, or_(key > value, and_(key == value, tie)))

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
