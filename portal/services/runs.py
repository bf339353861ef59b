"""Runs: taking in the record of a test. Lists are in `run_lists`, the page of one in `run_details`."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, bindparam, select

from portal import driver
from portal.announcements import RunStored
from portal.errors import BadRequest, Conflict, Forbidden, Invalid, NotFound
from portal.models import Curve, EndedLink, LogLine, Measurement, Phase, Procedure, Run, StationProcedure, Unit
from portal.models.base import new_id
from portal.services.actors import Actor, Permission, require
from portal.services.curves import pack_axes
from portal.services.names import is_id
from portal.services.run_details import RunDetail, find_run, show_run
from portal.services.run_input import MeasurementIn, RunIn
from portal.services.run_lists import Page, RunQuery, RunRow, last_result, list_runs, page_runs
from portal.services.run_metadata import keep_values
from portal.services.run_references import take_unit, take_version
from portal.services.unit_children import take_sub_units
from portal.services.upsert import insert_all, insert_or_ignore
from portal.services.users import find_user_by_email
from portal.services.validators import stored_aggregations, stored_series, stored_validators
from portal.services.webhook_deliveries import queue_deliveries

if TYPE_CHECKING:
    from portal.database import Db

__all__ = [
    "Page",
    "RunDetail",
    "RunIn",
    "RunQuery",
    "RunRow",
    "create_run",
    "find_run",
    "last_result",
    "list_runs",
    "page_runs",
    "show_run",
]


_PROCEDURES, _LINKS, _ENDED = Procedure.__table__, StationProcedure.__table__, EndedLink.__table__
_PROCEDURE = (
    select(
        _PROCEDURES.c.id,
        _PROCEDURES.c.identifier,
        _PROCEDURES.c.archived_at,
        _LINKS.c.station_id,
        _ENDED.c.ended_at,
    )
    .outerjoin_from(
        _PROCEDURES,
        _LINKS,
        and_(_LINKS.c.procedure_id == _PROCEDURES.c.id, _LINKS.c.station_id == bindparam("station")),
    )
    .outerjoin(_ENDED, and_(_ENDED.c.procedure_id == _PROCEDURES.c.id, _ENDED.c.station_id == bindparam("station")))
)
_PROCEDURE_BY_ID = _PROCEDURE.where(_PROCEDURES.c.id == bindparam("named"))
_PROCEDURE_BY_IDENTIFIER = _PROCEDURE.where(_PROCEDURES.c.identifier_key == bindparam("named"))


def create_run(db: Db, actor: Actor, run: RunIn, now: datetime | None = None) -> str:
    """Store the record of a run, whole or not at all; its id. Parts, units and versions are made as they are named.

    The same ``client_run_ref`` again gives the id of the first. Raises `Invalid`,
    `BadRequest`, `Forbidden` (a station whose procedure is not linked), `NotFound`, `Conflict`.
    Source: contract/v2-api.md §1.4, §3.1 to §3.8.
    """
    require(actor, Permission.RECORD)
    if run.ended_at < run.started_at:
        raise Invalid("The run's ended_at is before its started_at.", "ended_at")
    now = now or datetime.now(UTC)
    run_id = new_id()
    with db.write():
        procedure_id, identifier = _procedure(db, actor, run)
        if run.deployment_id is not None:
            raise NotFound("deployment")
        first_id = _insert(db, actor, run, procedure_id, identifier, run_id, now)
        if first_id != run_id:
            return first_id
        _insert_phases(db, run, run_id, procedure_id)
        _insert_logs(db, run, run_id)
        # No audit entry: a record says itself who sent it, and when; it is not changed afterwards without one.
        queue_deliveries(db, run_id, now)
        db.announce(RunStored(run_id, actor.station_id, run.execution_id))
    return run_id


def _procedure(db: Db, actor: Actor, run: RunIn) -> tuple[str, str]:
    """The record's procedure, by its id or short identifier: its id and identifier.

    A station learns nothing of procedures that it is not linked to, existing or not. What it began before its link
    ended is taken; and, where the link ended because the procedure was archived, what it began later without knowing.
    """
    named = run.procedure_id
    is_uuid = is_id(named)
    asked = _PROCEDURE_BY_ID if is_uuid else _PROCEDURE_BY_IDENTIFIER
    found = driver.first(db, asked, named=named.lower(), station=actor.station_id)
    if found is None and not is_uuid:
        raise BadRequest(
            f"The procedure_id {named!r} is not a UUID, and no procedure has it as its short identifier.",
            "procedure_id",
        )
    if actor.is_station and (found is None or not _may_record(found, run.started_at)):
        raise Forbidden("This station is not authorized to create runs of this procedure: link it to the station.")
    if found is None:
        raise NotFound("procedure")
    return found.id, found.identifier


def _may_record(found: Any, started_at: datetime) -> bool:
    if found.station_id is not None or found.ended_at is None:
        return found.station_id is not None
    return bool(started_at <= found.ended_at or found.ended_at == found.archived_at)


def _insert(db: Db, actor: Actor, run: RunIn, procedure_id: str, identifier: str, run_id: str, now: datetime) -> str:
    """The run's row and what it refers to. Returns the id of an earlier run with the same ``client_run_ref``."""
    earlier_id = _earlier(db, run)
    if earlier_id is not None:
        return earlier_id
    unit = take_unit(db, actor, run, identifier, now)
    version_id = take_version(db, actor, procedure_id, run.procedure_version, now) if run.procedure_version else None
    member = find_user_by_email(db, run.operated_by) if run.operated_by else None
    is_new = insert_or_ignore(
        db,
        Run,
        id=run_id,
        procedure_id=procedure_id,
        procedure_version_id=version_id,
        unit_id=unit.id,
        part_id=unit.part_id,
        revision_id=unit.revision_id,
        batch_id=unit.batch_id,
        station_id=actor.station_id,
        created_by_user_id=actor.user_id,
        operated_by_user_id=member.id if member is not None else None,
        operated_by_name=run.operated_by,
        outcome=run.outcome,
        started_at=run.started_at,
        ended_at=run.ended_at,
        duration_ms=(run.ended_at - run.started_at) // timedelta(milliseconds=1),
        created_at=now,
        execution_id=run.execution_id,
        slot_key=run.slot_key or "",
        slot_name=run.slot_name,
        client_run_ref=run.client_run_ref,
        has_made_unit=unit.is_new,
        is_simulated=run.metadata.get("simulated") is True,
        docstring=run.docstring,
        run_metadata=run.metadata,
        sequences=[{"id": new_id(), **one.model_dump(mode="json")} for one in run.sequences] or None,
        config=[one.model_dump(mode="json") for one in run.config] or None,
        secrets=[one.model_dump(mode="json") for one in run.secrets] or None,
    )
    if not is_new:
        earlier_id = _earlier(db, run)
        if earlier_id is not None:
            return earlier_id
        where = f" in slot {run.slot_key!r}" if run.slot_key else ""
        raise Conflict(f"There is already a run of the execution {run.execution_id!r}{where}.", "execution_id")
    if run.metadata:
        keep_values(db, run_id, run.started_at, run.metadata)
    if run.sub_units:
        take_sub_units(db, run_id, db.session.get_one(Unit, unit.id), run.sub_units)
    return run_id


