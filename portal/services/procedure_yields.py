"""First-pass and final yield of a procedure, over time.

A unit's first run in the scope is its first pass, its last one its final verdict; each counts in the bucket in which
it started. Source: contract/v2-api.md §3.2.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING

from sqlalchemy import case, func, select

from portal.models import Run
from portal.services.actors import Actor, Permission, require
from portal.services.run_filters import Condition_
from portal.services.statistics_scope import MOST_RUNS, Scope, day_number, newest_runs
from portal.services.yields import Yield

if TYPE_CHECKING:
    from portal.database import Db


@dataclass(frozen=True)
class Bucket:
    """A day or a week: runs that started in it, and the verdicts of units whose first or last run that was."""

    first: date
    last: date
    runs: int
    first_pass: Yield
    final: Yield


@dataclass(frozen=True)
class YieldsOverTime:
    """The oldest bucket first. ``is_capped``: older runs of the span are not in it."""

    buckets: list[Bucket]
    runs: int
    first_pass: Yield
    final: Yield
    is_capped: bool


def yields_over_time(
    db: Db, actor: Actor, scope: Scope, conditions: list[Condition_], most: int = MOST_RUNS
) -> YieldsOverTime:
    """In one statement. conditions: of the scope. Raises `Forbidden`."""
    require(actor, Permission.VIEW)
    place = day_number(Run.started_at, scope.buckets, scope.zone).label("place")
    runs = newest_runs(conditions, most, Run.id, Run.unit_id, Run.outcome, Run.started_at, place).subquery()
    of_unit, at = runs.c.unit_id, (runs.c.started_at, runs.c.id)
    numbered = select(
        runs.c.place,
        case((runs.c.outcome == "PASS", 1), else_=0).label("passed"),
        func.row_number().over(partition_by=of_unit, order_by=at).label("from_first"),
        func.row_number().over(partition_by=of_unit, order_by=[one.desc() for one in at]).label("from_last"),
    ).subquery()
    is_first = case((numbered.c.from_first == 1, 1), else_=0)
    is_last = case((numbered.c.from_last == 1, 1), else_=0)
    counted = select(
        numbered.c.place,
        func.count(),
        func.sum(is_first),
        func.sum(is_first * numbered.c.passed),
        func.sum(is_last),
        func.sum(is_last * numbered.c.passed),
    ).group_by(numbered.c.place)
    found = {place: [int(number) for number in numbers] for place, *numbers in db.session.execute(counted)}
    buckets = []
    for number, first in enumerate(scope.buckets):
        count, firsts, first_passed, lasts, last_passed = found.get(number, [0] * 5)
        last = min(first + timedelta(days=6 if scope.is_weekly else 0), scope.last)
        first_pass, final = Yield(firsts, firsts, first_passed), Yield(lasts, lasts, last_passed)
        buckets.append(Bucket(first, last, count, first_pass, final))
    total = sum(bucket.runs for bucket in buckets)
    return YieldsOverTime(
        buckets,
        total,
        sum((bucket.first_pass for bucket in buckets), Yield()),
        sum((bucket.final for bucket in buckets), Yield()),
        is_capped=total >= most,
    )
