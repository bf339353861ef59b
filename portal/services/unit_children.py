"""Units that are built into other units: trees, in which nothing is inside of itself. Source: contract/v2-api.md §5."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from sqlalchemy import CTE, literal, select
from sqlalchemy.orm import aliased

from portal.errors import BadRequest, NotFound
from portal.models import Part, Revision, Run, RunSubUnit, Unit
from portal.services import audit, edits
from portal.services.actors import Actor, Permission, require
from portal.services.names import same
from portal.services.unit_lookup import find_unit

if TYPE_CHECKING:
    from portal.database import Db

DEEPEST, MOST_SHOWN = 6, 500


@dataclass(frozen=True)
class TreeRow:
    """A unit at its place in the tree: ``depth`` 0 is the unit that was asked for, above it is less, below more.

    outcome: of its newest run; None for one that was never tested. has_more: it holds units deeper than what is shown.
    """

    id: str
    serial_number: str
    part_number: str
    part_name: str
    depth: int
    outcome: str | None
    has_more: bool


@dataclass(frozen=True)
class UnitTree:
    """What a unit is built into, the outermost first; itself; what is built into it, each before its own children.

    is_cut: there are more than are shown.
    """

    rows: list[TreeRow]
    is_cut: bool


def add_child(db: Db, actor: Actor, serial_number: str, child_serial_number: str) -> Unit:
    """Build the child into the unit; it leaves a former parent. The child.

    Raises `NotFound`; `BadRequest` when the unit would become a part of itself; `Forbidden`.
    """
    require(actor, Permission.RECORD)
    with db.write():
        parent = find_unit(db, serial_number, to_change=True)
        child = find_unit(db, child_serial_number, to_change=True)
        db.serialise("unit trees")  # two units cannot be built into each other in one moment
        if child.id in _ancestors(db, parent):
            raise _inside_itself(child, "child_serial_number")
        if child.parent_id != parent.id:
            former = db.session.get(Unit, child.parent_id) if child.parent_id is not None else None
            child.parent_id = parent.id
            edits.touch(child)
            edits.touch(parent)
            moved = (former.serial_number if former is not None else None, parent.serial_number)
            audit.record(db, actor, "unit:built_in", child, {"parent": moved}, into=parent.serial_number)
    return child


def remove_child(db: Db, actor: Actor, serial_number: str, child_serial_number: str) -> Unit:
    """Take the child out of the unit. The child. Raises `NotFound`; `BadRequest` for no child of it; `Forbidden`."""
    require(actor, Permission.RECORD)
    with db.write():
        parent = find_unit(db, serial_number, to_change=True)
        child = find_unit(db, child_serial_number, to_change=True)
        if child.parent_id != parent.id:
            raise BadRequest(
                f"The unit {child.serial_number!r} is not a child of {parent.serial_number!r}.", "child_serial_number"
            )
        child.parent_id = None
        edits.touch(child)
        edits.touch(parent)
        audit.record(
            db, actor, "unit:taken_out", child, {"parent": (parent.serial_number, None)}, of=parent.serial_number
        )
    return child


def take_sub_units(db: Db, run_id: str, unit: Unit, serial_numbers: list[str]) -> None:
    """Build the units that a run names into the unit under test, each leaving a former parent.

    Raises `NotFound` for one that is unknown; `BadRequest` where the unit would become a part of itself.
    """
    if not serial_numbers:
        return
    keys = dict.fromkeys(same(serial) for serial in serial_numbers)
    wanted = select(Unit).where(Unit.serial_key.in_(keys)).order_by(Unit.id).with_for_update()
    found = db.session.scalars(wanted).all()
    known = {one.serial_key for one in found}
    for serial in serial_numbers:
        if same(serial) not in known:
            raise NotFound(f"sub-unit: the serial number {serial!r} is not known")
    db.serialise("unit trees")
    above = _ancestors(db, unit)
    for one in found:
        if one.id in above:
            raise _inside_itself(one, "sub_units")
        if one.parent_id != unit.id:
            one.parent_id = unit.id
            edits.touch(one)
            edits.touch(unit)
            db.session.add(RunSubUnit(run_id=run_id, unit_id=one.id))
    db.session.flush()


def show_tree(db: Db, actor: Actor, unit: Unit) -> UnitTree:
    """The tree around a unit, in two statements: a few levels, and not more units than a page can show.

    Raises `Forbidden`.
    """
    require(actor, Permission.VIEW)
    above = _rows(db, _upwards(unit))
    below = _rows(db, _downwards(unit))
    by_parent: dict[str | None, list[TreeRow]] = {}
    for parent_id, row in below[:MOST_SHOWN]:
        by_parent.setdefault(parent_id if row.depth else None, []).append(row)
    rows = [replace(row, depth=-row.depth) for _, row in reversed(above)]
    pending = by_parent.get(None, [])
    while pending:  # each unit, then what is built into it
        row = pending.pop()
        rows.append(row)
        pending += reversed(by_parent.get(row.id, []))
    return UnitTree(rows, is_cut=len(below) > MOST_SHOWN)


def _rows(db: Db, tree: CTE) -> list[tuple[str | None, TreeRow]]:
    """The units of the tree with the ids of their parents, the nearest first."""
    child = aliased(Unit)
    inner = select(child.id).where(child.parent_id == Unit.id).exists()
    verdict = (
        select(Run.outcome)
        .where(Run.unit_id == Unit.id)
        .order_by(Run.started_at.desc(), Run.id.desc())
        .limit(1)
        .scalar_subquery()
    )
    wanted = (
        select(Unit, Part.number, Part.name, tree.c.depth, verdict, inner)
        .join(tree, tree.c.id == Unit.id)
        .join(Revision, Revision.id == Unit.revision_id)
        .join(Part, Part.id == Revision.part_id)
        .order_by(tree.c.depth, Unit.serial_key, Unit.id)
        .limit(MOST_SHOWN + 1)
    )
    return [
        (
            unit.parent_id,
            TreeRow(unit.id, unit.serial_number, number, name, depth, outcome, bool(has_inner and depth == DEEPEST)),
        )
        for unit, number, name, depth, outcome, has_inner in db.session.execute(wanted)
    ]


def _downwards(unit: Unit) -> CTE:
    tree = select(Unit.id.label("id"), literal(0).label("depth")).where(Unit.id == unit.id).cte("below", recursive=True)
    inner = aliased(Unit)
    step = select(inner.id, tree.c.depth + 1).where(inner.parent_id == tree.c.id, tree.c.depth < DEEPEST)
    return tree.union_all(step)


def _upwards(unit: Unit) -> CTE:
    first = select(Unit.parent_id.label("id"), literal(1).label("depth"))
    tree = first.where(Unit.id == unit.id, Unit.parent_id.is_not(None)).cte("above", recursive=True)
    outer = aliased(Unit)
    step = select(outer.parent_id, tree.c.depth + 1).where(
        outer.id == tree.c.id, outer.parent_id.is_not(None), tree.c.depth < MOST_SHOWN
    )
    return tree.union_all(step)


def _ancestors(db: Db, unit: Unit) -> set[str]:
    """The ids of the unit and of all that it is built into."""
    tree = select(Unit.id.label("id")).where(Unit.id == unit.id).cte("above", recursive=True)
    outer = aliased(Unit)
    whole = tree.union(select(outer.parent_id).where(outer.id == tree.c.id, outer.parent_id.is_not(None)))
    return set(db.session.scalars(select(whole.c.id)))


def _inside_itself(unit: Unit, *path: str) -> BadRequest:
    return BadRequest(f"The unit {unit.serial_number!r} cannot be a part of itself.", *path)
