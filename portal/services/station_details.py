"""Everything that the page of one station shows, in a fixed number of statements."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import select

from portal.models import Procedure, Run, Station, StationProcedure, Unit
from portal.services import names
from portal.services.actors import Actor
from portal.services.audit_trail import AuditRow, list_activity
from portal.services.installations import InstallationView, list_installations
from portal.services.presence import PresenceNow, last_seen
from portal.services.run_lists import RunQuery, RunRow, list_runs
from portal.services.station_keys import KeyView, list_station_keys
from portal.services.station_lookup import get_station
from portal.services.station_settings import StationSettings, settings_of

if TYPE_CHECKING:
    from portal.database import Db

RECENT_RUNS = 10
RECENT_ACTS = 8


@dataclass(frozen=True)
class LastRun:
    """The newest run of one procedure at one station."""

    id: str
    outcome: str
    started_at: datetime
    serial_number: str


@dataclass(frozen=True)
class LinkedProcedureView:
    """A procedure that the station may run."""

    id: str
    name: str
    identifier: str
    linked_at: datetime
    last_run: LastRun | None


@dataclass(frozen=True)
class StationDetail:
    """One station with all that belongs to it. ``last_run`` is the first of ``recent_runs``.

    ``last_seen_at``: of one that was restored, and whose machine is to be enrolled again; else None.
    ``installations``: its machines, the present one first, see `list_installations`.
    """

    id: str
    number: int
    name: str
    created_at: datetime
    presence: PresenceNow
    procedures: list[LinkedProcedureView]
    installations: list[InstallationView]
    api_keys: list[KeyView]
    recent_runs: list[RunRow]
    activity: list[AuditRow]
    settings: StationSettings
    last_seen_at: datetime | None

    @property
    def installation(self) -> InstallationView | None:
        """The machine that is enrolled now."""
        return next((one for one in self.installations if one.revoked_at is None), None)

    @property
    def former_installations(self) -> list[InstallationView]:
        """The machines before it, the one that ended last first."""
        return [one for one in self.installations if one.revoked_at is not None]

    @property
    def api_key(self) -> KeyView | None:
        """The newest."""
        return self.api_keys[0] if self.api_keys else None

    @property
    def uploads_waiting(self) -> int:
        """Records that its machine has not sent yet."""
        return self.installation.uploads_waiting if self.installation is not None else 0

    @property
    def program_version(self) -> str | None:
        """Of the program on its machine."""
        return self.installation.program_version if self.installation is not None else None

    @property
    def last_run(self) -> RunRow | None:
        """The newest."""
        return self.recent_runs[0] if self.recent_runs else None


def show_station(db: Db, actor: Actor, station_id: str) -> StationDetail:
    """One station. Raises `NotFound`; `Forbidden`."""
    station = get_station(db, actor, station_id)
    presence = PresenceNow.of(station)
    return StationDetail(
        id=station.id,
        number=station.number,
        name=station.name,
        created_at=station.created_at,
        presence=presence,
        procedures=_procedures(db, station),
        installations=list_installations(db, station.id),
        api_keys=list_station_keys(db, station),
        recent_runs=list_runs(db, actor, RunQuery(station_id=station.id, limit=RECENT_RUNS)).items,
        activity=list_activity(db, station, RECENT_ACTS),
        settings=settings_of(db, station),
        last_seen_at=last_seen(db, station.id) if presence.is_to_return else None,
    )


def _procedures(db: Db, station: Station) -> list[LinkedProcedureView]:
    last = (
        select(Run.id)
        .where(Run.station_id == StationProcedure.station_id, Run.procedure_id == StationProcedure.procedure_id)
        .order_by(Run.started_at.desc(), Run.id.desc())
        .limit(1)
        .correlate(StationProcedure)
        .scalar_subquery()
    )
    wanted = (
        select(Procedure, StationProcedure.linked_at, Run, Unit.serial_number)
        .join(StationProcedure, StationProcedure.procedure_id == Procedure.id)
        .outerjoin(Run, Run.id == last)
        .outerjoin(Unit, Unit.id == Run.unit_id)
        .where(StationProcedure.station_id == station.id)
    )
    views = [
        LinkedProcedureView(
            procedure.id,
            procedure.name,
            procedure.identifier,
            linked_at,
            LastRun(run.id, run.outcome, run.started_at, serial_number) if run is not None else None,
        )
        for procedure, linked_at, run, serial_number in db.session.execute(wanted)
    ]
    return sorted(views, key=lambda view: (names.same(view.name), view.id))
