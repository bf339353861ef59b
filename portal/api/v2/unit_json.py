"""Units as answers. Source: contract/v2-api.md §5."""

from __future__ import annotations

from typing import Any, NotRequired

from typing_extensions import TypedDict

from portal.api.uploads import shown_file
from portal.api.v2 import shapes
from portal.api.v2.shapes import (
    Instant,
    MemberRef,
    NumberRef,
    Outcome,
    PageMeta,
    PartRef,
    ProcedureRef,
    Sample,
    StationRef,
    UnitRef,
)
from portal.services.refs import Ref
from portal.services.unit_details import FirstRun, RelatedUnit, UnitDetail
from portal.services.unit_lists import LastRunView, UnitFacts, UnitRow

Json = dict[str, Any]


class RelatedOut(TypedDict):
    """A unit above or below another one."""

    id: str
    serial_number: str
    part: PartRef


class FirstRunOut(TypedDict):
    """The run that brought the unit."""

    id: str
    created_at: Instant
    started_at: Instant
    ended_at: Instant
    duration: str
    outcome: Outcome
    procedure: ProcedureRef


class FileOut(TypedDict):
    """A file. ``download_url``: null until it was uploaded; valid for ten minutes, without a key."""

    id: str
    name: str
    size: int | None
    content_type: str | None
    download_url: str | None


class UnitOut(TypedDict):
    """A unit with all that belongs to it."""

    id: str
    serial_number: str
    created_at: Instant
    sample: Sample | None
    part: PartRef
    batch: NumberRef | None
    parent: RelatedOut | None
    children: list[RelatedOut]
    created_during: FirstRunOut | None
    attachments: list[FileOut]
    metadata: Json
    created_by_user: MemberRef | None
    created_by_station: StationRef | None


class LastRunOut(TypedDict):
    """The newest run of a unit."""

    id: str
    outcome: Outcome
    started_at: Instant
    ended_at: Instant
    procedure: ProcedureRef


class UnitEntry(TypedDict):
    """A unit in a list, with its first ten children."""

    id: str
    serial_number: str
    created_at: Instant
    sample: Sample | None
    part: PartRef
    batch: NumberRef | None
    parent: UnitRef | None
    children: list[UnitRef]
    last_run: LastRunOut | None
    created_by_user: MemberRef | None
    created_by_station: StationRef | None
    metadata: NotRequired[Json]


class UnitPage(TypedDict):
    """A page of units."""

    data: list[UnitEntry]
    meta: PageMeta


def entry(unit: UnitRow, *, with_metadata: bool) -> Json:
    """A unit in a list."""
    found = _facts(unit) | {
        "parent": _unit(unit.parent) if unit.parent is not None else None,
        "children": [_unit(one) for one in unit.children],
        "last_run": _last_run(unit.last_run) if unit.last_run is not None else None,
    }
    return found | ({"metadata": unit.metadata} if with_metadata else {})


def whole(unit: UnitDetail) -> Json:
    """A unit with all that belongs to it."""
    return _facts(unit) | {
        "parent": _related(unit.parent) if unit.parent is not None else None,
        "children": [_related(one) for one in unit.children],
        "created_during": _first_run(unit.created_during) if unit.created_during is not None else None,
        "attachments": [shown_file(one) for one in unit.attachments],
        "metadata": unit.metadata,
    }


def _facts(unit: UnitFacts) -> Json:
    found = {
        "id": unit.id,
        "serial_number": unit.serial_number,
        "created_at": shapes.instant(unit.created_at),
        "sample": unit.sample,
        "part": shapes.part(unit.part, unit.part_name, unit.revision),
        "batch": shapes.number(unit.batch),
    }
    return found | shapes.made_by(unit.maker)


def _unit(unit: Ref) -> Json:
    return {"id": unit.id, "serial_number": unit.name}


def _related(unit: RelatedUnit) -> Json:
    part = shapes.part(unit.part, unit.part_name, unit.revision)
    return {"id": unit.id, "serial_number": unit.serial_number, "part": part}


def _last_run(run: LastRunView) -> Json:
    return {
        "id": run.id,
        "outcome": run.outcome,
        "started_at": shapes.instant(run.started_at),
        "ended_at": shapes.instant(run.ended_at),
        "procedure": {"id": run.procedure.id, "name": run.procedure.name},
    }


def _first_run(run: FirstRun) -> Json:
    return {
        "id": run.id,
        "created_at": shapes.instant(run.created_at),
        "started_at": shapes.instant(run.started_at),
        "ended_at": shapes.instant(run.ended_at),
        "duration": shapes.duration(run.duration_ms),
        "outcome": run.outcome,
        "procedure": {"id": run.procedure.id, "name": run.procedure.name},
    }
