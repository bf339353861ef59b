"""Which runs: the filters that lists of runs, phases, measurements and log lines share.

What people name (a part number, a version, an operator) is resolved to ids first, so that each filter is a condition on
one column of ``runs``, and an index that ends in the list's order serves it. Each resolving is one statement, whatever
it finds. A name that means more than a handful of things (revision "A" of every part) is asked of each row instead.

What no index serves in the default order, newest start first: metadata by anything but its values, a piece of a serial
number that many units have, classes of samples with many units, and the name of an operator who is a member. A span of
durations, or of when runs were stored, has an index in another order: it serves where few runs are in the span
(`_rare`); so do values of metadata (`portal.services.run_metadata`).
Source: contract/v2-api.md §1.10, §3.9.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from sqlalchemy import BinaryExpression, ColumnElement, and_, false, func, or_, select
from sqlalchemy.orm import aliased
from sqlalchemy.sql.operators import in_op

from portal.models import Batch, Part, ProcedureVersion, Revision, Run, Unit, User
from portal.services.metadata import Condition, matching
from portal.services.names import is_id, same
from portal.services.run_metadata import few_runs
from portal.services.serial_search import units_with_piece

if TYPE_CHECKING:
    from portal.database import Db

MOST_IDS = 200  # a name that means more things than this is no way into an index
MOST_MERGED = 20  # values of one filter whose runs are merged in order; the runs of more are found, then sorted
SHORTEST_ID_START = 8  # of a run's id, for the search
_ID_START = re.compile(r"[0-9a-f-]{8,36}")

Condition_ = ColumnElement[bool]


@dataclass(frozen=True, kw_only=True)
class RunFilter:
    """Which runs. All that is given must fit; several values of one kind: any of them.

    search: a piece of the serial number, or the first 8 characters or more of the run's id. Bounds are inclusive.
    samples: ``production`` stands for units without a class. environments: every run is of ``development`` as long as
    there are no deployments.
    """

    ids: Sequence[str] = ()
    outcomes: Sequence[str] = ()
    procedure_ids: Sequence[str] = ()
    procedure_versions: Sequence[str] = ()
    deployment_ids: Sequence[str] = ()
    environments: Sequence[str] = ()
    execution_ids: Sequence[str] = ()
    slot_keys: Sequence[str] = ()
    slot_names: Sequence[str] = ()
    serial_numbers: Sequence[str] = ()
    samples: Sequence[str] = ()
    part_numbers: Sequence[str] = ()
    revision_numbers: Sequence[str] = ()
    batch_numbers: Sequence[str] = ()
    station_ids: Sequence[str] = ()
    created_by_user_ids: Sequence[str] = ()
    operated_by_ids: Sequence[str] = ()
    operated_by_names: Sequence[str] = ()
    duration_min_ms: int | None = None
    duration_max_ms: int | None = None
    started_after: datetime | None = None
    started_before: datetime | None = None
    ended_after: datetime | None = None
    ended_before: datetime | None = None
    created_after: datetime | None = None
    created_before: datetime | None = None
    search: str | None = None
    metadata: dict[str, Condition] = field(default_factory=dict)


def narrowing(db: Db, query: RunFilter) -> list[Condition_]:
    """The filter as conditions on `Run`, for any statement that has it. They need no joins."""
    found = _plain(query) + _spans(query)
    if query.ended_after is not None:
        found += _started_near(db, query.ended_after)
    if query.created_before is not None:
        found += _started_before(db, query.created_before)
    found += _rare(
        db, _bounds((query.created_after, Run.created_at, True), (query.created_before, Run.created_at, False))
    )
    found += _rare(
        db, _bounds((query.duration_min_ms, Run.duration_ms, True), (query.duration_max_ms, Run.duration_ms, False))
    )
    found += _named(db, query)
    if query.operated_by_names:
        found.append(_operated_by(db, query.operated_by_names))
    if query.search:
        found.append(_searched(db, query.search))
    few = few_runs(db, query.metadata, MOST_IDS)
    if few is not None:
        found.append(one_of(Run.id, few))
    return found + matching(db, Run.run_metadata, query.metadata)


def one_of(column: Any, values: Sequence[str]) -> Condition_:
    """The column has one of the values. PostgreSQL refuses NUL altogether, and nothing has it."""
    clean = list(dict.fromkeys(value for value in values if "\0" not in value))
    if not clean:
        return false()
    found: Condition_ = column == clean[0] if len(clean) == 1 else column.in_(clean)
    return found


def several(conditions: Sequence[Condition_]) -> tuple[Any, list[Any]] | None:
    """The first of the conditions that is "one of a few values" of a run, and those values; the ids of runs aside."""
    for one in conditions:
        if isinstance(one, BinaryExpression) and one.operator is in_op and one.left.key != "id":
            values = getattr(one.right, "value", None)
            if isinstance(values, list) and len(values) <= MOST_MERGED:
                return one, values
    return None


def ids_of(values: Sequence[str]) -> list[str]:
    """Those that can be ids, as they are stored."""
    return [value.lower() for value in values if is_id(value)]


def _plain(query: RunFilter) -> list[Condition_]:
    """Filters by what stands in the run itself."""
    found: list[Condition_] = []
    for column, values in (
        (Run.outcome, query.outcomes),
        (Run.execution_id, query.execution_ids),
        (Run.slot_key, query.slot_keys),
        (Run.slot_name, query.slot_names),
    ):
        if values:
            found.append(one_of(column, values))
    if query.slot_keys:
        found.append(Run.slot_key != "")  # lets SQLite use the index, which leaves runs without a slot out
    for column, values in (
        (Run.id, query.ids),
        (Run.procedure_id, query.procedure_ids),
        (Run.station_id, query.station_ids),
        (Run.created_by_user_id, query.created_by_user_ids),
        (Run.operated_by_user_id, query.operated_by_ids),
    ):
        if values:
            found.append(one_of(column, ids_of(values)))
    if query.deployment_ids or (query.environments and "development" not in query.environments):
        found.append(false())
    return found


def _spans(query: RunFilter) -> list[Condition_]:
    return _bounds(
        (query.started_after, Run.started_at, True),
        (query.started_before, Run.started_at, False),
        (query.ended_after, Run.ended_at, True),
        (query.ended_before, Run.ended_at, False),
        # It follows from the one above, and lets the index on starts begin there.
        (query.ended_before, Run.started_at, False),
    )


def _bounds(*bounds: tuple[Any, Any, bool]) -> list[Condition_]:
    return [column >= bound if is_least else column <= bound for bound, column, is_least in bounds if bound is not None]


def _started_near(db: Db, ended_after: datetime) -> list[Condition_]:
    """What follows for the start: no run took longer than the longest. Lets the index on starts end there."""
    longest_ms = db.session.scalar(select(func.max(Run.duration_ms))) or 0
    try:
        return [Run.started_at >= ended_after - timedelta(milliseconds=longest_ms + 1)]
    except OverflowError:
        return []


def _started_before(db: Db, created_before: datetime) -> list[Condition_]:
    """What follows for the start: a run is stored after it began, unless its bench's clock was ahead: that is asked."""
    is_ahead = (Run.started_at > Run.created_at, Run.started_at > created_before, Run.created_at <= created_before)
    found = db.session.scalar(select(Run.id).where(*is_ahead).limit(1))
    return [Run.started_at <= created_before] if found is None else []


