"""Ends an execution whose station program died: what was finished is kept, the rest is an error."""

from __future__ import annotations

from typing import Any

from station.journal import Journal
from station.protocol import Outcome, PhaseComplete, RunComplete, RunCrashed
from station.run_state import RunState, fold

REASON = "The station restarted during the run."


def close_journal(journal: Journal) -> None:
    """Write the missing end: open phases ERROR, the run crashed and ERROR.

    Everything carries the time of the last event: nobody knows how much later the program died, and hours of a
    machine that was switched off must not become the duration of a test.
    """
    state: RunState | None = None
    last_at = None
    for event in journal.read_after(-1):
        state = fold(state, event)
        last_at = event.at
    if state is None or last_at is None:
        raise ValueError(f"the journal {journal.path.name} does not begin with the start of a run")
    about: dict[str, Any] = {"execution_id": journal.execution_id, "at": last_at}
    for phase in state.phases:
        if not phase.is_over:
            journal.append(
                PhaseComplete(
                    **about, seq=journal.last_seq + 1, phase_key=phase.key, attempt=phase.attempt, name=phase.name,
                    outcome=Outcome.ERROR, started_at=phase.started_at, ended_at=max(last_at, phase.started_at),
                    measurements=phase.measurements, error=REASON,
                )
            )  # fmt: skip
    if not state.error_kind:
        journal.append(RunCrashed(**about, seq=journal.last_seq + 1, error=REASON, error_kind="station_restarted"))
    journal.append(RunComplete(**about, seq=journal.last_seq + 1, outcome=Outcome.ERROR))
    journal.close()
