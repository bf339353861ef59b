"""``/api/v2/stations``. Source: contract/v2-api.md §8."""

from __future__ import annotations

from typing import Annotated, Any, Literal, NotRequired

from typing_extensions import TypedDict

from portal.api.operations import Operations, Tagged
from portal.api.v2 import shapes
from portal.api.v2.names import name, uuid
from portal.api.v2.shapes import IdOut, PageIn, PageMeta
from portal.api.v2.whoami import ORGANIZATION
from portal.services.actors import Permission
from portal.services.metadata import Metadata, MetadataChanges, read_filter
from portal.services.procedures import ProcedureRef
from portal.services.run_input import In
from portal.services.station_lists import (
    CountedProcedure,
    StationDescription,
    StationEntry,
    StationQuery,
    describe_station,
    page_stations,
)
from portal.services.station_removal import remove_station
from portal.services.station_teams import TeamRef
from portal.services.stations import LONGEST_NAME, StationChanges, create_station, update_station
from portal.web import actor, db

api = Operations("stations_v2", "Stations")

Name = Annotated[str, name("station's name", LONGEST_NAME)]
Plain = str | int | float | bool


class StationIn(In):
    """A new station. ``procedure_id``: what it may run; null or absent for nothing yet."""

    name: Name
    procedure_id: Annotated[str, uuid("procedure_id")] | None = None
    team_id: str | None = None
    metadata: Metadata = {}


class StationChangesIn(In):
    """What shall be other than it is.

    ``image_id``: an uploaded file; empty for no picture any more. ``team_id``: null for no team any more.
    """

    name: Name = ""
    image_id: str | None = None
    team_id: str | None = None
    metadata: MetadataChanges = {}

    def changes(self) -> StationChanges:
        """For the service: what was given, and nothing else."""
        team_id = (self.team_id or "") if "team_id" in self.model_fields_set else None
        return StationChanges(self.name or None, self.image_id, self.metadata or None, team_id)


class StationListIn(PageIn):
    """Which stations."""

    search_query: str | None = None
    procedure_ids: list[str] = []
    metadata: str | None = None
    include_metadata: bool = False


class TeamOut(TypedDict):
    """The team that a station belongs to."""

    id: str
    name: str


class CommitOut(TypedDict):
    """The commit that a deployment was built from."""

    sha: str
    message: str
    branch: str | None


class RepositoryOut(TypedDict):
    """The repository that a deployment was built from."""

    owner: str
    name: str
    provider: Literal["github", "gitlab", "bitbucket"]
    gitlab_project_id: int | None


class DeploymentOut(TypedDict):
    """What is deployed at the station."""

    deployed_at: str
    commit: CommitOut | None
    repository: RepositoryOut | None


class StationProcedureOut(TypedDict):
    """A procedure that the station may run. ``runs_count``: of this station, in the last seven days."""

    id: str
    name: str
    identifier: str
    runs_count: int
    deployment: DeploymentOut | None


class StationOut(TypedDict):
    """A station. ``api_key``: the first characters of its key, never all of it."""

    id: str
    name: str
    api_key: str | None
    connection_status: Literal["connected", "disconnected"] | None
    procedures: list[StationProcedureOut]
    organization_slug: str
    team: TeamOut | None
    metadata: dict[str, Plain]


class ListedProcedure(TypedDict):
    """A procedure that the station may run."""

    id: str
    name: str
    identifier: str


class StationEntryOut(TypedDict):
    """A station in a list. ``metadata``: only where it was asked for."""

    id: str
    name: str
    procedures: list[ListedProcedure]
    procedures_count: int
    team: TeamOut | None
    metadata: NotRequired[dict[str, Plain]]


class StationPage(TypedDict):
    """A page of stations."""

    data: list[StationEntryOut]
    meta: PageMeta


class StationNamed(TypedDict):
    """A station with the name that is in force."""

    id: str
    name: str


@api.post(
    "/api/v2/stations", "stations.create", body=StationIn, answer=IdOut, needs=Permission.EDIT, who="people",
    errors=(404, 409),
)  # fmt: skip
def create(body: StationIn) -> IdOut:
    """Make a station.

    Names are unique. It gets its key when its program is enrolled, or by a command.
    """
    procedures = [body.procedure_id] if body.procedure_id is not None else []
    return {"id": create_station(db(), actor(), body.name, procedures, body.metadata, body.team_id).id}


@api.get("/api/v2/stations", "stations.list", query=StationListIn, answer=StationPage, who="people")
def index(query: StationListIn) -> Any:
    """List stations, the newest first.

    Removed ones are not in it.
    """
    wanted = StationQuery(query.search_query, tuple(query.procedure_ids), read_filter(query.metadata))
    page = page_stations(db(), actor(), wanted, query.place())
    return shapes.page_out(page, lambda one: _entry(one, with_metadata=query.include_metadata))


@api.get("/api/v2/stations/current", "stations.get_current", answer=StationOut, who="stations")
def current() -> Tagged:
    """Read the station whose key this is."""
    return _tagged(describe_station(db(), actor(), actor().id))


@api.get("/api/v2/stations/{id}", "stations.get", answer=StationOut, errors=(404,))
def show(id: str) -> Tagged:  # noqa: A002  (the interface's name)
    """Read one station.

    A station's key reads its own station only.
    """
    return _tagged(describe_station(db(), actor(), id))


@api.patch(
    "/api/v2/stations/{id}", "stations.update", body=StationChangesIn, answer=StationNamed, needs=Permission.EDIT,
    who="people", errors=(404, 409), takes_if_match=True,
)  # fmt: skip
def update(id: str, body: StationChangesIn, if_match: str | None) -> StationNamed:  # noqa: A002
    """Rename a station, give it a picture or a team, change its metadata.

    Keys of metadata that are not named stay; null removes one.
    """
    station = update_station(db(), actor(), id, body.changes(), if_match)
    return {"id": station.id, "name": station.name}


@api.delete(
    "/api/v2/stations/{id}", "stations.remove", answer=IdOut, needs=Permission.EDIT, who="people", errors=(404,)
)
def remove(id: str) -> IdOut:  # noqa: A002
    """Remove a station.

    Its keys stop working at once, and its name is free again. Its runs stay.
    """
    remove_station(db(), actor(), id)
    return {"id": id}


def _tagged(found: StationDescription) -> Tagged:
    status = {"none": None, "unknown": None, "up": "connected"}.get(found.presence.state, "disconnected")
    body = {
        "id": found.id,
        "name": found.name,
        "api_key": found.key_prefix,
        "connection_status": status,
        "procedures": [_procedure(one) for one in found.procedures],
        "organization_slug": ORGANIZATION["slug"],
        "team": _team(found.team),
        "metadata": found.metadata,
    }
    return Tagged(body, found.etag)


def _procedure(one: CountedProcedure) -> Any:
    return _listed(one.procedure) | {"runs_count": one.runs_count, "deployment": None}


def _entry(one: StationEntry, *, with_metadata: bool) -> Any:
    found = {
        "id": one.id,
        "name": one.name,
        "procedures": [_listed(procedure) for procedure in one.procedures],
        "procedures_count": len(one.procedures),
        "team": _team(one.team),
    }
    return found | ({"metadata": one.metadata} if with_metadata else {})


def _team(team: TeamRef | None) -> TeamOut | None:
    return {"id": team.id, "name": team.name} if team is not None else None


def _listed(procedure: ProcedureRef) -> dict[str, Any]:
    return {"id": procedure.id, "name": procedure.name, "identifier": procedure.identifier}
