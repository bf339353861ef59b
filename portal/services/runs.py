"""Runs: taking in the record of a test. Lists are in `run_lists`, the page of one in `run_details`."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from portal.announcements import RunStored
from portal.errors import Conflict, Forbidden, Invalid, NotFound
from portal.models import LogLine, Measurement, Phase, Procedure, Run, StationProcedure
from portal.models.base import new_id
from portal.services import audit
from portal.services.actors import Actor, Permission, require
from portal.services.run_details import RunDetail, find_run, show_run
from portal.services.run_input import MeasurementIn, RunIn
from portal.services.run_lists import Page, RunQuery, RunRow, last_result, list_runs
from portal.services.run_references import take_sub_units, take_unit, take_version
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
    "show_run",
]


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
        procedure = _procedure(db, actor, run.procedure_id)
        if run.deployment_id is not None:
            raise NotFound("deployment")
        first_id = _insert(db, actor, run, procedure, run_id, now)
        if first_id != run_id:
            return first_id
        _insert_phases(db, run, run_id, procedure.id)
        _insert_logs(db, run, run_id)
        stored = db.session.get_one(Run, run_id)
        audit.record(db, actor, "run:created", stored, outcome=run.outcome, serial_number=run.serial_number)
        queue_deliveries(db, run_id, now)
        db.announce(RunStored(run_id, actor.station_id, run.execution_id))
    return run_id


def _procedure(db: Db, actor: Actor, procedure_id: str) -> Procedure:
    """The record's procedure. A station learns nothing of procedures that it is not linked to, existing or not."""
    if actor.is_station:
        link = select(StationProcedure.procedure_id).where(
            StationProcedure.station_id == actor.id, StationProcedure.procedure_id == procedure_id
        )
        if db.session.scalar(link) is None:
            raise Forbidden("This station is not authorized to create runs of this procedure: link it to the station.")
    found = db.session.get(Procedure, procedure_id)
    if found is None:
        raise NotFound("procedure")
    return found


def _insert(db: Db, actor: Actor, run: RunIn, procedure: Procedure, run_id: str, now: datetime) -> str:
    """The run's row and what it refers to. Returns the id of an earlier run with the same ``client_run_ref``."""
    earlier_id = _earlier(db, run)
    if earlier_id is not None:
        return earlier_id
    unit, part_id, has_made_unit = take_unit(db, actor, run, procedure, now)
    version = take_version(db, actor, procedure.id, run.procedure_version, now) if run.procedure_version else None
    member = find_user_by_email(db, run.operated_by) if run.operated_by else None
    is_new = insert_or_ignore(
        db,
        Run,
        id=run_id,
        procedure_id=procedure.id,
        procedure_version_id=version.id if version is not None else None,
        unit_id=unit.id,
        part_id=part_id,
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
        has_made_unit=has_made_unit,
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
    take_sub_units(db, run_id, unit, run.sub_units)
    return run_id


def _earlier(db: Db, run: RunIn) -> str | None:
    if run.client_run_ref is None:
        return None
    return db.session.scalar(select(Run.id).where(Run.client_run_ref == run.client_run_ref))


def _insert_phases(db: Db, run: RunIn, run_id: str, procedure_id: str) -> None:
    phases: list[dict[str, Any]] = []
    measurements: list[dict[str, Any]] = []
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
                "retry_count": phase.retry_count,
                "sequence_path": phase.sequence_path,
                "docstring": phase.docstring,
            }
        )
        measurements += [
            _measurement(one, phase_id, place) for place, one in enumerate(phase.measurements, len(measurements))
        ]
    insert_all(db, Phase, phases)
    insert_all(db, Measurement, measurements)


def _measurement(measurement: MeasurementIn, phase_id: str, position: int) -> dict[str, Any]:
    is_sweep = measurement.x_axis is not None
    return {
        "id": new_id(),
        "phase_id": phase_id,
        "position": position,
        "name": measurement.name,
        "outcome": measurement.outcome,
        "measured_value": None if is_sweep else measurement.measured_value,
        "units": measurement.units,
        "validators": stored_validators(measurement),
        "aggregations": stored_aggregations(measurement.aggregations),
        "x_axis": stored_series(measurement.x_axis) if measurement.x_axis is not None else None,
        "y_axis": [stored_series(axis) for axis in measurement.y_axis] or None,
        "docstring": measurement.docstring,
    }


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