def _earlier(db: Db, run: RunIn) -> str | None:
    if run.client_run_ref is None:
        return None
    return db.session.scalar(select(Run.id).where(Run.client_run_ref == run.client_run_ref))


def _insert_phases(db: Db, run: RunIn, run_id: str, procedure_id: str) -> None:
    last_attempts: dict[tuple[str, str | None], int] = {}
    for phase in run.phases:
        key = (phase.name, phase.sequence_path)
        last_attempts[key] = max(phase.retry_count, last_attempts.get(key, phase.retry_count))
    phases: list[dict[str, Any]] = []
    measurements: list[dict[str, Any]] = []
    curves: list[dict[str, Any]] = []
    for position, phase in enumerate(run.phases):
        phase_id = new_id()
        phases.append(
            {
                "id": phase_id,
                "run_id": run_id,
                "procedure_id": procedure_id,
                "position": position,
                "name": phase.name,
                "outcome": phase.outcome,
                "started_at": phase.started_at,
                "ended_at": phase.ended_at,
                "duration_ms": max(0, (phase.ended_at - phase.started_at) // timedelta(milliseconds=1)),
                "retry_count": phase.retry_count,
                "is_final_attempt": phase.retry_count == last_attempts[phase.name, phase.sequence_path],
                "sequence_path": phase.sequence_path,
                "docstring": phase.docstring,
            }
        )
        for place, one in enumerate(phase.measurements, len(measurements)):
            measurements.append(_measurement(one, phase_id, place, curves))
    insert_all(db, Phase, phases)
    insert_all(db, Measurement, measurements)
    insert_all(db, Curve, curves)


def _measurement(
    measurement: MeasurementIn, phase_id: str, position: int, curves: list[dict[str, Any]]
) -> dict[str, Any]:
    """The row; the points of long axes go to ``curves``."""
    measurement_id = new_id()
    has_axes = measurement.x_axis is not None or bool(measurement.y_axis)
    x_axis, y_axis = _axes(measurement, measurement_id, curves) if has_axes else (None, None)
    return {
        "id": measurement_id,
        "phase_id": phase_id,
        "position": position,
        "name": measurement.name,
        "outcome": measurement.outcome,
        "measured_value": None if has_axes else measurement.measured_value,
        "units": measurement.units,
        "validators": stored_validators(measurement),
        "aggregations": stored_aggregations(measurement.aggregations),
        "x_axis": x_axis,
        "y_axis": y_axis,
        "docstring": measurement.docstring,
    }


def _axes(measurement: MeasurementIn, measurement_id: str, curves: list[dict[str, Any]]) -> tuple[Any, Any]:
    axes = [*filter(None, [measurement.x_axis]), *measurement.y_axis]
    packed = pack_axes([axis.data for axis in axes], measurement_id)
    curves += packed
    stored = [stored_series(axis, is_packed=bool(packed)) for axis in axes]
    if measurement.x_axis is None:
        return None, stored
    return stored[0], stored[1:] or None


def _insert_logs(db: Db, run: RunIn, run_id: str) -> None:
    rows = [
        {
            "id": new_id(),
            "run_id": run_id,
            "position": position,
            "level": line.level,
            "at": line.timestamp,
            "message": line.message,
            "source_file": line.source_file,
            "line_number": line.line_number,
        }
        for position, line in enumerate(run.logs)
    ]
    insert_all(db, LogLine, rows)
