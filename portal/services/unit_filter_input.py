"""Filters of lists of units as they are asked for, by the API and by a page. Source: contract/v2-api.md §5."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from portal.services.metadata import read_filter
from portal.services.run_filter_input import AnySample
from portal.services.run_input import In, Instant, Outcome
from portal.services.unit_queries import UnitQuery

Count = Annotated[int, Field(ge=0, lt=2**31)]


class UnitFilterIn(In):
    """Which units."""

    search_query: str | None = None
    ids: list[str] = []
    serial_numbers: list[str] = []
    part_numbers: list[str] = []
    revision_numbers: list[str] = []
    batch_numbers: list[str] = []
    procedure_ids: list[str] = []
    outcomes: list[Outcome] = []
    started_after: Instant | None = None
    started_before: Instant | None = None
    latest_only: bool = False
    run_count_min: Count | None = None
    run_count_max: Count | None = None
    created_after: Instant | None = None
    created_before: Instant | None = None
    created_by_user_ids: list[str] = []
    created_by_station_ids: list[str] = []
    exclude_units_with_parent: bool = False
    samples: list[AnySample] = []
    metadata: str | None = None

    def as_query(self) -> UnitQuery:
        """For the service. Raises `BadRequest` for a filter by metadata that is none."""
        given = self.model_dump(include=set(UnitFilterIn.model_fields) - {"search_query", "metadata"})
        facts: dict[str, Any] = {name: tuple(one) if isinstance(one, list) else one for name, one in given.items()}
        return UnitQuery(**facts, search=self.search_query, metadata=read_filter(self.metadata))
