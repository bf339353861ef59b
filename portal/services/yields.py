"""How many units of a part, revision or batch there are, and what their newest runs said."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, case, func, select

from portal.models import Revision, Run, Unit
from portal.services.actors import Actor, Permission, require
from portal.services.station_lookup import visible_runs

if TYPE_CHECKING:
    from portal.database import Db


@dataclass(frozen=True)
class Yield:
    """``units``: all of them. ``tested``, ``passed``: by runs that are seen, without golden, failing, ignored ones."""

    units: int = 0
    tested: int = 0
    passed: int = 0

    @property
    def percent(self) -> float | None:
        """How many of the tested units passed in their newest run; None when none was tested."""
        return 100 * self.passed / self.tested if self.tested else None

    def __add__(self, other: Yield) -> Yield:
        return Yield(self.units + other.units, self.tested + other.tested, self.passed + other.passed)


def yields_of_part(db: Db, actor: Actor, part_id: str) -> dict[str, Yield]:
    """By revision's id; a revision without units is missing. Raises `Forbidden`."""
    require(actor, Permission.VIEW)
    revisions = select(Revision.id).where(Revision.part_id == part_id)
    return _yields(db, actor, Unit.revision_id, Unit.revision_id.in_(revisions))


def yield_of_revision(db: Db, actor: Actor, revision_id: str) -> Yield:
    """Of the units that are of it now. Raises `Forbidden`."""
    require(actor, Permission.VIEW)
    return _yields(db, actor, Unit.revision_id, Unit.revision_id == revision_id).get(revision_id, Yield())


def yield_of_batch(db: Db, actor: Actor, batch_id: str) -> Yield:
    """Of the units that are in it now. Raises `Forbidden`."""
    require(actor, Permission.VIEW)
    return _yields(db, actor, Unit.batch_id, Unit.batch_id == batch_id).get(batch_id, Yield())


def _yields(db: Db, actor: Actor, column: Any, which: ColumnElement[bool]) -> dict[str, Yield]:
    verdict = (
        select(Run.outcome)
        .where(Run.unit_id == Unit.id, Unit.sample.is_(None), *visible_runs(actor))
        .order_by(Run.started_at.desc(), Run.id.desc())
        .limit(1)
        .correlate(Unit)
        .scalar_subquery()
    )
    units = select(column.label("key"), verdict.label("verdict")).where(which).subquery()
    passed = func.sum(case((units.c.verdict == "PASS", 1), else_=0))
    counted = select(units.c.key, func.count(), func.count(units.c.verdict), passed).group_by(units.c.key)
    return {key: Yield(all_, tested, int(good)) for key, all_, tested, good in db.session.execute(counted)}
