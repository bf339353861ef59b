"""The record of a run as it arrives: what is accepted, and in which words the rest is refused.

Source: contract/v2-api.md §3 (runs.create) and §1.9. Unknown fields are ignored: three generations of clients send
different ones. Nothing is recomputed: outcomes are stored as sent.
"""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from portal.services.metadata import Metadata, refuse
from portal.services.names import is_id

LONGEST_LOG_MESSAGE, LONGEST_SOURCE_FILE = 10_000, 200
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


def _procedure_id(value: str) -> str:
    if not is_id(value):
        raise refuse("The procedure_id is not a UUID.")
    return value.lower()


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
    """A JSON value as it is stored: NaN and infinities become null, as the clients send them."""
    match value:
        case float():
            return value if math.isfinite(value) else None
        case list():
            return [json_value(item) for item in value]
        case dict():
            return {key: json_value(item) for key, item in value.items()}
        case _:
            return value


def _joined(value: Any) -> Any:
    """Units may come as a list, one for each axis; as one text they are kept."""
    return ", ".join(str(one) for one in value if one is not None) or None if isinstance(value, list) else value


def _list(value: Any) -> Any:
    return [] if value is None else value


Instant = Annotated[datetime, AfterValidator(_instant)]
Value = Annotated[Any, AfterValidator(json_value)]
Units = Annotated[str | None, BeforeValidator(_joined)]
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
    operator: str | None = None
    expected_value: Value = None
    expression: str | None = None
    is_decisive: bool | None = None


Validators = Annotated[list[ValidatorIn], BeforeValidator(_list)]


class AggregationIn(In):
    """A figure over the points of a measurement or of an axis."""

    type: str
    outcome: Verdict | None = None
    value: Value = None
    unit: str | None = None
    validators: Validators = []


Aggregations = Annotated[list[AggregationIn], BeforeValidator(_list)]


class SeriesIn(In):
    """One axis. A point that could not be measured is null."""

    data: Annotated[list[float | str | None], AfterValidator(json_value)]
    units: Units = None
    name: str | None = None
    description: str | None = None
    validators: Validators = []
    aggregations: Aggregations = []


class MeasurementIn(In):
    """A value with its limits. ``lower_limit`` and ``upper_limit`` are the older way to give them."""

    name: str
    outcome: Verdict
    x_axis: SeriesIn | None = None
    y_axis: Annotated[list[SeriesIn], BeforeValidator(_list)] = []
    measured_value: Value = None
    units: Units = None
    lower_limit: Limit = None
    upper_limit: Limit = None
    validators: Validators = []
    aggregations: Aggregations = []
    docstring: str | None = None


class PhaseIn(In):
    """One attempt of a phase. ``retry_count`` is 0 for the first."""

    name: str
    outcome: Literal["PASS", "FAIL", "SKIP", "ERROR"]
    started_at: Instant
    ended_at: Instant
    docstring: str | None = None
    measurements: Annotated[list[MeasurementIn], BeforeValidator(_list)] = []
    retry_count: Annotated[Finite32, BeforeValidator(lambda value: value or 0)] = 0
    sequence_path: str | None = None


class SequenceIn(In):
    """A group of phases, at its place in the tree of groups."""

    path: str
    name: str
    outcome: Literal["PASS", "FAIL", "ERROR", "TIMEOUT", "ABORTED", "SKIP"]
    source: str | None = None
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

    key: str
    value: Value = None
    variable_id: str | None = None
    version: Value = None
    source: _CONFIG_SOURCES | None = None


class SecretIn(In):
    """A secret that was used: its name only."""

    key: str
    variable_id: str | None = None
    version: Value = None
    source: _CONFIG_SOURCES | None = None

    @model_validator(mode="before")
    @classmethod
    def _without_value(cls, given: Any) -> Any:
        if isinstance(given, dict) and given.get("value") is not None:
            raise refuse("A secret's value must not be sent: only its key.")
        return given


class RunIn(In):
    """The record of a run: the body of ``POST /api/v2/runs``."""

    outcome: Outcome
    procedure_id: Annotated[str, AfterValidator(_procedure_id)]
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
    sub_units: Annotated[list[Annotated[str, named("sub-unit's serial number", 60)]], BeforeValidator(_list)] = []
    docstring: str | None = None
    phases: Annotated[list[PhaseIn], BeforeValidator(_list)] = []
    sequences: Annotated[list[SequenceIn], BeforeValidator(_list)] = []
    logs: Annotated[list[LogIn], BeforeValidator(_list)] = []
    metadata: Metadata = {}
    unit_metadata: Metadata = {}
    config: Annotated[list[ConfigIn], BeforeValidator(_list)] = []
    secrets: Annotated[list[SecretIn], BeforeValidator(_list)] = []

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
