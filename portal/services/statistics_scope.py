"""Of which runs statistics are: a procedure's in a span of days, narrowed; and how many of them are looked at.

Golden, failing and ignored units say nothing of production, nor do simulated benches: both are left out. Simulated runs
count where they are asked for. All statements begin at the newest runs, which an index on ``runs`` gives in order, and
read no more than a fixed number of them: a page costs the same after a year as after a month.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, Select, case, select

from portal.models import Run
from portal.services.actors import Actor
from portal.services.run_filters import Condition_, RunFilter, narrowing
from portal.services.station_lookup import visible_runs
from portal.time_zones import midnight

if TYPE_CHECKING:
    from portal.database import Db

MOST_RUNS = 50_000  # for yields, which read one row a run
MOST_RUNS_IN_PIECES = 5_000  # for phases and measurements, of which a run has dozens
MOST_DAILY = 92  # days; a longer span is cut into weeks
LONGEST_SPAN = 3 * 366  # days


@dataclass(frozen=True, kw_only=True)
class Scope:
    """The runs of one procedure that started from ``first`` to ``last``, both included, cut into days of ``zone``."""

    procedure_id: str
    first: date
    last: date
    zone: str = "UTC"
    station_id: str | None = None
    version: str | None = None
    part_number: str | None = None
    revision_number: str | None = None
    batch_number: str | None = None
    has_simulated: bool = False

    @property
    def is_weekly(self) -> bool:
        """Whether a bucket is a week."""
        return (self.last - self.first).days >= MOST_DAILY

    @cached_property
    def buckets(self) -> list[date]:
        """The first day of each bucket, the oldest first."""
        step = 7 if self.is_weekly else 1
        return [self.first + timedelta(days=n) for n in range(0, (self.last - self.first).days + 1, step)]

    @property
    def start(self) -> datetime:
        """When the first day begins."""
        return midnight(self.first, self.zone)

    @property
    def end(self) -> datetime:
        """When the day after the last begins."""
        return midnight(self.last + timedelta(days=1), self.zone)


def day_number(column: Any, days: list[date], zone: str) -> ColumnElement[int]:
    """The place in ``days`` (the first days of buckets) of an instant that is not before the first.

    A CASE over bounds, and no arithmetic: days have 23 to 25 hours, and the databases' date functions differ.
    """
    if len(days) == 1:
        return case((column >= midnight(days[0], zone), 0), else_=0)
    bounds = [(column < midnight(day, zone), place) for place, day in enumerate(days[1:])]
    return case(*bounds, else_=len(days) - 1)


def scoped(db: Db, actor: Actor, scope: Scope) -> list[Condition_]:
    """The scope as conditions on `Run`, of what the actor may see. No joins; each part of a name is looked up once."""
    found = narrowing(
        db,
        RunFilter(
            procedure_ids=[scope.procedure_id],
            station_ids=_given(scope.station_id),
            procedure_versions=_given(scope.version),
            part_numbers=_given(scope.part_number),
            revision_numbers=_given(scope.revision_number),
            batch_numbers=_given(scope.batch_number),
            samples=["production"],
        ),
    )
    found += [Run.started_at >= scope.start, Run.started_at < scope.end, *visible_runs(actor)]
    if not scope.has_simulated:
        found.append(Run.is_simulated.is_(False))
    return found


def newest_runs(conditions: list[Condition_], most: int, *columns: Any) -> Select[Any]:
    """These columns of the newest runs that fit, at most so many."""
    return select(*columns).where(*conditions).order_by(Run.started_at.desc(), Run.id.desc()).limit(most)


def _given(value: str | None) -> list[str]:
    return [value] if value else []
