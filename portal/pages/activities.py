"""What stations do at this moment, as far as their links tell: for pages that show records beside it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Protocol

from portal.web import portal

if TYPE_CHECKING:
    from portal.live.fleet import Activity
    from portal.live.stations import Vitals


class HasId(Protocol):
    """A station, in whichever view."""

    @property
    def id(self) -> str:
        """The station's id."""


def activity_of(station: HasId) -> Activity | None:
    """The run that goes on at the station; None while it is idle or has no link."""
    return portal().fleet.activity(station.id)


def vitals_of(station: HasId) -> Vitals | None:
    """How the station's machine is, or was when it was last connected; None when it has not told."""
    return portal().fleet.vitals(station.id)


def activities_of(stations: Iterable[HasId]) -> dict[str, Activity]:
    """The runs that go on, by station id."""
    found = {station.id: activity_of(station) for station in stations}
    return {station_id: activity for station_id, activity in found.items() if activity is not None}


def procedures_in_flight(stations: Iterable[HasId]) -> dict[str, str]:
    """Which procedure each of the stations runs at this moment, by the station's id; idle ones are missing."""
    found = {station.id: portal().fleet.procedure_in_flight(station.id) for station in stations}
    return {station_id: procedure_id for station_id, procedure_id in found.items() if procedure_id is not None}
