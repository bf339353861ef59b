"""Measurements of all runs of a procedure, by what was measured. Source: contract/v2-api.md §10."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, Double, Select, Text, and_, case, cast, func, literal, null, select

from portal.errors import NotFound
from portal.models import Measurement, Phase, Procedure, Run, Unit
from portal.services.actors import Actor, Permission, require
from portal.services.names import is_id
from portal.services.paging import CountedPage, Place
from portal.services.pieces import PieceList
from portal.services.refs import Ref
from portal.services.run_filters import Condition_, narrowing, one_of
from portal.services.run_phases import OfPhases, narrow_phases
from portal.services.run_views import MeasurementView, read_measurements
from portal.services.validators import shown_validator

if TYPE_CHECKING:
    from portal.database import Db

LONGEST_NUMBER = 300  # digits: what is longer does not fit in a float
# The value is JSON text in both databases, so its first letter says what it is.
_TEXT: ColumnElement[str] = cast(Measurement.measured_value, Text)
_FIRST_LETTER: ColumnElement[str] = func.substr(_TEXT, 1, 1)
KIND: ColumnElement[str] = case(
    # Asked for SQL's NULL as text: a comparison with None would be one with a JSON value.
    (func.coalesce(cast(Measurement.x_axis, Text), cast(Measurement.y_axis, Text)).is_not(None), "multidimensional"),
    (func.coalesce(_TEXT, "null") == "null", "empty"),
    (_FIRST_LETTER == '"', "string"),
    (_FIRST_LETTER.in_(("t", "f")), "boolean"),
    (_FIRST_LETTER.in_(("{", "[")), "json"),
    else_="numeric",
)
# A CASE, because a cast of what is no number would be an error.
NUMBER: ColumnElement[float] = case(
    (and_(KIND == "numeric", func.length(_TEXT) <= LONGEST_NUMBER), cast(_TEXT, Double)), else_=null()
)

MEASUREMENTS = PieceList(
    Measurement.position,
    {
        "started_at": Phase.started_at,
        # What has no number comes behind all that have, or before.
        "value": func.coalesce(NUMBER, literal(-1.7976931348623157e308, Double)),
        "outcome": Measurement.outcome,
        "serial_number": Unit.serial_key,
        "phase_name": Phase.name,
        "measurement_name": Measurement.name,
    },
)


@dataclass(frozen=True, kw_only=True)
class MeasurementQuery(OfPhases):
    """Which measurements. ``runs``: of which runs, their outcome and duration among it.

    value_min, value_max, value_bool, value_texts: only measurements of that type.
    """

    names: Sequence[str] = ()
    phase_names: Sequence[str] = ()
    outcomes: Sequence[str] = ()
    kinds: Sequence[str] = ()
    value_min: float | None = None
    value_max: float | None = None
    value_bool: bool | None = None
    value_texts: Sequence[str] = ()


@dataclass(frozen=True)
class MeasurementRow:
    """A measurement in a list. ``value``: what was measured, None where ``kind`` is multidimensional or empty."""

    id: str
    name: str
    phase_name: str
    started_at: datetime
    kind: str
    value: Any
    units: str | None
    outcome: str
    validators: list[dict[str, Any]]
    retry_count: int
    is_final_attempt: bool
    run_id: str
    serial_number: str
    sample: str | None


@dataclass(frozen=True)
class MeasurementDetail:
    """One measurement, and where it belongs."""

    measurement: MeasurementView
    phase: Ref
    run_id: str
    run_outcome: str
    serial_number: str
    procedure: Ref


def list_measurements(db: Db, actor: Actor, query: MeasurementQuery, place: Place) -> CountedPage[MeasurementRow]:
    """A page of measurements. Raises `BadRequest` for a cursor that is none; `Forbidden`."""
    require(actor, Permission.VIEW)
    wanted = _rows().where(*_narrowing(db, query), *narrowing(db, query.runs))
    rows, cursor = MEASUREMENTS.page(db, wanted, place)
    return CountedPage([_row_of(row) for row in rows], cursor)


def show_measurement(db: Db, actor: Actor, measurement_id: str) -> MeasurementDetail:
    """One measurement with all its points. Raises `NotFound`; `Forbidden`."""
    require(actor, Permission.VIEW)
    wanted = (
        select(Phase.id, Phase.name, Run.id, Run.outcome, Unit.serial_number, Procedure.id, Procedure.name)
        .join(Measurement, Measurement.phase_id == Phase.id)
        .join(Run, Run.id == Phase.run_id)
        .join(Unit, Unit.id == Run.unit_id)
        .join(Procedure, Procedure.id == Phase.procedure_id)
        .where(Measurement.id == measurement_id.lower())
    )
    found = db.session.execute(wanted).first() if is_id(measurement_id) else None
    if found is None:
        raise NotFound("measurement")
    phase_id, phase_name, run_id, outcome, serial_number, procedure_id, procedure_name = found
    ((_, view),) = read_measurements(
        db, select(Measurement).where(Measurement.id == measurement_id.lower()), whole=True
    )
    return MeasurementDetail(
        view, Ref(phase_id, phase_name), run_id, outcome, serial_number, Ref(procedure_id, procedure_name)
    )


def _rows() -> Select[*tuple[Any, ...]]:
    """Without the axes, which a list does not show."""
    one = Measurement
    return (
        select(one.id, one.name, KIND, one.measured_value, one.units, one.outcome, one.validators)
        .add_columns(Phase.name, Phase.started_at, Phase.retry_count, Phase.is_final_attempt)
        .add_columns(Run.id, Unit.serial_number, Unit.sample)
        .join(Phase, Phase.id == one.phase_id)
        .join(Run, Run.id == Phase.run_id)
        .join(Unit, Unit.id == Run.unit_id)
    )


def _row_of(found: Any) -> MeasurementRow:
    measurement_id, name, kind, value, units, outcome, validators, *rest = found
    phase_name, started_at, retry_count, is_final_attempt, run_id, serial_number, sample = rest
    return MeasurementRow(
        id=measurement_id,
        name=name,
        phase_name=phase_name,
        started_at=started_at,
        kind=kind,
        value=value,
        units=units,
        outcome=outcome,
        validators=[shown_validator(one) for one in validators],
        retry_count=retry_count,
        is_final_attempt=is_final_attempt,
        run_id=run_id,
        serial_number=serial_number,
        sample=sample,
    )


def _narrowing(db: Db, query: MeasurementQuery) -> list[Condition_]:
    words = {
        Measurement.name: query.names,
        Measurement.outcome: query.outcomes,
        Phase.name: query.phase_names,
        KIND: query.kinds,
    }
    found = narrow_phases(query, Measurement.id, words)
    if query.value_min is not None:
        found.append(query.value_min <= NUMBER)
    if query.value_max is not None:
        found.append(query.value_max >= NUMBER)
    if query.value_bool is not None:
        found.append(and_(KIND == "boolean", _TEXT.in_(["true" if query.value_bool else "false"])))
    if query.value_texts:
        found.append(and_(KIND == "string", one_of(_TEXT, [_as_stored(db, text) for text in query.value_texts])))
    return found


def _as_stored(db: Db, text: str) -> str:
    """The text as the column holds it: JSON, on SQLite with all letters as they are (`JsonText`)."""
    return json.dumps(text, ensure_ascii=not db.database.is_sqlite)
