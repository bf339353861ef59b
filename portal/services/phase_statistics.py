"""Which phases of a procedure fail, and how long they take: in the newest runs of a scope."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import case, func, select

from portal.models import Phase, Run
from portal.services.actors import Actor, Permission, require
from portal.services.run_filters import Condition_
from portal.services.statistics_scope import MOST_RUNS_IN_PIECES, newest_runs

if TYPE_CHECKING:
    from portal.database import Db

MOST_PHASES = 200  # names of phases that are told apart


@dataclass(frozen=True)
class PhaseFigures:
    """One phase by its name. ``failed``: last attempts with FAIL or ERROR; ``repeated``: attempts before a last one."""

    name: str
    count: int
    failed: int
    repeated: int
    mean_ms: float
    longest_ms: int
    total_ms: int

    @property
    def failed_percent(self) -> float:
        """Of its last attempts."""
        return 100 * self.failed / self.count if self.count else 0.0


def phase_figures(
    db: Db, actor: Actor, conditions: list[Condition_], most: int = MOST_RUNS_IN_PIECES
) -> list[PhaseFigures]:
    """By name, the most failures first. Skipped ones do not count. conditions: of the scope. Raises `Forbidden`."""
    require(actor, Permission.VIEW)
    runs = newest_runs(conditions, most, Run.id).subquery()
    last, failed = Phase.is_final_attempt.is_(True), Phase.outcome.in_(("FAIL", "ERROR"))
    failures = func.sum(case((last & failed, 1), else_=0))
    wanted = (
        select(
            Phase.name,
            func.sum(case((last, 1), else_=0)),
            failures,
            func.sum(case((last, 0), else_=1)),
            func.avg(Phase.duration_ms),
            func.max(Phase.duration_ms),
            func.sum(Phase.duration_ms),
        )
        .select_from(runs)
        .join(Phase, Phase.run_id == runs.c.id)
        .where(Phase.outcome != "SKIP")
        .group_by(Phase.name)
        .order_by(failures.desc(), Phase.name)
        .limit(MOST_PHASES)
    )
    return [
        PhaseFigures(name, int(count), int(bad), int(again), float(mean), int(longest), int(total))
        for name, count, bad, again, mean, longest, total in db.session.execute(wanted)
    ]
