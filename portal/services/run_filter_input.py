"""Filters by runs as they are asked for: in the query of an API's list, and in the address of a page.

One model says for both what there is and what its values are. Source: contract/v2-api.md §1.6, §3, §10.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, TypeAdapter, ValidationError, WithJsonSchema

from portal.services.metadata import read_filter, refuse
from portal.services.run_filters import RunFilter
from portal.services.run_input import In, Instant, Outcome

Environment = Literal["production", "preview", "development"]
AnySample = Literal["production", "golden", "failing", "ignored"]

_DURATION = TypeAdapter(timedelta)


def _milliseconds(value: Any) -> int:
    try:
        if isinstance(value, str) and value.startswith(("P", "-P")):
            return _DURATION.validate_python(value) // timedelta(milliseconds=1)
    except ValidationError:
        pass
    raise refuse("A duration is written as in ISO 8601, for example PT4M or PT1.5S.")


# In whole milliseconds.
Duration = Annotated[
    int,
    BeforeValidator(_milliseconds),
    WithJsonSchema({"type": "string", "format": "duration", "examples": ["PT4M"]}),
]


class OfRunsIn(In):
    """Filters by the run that all these lists have."""

    procedure_versions: list[str] = []
    deployment_ids: list[str] = []
    environments: list[Environment] = []
    serial_numbers: list[str] = []
    part_numbers: list[str] = []
    revision_numbers: list[str] = []
    batch_numbers: list[str] = []
    samples: list[AnySample] = []
    created_by_station_ids: list[str] = []
    created_by_user_ids: list[str] = []

    def of_runs(self, **more: Any) -> RunFilter:
        """For the service. more: what a list has besides."""
        same = {name: getattr(self, name) for name in OfRunsIn.model_fields}
        return RunFilter(station_ids=same.pop("created_by_station_ids"), **same, **more)


class RunFilterIn(OfRunsIn):
    """All filters of a list of runs."""

    search_query: str | None = None
    ids: list[str] = []
    outcomes: list[Outcome] = []
    procedure_ids: list[str] = []
    execution_ids: list[str] = []
    slot_keys: list[str] = []
    slot_names: list[str] = []
    duration_min: Duration | None = None
    duration_max: Duration | None = None
    started_after: Instant | None = None
    started_before: Instant | None = None
    ended_after: Instant | None = None
    ended_before: Instant | None = None
    created_after: Instant | None = None
    created_before: Instant | None = None
    operated_by_ids: list[str] = []
    operated_by_names: list[str] = []
    metadata: str | None = None

    def as_filter(self) -> RunFilter:
        """For the service. Raises `BadRequest` for a filter by metadata that is none."""
        names = (
            "ids", "outcomes", "procedure_ids", "execution_ids", "slot_keys", "slot_names", "started_after",
            "started_before", "ended_after", "ended_before", "created_after", "created_before", "operated_by_ids",
            "operated_by_names",
        )  # fmt: skip
        return self.of_runs(
            **{name: getattr(self, name) for name in names},
            duration_min_ms=self.duration_min,
            duration_max_ms=self.duration_max,
            search=self.search_query,
            metadata=read_filter(self.metadata),
        )
