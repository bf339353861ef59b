"""``/api/v2/procedures``. Source: contract/v2-api.md §2."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field
from typing_extensions import TypedDict

from portal.api.operations import Operations, Tagged
from portal.api.v2 import shapes
from portal.api.v2.names import name
from portal.api.v2.shapes import IdOut, Instant, MemberRef, Outcome, PageIn, PageMeta, StationRef
from portal.services.actors import Permission
from portal.services.procedure_lists import (
    ProcedureDetail,
    ProcedureQuery,
    ProcedureRow,
    RecentRun,
    page_procedures,
    show_procedure,
)
from portal.services.procedure_removal import delete_procedure
from portal.services.procedures import LONGEST_NAME, ProcedureChanges, create_procedure, update_procedure
from portal.services.run_input import In
from portal.services.run_input import Instant as InstantIn
from portal.web import actor, db

api = Operations("procedures_v2", "Procedures")

Name = Annotated[str, name("procedure's name", LONGEST_NAME)]
MOST_PATTERNS = 100
# Clients before 2.26 fail on a procedure in a list that nobody made, and some are made by a command.
NOBODY: MadeBy = {"id": "system", "name": "system", "email": "system@localhost"}


class ProcedureIn(In):
    """A new procedure."""

    name: Name


class ProcedureChangesIn(In):
    """What shall be other than it is. The rest of it is for deployments; null clears."""

    name: Name = ""
    production_branch: Annotated[str, Field(max_length=255)] | None = Field(None, alias="productionBranch")
    is_auto_pushed: bool = Field(default=False, alias="autoPushEnabled")
    excluded_branch_patterns: list[Annotated[str, Field(max_length=255)]] = Field(
        [], alias="excludedBranchPatterns", max_length=MOST_PATTERNS
    )
    root_directory: Annotated[str, Field(max_length=1000)] | None = Field(None, alias="rootDirectory")
    entry_point: Annotated[str, Field(max_length=1000)] | None = Field(None, alias="entryPoint")

    def changes(self) -> ProcedureChanges:
        """For the service: what was given, and nothing else."""
        given = {field: getattr(self, field) for field in self.model_fields_set}
        return ProcedureChanges(given.pop("name", None), given)


class ProcedureListIn(PageIn):
    """Which procedures."""

    created_after: InstantIn | None = None
    created_before: InstantIn | None = None
    search_query: str | None = None


class MadeBy(TypedDict):
    """Who made it; a stand-in with the id "system" for what nobody is known to have made."""

    id: str
    name: str | None
    email: str


class Repository(TypedDict):
    """Where its program comes from."""

    id: str
    name: str
    fullName: str
    provider: Literal["github", "gitlab", "bitbucket"]


class UnitSerial(TypedDict):
    """The unit under test."""

    serial_number: str


class RecentRunOut(TypedDict):
    """One of its newest runs."""

    id: str
    started_at: Instant
    outcome: Outcome
    unit: UnitSerial | None


class ListedUnit(TypedDict):
    """The unit under test."""

    id: str


class ListedRun(TypedDict):
    """A run, as far as the oldest clients know runs of a procedure."""

    id: str
    outcome: Outcome
    started_at: Instant
    unit: ListedUnit


class ProcedureOut(TypedDict):
    """A procedure with its newest runs. ``identifier`` is short and unique, and as good as the id in runs.create."""

    id: str
    name: str
    identifier: str
    created_at: Instant
    created_by_user: MemberRef | None
    runs_count: int
    recent_runs: list[RecentRunOut]
    stations: list[StationRef]
    productionBranch: str | None
    autoPushEnabled: bool
    excludedBranchPatterns: list[str]
    rootDirectory: str | None
    entryPoint: str | None


class ProcedureEntry(TypedDict):
    """A procedure in a list. ``runs`` is always empty: read the procedure, or list its runs."""

    id: str
    name: str
    identifier: str
    created_at: Instant
    created_by_user: MadeBy
    linkedRepository: Repository | None
    runs: list[ListedRun]


class ProcedurePage(TypedDict):
    """A page of procedures."""

    data: list[ProcedureEntry]
    meta: PageMeta


@api.post(
    "/api/v2/procedures", "procedures.create", body=ProcedureIn, answer=IdOut, needs=Permission.EDIT, who="people"
)
def create(body: ProcedureIn) -> IdOut:
    """Make a procedure.

    Names need not be unique. Its identifier is made of its name, and is.
    """
    return {"id": create_procedure(db(), actor(), body.name).id}


@api.get("/api/v2/procedures", "procedures.list", query=ProcedureListIn, answer=ProcedurePage)
def index(query: ProcedureListIn) -> Any:
    """List procedures, the newest first."""
    wanted = ProcedureQuery(query.search_query, query.created_after, query.created_before)
    return shapes.page_out(page_procedures(db(), actor(), wanted, query.place()), _entry)


@api.get("/api/v2/procedures/{id}", "procedures.get", answer=ProcedureOut, errors=(404,))
def show(id: str) -> Tagged:  # noqa: A002  (the interface's name)
    """Read one procedure with its ten newest runs."""
    found = show_procedure(db(), actor(), id)
    return Tagged(_detail(found), found.etag)


@api.patch(
    "/api/v2/procedures/{id}", "procedures.update", body=ProcedureChangesIn, answer=IdOut, needs=Permission.EDIT,
    who="people", errors=(404,), takes_if_match=True,
)  # fmt: skip
def update(id: str, body: ProcedureChangesIn, if_match: str | None) -> IdOut:  # noqa: A002
    """Rename a procedure, or say how it is deployed.

    Its identifier stays. What is not given stays as it is.
    """
    return {"id": update_procedure(db(), actor(), id, body.changes(), if_match).id}


@api.delete(
    "/api/v2/procedures/{id}", "procedures.delete", answer=IdOut, needs=Permission.EDIT, who="people", errors=(404,)
)
def remove(id: str) -> IdOut:  # noqa: A002
    """Remove a procedure for good, with its runs, their measurements and files, and its versions.

    Units, parts and batches stay. There is no way back.
    """
    return {"id": delete_procedure(db(), actor(), id)}


def _row(row: ProcedureRow) -> dict[str, Any]:
    return {
        "id": row.id,
        "name": row.name,
        "identifier": row.identifier,
        "created_at": shapes.instant(row.created_at),
        "created_by_user": shapes.member(row.maker),
    }


def _entry(row: ProcedureRow) -> dict[str, Any]:
    found = _row(row)
    return found | {"created_by_user": found["created_by_user"] or NOBODY, "linkedRepository": None, "runs": []}


def _detail(found: ProcedureDetail) -> dict[str, Any]:
    return _row(found) | {
        "runs_count": found.runs_count,
        "recent_runs": [_run(run) for run in found.recent_runs],
        "stations": [shapes.station(one) for one in found.stations],
        "productionBranch": found.production_branch,
        "autoPushEnabled": found.is_auto_pushed,
        "excludedBranchPatterns": found.excluded_branch_patterns,
        "rootDirectory": found.root_directory,
        "entryPoint": found.entry_point,
    }


def _run(run: RecentRun) -> Any:
    return {
        "id": run.id,
        "started_at": shapes.instant(run.started_at),
        "outcome": run.outcome,
        "unit": {"serial_number": run.serial_number},
    }
