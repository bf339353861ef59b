"""The query of ``GET /api/v2/runs``: what this version filters by. Source: contract/v2-api.md §1.6, §3."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field, model_validator
from werkzeug.datastructures import MultiDict

from portal.api import bodies
from portal.services.run_input import In, Instant, Outcome, refuse
from portal.services.run_lists import RunQuery

LISTS = ("ids", "outcomes", "procedure_ids", "serial_numbers", "part_numbers", "created_by_station_ids")
# What clients always send, whether or not anybody asked for it.
DEFAULTS = {"sort_by": "started_at", "sort_order": "desc", "include_metadata": "false", "include_sequences": "false"}


def _whole(value: Any) -> Any:
    """Clients of the first generation send whole numbers as ``50.0``."""
    text = str(value)
    return text[:-2] if text.endswith(".0") else text


class RunQueryIn(In):
    """Filters and place. What is not listed here is refused, not ignored: a wrong list looks like a right one."""

    ids: list[str] = []
    outcomes: list[Outcome] = []
    procedure_ids: list[str] = []
    serial_numbers: list[str] = []
    part_numbers: list[str] = []
    created_by_station_ids: list[str] = []
    started_after: Instant | None = None
    started_before: Instant | None = None
    include_metadata: bool = False
    limit: Annotated[int, BeforeValidator(_whole), Field(ge=1, le=500)] = 50
    cursor: Annotated[int, BeforeValidator(_whole), Field(ge=0, le=2**53)] = 0

    @model_validator(mode="before")
    @classmethod
    def _only_known(cls, given: dict[str, Any]) -> dict[str, Any]:
        for name, value in given.items():
            if name not in cls.model_fields and value != DEFAULTS.get(name):
                raise refuse(f"Runs cannot be filtered or sorted by {name[:60]} in this version.")
        return given

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


def read_query(args: MultiDict[str, str]) -> RunQueryIn:
    """From the address. An empty value is none. Raises `BadRequest`."""
    given: dict[str, Any] = {}
    for name, values in args.lists():
        filled = [value for value in values if value != ""]
        if filled:
            given[name] = filled if name in LISTS else filled[-1]
    return bodies.read(RunQueryIn, given)
