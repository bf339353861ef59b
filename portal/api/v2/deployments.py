"""``/api/v2/deployments``. There are none yet; the shapes are the published ones. Source: contract/v2-api.md §12."""

from __future__ import annotations

from typing import Any, Literal

from typing_extensions import TypedDict

from portal.api.operations import Operations
from portal.api.v2 import shapes
from portal.api.v2.shapes import Instant, Level, PageIn, PageMeta, ProcedureRef, StationRef
from portal.errors import NotFound
from portal.services.paging import CountedPage
from portal.services.run_input import Instant as InstantIn

api = Operations("deployments_v2", "Deployments")

Environment = Literal["production", "preview", "development"]
Trigger = Literal["auto", "manual", "cli"]
Status = Literal["pending", "building", "ready", "failed"]
Provider = Literal["github", "gitlab", "bitbucket"]


class DeploymentListIn(PageIn):
    """Which deployments."""

    procedure_ids: list[str] = []
    environments: list[Environment] = []
    build_statuses: list[Status] = []
    pushed: bool | None = None
    branch_names: list[str] = []
    author_usernames: list[str] = []
    deployed_after: InstantIn | None = None
    deployed_before: InstantIn | None = None
    search_query: str | None = None


class RepositoryProvider(TypedDict):
    """Who keeps the repository."""

    provider: Provider


class Repository(TypedDict):
    """A repository."""

    full_name: str
    provider: Provider


class Branch(TypedDict):
    """A branch."""

    id: str
    name: str


class CommitFacts(TypedDict):
    """The commit that was built."""

    id: str
    sha: str
    message: str
    author_username: str
    author_avatar_url: str | None
    committed_at: Instant | None


class ListedCommit(CommitFacts):
    """The commit that was built. ``branch``: its name."""

    branch: str | None


class Commit(CommitFacts):
    """The commit that was built. ``branch``: an object here."""

    branch: Branch | None
    repository: Repository | None


class DeployedStation(TypedDict):
    """A station that it is for. ``pushed_at``: null until it has been pushed there."""

    id: str
    name: str
    image_url: str | None
    pushed_at: Instant | None


class DeploymentMaker(TypedDict):
    """A member."""

    id: str
    name: str
    image: str | None


class BuildLine(TypedDict):
    """A line of the build's log."""

    seq: int
    level: Level
    message: str
    created_at: Instant


class DeploymentOut(TypedDict):
    """A deployment with the log of its build."""

    id: str
    environment: Environment
    trigger: Trigger
    status: Status
    deployed_at: Instant
    started_at: Instant | None
    ended_at: Instant | None
    artifact_url: str | None
    artifact_sha256: str | None
    artifact_size_bytes: int | None
    deployment_mode: Literal["sync", "standalone"]
    platform: str | None
    language: str | None
    runtime_version: str | None
    procedure: ProcedureRef | None
    created_by_user: DeploymentMaker | None
    commit: Commit | None
    stations: list[DeployedStation]
    build_logs: list[BuildLine]


class DeploymentEntry(TypedDict):
    """A deployment in a list. ``skipped``: recorded, but never built."""

    id: str
    environment: Environment
    trigger: Trigger
    status: Status
    skipped: bool
    started_at: Instant | None
    ended_at: Instant | None
    deployed_at: Instant
    procedure: ProcedureRef | None
    commit: ListedCommit | None
    repository: RepositoryProvider | None
    stations: list[StationRef]


class DeploymentPage(TypedDict):
    """A page of deployments."""

    data: list[DeploymentEntry]
    meta: PageMeta


@api.get("/api/v2/deployments", "deployments.list", query=DeploymentListIn, answer=DeploymentPage)
def index(query: DeploymentListIn) -> Any:  # noqa: ARG001  (checked, and of no deployments all filters leave none)
    """List deployments: none in this version."""
    return shapes.page_out(CountedPage([], None), lambda one: one)


@api.get("/api/v2/deployments/{id}", "deployments.get", answer=DeploymentOut, errors=(404,))
def show(id: str) -> DeploymentOut:  # noqa: A002, ARG001  (the interface's name; there are none yet)
    """Read one deployment: none in this version."""
    raise NotFound("deployment")
