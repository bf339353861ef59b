"""The record of a run as it arrives: what is accepted, and in which words the rest is refused.

Source: contract/v2-api.md §3 (runs.create) and §1.9. Unknown fields are ignored: three generations of clients send
different ones. Nothing is recomputed: outcomes are stored as sent.
"""

from __future__ import annotations

import math
import re
import sys
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema, model_validator

from portal.services.metadata import Metadata, refuse

LONGEST_LOG_MESSAGE, LONGEST_SOURCE_FILE = 10_000, 200
# The interface sets no limits to these. Ours are far above what people write, and below what would break an index or
# a page.
LONGEST_NAME, LONGEST_DOCSTRING, LONGEST_PATH, LONGEST_UNITS = 1000, 100_000, 1000, 200
LONGEST_EXPRESSION = 10_000
# Phases, measurements, lines: a list's cursor is a run's number and a place inside of it (`portal.services.pieces`).
MOST_PIECES = 2**20
_BATCH_NUMBER = re.compile(r"[A-Za-z0-9_-]{1,100}")
_CONFIG_SOURCES = Literal["default", "shell", "dotenv", "process", "station", "procedure", "organization"]


def _instant(value: datetime) -> datetime:
    """Aware, in UTC. A time without a zone is UTC."""
    try:
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    except OverflowError:
        raise refuse("The time is outside of what a calendar can hold.") from None


def named(what: str, most: int) -> AfterValidator:
    """A text of 1 to ``most`` characters, trimmed; ``what`` names it in refusals."""

    def check(value: str) -> str:
        text = value.strip()
        if not text:
            raise refuse(f"The {what} is empty: give it 1 to {most} characters.")
        if len(text) > most:
            raise refuse(f"The {what} has a length of {len(text)}: at most {most} characters are possible.")
        return text

    return AfterValidator(check)


def at_most(what: str, most: int) -> AfterValidator:
    """A text of at most so many characters, kept as it is; ``what`` names it in refusals."""

    def check(value: str) -> str:
        if len(value) > most:
            raise refuse(f"The {what} has a length of {len(value)}: at most {most} characters are possible.")
        return value

    return AfterValidator(check)


def checked_batch_number(value: str) -> str:
    """A batch's number, checked."""
    if not _BATCH_NUMBER.fullmatch(value):
        raise refuse("The batch number must be 1 to 100 letters, digits, “_” or “-”.")
    return value


def _operator(value: str) -> str:
    text = value.strip()
    if not text or len(text) > 254:
        raise refuse("The operated_by must be a member's e-mail address or a name, 1 to 254 characters.")
    return text


def json_value(value: Any) -> Any:
    """A JSON value as it is stored: NaN and infinities become null, as the clients send them.

    So do integers beyond all floats: no client could read an answer that holds one.
    """
    match value:
        case float():
            return value if math.isfinite(value) else None
        case int():
            return value if abs(value) <= sys.float_info.max else None
        case list():
            return [json_value(item) for item in value]
        case dict():
            return {key: json_value(item) for key, item in value.items()}
        case _:
            return value


def _points(values: list[Any]) -> list[Any]:
    """The points of an axis: numbers, texts and nulls. What is no number in JSON, such as 1e999, becomes null.

    An axis may have a million points: one of plain numbers is recognised without a look at each.
    """
    kinds = set(map(type, values))
    if kinds <= {float, int, str, type(None)}:
        numbers = values if kinds <= {float, int} else [value for value in values if type(value) in (float, int)]
        try:
            extremes = (max(numbers, default=0), min(numbers, default=0)) if int in kinds else ()
            if all(map(math.isfinite, extremes)) and (float not in kinds or math.isfinite(sum(numbers))):
                return values
        except OverflowError:  # an integer beyond all floats: looked at one by one
            pass
    for place, value in enumerate(values):
        if not isinstance(value, str | float | int | None):
            raise refuse(f"The data of an axis must be numbers: number {place} is of type {type(value).__name__}.")
    return [json_value(float(value) if isinstance(value, bool) else value) for value in values]


