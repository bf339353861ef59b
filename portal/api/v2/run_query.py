"""Queries of lists of runs, and of what runs are made of. Source: contract/v2-api.md §1.6, §3, §10."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator

from portal.api.v2.shapes import PageIn
from portal.services.metadata import refuse
from portal.services.names import is_id
from portal.services.run_filter_input import Duration, OfRunsIn, RunFilterIn
from portal.services.run_filters import RunFilter
from portal.services.run_input import Instant


def _uuid(value: str) -> str:
    if not is_id(value):
        raise refuse("The procedure_id is not a UUID.")
    return value.lower()


class RunListIn(RunFilterIn, PageIn):
    """Which runs, and how much of them."""

    sort_by: Literal[
        "started_at", "created_at", "duration", "outcome", "serial_number", "part_number", "revision_number"
    ] = "started_at"
    include_metadata: bool = False
    include_sequences: bool = False


class OfPhasesIn(OfRunsIn, PageIn):
    """What lists of phases and of measurements have in common: they are of one procedure, the start is the phase's."""

    procedure_id: Annotated[str, AfterValidator(_uuid)]
    ids: list[str] = []
    duration_min: Duration | None = None
    duration_max: Duration | None = None
    operated_by_ids: list[str] = []
    operated_by_names: list[str] = []
    started_after: Instant | None = None
    started_before: Instant | None = None
    exclude_retries: bool = True

    def of_runs(self, **more: Any) -> RunFilter:
        """The runs, with who operated them."""
        operators = {name: getattr(self, name) for name in ("operated_by_ids", "operated_by_names")}
        return super().of_runs(**operators, **more)

    def of_phases(self) -> dict[str, Any]:
        """For the service: what a query for phases and one for measurements call the same."""
        names = ("procedure_id", "ids", "started_after", "started_before")
        return {name: getattr(self, name) for name in names} | {"only_final": self.exclude_retries}
