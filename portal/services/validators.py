"""Limits of measurements: how they are stored, and how they are shown. Source: contract/v2-api.md §3.5."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from portal.services.run_input import AggregationIn, MeasurementIn, SeriesIn, ValidatorIn


def stored_validators(measurement: MeasurementIn) -> list[dict[str, Any]]:
    """The measurement's limits, the older ``lower_limit`` and ``upper_limit`` among them."""
    legacy = [
        {"outcome": None, "operator": operator, "expected_value": limit, "expression": None, "is_decisive": None}
        for operator, limit in ((">=", measurement.lower_limit), ("<=", measurement.upper_limit))
        if limit is not None
    ]
    return [_stored(validator) for validator in measurement.validators] + legacy


def stored_series(series: SeriesIn, *, is_packed: bool = False) -> dict[str, Any]:
    """One axis, as it is stored. ``is_packed``: its points are in a `Curve`, here is only their number."""
    points: dict[str, Any] = {"count": len(series.data)} if is_packed else {"data": series.data}
    found: dict[str, Any] = points | {"units": series.units, "name": series.name}
    optional = {
        "description": series.description,
        "validators": [_stored(validator) for validator in series.validators],
        "aggregations": stored_aggregations(series.aggregations),
    }
    return found | {key: value for key, value in optional.items() if value}


def stored_aggregations(aggregations: list[AggregationIn]) -> list[dict[str, Any]]:
    """Figures over a measurement or an axis, as they are stored."""
    return [
        {
            "type": one.type,
            "outcome": one.outcome,
            "value": one.value,
            "unit": one.unit,
            "validators": [_stored(validator) for validator in one.validators],
        }
        for one in aggregations
    ]


def shown_validator(stored: dict[str, Any]) -> dict[str, Any]:
    """A limit with all eight keys of the interface; ``expression`` is made from operator and value where none came."""
    operator, expected, own = stored.get("operator"), stored.get("expected_value"), stored.get("expression")
    is_expression_only = operator is None and expected is None
    made = None if is_expression_only else _expression(operator, expected)
    return {
        "outcome": stored.get("outcome") or "UNSET",
        "operator": operator,
        "expected_value": expected,
        "expression": own or made or "",
        "is_decisive": stored.get("is_decisive"),
        "is_expression_only": is_expression_only,
        "analytics_expression": made,
        "has_custom_expression": bool(own) and operator is not None,
    }


def shown_aggregation(stored: dict[str, Any]) -> dict[str, Any]:
    """A figure over points, its limits with all their keys."""
    return stored | {"validators": [shown_validator(one) for one in stored["validators"]]}


def _stored(validator: ValidatorIn) -> dict[str, Any]:
    return {**vars(validator)}  # its fields hold plain values: a dump would copy what needs no copy


def _expression(operator: str | None, expected: Any) -> str:
    if operator == "range" and isinstance(expected, list) and len(expected) == 2:
        return f"{_text(expected[0])} <= x <= {_text(expected[1])}"
    return f"x {operator or '=='} {_text(expected)}"


def _text(value: Any) -> str:
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return json.dumps(value, ensure_ascii=False)