def _rare(db: Db, span: list[Condition_]) -> list[Condition_]:
    """A span with an index of its own: the runs themselves where few are in it.

    Where many are, a page of them is soon found in the order of the list.
    """
    if not span:
        return []
    found = db.session.scalars(select(Run.id).where(*span).limit(MOST_IDS + 1)).all()
    return [one_of(Run.id, found)] if len(found) <= MOST_IDS else span


def _named(db: Db, query: RunFilter) -> list[Condition_]:
    """Filters by what runs refer to."""
    found: list[Condition_] = []
    for column, model, values, key in (
        (Run.procedure_version_id, ProcedureVersion, query.procedure_versions, "tag_key"),
        (Run.unit_id, Unit, query.serial_numbers, "serial_key"),
        (Run.part_id, Part, query.part_numbers, "number_key"),
        (Run.revision_id, Revision, query.revision_numbers, "number_key"),
        (Run.batch_id, Batch, query.batch_numbers, "number_key"),
    ):
        if values:
            found.append(_refers(db, column, model, partial(_is_called, key, [same(value) for value in values])))
    if query.samples and not {"production", "golden", "failing", "ignored"} <= set(query.samples):
        found.append(_sampled(db, query.samples))
    return found


def _is_called(key: str, keys: Sequence[str], model: Any) -> Condition_:
    return one_of(getattr(model, key), keys)


def _sampled(db: Db, samples: Sequence[str]) -> Condition_:
    classes = [one for one in samples if one != "production"]
    if "production" in samples:
        others = [one for one in ("golden", "failing", "ignored") if one not in classes]
        unit = aliased(Unit)  # nearly every unit: asked of each run's, and only for what is left out
        return ~select(unit.id).where(unit.id == Run.unit_id, one_of(unit.sample, others)).exists()
    return _refers(db, Run.unit_id, Unit, lambda of: and_(of.sample.is_not(None), one_of(of.sample, classes)))


def _refers(db: Db, column: Any, model: Any, is_meant: Callable[[Any], Condition_]) -> Condition_:
    """The column refers to a row that is meant: by its id where few are, else asked of each run's."""
    found = db.session.scalars(select(model.id).where(is_meant(model)).limit(MOST_IDS + 1)).all()
    if len(found) <= MOST_IDS:
        return one_of(column, found)
    row = aliased(model)
    return select(row.id).where(row.id == column, is_meant(row)).exists()


def _operated_by(db: Db, operators: Sequence[str]) -> Condition_:
    """By the name that a run shows: the member's, or the declared one where it is nobody's."""
    members = db.session.scalars(select(User.id).where(one_of(User.name, operators)).limit(MOST_IDS)).all()
    declared = one_of(Run.operated_by_name, [name.strip() for name in operators])
    if not members:
        return and_(declared, Run.operated_by_user_id.is_(None))
    return or_(one_of(Run.operated_by_user_id, members), and_(declared, Run.operated_by_user_id.is_(None)))


def _searched(db: Db, text: str) -> Condition_:
    typed = same(text)
    few = units_with_piece(db, typed, MOST_IDS)
    if few is not None:
        by_serial = one_of(Run.unit_id, few)
    else:
        unit = aliased(Unit)
        is_its = (unit.id == Run.unit_id, unit.serial_key.contains(typed, autoescape=True))
        by_serial = select(unit.id).where(*is_its).exists()
    start = text.strip().lower()
    if len(start) < SHORTEST_ID_START or not _ID_START.fullmatch(start):
        return by_serial
    # As bounds and not as LIKE: the primary key serves it. "g" comes behind every digit of an id.
    return or_(by_serial, and_(Run.id >= start, Run.id < start + "g"))
