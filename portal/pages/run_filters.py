"""The filters of the list of runs: all that the API's ``runs.list`` has, by the same names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from portal.pages.filters import OUTCOMES, SAMPLES, Filter, FilterGroup, things, words
from portal.services.procedures import list_procedures
from portal.services.stations import list_stations
from portal.services.users import list_users

if TYPE_CHECKING:
    from portal.database import Db
    from portal.services.actors import Actor

ENVIRONMENTS = ("production", "preview", "development")
# What the address called them before.
OLDER = {
    "search_query": "serial", "outcomes": "outcome", "created_by_station_ids": "station", "procedure_ids": "procedure",
}  # fmt: skip


def first_filters(db: Db, actor: Actor) -> list[Filter]:
    """Those that are always shown."""
    return [
        Filter("search_query", "Serial number", "search"),
        words("outcomes", "Verdict", OUTCOMES),
        things("created_by_station_ids", "Station", [(one.id, one.name) for one in list_stations(db, actor)]),
        things("procedure_ids", "Procedure", [(one.id, one.name) for one in list_procedures(db, actor)]),
    ]


def more_filters(db: Db, actor: Actor) -> list[FilterGroup]:
    """Those that are folded in."""
    people = [(one.id or "", one.name or one.email or "") for one in list_users(db, actor)]
    return [
        FilterGroup(
            "What was tested",
            [
                Filter("part_numbers", "Part"),
                Filter("revision_numbers", "Revision"),
                Filter("batch_numbers", "Batch"),
                Filter("serial_numbers", "Exact serial"),
                words("samples", "Class", SAMPLES),
                Filter("procedure_versions", "Version"),
            ],
        ),
        FilterGroup(
            "When",
            [
                Filter("started_after", "Started from", "time"),
                Filter("started_before", "Started until", "time"),
                Filter("ended_after", "Ended from", "time"),
                Filter("ended_before", "Ended until", "time"),
                Filter("created_after", "Stored from", "time"),
                Filter("created_before", "Stored until", "time"),
            ],
            has_times=True,
        ),
        FilterGroup(
            "Who, and how long",
            [
                Filter("operated_by_names", "Operator’s name"),
                things("operated_by_ids", "Operator", people),
                things("created_by_user_ids", "Uploaded by", people),
                Filter("duration_min", "Took at least", placeholder="seconds, or PT4M"),
                Filter("duration_max", "Took at most", placeholder="seconds, or PT4M"),
            ],
        ),
        FilterGroup(
            "Which record",
            [
                Filter("ids", "Run’s id"),
                Filter("execution_ids", "Execution’s id"),
                Filter("slot_keys", "Slot"),
                Filter("slot_names", "Slot’s name"),
                Filter("deployment_ids", "Deployment’s id"),
                words("environments", "Environment", ENVIRONMENTS),
                Filter("metadata", "Metadata", placeholder='{"line":{"in":["A"]}}'),
            ],
        ),
    ]
