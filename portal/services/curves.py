"""Long axes of measurements: their points packed beside the measurement, not in it.

A million points as JSON are 20 MB that every look at the run would read. Packed they are 64-bit floats, their bytes
sorted by significance (neighbouring points differ in the last ones only) and then compressed. No point is touched by
Python code on the way in or out: all of it is done by ``array``, slices and ``zlib``.

All axes of a measurement are packed, or none. Left as JSON are axes with texts in them, with integers that a float
cannot hold, and short ones. What a drawing shows of a very long curve (of each pixel column the lowest and the highest
point) is found once, when it is stored: pages and lists never unpack the whole.
"""

from __future__ import annotations

import math
import sys
import zlib
from array import array
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from sqlalchemy import or_, select

from portal.models import Curve

if TYPE_CHECKING:
    from portal.database import Db

SHORTEST = 1000  # points of the longest axis; below it JSON is as good
MOST_DRAWN = 1300  # two for each pixel column of a drawing
LARGEST_INTEGER = 2**53  # beyond, a float does not hold every integer
LEVEL = 1  # of zlib: more costs much time and saves little
WIDTH = 8  # bytes of a point
PIECE = 500  # ids in one statement

Axes = dict[int, list[float | None]]


def pack_axes(axes: Sequence[Sequence[Any]], measurement_id: str) -> list[dict[str, Any]]:
    """Rows of `Curve` for the axes of one measurement (x first); none where they stay JSON.

    axes: points as they came: finite numbers, nulls, texts.
    """
    if max(map(len, axes), default=0) < SHORTEST:
        return []
    points = [_as_floats(axis) for axis in axes]
    packable = [one for one in points if one is not None]
    if len(packable) < len(points):
        return []
    rows = [_row(measurement_id, place, one) for place, one in enumerate(packable)]
    if max(map(len, packable)) > MOST_DRAWN:
        rows += [_row(measurement_id, -1 - place, one) for place, one in enumerate(drawn(packable))]
    return rows


def read_curves(db: Db, measurement_ids: Sequence[str], *, whole: bool) -> dict[str, Axes]:
    """The axes of the measurements that have packed ones, by measurement and place: whole, or what a drawing shows."""
    wanted = select(Curve.measurement_id, Curve.axis, Curve.data)
    wanted = wanted.where(Curve.axis >= 0) if whole else wanted.where(or_(Curve.axis < 0, Curve.count <= MOST_DRAWN))
    found: dict[str, Axes] = {}
    for start in range(0, len(measurement_ids), PIECE):
        piece = measurement_ids[start : start + PIECE]
        # What is drawn comes last: where it is there, it takes the place of a short axis beside a long one.
        rows = db.session.execute(wanted.where(Curve.measurement_id.in_(piece)).order_by(Curve.axis.desc()))
        for measurement_id, axis, data in rows:
            found.setdefault(measurement_id, {})[axis if axis >= 0 else -1 - axis] = unpack(data)
    return found


def pack(points: array[float]) -> bytes:
    """The points as they are stored. A null is NaN."""
    raw = _little_endian(points).tobytes()
    return zlib.compress(b"".join(raw[place::WIDTH] for place in range(WIDTH)), LEVEL)


def unpack(data: bytes) -> list[float | None]:
    """The points that `pack` was given."""
    sorted_bytes = zlib.decompress(data)
    count = len(sorted_bytes) // WIDTH
    raw = bytearray(len(sorted_bytes))
    for place in range(WIDTH):
        raw[place::WIDTH] = sorted_bytes[place * count : (place + 1) * count]
    points = array("d", bytes(raw))
    values = _little_endian(points).tolist()
    return [None if math.isnan(value) else value for value in values] if math.isnan(sum(values)) else [*values]


def drawn(axes: Sequence[array[float]]) -> list[array[float]]:
    """The points that a drawing shows: the first, the last, and of each column the extremes of each y.

    axes: x first; the same places are kept of all, so that they still belong together. A column with a gap keeps it.
    """
    length = max(map(len, axes))
    curves = axes[1:] or axes
    columns = max(1, (MOST_DRAWN - 2) // (3 * len(curves) if _has_gap(curves) else 2 * len(curves)))
    size = math.ceil(length / columns)
    kept = {0, length - 1}
    for curve in curves:
        gaps = math.isnan(sum(curve))
        for start in range(0, len(curve), size):
            kept.update(_extremes(curve[start : start + size], start, has_gaps=gaps))
    places = sorted(kept)
    return [array("d", [axis[place] for place in places if place < len(axis)]) for axis in axes]


def _extremes(column: array[float], start: int, *, has_gaps: bool) -> Iterable[int]:
    """Places of the lowest and the highest point, and of the first gap."""
    if not has_gaps:
        return (start + column.index(min(column)), start + column.index(max(column)))
    real = [value for value in column if not math.isnan(value)]
    gap = [start + next(n for n, value in enumerate(column) if math.isnan(value))] if len(real) < len(column) else []
    return [*gap, *(start + column.index(value) for value in ((min(real), max(real)) if real else ()))]


def _has_gap(curves: Sequence[array[float]]) -> bool:
    return any(math.isnan(sum(curve)) for curve in curves)


def _as_floats(points: Sequence[Any]) -> array[float] | None:
    """The points as floats; None where they would not come back equal."""
    kinds = set(map(type, points))
    if not kinds <= {float, int, type(None)}:
        return None
    known = [point for point in points if point is not None] if type(None) in kinds else points
    if int in kinds and known and not -LARGEST_INTEGER <= min(known) <= max(known) <= LARGEST_INTEGER:
        return None
    return array("d", known if known is points else [math.nan if point is None else point for point in points])


def _row(measurement_id: str, axis: int, points: array[float]) -> dict[str, Any]:
    return {"measurement_id": measurement_id, "axis": axis, "count": len(points), "data": pack(points)}


def _little_endian(points: array[float]) -> array[float]:
    if sys.byteorder == "little":
        return points
    swapped = points[:]
    swapped.byteswap()
    return swapped