def _plain(value: Any) -> Any:
    if not isinstance(value, str) and (not isinstance(value, int | float) or json_value(value) is None):
        raise refuse("The value of a setting in config must be text, a finite number or a truth value.")
    return value


def _joined(value: Any) -> Any:
    """Units may come as a list, one for each axis; as one text they are kept."""
    return ", ".join(str(one) for one in value if one is not None) or None if isinstance(value, list) else value


def _list(value: Any) -> Any:
    return [] if value is None else value


T = TypeVar("T")
# A list that may be left out, or be null. Not with [] as the default: pydantic would copy that for each measurement.
Several = Annotated[list[T], BeforeValidator(_list)]
NONE: Any = Field(default_factory=list, json_schema_extra={"default": []})
Instant = Annotated[datetime, AfterValidator(_instant)]
Value = Annotated[Any, AfterValidator(json_value)]
Units = Annotated[Annotated[str, at_most("units", LONGEST_UNITS)] | None, BeforeValidator(_joined)]
Docstring = Annotated[str, at_most("docstring", LONGEST_DOCSTRING)]
Expression = Annotated[str, at_most("expression", LONGEST_EXPRESSION)]
Label = Annotated[str, at_most("name", LONGEST_NAME)]
Points = Annotated[
    list[Any],
    AfterValidator(_points),
    WithJsonSchema({"type": "array", "items": {"type": ["number", "string", "null"]}}),
]
Outcome = Literal["PASS", "FAIL", "ERROR", "TIMEOUT", "ABORTED"]
Verdict = Literal["PASS", "FAIL", "UNSET"]
Finite32 = Annotated[int, Field(ge=-(2**31), lt=2**31)]
Limit = Annotated[float | None, AfterValidator(json_value)]  # 1e999 is JSON, and an infinity in Python


