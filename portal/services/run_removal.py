"""Removing runs for good, with all that is theirs. Units, parts and batches stay. Source: contract/v2-api.md §3.9."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sqlalchemy import delete, func, select, update

from portal.errors import NotFound
from portal.models import Attachment, Run, Unit
from portal.services import audit
from portal.services.actors import Actor, Permission, require
from portal.services.names import is_id
from portal.services.run_lists import RUNS, select_rows

if TYPE_CHECKING:
    from portal.database import Db

PIECE = 500  # ids in one statement


def delete_runs(db: Db, actor: Actor, run_ids: Sequence[str]) -> list[str]:
    """Remove the runs, all of them or none. Their ids. Raises `NotFound` when one is unknown; `Forbidden`."""
    require(actor, Permission.EDIT)
    wanted = list(dict.fromkeys(one.lower() for one in run_ids))
    with db.write():
        runs = [db.session.get(Run, one) if is_id(one) else None for one in wanted]
        for run in runs:
            if run is None:
                raise NotFound("run")
            lost = audit.removed(
                outcome=run.outcome, started_at=run.started_at.isoformat(), procedure_id=run.procedure_id,
                unit_id=run.unit_id, station_id=run.station_id,
            )  # fmt: skip
            audit.record(db, actor, "run:deleted", run, lost, outcome=run.outcome)
        remove_runs(db, wanted)
    return wanted


def remove_runs(db: Db, run_ids: Sequence[str]) -> None:
    """Take the runs out of the database; inside the write transaction of whoever may. Files go once that is safe."""
    for start in range(0, len(run_ids), PIECE):
        piece = run_ids[start : start + PIECE]
        RUNS.remember(db, select_rows(), piece)
        units = db.session.scalars(select(Run.unit_id).where(Run.id.in_(piece)).distinct()).all()
        for attachment_id in db.session.scalars(select(Attachment.id).where(Attachment.run_id.in_(piece))):
            db.on_commit(db.blobs.delete, attachment_id)
        db.session.execute(delete(Run).where(Run.id.in_(piece)))
        count_again(db, units)


def count_again(db: Db, unit_ids: Sequence[str]) -> None:
    """Bring ``run_count`` and ``last_run_at`` of the units to what their runs say."""
    of_unit = Run.unit_id == Unit.id
    db.session.execute(
        update(Unit)
        .where(Unit.id.in_(list(unit_ids)))
        .values(
            run_count=select(func.count()).select_from(Run).where(of_unit).scalar_subquery(),
            last_run_at=select(func.max(Run.started_at)).where(of_unit).scalar_subquery(),
        )
    )
