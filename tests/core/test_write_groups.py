"""Writers share a commit and nothing else."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
from sqlalchemy import Connection, event, select, text
from sqlalchemy.exc import OperationalError

from portal.database import Database, Db
from portal.errors import PortalError, StorageFull
from portal.models import Batch
from portal.services import audit
from portal.services.actors import Actor
from portal.services.batches import create_batch
from tests.cast import Cast
from tests.waiting import eventually

pytestmark = pytest.mark.parametrize("settings", ["sqlite"], indirect=True)


def numbers(database: Database) -> set[str]:
    with database.open() as db:
        return set(db.session.scalars(select(Batch.number)))


@pytest.fixture
def commits(database: Database) -> list[object]:
    """One entry for each commit of a transaction."""
    seen: list[object] = []
    event.listen(database.engine, "commit", seen.append)
    return seen


class Writers:
    """Threads that write at once: the first holds its turn until all others wait for theirs."""

    def __init__(self, database: Database, cast: Cast) -> None:
        self._database, self._cast = database, cast
        self.results: dict[str, object] = {}

    def run(self, names: list[str], failing: str = "", write: Callable[..., object] = create_batch) -> None:
        waiting = threading.Event()

        def take_a_turn(name: str) -> None:
            try:
                with self._database.open() as db, db.write():
                    if name == names[0]:
                        waiting.wait(10)
                    write(db, self._cast.dev, name)
                    assert name != failing
                self.results[name] = name in numbers(self._database)
            except Exception as error:  # noqa: BLE001  (what it raised is the result)
                self.results[name] = error

        threads = [threading.Thread(target=take_a_turn, args=(name,)) for name in names]
        queue = self._database._write_groups._waiting
        for place, thread in enumerate(threads):
            thread.start()
            eventually(lambda place=place: len(queue) == place, within_s=5)
        waiting.set()
        for thread in threads:
            thread.join(10)


def test_who_waits_together_is_committed_together(database: Database, cast: Cast, commits: list[object]) -> None:
    writers = Writers(database, cast)
    commits.clear()

    writers.run(["a", "b", "c", "d"])

    assert writers.results == dict.fromkeys("abcd", True)  # stored by the time that they were told
    assert len(commits) == 1


@pytest.mark.parametrize("failing", ["a", "b", "c"])
def test_who_fails_fails_alone(database: Database, cast: Cast, failing: str) -> None:
    writers = Writers(database, cast)

    writers.run(["a", "b", "c"], failing)

    assert numbers(database) == set("abc") - {failing}
    assert isinstance(writers.results.pop(failing), AssertionError)
    assert all(result is True for result in writers.results.values())


def test_a_commit_that_fails_is_told_to_everybody(database: Database, cast: Cast) -> None:
    writers = Writers(database, cast)

    def fail(_connection: object) -> None:
        raise OperationalError("COMMIT", None, Exception("database or disk is full"))

    event.listen(database.engine, "commit", fail)
    writers.run(["a", "b", "c"])
    event.remove(database.engine, "commit", fail)

    assert len(writers.results) == 3
    assert all(isinstance(result, Exception) for result in writers.results.values()), writers.results
    assert numbers(database) == set()
    with database.open() as db:
        assert create_batch(db, cast.dev, "e").number == "e"


@pytest.mark.parametrize("wide", ["a", "b", "c"])
def test_on_a_full_disk_nobody_is_told_that_what_was_lost_is_stored(database: Database, cast: Cast, wide: str) -> None:
    writers = Writers(database, cast)

    @event.listens_for(database.engine, "begin")
    def fill_the_disk(connection: Connection) -> None:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages + 2}")

    def write(db: Db, actor: Actor, name: str) -> Batch:
        made = create_batch(db, actor, name)
        if name == wide:
            audit.record(db, actor, "batch:wide", made, text="x" * 100_000)
            db.session.flush()
        return made

    writers.run(["a", "b", "c"], write=write)

    stored = numbers(database)
    assert isinstance(writers.results.pop(wide), StorageFull)
    for name, result in writers.results.items():
        assert result is True or isinstance(result, PortalError), result
        assert (result is True) == (name in stored)


def test_a_turn_does_not_wait_for_itself(db: Db, database: Database) -> None:
    with db.write(), database.open() as other, pytest.raises(RuntimeError, match="another handle"), other.write():
        pass


def test_many_writers_at_full_speed_lose_nothing(
    database: Database, cast: Cast, at_once: Callable[..., list[object]]
) -> None:
    def write(place: int) -> None:
        for number in range(20):
            with database.open() as db:
                create_batch(db, cast.dev, f"{place}-{number}")

    results = at_once(*[lambda place=place: write(place) for place in range(6)])

    assert results == [None] * 6
    assert len(numbers(database)) == 120
    with database.open() as db:
        assert db.session.scalar(text("PRAGMA integrity_check")) == "ok"
