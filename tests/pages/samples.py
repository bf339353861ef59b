"""Small measurements for the tests of what is drawn and written."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass
class Series:
    data: list[Any]
    name: str | None = None
    units: str | None = None
    validators: list[Any] = field(default_factory=list)


@dataclass
class Measured:
    name: str = "rail"
    measured_value: Any = None
    units: str | None = None
    validators: list[Any] = field(default_factory=list)
    x_axis: Series | None = None
    y_axis: list[Series] = field(default_factory=list)
    outcome: str = "PASS"


def at_least(limit: Any) -> dict[str, Any]:
    return {"operator": ">=", "expected_value": limit, "expression": f"x >= {limit}"}


def at_most(limit: Any) -> dict[str, Any]:
    return {"operator": "<=", "expected_value": limit, "expression": f"x <= {limit}"}
