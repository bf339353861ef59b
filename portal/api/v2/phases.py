"""``/api/v2/phases``. Source: contract/v2-api.md §10."""

from __future__ import annotations

from typing import Any, Literal

from typing_extensions import TypedDict

from portal.api.operations import Operations
from portal.api.v2 import run_json, shapes
from portal.api.v2.run_query import OfPhasesIn
from portal.api.v2.run_shapes import RunPhaseOut
from portal.api.v2.shapes import Instant, Outcome, PageMeta, PhaseOutcome, ProcedureRef, Sample
from portal.services.run_phases import PhaseQuery, PhaseRow, list_phases, show_phase
from portal.web import actor, db

api = Operations("phases_v2", "Phases")


class PhaseListIn(OfPhasesIn):
    """Which phases of one procedure. ``duration_min``, ``duration_max``: of the phase."""

    names: list[str] = []
    outcomes: list[PhaseOutcome] = []
    sequence_paths: list[str] = []
    run_outcomes: list[Outcome] = []
    sort_by: Literal["started_at", "duration", "outcome", "serial_number", "phase_name"] = "started_at"

    def as_query(self) -> PhaseQuery:
        """For the service."""
        return PhaseQuery(
            **self.of_phases(),
            runs=self.of_runs(outcomes=self.run_outcomes),
            names=self.names,
            outcomes=self.outcomes,
            sequence_paths=self.sequence_paths,
            duration_min_ms=self.duration_min,
            duration_max_ms=self.duration_max,
        )


class PhaseRunRef(TypedDict):
    """The run of a phase."""

    id: str
    serial_number: str | None


class PhaseOut(RunPhaseOut):
    """A phase with its measurements."""

    run: PhaseRunRef
    procedure: ProcedureRef


class PhaseEntry(TypedDict):
    """A phase in a list. ``is_final_attempt``: it was not repeated with a higher ``retry_count``."""

    id: str
    name: str
    outcome: PhaseOutcome
    started_at: Instant | None
    ended_at: Instant | None
    duration_ms: int | None
    retry_count: int
    sequence_path: str | None
    is_final_attempt: bool
    run_id: str
    run_outcome: Outcome
    serial_number: str | None
    sample: Sample | None


class PhasePage(TypedDict):
    """A page of phases."""

    data: list[PhaseEntry]
    meta: PageMeta


@api.get("/api/v2/phases", "phases.list", query=PhaseListIn, answer=PhasePage)
def index(query: PhaseListIn) -> Any:
    """List the phases of a procedure's runs, the newest first.

    Without `exclude_retries=false` only the final attempt of each phase: the one with the highest `retry_count` of its
    name and sequence path in the run.
    """
    return shapes.page_out(list_phases(db(), actor(), query.as_query(), query.place(query.sort_by)), _entry)


@api.get("/api/v2/phases/{id}", "phases.get", answer=PhaseOut, errors=(404,))
def show(id: str) -> Any:  # noqa: A002  (the path's word)
    """Read one phase with its measurements."""
    found = show_phase(db(), actor(), id)
    return run_json.phase(found.phase) | {
        "run": {"id": found.run_id, "serial_number": found.serial_number},
        "procedure": {"id": found.procedure.id, "name": found.procedure.name},
    }


def _entry(phase: PhaseRow) -> Any:
    return vars(phase) | {"started_at": shapes.instant(phase.started_at), "ended_at": shapes.instant(phase.ended_at)}