class In(BaseModel):
    """A part of a request."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class ValidatorIn(In):
    """A limit. Any subset of the fields is legal."""

    outcome: Verdict | None = None
    operator: Annotated[str, at_most("operator", LONGEST_NAME)] | None = None
    expected_value: Value = None
    expression: Expression | None = None
    is_decisive: bool | None = None


class AggregationIn(In):
    """A figure over the points of a measurement or of an axis."""

    type: Annotated[str, at_most("type of the aggregation", LONGEST_NAME)]
    outcome: Verdict | None = None
    value: Value = None
    unit: Annotated[str, at_most("unit", LONGEST_UNITS)] | None = None
    validators: Several[ValidatorIn] = NONE


class SeriesIn(In):
    """One axis. A point that could not be measured is null."""

    data: Points
    units: Units = None
    name: Label | None = None
    description: Docstring | None = None
    validators: Several[ValidatorIn] = NONE
    aggregations: Several[AggregationIn] = NONE


class MeasurementIn(In):
    """A value with its limits. ``lower_limit`` and ``upper_limit`` are the older way to give them."""

    name: Annotated[str, at_most("measurement's name", LONGEST_NAME)]
    outcome: Verdict
    x_axis: SeriesIn | None = None
    y_axis: Several[SeriesIn] = NONE
    measured_value: Value = None
    units: Units = None
    lower_limit: Limit = None
    upper_limit: Limit = None
    validators: Several[ValidatorIn] = NONE
    aggregations: Several[AggregationIn] = NONE
    docstring: Docstring | None = None


class PhaseIn(In):
    """One attempt of a phase. ``retry_count`` is 0 for the first."""

    name: Annotated[str, at_most("phase's name", LONGEST_NAME)]
    outcome: Literal["PASS", "FAIL", "SKIP", "ERROR"]
    started_at: Instant
    ended_at: Instant
    docstring: Docstring | None = None
    measurements: Several[MeasurementIn] = NONE
    retry_count: Annotated[Finite32, BeforeValidator(lambda value: value or 0)] = 0
    sequence_path: str | None = None


class SequenceIn(In):
    """A group of phases, at its place in the tree of groups."""

    path: Annotated[str, named("path of a sequence", LONGEST_PATH)]
    name: Annotated[str, at_most("sequence's name", LONGEST_NAME)]
    outcome: Literal["PASS", "FAIL", "ERROR", "TIMEOUT", "ABORTED", "SKIP"]
    source: Annotated[str, at_most("source of a sequence", LONGEST_PATH)] | None = None
    started_at: Instant | None = None
    ended_at: Instant | None = None


class LogIn(In):
    """A line of the log. Too long ones are cut, empty ones say so."""

    level: Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"]
    timestamp: Instant
    message: Annotated[str, AfterValidator(lambda text: text[:LONGEST_LOG_MESSAGE] or "(empty)")]
    source_file: Annotated[str, AfterValidator(lambda text: text[-LONGEST_SOURCE_FILE:] or "unknown")]
    line_number: Finite32


class ConfigIn(In):
    """A setting that was in force."""

    key: Label
    value: Annotated[Any, AfterValidator(_plain), WithJsonSchema({"type": ["string", "number", "boolean"]})]
    variable_id: Label | None = None
    version: int | None = None
    source: _CONFIG_SOURCES | None = None


class SecretIn(In):
    """A secret that was used: its name only."""

    key: Label
    variable_id: Label | None = None
    version: int | None = None
    source: _CONFIG_SOURCES | None = None

    @model_validator(mode="before")
    @classmethod
    def _without_value(cls, given: Any) -> Any:
        if isinstance(given, dict) and given.get("value") is not None:
            raise refuse("A secret's value must not be sent: only its key.")
        return given


class RunIn(In):
    """The record of a run: the body of ``POST /api/v2/runs``.

    ``procedure_id``: the procedure's UUID, or its short identifier such as ``FVT1``.
    """

    outcome: Outcome
    procedure_id: Annotated[str, named("procedure_id", 100)]
    started_at: Instant
    ended_at: Instant
    serial_number: Annotated[str, named("serial number", 60)]
    deployment_id: str | None = None
    client_run_ref: Annotated[str, named("client_run_ref", 200)] | None = None
    execution_id: Annotated[str, named("execution_id", 100)] | None = None
    slot_key: Annotated[str, named("slot_key", 100)] | None = None
    slot_name: Annotated[str, named("slot_name", 200)] | None = None
    procedure_version: Annotated[str, named("procedure version", 60)] | None = None
    operated_by: Annotated[str, AfterValidator(_operator)] | None = None
    part_number: Annotated[str, named("part number", 60)] | None = None
    revision_number: Annotated[str, named("revision number", 60)] | None = None
    batch_number: Annotated[str, AfterValidator(checked_batch_number)] | None = None
    sub_units: Several[Annotated[str, named("sub-unit's serial number", 60)]] = NONE
    docstring: Docstring | None = None
    phases: Several[PhaseIn] = NONE
    sequences: Several[SequenceIn] = NONE
    logs: Several[LogIn] = NONE
    metadata: Metadata = {}
    unit_metadata: Metadata = {}
    config: Several[ConfigIn] = NONE
    secrets: Several[SecretIn] = NONE

    @model_validator(mode="after")
    def _not_too_many(self) -> RunIn:
        measurements = sum(len(phase.measurements) for phase in self.phases)
        for what, count in (
            ("phases", len(self.phases)), ("measurements", measurements), ("log lines", len(self.logs)),
        ):  # fmt: skip
            if count > MOST_PIECES:
                raise refuse(f"The run has {count} {what}: at most {MOST_PIECES} are possible.")
        return self

    @model_validator(mode="after")
    def _slots_and_sequences(self) -> RunIn:
        if self.slot_key is not None and self.execution_id is None:
            raise refuse("A slot_key needs an execution_id.")
        if self.slot_name is not None and self.slot_key is None:
            raise refuse("A slot_name needs a slot_key.")
        paths = {sequence.path for sequence in self.sequences}
        if len(paths) != len(self.sequences):
            raise refuse("The sequences name one path twice.")
        for path in paths:
            parent = path.rpartition("/")[0]
            if parent and parent not in paths:
                raise refuse(f"The sequence {path[:100]!r} is inside of {parent[:100]!r}, which is not in the list.")
        for phase in self.phases:
            if phase.sequence_path is not None and phase.sequence_path not in paths:
                raise refuse(f"The phase {phase.name[:100]!r} names a sequence_path that is not in the list.")
        return self
