"""An engine with its shelf and folders, and what it says, for the tests of this folder."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from station.engine import Engine, RunRequest
from station.journal import Journal, JournalShelf
from station.protocol import AnyRunEvent, PhaseComplete, PhaseLog, RunComplete, RunEvent
from station.record import RunRecord
from station.run_state import RunState, fold
from tests.waiting import eventually

PROCEDURES = Path(__file__).parent / "procedures"
E = TypeVar("E", bound=RunEvent)


@dataclass
class Bench:
    """One bench: ``olga`` operates it."""

    engine: Engine
    home: Path
    events: list[AnyRunEvent] = field(default_factory=list)
    finished: list[tuple[Journal, RunRecord | None]] = field(default_factory=list)

    def start(self, name: str, serial: str | None = "SN-1", **more: Any) -> str:
        environment = {"PROOF": str(self.home), **more.pop("environment", {})}
        folder = more.pop("folder", PROCEDURES / name)
        return self.engine.start(
            RunRequest(
                "id-of-" + name, name.title(), folder, "olga@example.com", serial, environment=environment, **more
            )
        )

    def run(self, name: str, serial: str | None = "SN-1", **more: Any) -> RunState:
        """Run to the end, and return what a watcher sees then."""
        self.start(name, serial, **more)
        return self.over()

    def over(self, within_s: float = 20) -> RunState:
        assert self.engine.wait(within_s), f"still running after {within_s} s: {self.events[-3:]}"
        state = self.state
        assert state is not None
        assert state.is_over
        return state

    @property
    def state(self) -> RunState | None:
        state = None
        for event in list(self.events):
            state = fold(state, event)
        return state

    def of(self, kind: type[E]) -> list[E]:
        return [event for event in list(self.events) if isinstance(event, kind)]

    def one(self, kind: type[E], within_s: float = 10) -> E:
        """Wait for the first event of a kind."""
        return eventually(lambda: self.of(kind), within_s)[0]

    @property
    def verdicts(self) -> list[tuple[str, str]]:
        return [(event.name, event.outcome.value) for event in self.of(PhaseComplete)]

    @property
    def lines(self) -> list[str]:
        return [event.message for event in self.of(PhaseLog)]

    @property
    def record(self) -> RunRecord | None:
        return self.finished[-1][1]

    def is_well_formed(self) -> None:
        """What holds for every run: numbers without holes, one end, no phase left open, times that do not run back."""
        assert [event.seq for event in self.events] == list(range(len(self.events)))
        assert isinstance(self.events[-1], RunComplete)
        assert len(self.of(RunComplete)) == 1
        state = self.state
        assert state is not None
        assert all(phase.is_over and phase.outcome != "UNSET" for phase in state.phases)
        assert all(event.ended_at >= event.started_at for event in self.of(PhaseComplete))
        assert not state.prompts
        planned = {phase.key for phase in state.plan}
        assert {phase.key for phase in state.phases} <= planned
        journal = self.finished[-1][0]
        assert list(journal.read_after(-1)) == self.events


@contextmanager
def open_bench(home: Path, **options: Any) -> Iterator[Bench]:
    events: list[AnyRunEvent] = []
    finished: list[tuple[Journal, RunRecord | None]] = []
    engine = Engine(
        JournalShelf(home / "journals"),
        home / "work",
        on_event=events.append,
        on_finished=lambda journal, record: finished.append((journal, record)),
        **options,
    )
    try:
        yield Bench(engine, home, events, finished)
    finally:
        engine.close()
