"""Many runs at once: each stored or refused on its own."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest
from sqlalchemy import event, func, select

from portal.announcements import RunStored
from portal.database import Database, Db
from portal.errors import BadRequest, Conflict, Forbidden, NotFound, PortalError, StorageFull
from portal.models import Part, Phase, Run, Unit
from portal.models.base import new_id
from portal.services.run_batches import GROUP, create_runs
from portal.services.run_input import RunIn
from portal.services.runs import create_run
from tests.cast import Cast, run_in
from tests.core.test_full_disk import full

PHASE = {"name": "p", "outcome": "PASS", "started_at": "2026-11-22T12:00:00Z", "ended_at": "2026-11-22T12:00:01Z"}


def count(db: Db, table: type) -> int:
    return db.session.scalar(select(func.count()).select_from(table)) or 0


def test_a_refused_run_leaves_nothing_and_the_others_are_stored(db: Db, database: Database, cast: Cast) -> None:
    heard: list[object] = []
    database.listen(heard.append)
    create_run(db, cast.dev, run_in(cast, execution_id="taken"))
    malformed = BadRequest("The body is not JSON.")
    late_refusal = run_in(cast, serial_number="SN-2", part_number="NEW", execution_id="taken", phases=[PHASE])
    unknown = run_in(cast, serial_number="SN-4", procedure_id=new_id())

    results = create_runs(
        db, cast.dev,
        [run_in(cast, serial_number="SN-1", phases=[PHASE]), late_refusal, malformed, unknown, run_in(cast)],
    )  # fmt: skip

    first, conflict, same, missing, last = results
    assert isinstance(first, str)
    assert isinstance(last, str)
    assert isinstance(conflict, Conflict)
    assert same is malformed
    assert isinstance(missing, NotFound)
    with database.open() as own:
        assert [count(own, table) for table in (Run, Phase, Unit, Part)] == [3, 1, 2, 1]
    assert [one.run_id for one in heard if isinstance(one, RunStored)][1:] == [first, last]


def test_a_thousand_runs_are_a_few_transactions(db: Db, database: Database, cast: Cast) -> None:
    commits: list[object] = []
    event.listen(database.engine, "commit", commits.append)

    results = create_runs(db, cast.bench, (run_in(cast, client_run_ref=f"r{n}") for n in range(4 * GROUP)))

    assert len(set(results)) == 4 * GROUP
    assert len(commits) <= 4
    again = create_runs(db, cast.bench, [run_in(cast, client_run_ref=f"r{n}") for n in range(4 * GROUP)])
    assert again == results


@pytest.mark.parametrize("settings", ["sqlite"], indirect=True)
def test_what_was_stored_before_the_disk_was_full_is_told_and_the_rest_refused(
    db: Db, database: Database, cast: Cast
) -> None:
    stack = contextlib.ExitStack()

    def runs() -> Iterator[RunIn | PortalError]:
        yield from (run_in(cast) for _ in range(GROUP))
        stack.enter_context(full(database))
        yield from (run_in(cast, docstring="x" * 100_000) for _ in range(GROUP + 1))

    with stack:
        results = create_runs(db, cast.dev, runs())
        with pytest.raises(StorageFull):  # nothing was stored: as for a single run
            create_runs(db, cast.dev, [run_in(cast, docstring="x" * 100_000)] * GROUP)

    assert all(isinstance(one, str) for one in results[:GROUP])
    assert [type(one) for one in results[GROUP:]] == [StorageFull] * (GROUP + 1)


def test_only_those_who_may_record_send_batches(db: Db, cast: Cast) -> None:
    with pytest.raises(Forbidden):
        create_runs(db, cast.vera, [run_in(cast)])
    refused, stored = create_runs(db, cast.bench, [run_in(cast, procedure_id=cast.other_procedure.id), run_in(cast)])
    assert isinstance(refused, Forbidden)
    assert isinstance(stored, str)
