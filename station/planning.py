"""A plan of any length, in parts that fit into frames."""

from __future__ import annotations

from station.protocol import MAX_FRAME_BYTES, PlannedPhase, write

_ROOM = MAX_FRAME_BYTES // 2  # the rest of the frame: ids, unit, docstring


def plan_events(phases: list[PlannedPhase]) -> list[list[PlannedPhase]]:
    """The phases in parts; the first is for `RunStarted`, the others are for `PlanContinued`. Never empty."""
    parts: list[list[PlannedPhase]] = [[]]
    size = 0
    for phase in phases:
        length = len(write(phase).encode()) + 1
        if size + length > _ROOM and parts[-1]:
            parts.append([])
            size = 0
        parts[-1].append(phase)
        size += length
    return parts
