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

from sqlalchemy import ColumnElement, Select, delete, select, tuple_

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

    A sort key is a column, or several: many rows may share the first ones, and an index must lead through them by the
    last. Keys must not be NULL (wrap them in ``coalesce``), and come from tables that the list's statement joins. Those
    that are named in ``nullable`` may be: rows without such a key are the last of a descending list.
    """

    kind: str
    id: Any
    ordinal: Any
    sorts: Mapping[str, Any]
    nullable: frozenset[str] = frozenset()

    def page(
        self, db: Db, wanted: Select[Any], place: Place, filters: Iterable[ColumnElement[bool]] = ()
    ) -> tuple[list[Any], int | None]:
        """The rows of one page, and the cursor of the next.

        wanted: the statement with its joins, and without an order. Its rows are returned as they are, less the last
        column, which is the ordinal. filters: those that are about the list's keys too: of two bounds SQLite begins at
        the one that it reads first, which must be the page's. Raises `BadRequest` for a cursor that is none.
        """
        after = self._place_of(db, wanted, place) if place.cursor else None
        ordered = wanted.add_columns(self.ordinal.label("_ordinal")).order_by(*self.order(place))
        found: list[Any] = []
        for conditions in self._stretches(place, after):
            if len(found) <= place.limit:
                stretch = ordered.where(*conditions, *filters).limit(place.limit + 1 - len(found))
                found += db.session.execute(stretch).all()
        rows = found[: place.limit]
        return [row[:-1] for row in rows], int(rows[-1][-1]) if len(found) > place.limit else None

    def order(self, place: Place) -> list[Any]:
        """What the list is ordered by."""
        return [key.desc() if place.is_descending else key.asc() for key in self._keys(place.sort_by)]

    def remember(self, db: Db, wanted: Select[Any], ids: Iterable[str], now: datetime | None = None) -> None:
        """Keep the places of rows that are about to be deleted. Inside the transaction that deletes them.

        wanted: the list's statement with its joins, without filters.
        """
        now = now or datetime.now(UTC)
        db.session.execute(delete(DeletedPlace).where(DeletedPlace.deleted_at < now - KEEP_PLACES))
        names = list(self.sorts)
        columns = dict.fromkeys(key for name in names for key in self._keys(name))
        statement = wanted.with_only_columns(self.ordinal, *columns).where(self.id.in_(list(ids)))
        rows = db.session.execute(statement).all()
        note_deleted(db.connection, self.kind, max((row[0] for row in rows), default=0))
        for ordinal, *values in rows:
            found = dict(zip(columns, map(_packed, values), strict=True))
            keys = {name: [found[key] for key in self._keys(name)] for name in names}
            insert_or_ignore(db, DeletedPlace, kind=self.kind, ordinal=ordinal, keys=keys, deleted_at=now)

    def _keys(self, sort_by: str) -> list[Any]:
        """The columns that the list is ordered by, the last of them unique."""
        key = self.sorts[sort_by]
        return [*key, self.id] if isinstance(key, tuple) else [key, self.id]

    def _stretches(self, place: Place, after: list[Any] | None) -> list[list[ColumnElement[bool]]]:
        """What is read one after the other, each served by an index, as one statement for all would not be.

        Usually that is one thing: what is behind the last row. Of keys that may be NULL, rows with a key and those
        without one; of several keys, the rest of those that share all but the last, and then the others.
        """
        keys = self._keys(place.sort_by)
        if place.sort_by in self.nullable:
            stretches = [[keys[0].is_not(None)], [keys[0].is_(None)]]
            if not place.is_descending:
                stretches.reverse()
            if after is not None:
                has_none = after[0] is None
                if has_none == place.is_descending:
                    del stretches[0]
                behind = _beyond(place, keys[1:], after[1:]) if has_none else _beyond(place, keys, after)
                stretches[0].append(behind)
            return stretches
        if after is None:
            return [[]]
        if len(keys) == 2:
            return [[_beyond(place, keys, after)]]
        shared = len(keys) - 2
        same = [key == value for key, value in zip(keys[:shared], after[:shared], strict=True)]
        # That it starts here follows from what is beyond; SQLite needs to be told, to begin there.
        start = keys[-2] <= after[-2] if place.is_descending else keys[-2] >= after[-2]
        return [
            [*same, start, _beyond(place, keys[shared:], after[shared:])],
            [_beyond(place, keys[:shared], after[:shared])],
        ]

    def _place_of(self, db: Db, wanted: Select[Any], place: Place) -> list[Any]:
        keys = self._keys(place.sort_by)
        # The joins are the list's own, the filters are not asked again: the row may have changed since.
        located = select(*keys).select_from(*wanted.get_final_froms()).where(self.ordinal == place.cursor)
        found = db.session.execute(located).first()
        if found is not None:
            return list(found)
        gone = db.session.get(DeletedPlace, (self.kind, place.cursor))
        values = gone.keys.get(place.sort_by) if gone is not None else None
        if isinstance(values, list) and len(values) == len(keys):  # and not as older versions have kept it
            return [_unpacked(value) for value in values]
        raise BadRequest("This list has no such cursor: begin again without one.", "cursor")


def _beyond(place: Place, keys: list[Any], values: list[Any]) -> ColumnElement[bool]:
    """Behind these values in the list's order. As one comparison of rows, which an index serves from where it holds."""
    row = tuple_(*keys)
    return row < tuple(values) if place.is_descending else row > tuple(values)


def _packed(value: Any) -> Any:
    return {"at": value.isoformat()} if isinstance(value, datetime) else value


def _unpacked(value: Any) -> Any:
    return datetime.fromisoformat(value["at"]) if isinstance(value, dict) else value
