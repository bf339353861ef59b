"""What the older API does with runs that the newer one does not. Source: contract/v1-api.md §3, §4."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from portal.errors import BadRequest
from portal.models import Part, Unit
from portal.services.actors import Actor, Permission, require
from portal.services.imports.drafts import Draft
from portal.services.imports.procedures import take_procedure
from portal.services.names import same
from portal.services.run_details import RunDetail, show_run
from portal.services.run_lists import RunQuery, list_runs
from portal.services.runs import create_run

if TYPE_CHECKING:
    from portal.database import Db

MOST_RUNS = 100  # each is whole, with its phases and log


def create_drafted_run(db: Db, actor: Actor, draft: Draft, part_name: str | None) -> str:
    """Store the record, and the procedure that it names where that is new; all or nothing. Its id.

    part_name: of a part that is new. Raises what `create_run` and `take_procedure` raise.
    """
    require(actor, Permission.RECORD)
    with db.write():
        run = draft.as_run(take_procedure(db, actor, draft.procedure))
        if run.part_number is None:
            _refuse_new_unit(db, run.serial_number)
        part = select(Part).where(Part.number_key == same(run.part_number or ""))
        is_new_part = run.part_number is not None and db.session.scalar(part) is None
        run_id = create_run(db, actor, run)
        if is_new_part and (part_name or "").strip():
            db.session.scalars(part).one().name = (part_name or "").strip()[:200]
        return run_id


def runs_of_unit(db: Db, actor: Actor, serial_number: str) -> list[RunDetail]:
    """The newest runs of the unit, whole; none for a unit that is not known. Raises `Forbidden`."""
    found = list_runs(db, actor, RunQuery(serial_number=serial_number, limit=MOST_RUNS))
    return [show_run(db, actor, run.id) for run in found.items]


def _refuse_new_unit(db: Db, serial_number: str) -> None:
    """Here a station's new unit needs its part as anybody's does: the interface's own words say so."""
    if db.session.scalar(select(Unit.id).where(Unit.serial_key == same(serial_number))) is None:
        raise BadRequest(
            f"The unit {serial_number!r} is new, and its part number is missing: send unit_under_test.part_number.",
            "unit_under_test",
        )
