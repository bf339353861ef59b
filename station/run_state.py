"""What a run looks like while it happens: ``state' = fold(state, event)``, pure.

The one place that knows it. The portal folds the events of every station once and renders the result for all
watchers; the local kiosk does the same from the same journal. Feeding the same events again, from any cut, gives the
same state: an event already folded (its ``seq`` is not above ``last_seq``) changes nothing, and `expects` tells a gap.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from functools import cached_property

from station.protocol import (
    AnyRunEvent,
    AttachmentAdded,
    Component,
    IdentifyRequest,
    IdentifyResolved,
    Measurement,
    MeasurementUpdate,
    Outcome,
    PhaseComplete,
    PhaseLog,
    PhaseStarted,
    PlanContinued,
    PlannedPhase,
    RunComplete,
    RunCrashed,
    RunStarted,
    RunStarting,
    RunStopping,
    UiClosed,
    UiRequest,
    Unit,
)

LIVE_LOG_LINES = 200  # the record keeps all; a page that shows more than this is not read


class Stage(StrEnum):
    """Where an execution is; decides the Operator UI's screen."""

    STARTING = "starting"
    IDENTIFYING = "identifying"
    RUNNING = "running"
    STOPPING = "stopping"
    OVER = "over"


@dataclass(frozen=True)
class Prompt:
    """An open question. ``phase_key`` is None for the identify form."""

    request_id: str
    phase_key: str | None
    message: str | None
    components: tuple[Component, ...]


@dataclass(frozen=True)
class Answer:
    """An answered prompt, for those who saw it and did not answer it. ``by``: e-mail address, or what answered."""

    request_id: str
    message: str | None
    by: str


@dataclass(frozen=True)
class LogLine:
    """One line of log, as it is shown."""

    seq: int
    at: datetime
    level: str
    message: str
    phase_key: str
    file: str | None = None
    line: int | None = None


@dataclass(frozen=True)
class Attachment:
    """A file that a phase attached."""

    name: str
    mimetype: str | None
    size_bytes: int | None


@dataclass(frozen=True)
class Phase:
    """One attempt of a phase. ``outcome`` is UNSET while it runs; measurements keep their declared order."""

    key: str
    name: str
    attempt: int
    started_at: datetime
    ended_at: datetime | None = None
    outcome: Outcome = Outcome.UNSET
    error: str | None = None
    measurements_by_name: dict[str, Measurement] = field(default_factory=dict)
    attachments: tuple[Attachment, ...] = ()

    @property
    def is_over(self) -> bool:
        """Whether the attempt has its verdict."""
        return self.ended_at is not None

    @property
    def measurements(self) -> list[Measurement]:
        """The measurements in the order in which they were declared, or first written."""
        return list(self.measurements_by_name.values())


@dataclass(frozen=True)
class Failure:
    """What the verdict screen lists first: a failed measurement, or a phase that failed without one."""

    phase_name: str
    measurement: Measurement | None
    error: str | None


