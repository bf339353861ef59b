"""Many runs in one request: each stored or refused on its own, in groups that share a transaction.

A run each would cost a flush to disk each; all of them in one transaction would keep every other writer waiting for
seconds. Within a group each run is a savepoint: one that is refused leaves nothing of itself.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, TypeVar

import structlog
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError

from portal.errors import PortalError
from portal.services.actors import Actor, Permission, require
from portal.services.run_input import RunIn
from portal.services.runs import create_run

if TYPE_CHECKING:
    from portal.database import Db

T = TypeVar("T")
Result = str | PortalError  # the run's id, or why it was refused
GROUP = 20  # about 100 ms of the only write lock that SQLite has

log = structlog.get_logger(__name__)


def create_runs(db: Db, actor: Actor, runs: Iterable[RunIn | PortalError]) -> list[Result]:
    """Store each run, whole or not at all; one result for each, in their order. What is a refusal already stays one.

    When the database fails half-way, the rest is refused for that; when nothing was stored before, or all is part of a
    transaction of the caller's, that is raised: `Busy`, `StorageFull`. Raises `Forbidden`.
    """
    require(actor, Permission.RECORD)
    results: list[Result] = []
    waiting = iter(runs)
    for group in _groups(waiting, GROUP):
        try:
            results += _store(db, actor, group)
        except (PortalError, DBAPIError) as error:
            if db.is_writing or not any(isinstance(one, str) for one in results):
                raise
            log.exception("run_batch_broke_off", stored=len(results))
            failure = error if isinstance(error, PortalError) else PortalError("The database failed. Try again.")
            results += [failure for _ in itertools.chain(group, waiting)]
    return results


def _store(db: Db, actor: Actor, group: list[RunIn | PortalError]) -> list[Result]:
    with db.write():
        return [one if isinstance(one, PortalError) else _attempt(db, actor, one) for one in group]


def _attempt(db: Db, actor: Actor, run: RunIn) -> Result:
    try:
        with db.attempt():
            return create_run(db, actor, run)
    except PortalError as refusal:
        if refusal.status >= 500:  # of the database, not of this run
            raise
        return refusal
    except (DataError, IntegrityError):  # of this run only: the savepoint has undone it
        log.exception("run_of_batch_failed")
        return PortalError("This run cannot be stored; the portal's log has the reason.")


def _groups(items: Iterator[T], size: int) -> Iterator[list[T]]:
    while group := list(itertools.islice(items, size)):
        yield group
