"""How numbers that a procedure measures lie to their limits: n, mean, sigma, Cpk; and the values of one of them.

Sums of squares in SQL lose the small spread of large values (5.000001 V), so the values of the newest runs are read and
summed exactly here. Sigma is the sample's over all values read, so that what is called Cpk includes drift between
batches; it is None without a spread or without a limit. Limits are those of the newest value: that others were judged
by other ones is said. Only last attempts count. Names are the identity. Source: contract/v2-api.md §3.4.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import Text, cast, select

from portal.models import Measurement, Phase, Run, Unit
from portal.services.actors import Actor, Permission, require
from portal.services.run_filters import Condition_
from portal.services.run_measurements import KIND
from portal.services.statistics_scope import MOST_RUNS_IN_PIECES, newest_runs
from portal.services.validators import shown_validator
from station.operator_limits import limits_of

if TYPE_CHECKING:
    from portal.database import Db

MOST_VALUES = 20_000  # of all measurements together, for the list
MOST_VALUES_OF_ONE = 10_000
LARGEST = 1e300  # beyond it the distance of two values is no float any more; no instrument reads so much
_VALUE, _VALIDATORS = cast(Measurement.measured_value, Text), cast(Measurement.validators, Text)


@dataclass(frozen=True)
class Spread:
    """Numbers as a whole. ``sigma``: of the sample; None for fewer than two."""

    count: int
    mean: float
    sigma: float | None
    lowest: float
    highest: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """Of at least one value."""
        mean = _mean(values)
        sigma = None
        if len(values) > 1:
            sigma = _root_mean_square([value - mean for value in values], len(values) - 1)
        return cls(len(values), mean, sigma, min(values), max(values))


@dataclass(frozen=True)
class MeasurementFigures:
    """One measurement by its name. ``failed``: with the verdict FAIL. ``has_other_limits``: some had other limits."""

    name: str
    units: str | None
    phase_name: str
    spread: Spread
    failed: int
    low: float | None
    high: float | None
    has_other_limits: bool

    @property
    def cpk(self) -> float | None:
        """The distance to the nearer limit in units of three sigma; below 0 when the mean is outside."""
        return cpk(self.spread, self.low, self.high)


@dataclass(frozen=True)
class MeasuredValue:
    """One value, and where it was measured."""

    value: float
    outcome: str
    started_at: datetime
    run_id: str
    serial_number: str


@dataclass(frozen=True)
class MeasurementHistory:
    """A measurement with its values, the oldest first. ``is_capped``: there are older values in the span."""

    figures: MeasurementFigures
    values: list[MeasuredValue]
    is_capped: bool


def cpk(spread: Spread, low: float | None, high: float | None) -> float | None:
    """Min of the distances from the mean to its limits, over 3 sigma; None without a limit or a spread."""
    distances = [high - spread.mean] if high is not None else []
    distances += [spread.mean - low] if low is not None else []
    if not distances or not spread.sigma:
        return None
    found = min(distances) / spread.sigma / 3
    return found if math.isfinite(found) else None


def list_figures(
    db: Db, actor: Actor, conditions: list[Condition_], most: int = MOST_VALUES
) -> tuple[list[MeasurementFigures], bool]:
    """By name, those nearest to their limits first, the rest behind; and whether older values were left out.

    conditions: of the scope. Raises `Forbidden`.
    """
    require(actor, Permission.VIEW)
    found = db.session.execute(_values(conditions).limit(most + 1)).all()
    rows_by_name: dict[str, list[Any]] = {}
    for row in found[:most]:
        if _number(row.value) is not None:
            rows_by_name.setdefault(row.name, []).append(row)
    listed = [_figures(rows) for rows in rows_by_name.values()]
    listed.sort(key=lambda one: (one.cpk is None, one.cpk or 0.0, one.name))
    return listed, len(found) > most


def show_history(
    db: Db, actor: Actor, conditions: list[Condition_], name: str, most: int = MOST_VALUES_OF_ONE
) -> MeasurementHistory | None:
    """The newest values of one measurement; None when no number of that name was measured. Raises `Forbidden`."""
    require(actor, Permission.VIEW)
    if "\0" in name:
        return None
    found = db.session.execute(_values(conditions, name).limit(most + 1)).all()
    rows = [row for row in found[:most] if _number(row.value) is not None]
    if not rows:
        return None
    values = [
        MeasuredValue(float(_number(row.value) or 0), row.outcome, row.started_at, row.run_id, row.serial_number)
        for row in reversed(rows)
    ]
    return MeasurementHistory(_figures(rows), values, len(found) > most)


def _values(conditions: list[Condition_], name: str | None = None) -> Any:
    """The numbers of the newest runs, the newest first."""
    runs = newest_runs(conditions, MOST_RUNS_IN_PIECES, Run.id, Run.started_at, Run.unit_id).subquery()
    wanted = (
        select(Measurement.name, Measurement.units, Measurement.outcome, _VALUE.label("value"))
        .add_columns(_VALIDATORS.label("validators"), Phase.name.label("phase_name"))
        .add_columns(runs.c.started_at, runs.c.id.label("run_id"))
        .select_from(runs)
        .join(Phase, Phase.run_id == runs.c.id)
        .join(Measurement, Measurement.phase_id == Phase.id)
        .where(Phase.is_final_attempt.is_(True), KIND == "numeric")
        .order_by(runs.c.started_at.desc(), runs.c.id.desc(), Measurement.position.desc())
    )
    if name is not None:
        wanted = wanted.where(Measurement.name == name)
        wanted = wanted.add_columns(Unit.serial_number).join(Unit, Unit.id == runs.c.unit_id)
    return wanted


def _figures(rows: Sequence[Any]) -> MeasurementFigures:
    """rows: of one name, with numbers, the newest first."""
    newest = rows[0]
    low, high = _bounds(newest.validators)
    bounds = {_bounds(text) for text in {row.validators for row in rows}}
    return MeasurementFigures(
        newest.name,
        newest.units,
        newest.phase_name,
        Spread.of([number for row in rows if (number := _number(row.value)) is not None]),
        sum(row.outcome == "FAIL" for row in rows),
        low,
        high,
        has_other_limits=len(bounds) > 1,
    )


def _bounds(validators: str | None) -> tuple[float | None, float | None]:
    limits = limits_of([shown_validator(one) for one in json.loads(validators or "[]")])
    return _drawable(limits.low), _drawable(limits.high)


def _drawable(bound: float | None) -> float | None:
    """A limit that can be reached; None for one that cannot, which is none."""
    return bound if bound is not None and abs(bound) <= LARGEST else None


def _number(text: str) -> float | None:
    """As JSON has it; None for what is not finite as a float, or larger than `LARGEST`."""
    try:
        number = float(text)
    except (ValueError, OverflowError):
        return None
    return number if abs(number) <= LARGEST else None


def _mean(values: Sequence[float]) -> float:
    """Divided before it is summed where the sum of values is no float any more."""
    try:
        return math.fsum(values) / len(values)
    except OverflowError:
        return math.fsum(value / len(values) for value in values)


def _root_mean_square(deviations: Sequence[float], over: int) -> float:
    """Scaled, so that squares neither overflow nor vanish."""
    largest = max(map(abs, deviations))
    if not largest or not math.isfinite(largest):
        return 0.0
    return largest * math.sqrt(math.fsum((one / largest) ** 2 for one in deviations) / over)
