"""The query of ``GET /api/v2/runs``: what this version filters by. Source: contract/v2-api.md §1.6, §3."""

from __future__ import annotations

from typing import Literal

from portal.api.v2.shapes import PageIn
from portal.services.run_input import Instant, Outcome
from portal.services.run_lists import RunQuery


class RunQueryIn(PageIn):
    """Filters and place. What is not listed here is refused, not ignored: a wrong list looks like a right one."""

    ids: list[str] = []
    outcomes: list[Outcome] = []
    procedure_ids: list[str] = []
    serial_numbers: list[str] = []
    part_numbers: list[str] = []
    created_by_station_ids: list[str] = []
    started_after: Instant | None = None
    started_before: Instant | None = None
    sort_by: Literal["started_at"] = "started_at"
    sort_order: Literal["desc"] = "desc"
    include_metadata: bool = False
    include_sequences: bool = False

    def as_query(self) -> RunQuery:
        """For the service."""
        return RunQuery(
            ids=tuple(self.ids),
            outcomes=tuple(self.outcomes),
            procedure_ids=tuple(self.procedure_ids),
            serial_numbers=tuple(self.serial_numbers),
            part_numbers=tuple(self.part_numbers),
            station_ids=tuple(self.created_by_station_ids),
            started_after=self.started_after,
            started_before=self.started_before,
            limit=self.limit,
            offset=self.cursor,
        )
