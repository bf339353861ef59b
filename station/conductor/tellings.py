"""Declared things and their verdicts in the words of the station's messages."""

from __future__ import annotations

import math
import signal
from typing import Any

from station.connectors.common.values import plain
from station.procedure_file.judging import NOT_SET, Judged, JudgedAggregation, JudgedAxis, JudgedLimit, expression_of
from station.procedure_file.models import Measurement, Phase, UnitField, UnitUnderTest
from station.procedure_file.screens import Component

NUMBERS = {"serial_number": "Serial number", "part_number": "Part number", "revision_number": "Revision number",
           "batch_number": "Batch number"}  # fmt: skip


def declared(measurement: Measurement) -> dict[str, Any]:
    """A measurement before anything was measured."""
    limits = [
        {"expression": expression_of(one), "operator": one.operator, "expected_value": plain(one.expected_value)}
        for one in measurement.validators
    ]
    return _with_words({"name": measurement.name, "validators": limits}, measurement, None)


def judged(found: Judged) -> dict[str, Any]:
    """A measurement at the end of its phase."""
    told: dict[str, Any] = {
        "name": found.declared.name,
        "outcome": found.outcome,
        "validators": [_limit(one) for one in found.limits],
    }
    if found.aggregations:
        told["aggregations"] = [_aggregation(one) for one in found.aggregations]
    if found.x_axis is not None and found.y_axis:
        told["x_axis"] = _axis(found.x_axis)
        told["y_axis"] = [_axis(one) for one in found.y_axis]
    elif found.given.value is not NOT_SET:
        told["measured_value"] = plain(found.given.value)
    return _with_words(told, found.declared, found.given.unit)


def question(phase: Phase) -> dict[str, Any]:
    """What a phase asks the operator."""
    components = phase.ui.components if phase.ui is not None else []
    return {
        "message": phase.description or "",
        "text_input": False,
        "image_url": None,
        "components": [component_fields(one) for one in components],
    }


def component_fields(component: Component) -> dict[str, Any]:
    """A component as the operator's screen gets it."""
    fields = component.model_dump(exclude={"bind", "key", "options"}, exclude_none=True)
    options = [{"value": one.value, "label": one.label} for one in component.options or ()]
    if component.type == "switch":
        captions = [one["label"] for one in options] or ["Yes", "No"]
        options = [{"value": value, "label": label} for value, label in zip(("true", "false"), captions, strict=True)]
    return {**fields, "options": options, "key": component.id, "is_input": component.is_input}


def unit_question(unit: UnitUnderTest | None) -> dict[str, Any]:
    """How the unit is asked for. Without a block, as for any script: the serial number, and the part if it is known."""
    if unit is None:
        return {"mode": "ask", "unit": {}}
    fields: dict[str, UnitField | None] = {name: getattr(unit, name) for name in NUMBERS}
    prefill = {name: field.default_value for name, field in fields.items() if field is not None and field.default_value}
    sub_units = {
        one.id: one.serial_number.default_value for one in unit.sub_units or () if one.serial_number.has_default
    }
    form = [
        _input(name, NUMBERS[name], field, is_required=name in {"serial_number", "part_number"})
        for name, field in fields.items()
        if field is not None
    ]
    form += [_input(f"sub_unit:{one.id}", one.label, one.serial_number, True) for one in unit.sub_units or ()]
    form += [_input(f"metadata:{key}", key, unit.metadata[key], False) for key in sorted(unit.metadata)]
    metadata = {key: field.default_value for key, field in unit.metadata.items() if field.has_default}
    return {
        "mode": "auto" if unit.auto_identify else "ask",
        "unit": {**prefill, "sub_units": sub_units},
        "metadata": metadata,
        "form": form,
    }


def typed_answer(component: Component, value: Any) -> Any:
    """An answer as the type that a measurement of it has."""
    if component.type in {"number_input", "slider"}:
        return float(value)
    if component.type == "switch":
        return value in (True, "true")
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def death(message: dict[str, Any]) -> str:
    """Why a worker is gone."""
    status = message["status"]
    if status is None:
        return f"The process of the phase could not be started: {message['error']}."
    if message["error"]:
        return f"The process of the phase was ended: {message['error']}"
    if status < 0:
        try:
            name = signal.Signals(-status).name
        except ValueError:
            name = "a signal"
        return f"The process of the phase was ended by {name} ({-status})."
    return f"The process of the phase ended with status {status} before the phase was over."


def _with_words(told: dict[str, Any], measurement: Measurement, unit: str | None) -> dict[str, Any]:
    if unit or measurement.unit:
        told["units"] = unit or measurement.unit
    if measurement.description:
        told["docstring"] = measurement.description
    return told


def _limit(limit: JudgedLimit) -> dict[str, Any]:
    return {
        "expression": limit.expression,
        "outcome": limit.outcome,
        "operator": limit.validator.operator,
        "expected_value": plain(limit.validator.expected_value),
    }


def _aggregation(found: JudgedAggregation) -> dict[str, Any]:
    told = {
        "type": found.declared.type,
        "value": plain(found.value),
        "outcome": found.outcome,
        "validators": [_limit(one) for one in found.limits],
    }
    return {**told, "unit": found.declared.unit} if found.declared.unit else told


def _axis(axis: JudgedAxis) -> dict[str, Any]:
    told: dict[str, Any] = {"data": [point if math.isfinite(point) else None for point in axis.data]}
    name = axis.declared.legend or axis.declared.id
    if name:
        told["name"] = name
    if axis.declared.unit:
        told["units"] = axis.declared.unit
    return told


def _input(key: str, label: str, field: UnitField, is_required: bool) -> dict[str, Any]:
    fields = field.model_dump(exclude_none=True)
    return {**fields, "key": key, "label": label, "required": is_required, "type": "text_input"}
