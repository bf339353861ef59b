"""Units by a piece of their serial number, as fast among a million as among a thousand.

The pieces are kept behind the units: a chore of the portal adds those of new units, so that no record waits for it.
Units that it has not come to are read one by one; there are few.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from sqlalchemy import ColumnElement, and_, delete, func, select, union_all

from portal.models import Counter, Unit, UnitSerialPiece
from portal.models.serial_piece import LONGEST_PIECE
from portal.services.upsert import insert_all, insert_or_ignore

if TYPE_CHECKING:
    from portal.database import Db

DONE = "unit_serial_pieces"  # the counter: the ordinal of the last unit whose pieces are kept
AT_ONCE = 500  # units in one transaction: others wait for some 20 ms
# On PostgreSQL a unit may appear after one with a higher ordinal: when its transaction ends.
LAG = timedelta(minutes=10)
LAST_CHARACTER = "\U0010ffff"


def keep_serial_pieces(db: Db, now: datetime | None = None) -> int:
    """Add the pieces of the units that are new. How many units those were."""
    until = (now or datetime.now(UTC)) - LAG
    count = 0
    while True:
        with db.write():
            db.serialise(DONE)
            insert_or_ignore(db, Counter, name=DONE, value=0)
            counter = db.session.get_one(Counter, DONE)
            behind = select(Unit.ordinal, Unit.id, Unit.serial_key).where(Unit.ordinal > counter.value)
            behind = behind.where(Unit.created_at <= until)
            found = db.session.execute(behind.order_by(Unit.ordinal).limit(AT_ONCE)).all()
            if not found:
                return count
            _insert(db, ((unit_id, serial_key) for _, unit_id, serial_key in found))
            counter.value = found[-1].ordinal
        count += len(found)


def move_serial_pieces(db: Db, unit_id: str, before: str, after: str | None) -> None:
    """The unit's ``serial_key`` changed; ``after``: None for a unit that is deleted. Inside that transaction."""
    gone = delete(UnitSerialPiece).where(UnitSerialPiece.unit_id == unit_id)
    db.session.execute(gone.where(UnitSerialPiece.piece.in_(_pieces(before))))
    if after is not None:
        _insert(db, [(unit_id, after)])


def units_with_piece(db: Db, typed: str, most: int) -> list[str] | None:
    """The ids of all units with this in their ``serial_key``, if they are at most so many; else None."""
    piece = typed[-LONGEST_PIECE:]  # the end of a long one: beginnings are often all alike
    contains = Unit.serial_key.contains(typed, autoescape=True)
    kept = (
        select(Unit.id)
        .join(UnitSerialPiece, UnitSerialPiece.unit_id == Unit.id)
        .where(_begins_with(piece), contains)
        .distinct()
    )
    done = func.coalesce(select(Counter.value).where(Counter.name == DONE).scalar_subquery(), 0)
    new = select(Unit.id).where(Unit.ordinal > done, contains)
    wanted = union_all(*(select(one.limit(most + 1).subquery()) for one in (kept, new)))
    found = set(db.session.scalars(wanted))
    return list(found) if len(found) <= most else None


def _begins_with(piece: str) -> ColumnElement[bool]:
    column = UnitSerialPiece.piece
    return column == piece if len(piece) == LONGEST_PIECE else and_(column >= piece, column < piece + LAST_CHARACTER)


def _pieces(serial_key: str) -> set[str]:
    return {serial_key[start : start + LONGEST_PIECE] for start in range(len(serial_key))}


def _insert(db: Db, units: Iterable[tuple[str, str]]) -> None:
    rows = [{"piece": piece, "unit_id": unit_id} for unit_id, serial_key in units for piece in _pieces(serial_key)]
    insert_all(db, UnitSerialPiece, rows, or_ignore=True)
