"""What answers about runs are made of: types for the reference. Source: contract/v2-api.md §1.8, §3, §10."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field
from typing_extensions import TypedDict

from portal.api.v2.shapes import (
    Instant,
    Level,
    MemberRef,
    NumberRef,
    Outcome,
    PageMeta,
    PartRef,
    PhaseOutcome,
    ProcedureRef,
    Sample,
    StationRef,
    Verdict,
)

Duration = Annotated[str, Field(json_schema_extra={"format": "duration"})]
SequenceOutcome = Literal["PASS", "FAIL", "ERROR", "TIMEOUT", "ABORTED", "SKIP"]
Scalar = str | int | float | bool
Expected = bool | int | float | str | list[int | float] | list[str] | None


class ValidatorOut(TypedDict):
    """A limit. ``analytics_expression``: made from operator and value; null where there is only a text."""

    outcome: Verdict
    operator: str | None
    expected_value: Expected
    expression: str
    is_decisive: bool | None
    is_expression_only: bool
    analytics_expression: str | None
    has_custom_expression: bool


class AggregationOut(TypedDict):
    """A figure over points, as it was sent."""

    id: str
    type: str
    outcome: Verdict | None
    value: Scalar | None
    unit: str | None
    validators: list[ValidatorOut]


class SeriesOut(TypedDict):
    """One axis with all its points."""

    data: list[int | float]
    units: str | None
    name: str | None
    description: str | None
    validators: list[ValidatorOut]
    aggregations: list[AggregationOut]


class MeasurementOut(TypedDict):
    """A measurement. One of several dimensions has ``data_series``, x first, and no ``measured_value``.

    Series with a gap or a text in them are in ``measured_value`` instead, as ``{"axes": […]}``: the published clients
    read only numbers.
    """

    id: str
    name: str
    outcome: Verdict
    validators: list[ValidatorOut]
    units: str | None
    aggregations: list[AggregationOut]
    measured_value: Any
    data_series: list[SeriesOut] | None
    docstring: str | None


class RunPhaseOut(TypedDict):
    """One attempt of a phase."""

    id: str
    name: str
    outcome: PhaseOutcome
    started_at: Instant
    ended_at: Instant
    duration: Duration
    retry_count: int
    sequence_path: str | None
    measurements: list[MeasurementOut]
    docstring: str | None


class SequenceOut(TypedDict):
    """A group of phases. ``key``: the last part of its path."""

    id: str
    path: str
    key: str
    parent_path: str | None
    name: str
    source: str | None
    outcome: SequenceOutcome
    started_at: Instant | None
    ended_at: Instant | None
    duration: Duration | None


class AttachmentOut(TypedDict):
    """A file. ``download_url``: needs no key, for ten minutes; null while nothing was uploaded."""

    id: str
    name: str
    size: int | None
    content_type: str | None
    is_report: bool
    download_url: str | None


class RunLogOut(TypedDict):
    """A line of the log."""

    id: str
    level: Level
    timestamp: Instant
    message: str
    source_file: str
    line_number: int


class SubUnitOut(TypedDict):
    """A unit that was built in by this run."""

    id: str
    serial_number: str
    part_number: str
    part_name: str | None


class ConfigOut(TypedDict):
    """A setting that was in force."""

    key: str
    value: Scalar
    variable_id: str | None
    version: int | None
    source: str | None


class SecretOut(TypedDict):
    """A secret that was used."""

    key: str
    variable_id: str | None
    version: int | None
    source: str | None


class VersionRef(TypedDict):
    """A version of a procedure."""

    id: str
    tag: str


class ProcedureOut(ProcedureRef):
    """The procedure, and in which version it ran."""

    version: VersionRef | None


class RunUnitOut(TypedDict):
    """The unit under test; part, revision and batch as they were then."""

    id: str
    serial_number: str
    sample: Sample | None
    part: PartRef
    batch: NumberRef | None


class OperatorRef(TypedDict):
    """Who operated: a member, or only a name."""

    id: str | None
    name: str | None
    email: str | None


class RunHead(TypedDict):
    """What a list says of a run."""

    id: str
    created_at: Instant
    started_at: Instant
    ended_at: Instant
    duration: Duration
    outcome: Outcome
    execution_id: str | None
    slot_key: str | None
    slot_name: str | None
    procedure: ProcedureOut
    unit: RunUnitOut
    docstring: str | None
    created_by_user: MemberRef | None
    created_by_station: StationRef | None
    operated_by: OperatorRef | None


class RunEntry(RunHead, total=False):
    """A run in a list; ``metadata`` and the top ``sequences`` only where they were asked for."""

    metadata: dict[str, Scalar]
    sequences: list[SequenceOut]


class RunPage(TypedDict):
    """A page of runs."""

    data: list[RunEntry]
    meta: PageMeta


class RunOut(RunHead):
    """A run with all that it holds."""

    metadata: dict[str, Scalar]
    phases: list[RunPhaseOut]
    sequences: list[SequenceOut]
    attachments: list[AttachmentOut]
    logs: list[RunLogOut]
    sub_units: list[SubUnitOut]
    config: list[ConfigOut]
    secrets: list[SecretOut]