@dataclass(frozen=True)
class RunState:
    """One execution as the events so far describe it."""

    execution_id: str
    procedure_id: str
    procedure_name: str
    operated_by: str | None
    is_simulated: bool
    starting_at: datetime
    last_seq: int
    stage: Stage = Stage.STARTING
    unit: Unit = field(default_factory=Unit)
    plan: tuple[PlannedPhase, ...] = ()
    phases_by_attempt: dict[tuple[str, int], Phase] = field(default_factory=dict)
    prompts: tuple[Prompt, ...] = ()
    last_answer: Answer | None = None
    logs: tuple[LogLine, ...] = ()
    outcome: Outcome = Outcome.UNSET
    error: str | None = None
    error_kind: str | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    stop_asked_by: str | None = None
    stop_asked_at: datetime | None = None

    @property
    def is_over(self) -> bool:
        """Whether the execution has its verdict."""
        return self.stage is Stage.OVER

    @cached_property
    def phases(self) -> list[Phase]:
        """All attempts, in the order in which they began."""
        return list(self.phases_by_attempt.values())

    @cached_property
    def last_attempt_by_key(self) -> dict[str, Phase]:
        """The newest attempt of each phase."""
        return {phase.key: phase for phase in self.phases_by_attempt.values()}

    @property
    def prompt(self) -> Prompt | None:
        """The question to show: the oldest open one."""
        return self.prompts[0] if self.prompts else None

    @cached_property
    def focus(self) -> Phase | None:
        """The phase to show: of the oldest prompt, else the one started last that runs, else the one started last."""
        if self.prompt and self.prompt.phase_key:
            return self.last_attempt_by_key.get(self.prompt.phase_key)
        running = [phase for phase in self.phases if not phase.is_over]
        return (running or self.phases or [None])[-1]  # type: ignore[list-item]

    @cached_property
    def done_count(self) -> int:
        """How many planned phases have a verdict."""
        return sum(phase.is_over for phase in self.last_attempt_by_key.values())

    @cached_property
    def failures(self) -> list[Failure]:
        """What failed, measurement by measurement, in the order of the run; of a repeated phase its last attempt."""
        return [
            failure for phase in self.last_attempt_by_key.values() if phase.is_over for failure in failures_of(phase)
        ]

    def expects(self, event: AnyRunEvent) -> bool:
        """Whether this is the very next event: neither a repeat nor one behind a gap."""
        return event.execution_id == self.execution_id and event.seq == self.last_seq + 1


def failures_of(phase: Phase) -> list[Failure]:
    """What one finished attempt contributes to the list of failures."""
    if phase.outcome not in (Outcome.FAIL, Outcome.ERROR, Outcome.TIMEOUT):
        return []
    failed = [m for m in phase.measurements if m.outcome is Outcome.FAIL]
    return [Failure(phase.name, m, None) for m in failed] or [Failure(phase.name, None, phase.error)]


def fold(state: RunState | None, event: AnyRunEvent) -> RunState | None:
    """The state after the event.

    A `RunStarting` with seq 0 of another execution begins a new state. Any other event of another execution, a repeat,
    and an event behind a gap leave the state as it is (ask `RunState.expects` first to tell a gap).
    """
    if isinstance(event, RunStarting) and (state is None or state.execution_id != event.execution_id):
        return RunState(
            execution_id=event.execution_id,
            procedure_id=event.procedure_id,
            procedure_name=event.procedure_name,
            operated_by=event.operated_by,
            is_simulated=event.is_simulated,
            starting_at=event.at,
            last_seq=event.seq,
        )
    if state is None or state.is_over or not state.expects(event):
        return state
    return replace(_apply(state, event), last_seq=event.seq)


