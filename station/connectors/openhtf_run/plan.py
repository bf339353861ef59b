"""What a test means to execute: OpenHTF's tree of phases, flattened in the order of execution."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any


class Plan:
    """The phases of one test. ``phases`` holds ``{key, name, stage}``; keys are ``<index>_<function name>``."""

    def __init__(self, sequence: Any) -> None:
        self.phases: list[dict[str, str]] = []
        self._keys_by_phase: dict[int, list[str]] = {}
        self._turns: dict[int, int] = {}
        # Phases are told apart by identity, so they must not go away and leave their number to another object.
        self._kept: list[Any] = []
        for phase, stage in _flatten(sequence, "main"):
            self._add(phase, stage)

    def knows(self, phase: Any) -> bool:
        """Whether the phase was planned, or added since."""
        return id(phase) in self._keys_by_phase

    def add(self, phase: Any) -> dict[str, str]:
        """Plan one more phase: one that the framework executes although the test did not show it."""
        return self._add(phase, "main")

    def next_key(self, phase: Any) -> str:
        """The key for the next execution of the phase. One object in two places of the plan has two keys."""
        keys = self._keys_by_phase[id(phase)]
        turn = self._turns.get(id(phase), 0)
        self._turns[id(phase)] = turn + 1
        return keys[min(turn, len(keys) - 1)]

    def _add(self, phase: Any, stage: str) -> dict[str, str]:
        function = getattr(getattr(phase, "func", None), "__name__", None) or name_of(phase)
        planned = {"key": f"{len(self.phases)}_{function}", "name": name_of(phase), "stage": stage}
        self.phases.append(planned)
        self._keys_by_phase.setdefault(id(phase), []).append(planned["key"])
        self._kept.append(phase)
        return planned


def name_of(phase: Any) -> str:
    """The name of a phase. A callable object has none, its class has."""
    try:
        return str(phase.name)
    except AttributeError:
        return type(getattr(phase, "func", phase)).__name__


def _flatten(node: Any, stage: str) -> Iterable[tuple[Any, str]]:
    """Groups, sequences, sub-tests and branches opened up; checkpoints are not phases."""
    if node is None:
        return
    if isinstance(node, (list, tuple)):
        for child in node:
            yield from _flatten(child, stage)
    elif hasattr(node, "setup") and hasattr(node, "teardown"):
        yield from _flatten(node.setup, "setup")
        yield from _flatten(node.main, stage)
        yield from _flatten(node.teardown, "teardown")
    elif hasattr(node, "nodes"):
        yield from _flatten(node.nodes, stage)
    elif hasattr(node, "func"):
        yield node, stage
