"""Trees of steps, as sequencers write them, laid out as phases in groups.

A group (sequence call, test group) becomes a sequence, a step a phase. Steps of one name in one group are counted as
attempts, as a record has no other way to keep them apart.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, cast

from portal.errors import BadRequest
from portal.services.imports.drafts import LONGEST_DOCSTRING, LONGEST_NAME, stored
from portal.services.run_input import MeasurementIn, PhaseIn, SequenceIn, Verdict

Word = Literal["PASS", "FAIL", "SKIP", "ERROR", "TIMEOUT", "ABORTED"]
DEEPEST, LONGEST_PATH = 100, 950
_WORDS: dict[str, Word] = {
    "passed": "PASS", "pass": "PASS", "p": "PASS", "done": "PASS", "d": "PASS", "completed": "PASS",
    "failed": "FAIL", "fail": "FAIL", "f": "FAIL",
    "error": "ERROR", "e": "ERROR", "terminated": "ABORTED", "t": "ABORTED", "aborted": "ABORTED",
    "skipped": "SKIP", "s": "SKIP", "notstarted": "SKIP", "timeout": "TIMEOUT", "timedout": "TIMEOUT",
}  # fmt: skip


@dataclass(frozen=True)
class Step:
    """A step of a test. ``duration_s``: None where the file does not say. A group has ``steps``, which may be none."""

    name: str
    outcome: Word
    started_at: datetime | None = None
    duration_s: float | None = None
    measurements: list[MeasurementIn] = field(default_factory=list)
    docstring: str | None = None
    steps: list[Step] | None = None


@dataclass
class Layout:
    """The phases and groups of a run. ``ended_at``: the latest that any of them ended."""

    phases: list[PhaseIn]
    sequences: list[SequenceIn]
    ended_at: datetime


def lay_out(steps: list[Step], started_at: datetime) -> Layout:
    """The steps in their order; one that has no time of its own begins when the one before it ended."""
    layout = Layout([], [], started_at)
    _Walk(layout).group(steps, None, started_at, 0)
    return layout


def word(given: str | None) -> Word | None:
    """Our word for a status; None for one that is not known."""
    return _WORDS.get((given or "").strip().lower().replace(" ", "").replace("_", ""))


def verdict(given: Word | None) -> Verdict:
    """The same for a measurement."""
    return given if given == "PASS" or given == "FAIL" else "UNSET"


def run_outcome(given: str | None) -> Any:
    """The same for a run. Raises `BadRequest` for a status that says nothing of the unit."""
    found = word(given)
    if found is None or found == "SKIP":
        raise BadRequest(f"The report's result {(given or '')[:60]!r} says neither that the unit passed nor that not.")
    return found


def instant(given: str | None) -> datetime | None:
    """An instant in ISO 8601; without a zone it is UTC. None for what is none."""
    try:
        found = datetime.fromisoformat(given or "")
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def after(at: datetime, seconds: float | None) -> datetime:
    """So many seconds later; the same instant for none, and for what leaves the calendar."""
    try:
        return at + timedelta(seconds=max(seconds or 0.0, 0.0))
    except (OverflowError, ValueError):
        return at


class _Walk:
    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._attempts: Counter[tuple[str | None, str]] = Counter()
        self._groups: dict[str, int] = {}  # by path: how many of that name there are beside it

    def group(self, steps: list[Step], path: str | None, at: datetime, depth: int) -> datetime:
        """Lays the steps out from this instant on. Returns when the last one ended."""
        if depth > DEEPEST:
            raise BadRequest(f"The report's steps are more than {DEEPEST} levels deep.")
        for step in steps:
            at = self._step(step, path, at, depth)
            self._layout.ended_at = max(self._layout.ended_at, at)
        return at

    def _step(self, step: Step, path: str | None, at: datetime, depth: int) -> datetime:
        started_at = step.started_at or at
        if not step.steps:
            ended_at = after(started_at, step.duration_s)
            self._add(step, path, started_at, ended_at)
            return ended_at
        own = self._own_path(step.name, path)
        if own is None:
            if step.measurements:
                self._add(step, path, started_at, started_at)
            return self.group(step.steps, path, started_at, depth + 1)
        place = len(self._layout.sequences)
        made = SequenceIn(path=own, name=step.name[:LONGEST_NAME], outcome=step.outcome, started_at=started_at)
        self._layout.sequences.append(made)
        if step.measurements:
            self._add(step, own, started_at, started_at)
        last = self.group(step.steps, own, started_at, depth + 1)
        ended_at = after(started_at, step.duration_s) if step.duration_s is not None else last
        self._layout.sequences[place] = made.model_copy(update={"ended_at": ended_at})
        return ended_at

    def _add(self, step: Step, path: str | None, started_at: datetime, ended_at: datetime) -> None:
        outcome = step.outcome if step.outcome in ("PASS", "FAIL", "SKIP") else "ERROR"
        attempt = self._attempts[path, step.name]
        self._attempts[path, step.name] += 1
        self._layout.phases.append(
            PhaseIn(
                name=step.name[:LONGEST_NAME],
                outcome=cast("Any", outcome),
                started_at=started_at,
                ended_at=ended_at,
                docstring=step.docstring[:LONGEST_DOCSTRING] if step.docstring is not None else None,
                measurements=step.measurements,
                retry_count=attempt,
                sequence_path=path,
            )
        )

    def _own_path(self, name: str, parent: str | None) -> str | None:
        """Unique, and with no slash but those between groups. None where it would be too long: its steps move up."""
        start = (f"{parent}/" if parent is not None else "") + (stored(name).replace("/", "_")[:100].strip() or "_")
        if len(start) > LONGEST_PATH:
            return None
        path = start
        while path in self._groups:
            self._groups[start] += 1
            path = f"{start} ({self._groups[start]})"
        self._groups[path] = 1
        return path
