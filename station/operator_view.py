"""What the Operator UI shows, and which pieces of it change with an event.

Shared by the portal and the local kiosk: both hold an `OperatorView`, fold events into its run, and send the pieces
that `changes` names to their watchers. Each piece is one file in ``templates/operator/``, rendered once for all
watchers; a piece is small and its size does not grow with the run, except the whole page that a watcher gets on
joining.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from itertools import islice
from typing import Protocol

from jinja2 import Environment

from station import operator_formats, operator_limits, operator_sweeps
from station.operator_log import is_for_operators
from station.protocol import (
    AnyRunEvent,
    AttachmentAdded,
    Measurement,
    MeasurementUpdate,
    PhaseComplete,
    PhaseLog,
    PhaseStarted,
    PlanContinued,
    RunStarted,
    UploadNews,
)
from station.run_state import LogLine, Phase, RunState, Stage

RECENT_MEASUREMENTS = 4


class Screen(StrEnum):
    """The one thing in the middle of the page."""

    OFFLINE = "offline"
    OPERATOR = "operator"
    IDLE = "idle"
    STARTING = "starting"
    IDENTIFY = "identify"
    RUNNING = "running"
    PROMPT = "prompt"
    STOPPING = "stopping"
    VERDICT = "verdict"


@dataclass(frozen=True)
class ProcedureChoice:
    """A procedure that may be started here. ``problem``: in words, why it cannot."""

    id: str
    name: str
    problem: str | None = None


@dataclass(frozen=True)
class UnsentRun:
    """A record that the portal does not have yet. ``why``: what stands in the way, in words."""

    execution_id: str
    state: str
    serial_number: str | None
    outcome: str | None
    queued_at: datetime
    next_try_at: datetime | None = None
    why: str | None = None

    @property
    def may_be_retried(self) -> bool:
        """Whether a person can send it on its way at once."""
        return self.state in ("waiting", "parked")


@dataclass(frozen=True)
class Kiosk:
    """What only the bench's own screen shows. ``portal_trouble``: why it is not reached; None before the first try.

    ``operator``: who said to be here. ``unsent``: the records that need a look first, not all of them.
    """

    is_portal_connected: bool = False
    portal_trouble: str | None = None
    operator: str | None = None
    instruments: str | None = None
    unsent: tuple[UnsentRun, ...] = ()


@dataclass(frozen=True)
class OperatorView:
    """Everything the page shows. ``base_path``: where its forms are sent. ``run`` is the current or the last one.

    ``kiosk`` is None on the portal's page.
    """

    station_id: str
    station_name: str
    base_path: str
    is_connected: bool
    last_seen_at: datetime | None
    procedures: tuple[ProcedureChoice, ...]
    run: RunState | None
    upload: UploadNews | None = None
    uploads_waiting: int = 0
    record_url: str | None = None
    kiosk: Kiosk | None = None

    @property
    def feed_path(self) -> str:
        """Where the page listens."""
        return f"/live/stations/{self.station_id}" if self.kiosk is None else "/live"

    @property
    def screen(self) -> Screen:
        """Which screen is shown; the first that fits."""
        run = self.run
        if run is not None and run.is_over:
            return Screen.VERDICT
        if not self.is_connected:
            return Screen.OFFLINE
        if run is None:
            return Screen.IDLE if self.kiosk is None or self.kiosk.operator else Screen.OPERATOR
        if run.stage is Stage.STOPPING:
            return Screen.STOPPING
        if run.prompt is not None:
            return Screen.PROMPT if run.prompt.phase_key else Screen.IDENTIFY
        return Screen.RUNNING if run.stage is Stage.RUNNING and run.focus else Screen.STARTING

    @property
    def startable(self) -> tuple[ProcedureChoice, ...]:
        """The procedures that can be started now."""
        return tuple(choice for choice in self.procedures if choice.problem is None)

    @property
    def log_lines(self) -> list[LogLine]:
        """The log without what means nothing to an operator."""
        return [line for line in self.run.logs if is_for_operators(line)] if self.run else []

    @property
    def recent_measurements(self) -> list[tuple[Phase, Measurement]]:
        """What was measured last in phases that are over: a phase may be too short to be read."""
        if self.run is None:
            return []
        over = (phase for phase in reversed(self.run.phases) if phase.is_over)
        measured = ((phase, measurement) for phase in over for measurement in reversed(phase.measurements))
        return list(islice(measured, RECENT_MEASUREMENTS))


@dataclass(frozen=True)
class Piece:
    """One piece of the page: ``content`` goes to ``target``."""

    target: str
    content: str
    swap: str = "outerMorph"


class Render(Protocol):
    """Renders one template of ``templates/operator/`` with its inputs."""

    def __call__(self, name: str, /, **inputs: object) -> str:
        """The fragment."""


def renderer(env: Environment) -> Render:
    """A `Render` over the Jinja environment; adds what the operator's templates need to it."""
    operator_formats.register(env)
    operator_limits.register(env)
    operator_sweeps.register(env)
    env.globals.update(dom_id=dom_id)
    env.filters.update(op_clock=clock)

    def render(name: str, /, **inputs: object) -> str:
        return env.get_template(f"operator/{name}").render(**inputs)

    return render