def _apply(state: RunState, event: AnyRunEvent) -> RunState:
    match event:
        case IdentifyRequest():
            form = Prompt(event.request_id, None, None, tuple(event.components))
            return replace(state, stage=_unless_stopping(state, Stage.IDENTIFYING), prompts=(*state.prompts, form))
        case IdentifyResolved():
            forms_closed = tuple(prompt for prompt in state.prompts if prompt.phase_key)
            back_to = Stage.RUNNING if state.started_at else Stage.STARTING
            stage = _unless_stopping(state, back_to)
            return replace(state, unit=merge_units(state.unit, event.unit), prompts=forms_closed, stage=stage)
        case RunStarted():
            unit = merge_units(state.unit, event.unit) if event.unit else state.unit
            stage = _unless_stopping(state, Stage.RUNNING)
            return replace(state, plan=tuple(event.phases), unit=unit, started_at=event.at, stage=stage)
        case PlanContinued():
            return replace(state, plan=(*state.plan, *event.phases))
        case PhaseStarted():
            declared = {m.name: m for m in event.measurements}
            return _with_phase(
                state, Phase(event.phase_key, event.name, event.attempt, event.at, None, Outcome.UNSET, None, declared)
            )
        case PhaseLog():
            line = LogLine(event.seq, event.at, event.level, event.message, event.phase_key, event.file, event.line)
            return replace(state, logs=(*state.logs[-LIVE_LOG_LINES + 1 :], line))
        case MeasurementUpdate():
            phase = _phase_of(state, event)
            written = {**phase.measurements_by_name, event.measurement.name: event.measurement}
            return _with_phase(state, replace(phase, measurements_by_name=written))
        case AttachmentAdded() if not event.phase_key:
            return state  # it belongs to the run, whose record has it
        case AttachmentAdded():
            phase = _phase_of(state, event)
            attached = Attachment(event.name, event.mimetype, event.size_bytes)
            return _with_phase(state, replace(phase, attachments=(*phase.attachments, attached)))
        case PhaseComplete():
            return _complete_phase(state, event)
        case UiRequest():
            prompt = Prompt(event.request_id, event.phase_key, event.message, tuple(event.components))
            return replace(state, prompts=(*state.prompts, prompt))
        case UiClosed():
            return _close_prompt(state, event)
        case RunStopping():
            return replace(
                state, stage=Stage.STOPPING, prompts=(), stop_asked_by=event.by,
                stop_asked_at=state.stop_asked_at or event.at,
            )  # fmt: skip
        case RunCrashed():
            return replace(state, error=event.error, error_kind=event.error_kind)
        case RunComplete():
            return _complete(state, event)
        case _:
            return state


def merge_units(known: Unit, news: Unit) -> Unit:
    """The unit with every field of ``news`` that is set in place of the known one."""
    return known.model_copy(update={name: value for name, value in news if value})


def _unless_stopping(state: RunState, stage: Stage) -> Stage:
    return state.stage if state.stage is Stage.STOPPING else stage


def _phase_of(state: RunState, event: MeasurementUpdate | AttachmentAdded | PhaseComplete) -> Phase:
    known = state.phases_by_attempt.get((event.phase_key, event.attempt))
    return known or Phase(event.phase_key, event.phase_key, event.attempt, event.at)


def _with_phase(state: RunState, phase: Phase) -> RunState:
    return replace(state, phases_by_attempt={**state.phases_by_attempt, (phase.key, phase.attempt): phase})


def _close_prompt(state: RunState, event: UiClosed) -> RunState:
    still_open = tuple(prompt for prompt in state.prompts if prompt.request_id != event.request_id)
    closed = next((prompt for prompt in state.prompts if prompt.request_id == event.request_id), None)
    answer = state.last_answer
    if closed is not None and event.reason == "answered" and event.answered_by:
        answer = Answer(event.request_id, closed.message, event.answered_by)
    return replace(state, prompts=still_open, last_answer=answer)


def _complete_phase(state: RunState, event: PhaseComplete) -> RunState:
    phase = _phase_of(state, event)
    final = phase.measurements_by_name if event.measurements is None else {m.name: m for m in event.measurements}
    done = replace(
        phase, name=event.name, outcome=event.outcome, error=event.error, measurements_by_name=final,
        started_at=event.started_at, ended_at=event.ended_at,
    )  # fmt: skip
    still_open = tuple(prompt for prompt in state.prompts if prompt.phase_key != event.phase_key)
    return replace(_with_phase(state, done), prompts=still_open)


def _complete(state: RunState, event: RunComplete) -> RunState:
    """Close the run; a phase that never ended takes the verdict ABORTED, or ERROR where the run crashed."""
    cut_off = Outcome.ERROR if state.error_kind else Outcome.ABORTED
    phases = {
        at: phase if phase.is_over else replace(phase, outcome=cut_off, ended_at=event.at)
        for at, phase in state.phases_by_attempt.items()
    }
    return replace(
        state, stage=Stage.OVER, outcome=event.outcome, error=event.error or state.error, prompts=(),
        phases_by_attempt=phases, ended_at=event.at,
    )  # fmt: skip
