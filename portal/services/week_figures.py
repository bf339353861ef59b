"""The last seven days of procedures at stations: runs a day, first-pass yield, mean duration; and the last run.

Today is the last of the seven days. Runs a day and durations are of all runs; the yield is of production units on real
benches, each by its first run in these days.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from sqlalchemy import and_, case, func, select

from portal.models import ProcedureVersion, Run, Unit
from portal.services.actors import Actor, Permission, require
from portal.services.run_filters import Condition_
from portal.services.station_lookup import visible_runs
from portal.services.statistics_scope import day_number
from portal.services.yields import Yield
from portal.time_zones import midnight

if TYPE_CHECKING:
    from portal.database import Db

DAYS = 7


@dataclass(frozen=True)
class LastRun:
    """The newest run."""

    id: str
    outcome: str
    started_at: datetime
    version: str | None


@dataclass(frozen=True)
class WeekFigures:
    """``days``: (passed, other) of each, the oldest first. ``mean_ms``: None without a run."""

    days: list[tuple[int, int]] = field(default_factory=lambda: [(0, 0)] * DAYS)
    first_pass: Yield = field(default_factory=Yield)
    mean_ms: float | None = None
    last_run: LastRun | None = None

    @property
    def runs(self) -> int:
        """In the seven days."""
        return sum(passed + other for passed, other in self.days)


def week_figures(
    db: Db, actor: Actor, column: Any, ids: Sequence[str], where: Condition_ | None, now: datetime
) -> dict[str, WeekFigures]:
    """By id, with every one of ``ids``: two statements.

    column: `Run.procedure_id` or `Run.station_id`, of which ``ids`` are. where: what else of a run must hold. Raises
    `Forbidden`.
    """
    require(actor, Permission.VIEW)
    if not ids:
        return {}
    also = [*([where] if where is not None else []), *visible_runs(actor)]
    counts = _counts(db, column, ids, also, now)
    last_runs = _last_runs(db, column, ids, also)
    return {one: _figures(counts.get(one, {}), last_runs.get(one)) for one in ids}


def _counts(
    db: Db, column: Any, ids: Sequence[str], also: list[Condition_], now: datetime
) -> dict[str, dict[int, list[int]]]:
    zone = db.settings.time_zone
    today = now.astimezone(ZoneInfo(zone)).date()
    days = [today - timedelta(days=DAYS - 1 - place) for place in range(DAYS)]
    is_real = case((and_(Run.is_simulated.is_(False), Unit.sample.is_(None)), 1), else_=0)
    runs = (
        select(
            column.label("key"),
            day_number(Run.started_at, days, zone).label("day"),
            case((Run.outcome == "PASS", 1), else_=0).label("passed"),
            Run.duration_ms,
            is_real.label("is_real"),
            func.row_number()
            .over(partition_by=(column, Run.unit_id, is_real), order_by=(Run.started_at, Run.id))
            .label("turn"),
        )
        .join(Unit, Unit.id == Run.unit_id)
        .where(
            column.in_(ids),
            Run.started_at >= midnight(days[0], zone),
            Run.started_at < midnight(today + timedelta(days=1), zone),
            *also,
        )
        .subquery()
    )
    of = runs.c
    is_first = case((and_(of.turn == 1, of.is_real == 1), 1), else_=0)
    counted = select(
        of.key, of.day, func.count(), func.sum(of.passed), func.sum(of.duration_ms), func.sum(is_first),
        func.sum(is_first * of.passed),
    ).group_by(of.key, of.day)  # fmt: skip
    found: dict[str, dict[int, list[int]]] = {}
    for key, day, *numbers in db.session.execute(counted):
        found.setdefault(key, {})[day] = [int(number) for number in numbers]
    return found


def _last_runs(db: Db, column: Any, ids: Sequence[str], also: list[Condition_]) -> dict[str, LastRun]:
    target = next(iter(column.property.columns[0].foreign_keys)).column  # the id of the procedure or the station
    last = (
        select(Run.id)
        .where(column == target, *also)
        .order_by(Run.started_at.desc(), Run.id.desc())
        .limit(1)
        .correlate(target.table)
        .scalar_subquery()
    )
    wanted = (
        select(target, Run.id, Run.outcome, Run.started_at, ProcedureVersion.tag)
        .select_from(target.table)
        .join(Run, Run.id == last)
        .outerjoin(ProcedureVersion, ProcedureVersion.id == Run.procedure_version_id)
        .where(target.in_(ids))
    )
    return {one: LastRun(*facts) for one, *facts in db.session.execute(wanted)}


def _figures(days: dict[int, list[int]], last_run: LastRun | None) -> WeekFigures:
    runs, _, duration_ms, tested, good = (sum(numbers) for numbers in zip([0] * 5, *days.values(), strict=True))
    return WeekFigures(
        [(days[day][1], days[day][0] - days[day][1]) if day in days else (0, 0) for day in range(DAYS)],
        Yield(tested, tested, good),
        duration_ms / runs if runs else None,
        last_run,
    )