def dom_id(*parts: object) -> str:
    """An id for an element, from words that may hold anything: readable, unique, safe in a CSS selector."""
    text = "-".join(str(part) for part in parts)
    plain = re.sub(r"[^A-Za-z0-9_-]+", "_", text)
    return plain if plain == text else f"{plain}-{zlib.crc32(text.encode()):08x}"


def clock(seconds: float) -> str:
    """A duration as ``mm:ss``."""
    return f"{int(seconds) // 60:02d}:{int(seconds) % 60:02d}"


def whole(render: Render, view: OperatorView) -> Piece:
    """The whole page: what a watcher gets on joining."""
    return Piece("#bench", render("_bench.html", view=view))


def frame(render: Render, view: OperatorView) -> Iterator[Piece]:
    """Top bar, middle and bottom bar: what changes when the screen does; at the kiosk the queue, outside of them."""
    yield Piece("#op-top", render("_top.html", view=view))
    yield Piece("#op-centre", render("_centre.html", view=view))
    yield Piece("#op-bottom", render("_bottom.html", view=view))
    if view.kiosk is not None:
        yield Piece("#op-unsent", render("_unsent.html", view=view))


def changes(render: Render, before: OperatorView, after: OperatorView, event: AnyRunEvent) -> Iterator[Piece]:
    """The pieces that differ because of the event."""
    run = after.run
    if run is None:
        return
    if before.run is None or before.run.execution_id != run.execution_id:
        yield whole(render, after)
        return
    match event:
        case PhaseStarted():
            phase = run.phases_by_attempt[(event.phase_key, event.attempt)]
            yield Piece("#op-phases", render("_phase.html", phase=phase), "beforeend")
            yield from _progress(render, after, phase)
        case PhaseComplete():
            phase = run.phases_by_attempt[(event.phase_key, event.attempt)]
            yield Piece(f"#{dom_id('phase', phase.key, phase.attempt)}", render("_phase.html", phase=phase))
            yield from _progress(render, after, phase)
        case MeasurementUpdate():
            yield from _measurement(render, before, after, event)
        case PhaseLog():
            if is_for_operators(event):
                yield Piece("#op-log-lines", render("_log_line.html", line=run.logs[-1]), "beforeend")
        case AttachmentAdded():
            phase = run.phases_by_attempt[(event.phase_key, event.attempt)]
            yield Piece(f"#{dom_id('phase', phase.key, phase.attempt)}", render("_phase.html", phase=phase))
        case RunStarted() | PlanContinued():
            yield whole(render, after)  # the plan is known, or longer: segments for all of it
        case _:
            yield from frame(render, after)


def _measurement(
    render: Render, before: OperatorView, after: OperatorView, event: MeasurementUpdate
) -> Iterator[Piece]:
    assert after.run is not None  # noqa: S101  (the caller checked)
    phase = after.run.phases_by_attempt[(event.phase_key, event.attempt)]
    written = phase.measurements_by_name[event.measurement.name]
    known = before.run.phases_by_attempt.get((event.phase_key, event.attempt)) if before.run else None
    is_new = known is None or written.name not in known.measurements_by_name
    row = render("_measurement.html", phase=phase, measurement=written, place="list")
    if is_new:
        yield Piece(f"#{dom_id('measurements', phase.key, phase.attempt)}", row, "beforeend")
    else:
        yield Piece(f"#{dom_id('list', phase.key, phase.attempt, written.name)}", row)
    if after.screen is Screen.RUNNING and after.run.focus is phase:
        row = render("_measurement.html", phase=phase, measurement=written, place="live")
        if is_new:
            yield Piece("#op-live-measurements", row, "beforeend")
        else:
            yield Piece(f"#{dom_id('live', phase.key, phase.attempt, written.name)}", row)


def _progress(render: Render, view: OperatorView, phase: Phase) -> Iterator[Piece]:
    yield Piece(
        f"#{dom_id('segment', phase.key)}", render("_segment.html", key=phase.key, title=phase.name, phase=phase)
    )
    yield Piece("#op-count", render("_count.html", run=view.run))
    yield Piece("#op-centre", render("_centre.html", view=view))
