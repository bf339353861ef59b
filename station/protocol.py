"""The messages between station and portal: the published language of both.

Each message is one JSON object with a ``type`` in snake_case, in one WebSocket text frame of at most
``MAX_FRAME_BYTES``. Unknown types and unknown fields are ignored, new fields are optional.

Three families:

- *run events* (`RunEvent`): what happens in one execution. Numbered by ``seq`` from 0 without holes, written to the
  station's journal before they go anywhere else, folded by `station.run_state`.
- *station messages*: greeting, heartbeat, answers to commands, news of uploads. Not numbered.
- *portal messages*: the welcome and the commands.

Source: contract/station-agent.md §5, with our fixes (numbered events, answers to commands, resume).
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

PROTOCOL_VERSION = 1
MAX_FRAME_BYTES = 60_000  # brokers and proxies commonly cut at 64 KiB; bulk goes by HTTP
HEARTBEAT_S = 10.0
# On the portal's HTTP answers to a station's program, with its version: what comes without it is somebody else's.
PORTAL_HEADER = "Stationmaster-Portal"


Count = Annotated[int, Field(ge=0, le=1_000_000_000)]  # fits every database's integer


class Outcome(StrEnum):
    """Verdict of a run, a phase or a measurement. UNSET while it is live."""

    PASS = "PASS"  # noqa: S105  (a verdict)
    FAIL = "FAIL"
    ERROR = "ERROR"
    TIMEOUT = "TIMEOUT"
    ABORTED = "ABORTED"
    SKIP = "SKIP"
    UNSET = "UNSET"


class Model(BaseModel):
    """A frozen part of a message. Unknown fields are dropped, so that old readers meet new writers."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class Unit(Model):
    """The unit under test. Values not yet known are None."""

    serial_number: str | None = None
    part_number: str | None = None
    revision_number: str | None = None
    batch_number: str | None = None
    sub_units: dict[str, str] = {}


class Validator(Model):
    """One limit of a measurement. ``expression`` is readable: ``>= 4.75``."""

    expression: str
    outcome: Outcome = Outcome.UNSET
    operator: str | None = None
    expected_value: Any = None
    is_decisive: bool = True


class Series(Model):
    """One axis of a multi-dimensional measurement. Units as text, such as ``V``."""

    data: list[float | None]
    name: str | None = None
    units: str | None = None


class Aggregation(Model):
    """A figure about a measurement that the test has computed, with limits of its own."""

    type: str
    value: Any = None
    outcome: Outcome = Outcome.UNSET
    unit: str | None = None
    validators: list[Validator] = []


class Measurement(Model):
    """A named value with its limits and its verdict.

    ``measured_value`` is any JSON value (None until measured); ``units`` the unit of measure. A sweep has its points
    in ``x_axis`` and ``y_axis``, all of one length, and no scalar value.
    """

    name: str
    outcome: Outcome = Outcome.UNSET
    measured_value: Any = None
    units: str | None = None
    validators: list[Validator] = []
    x_axis: Series | None = None
    y_axis: list[Series] = []
    aggregations: list[Aggregation] = []
    docstring: str | None = None


class PlannedPhase(Model):
    """A phase that the run means to execute. ``key`` is unique in the plan."""

    key: str
    name: str
    stage: Literal["setup", "main", "teardown"] = "main"


class Option(Model):
    """One of the choices of a component."""

    value: str
    label: str


class Component(Model):
    """One element of a prompt or of the identify form."""

    key: str
    type: str = "text_input"
    label: str | None = None
    description: str | None = None
    placeholder: str | None = None
    default_value: Any = None
    required: bool = False
    is_input: bool = True
    min_length: int | None = None
    max_length: int | None = None
    pattern: str | None = None
    min: float | None = None
    max: float | None = None
    step: float | None = None
    options: list[Option] = []
    prefix: str | None = None
    suffix: str | None = None


# ── run events ──────────────────────────────────────────────────────────────────────────────────────────────────────


class RunEvent(Model):
    """Something that happened in one execution. ``at``: the station's clock, UTC."""

    execution_id: str
    seq: int = Field(ge=0)
    at: AwareDatetime


class RunStarting(RunEvent):
    """Always the first event: the procedure's process is being started."""

    type: Literal["run_starting"] = "run_starting"
    procedure_id: str
    procedure_name: str
    operated_by: str | None = None
    is_simulated: bool = False


class IdentifyRequest(RunEvent):
    """The unit must be identified before the first phase."""

    type: Literal["identify_request"] = "identify_request"
    request_id: str
    components: list[Component]


class IdentifyResolved(RunEvent):
    """The unit is known, or changed: its fields replace those known before, field by field."""

    type: Literal["identify_resolved"] = "identify_resolved"
    unit: Unit
    answered_by: str | None = None


class RunStarted(RunEvent):
    """The plan is known and the first phase may begin."""

    type: Literal["run_started"] = "run_started"
    phases: list[PlannedPhase]
    unit: Unit | None = None
    docstring: str | None = None
    test_name: str | None = None


class PlanContinued(RunEvent):
    """More of the plan, where all of it does not fit in one frame."""

    type: Literal["plan_continued"] = "plan_continued"
    phases: list[PlannedPhase]


class PhaseEvent(RunEvent):
    """Belongs to one attempt of one phase. ``attempt`` counts from 1."""

    phase_key: str
    attempt: int = Field(default=1, ge=1)
    slot_id: str | None = None


class PhaseStarted(PhaseEvent):
    """``measurements``: the declared ones with their limits, nothing measured yet."""

    type: Literal["phase_started"] = "phase_started"
    name: str
    measurements: list[Measurement] = []


class PhaseLog(PhaseEvent):
    """One line of log. ``phase_key`` is empty for a line written while no phase runs."""

    type: Literal["phase_log"] = "phase_log"
    level: Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"] = "INFO"
    message: str
    file: str | None = None
    line: int | None = None


class MeasurementUpdate(PhaseEvent):
    """A value was written. Idempotent on (phase, attempt, name); the verdict comes with the phase's end."""

    type: Literal["measurement_update"] = "measurement_update"
    measurement: Measurement


class AttachmentAdded(PhaseEvent):
    """A file belongs to the phase. ``path`` is local to the station and means nothing elsewhere."""

    type: Literal["attachment_added"] = "attachment_added"
    name: str
    path: str | None = None
    mimetype: str | None = None
    size_bytes: int | None = None


class PhaseComplete(PhaseEvent):
    """The authoritative end of an attempt: replaces what the live events said of it.

    ``measurements`` is None where they did not fit in a frame: the reader keeps the live ones. ``expected``: pytest's
    words for a test that was expected to fail: ``XFAIL`` did (its outcome is SKIP), ``XPASS`` did not (FAIL).
    """

    type: Literal["phase_complete"] = "phase_complete"
    name: str
    outcome: Outcome
    measurements: list[Measurement] | None = None
    started_at: AwareDatetime
    ended_at: AwareDatetime
    error: str | None = None
    docstring: str | None = None
    expected: Literal["XFAIL", "XPASS"] | None = None


class UiRequest(PhaseEvent):
    """A question to the operator. The phase waits."""

    type: Literal["ui_request"] = "ui_request"
    request_id: str
    message: str | None = None
    components: list[Component]


class UiClosed(PhaseEvent):
    """The question is settled: answered, out of time, or its phase ended."""

    type: Literal["ui_closed"] = "ui_closed"
    request_id: str
    reason: Literal["answered", "timeout", "phase_ended", "stopped"] = "answered"
    answered_by: str | None = None


class RunStopping(RunEvent):
    """A stop was asked for; instruments are being made safe."""

    type: Literal["run_stopping"] = "run_stopping"
    by: str | None = None
    reason: str | None = None
    is_kill: bool = False


class RunCrashed(RunEvent):
    """The procedure ended abnormally. ``error``: for people, the last lines of its output included."""

    type: Literal["run_crashed"] = "run_crashed"
    error: str
    error_kind: str


class RunComplete(RunEvent):
    """Always the last event of an execution.

    ``exit_code``: of ``stationmaster run``, where the framework of the procedure has one of its own for its verdict.
    """

    type: Literal["run_complete"] = "run_complete"
    outcome: Outcome
    error: str | None = None
    exit_code: int | None = None
    metadata: dict[str, Any] = {}


AnyRunEvent = Annotated[
    RunStarting | IdentifyRequest | IdentifyResolved | RunStarted | PlanContinued | PhaseStarted | PhaseLog
    | MeasurementUpdate | AttachmentAdded | PhaseComplete | UiRequest | UiClosed | RunStopping | RunCrashed
    | RunComplete,
    Field(discriminator="type"),
]  # fmt: skip


# ── station → portal, beside the run ────────────────────────────────────────────────────────────────────────────────


class Hardware(Model):
    """What the machine is. Sent with each greeting."""

    hostname: str
    os: str
    platform: str
    program_version: str
    mac_address: str | None = None
    python_version: str | None = None
    cpu_count: Count | None = None
    memory_mb: Count | None = None
    run_mode: Literal["root_system", "user"] = "user"


class LocalProcedure(Model):
    """A linked procedure as the station finds it on its disk. ``problem`` says in words why it cannot run."""

    procedure_id: str
    problem: str | None = None


class Progress(Model):
    """How far the station's current (or last) execution has come: ``last_seq`` of its journal."""

    execution_id: str
    last_seq: int


class Hello(Model):
    """First message on a new link. Answered by `Welcome`. ``mark_s``: see `Begin`."""

    type: Literal["hello"] = "hello"
    protocol_version: int = PROTOCOL_VERSION
    hardware: Hardware
    progress: Progress | None = None
    uploads_waiting: Count = 0
    mark_s: float | None = None


class Heartbeat(Model):
    """Sent every ``HEARTBEAT_S``, whatever else is sent. ``mark_s``: see `Begin`."""

    type: Literal["heartbeat"] = "heartbeat"
    uploads_waiting: Count = 0
    cpu_percent: float | None = None
    memory_used_mb: int | None = None
    disk_free_mb: int | None = None
    sent_at: AwareDatetime | None = None
    mark_s: float | None = None


class LocalProcedures(Model):
    """Sent after `Welcome` and `ProceduresChanged`: which of the linked procedures can run here."""

    type: Literal["local_procedures"] = "local_procedures"
    procedures: list[LocalProcedure]


class CommandResult(Model):
    """Answer to one command. ``field`` names the refused field of a form, where there is one.

    ``mark_s``: see `Begin`. So what was refused for its age is measured anew when it is asked again.
    """

    type: Literal["command_result"] = "command_result"
    command_id: str
    is_accepted: bool
    reason: str | None = None
    field: str | None = None
    execution_id: str | None = None
    mark_s: float | None = None


class UploadNews(Model):
    """How far a finished run's record is on its way to the portal."""

    type: Literal["upload"] = "upload"
    execution_id: str
    state: Literal["queued", "uploading", "waiting", "parked", "done"]
    run_id: str | None = None
    error: str | None = None
    uploads_waiting: Count = 0


class Goodbye(Model):
    """The station leaves on purpose: not an outage."""

    type: Literal["goodbye"] = "goodbye"
    reason: Literal["stopped", "update", "crash"] = "stopped"


# ── portal → station ────────────────────────────────────────────────────────────────────────────────────────────────


class LinkedProcedure(Model):
    """A procedure that the station may run. ``identifier`` is also the name of its folder on the bench."""

    procedure_id: str
    identifier: str
    name: str


class Welcome(Model):
    """Answer to `Hello`. ``resume_after``: the portal knows the named execution up to this seq (-1: nothing of it)."""

    type: Literal["welcome"] = "welcome"
    station_id: str
    station_name: str
    procedures: list[LinkedProcedure]
    resume_after: int = -1
    heartbeat_s: float = HEARTBEAT_S


class ProceduresChanged(Model):
    """The set of linked procedures changed."""

    type: Literal["procedures_changed"] = "procedures_changed"
    procedures: list[LinkedProcedure]


class Resume(Model):
    """The portal missed events: send those of the execution after ``after_seq`` again."""

    type: Literal["resume"] = "resume"
    execution_id: str
    after_seq: int


class Refused(Model):
    """A frame could not be read. The link stays up."""

    type: Literal["refused"] = "refused"
    reason: str


class Replaced(Model):
    """Another program speaks for this station now, or its credentials were revoked; the link closes after it."""

    type: Literal["replaced"] = "replaced"
    reason: str


class Command(Model):
    """Something a person asks of the station. Answered by `CommandResult` with the same id.

    ``asked_by``: e-mail address of the person.
    """

    command_id: str
    asked_by: str | None = None


class Begin(Command):
    """A command after which something happens on the bench: who asked for it was told after 2 s that it failed.

    It may lie in a socket for minutes, while the station's machine is busy or asleep, and must do nothing then.
    ``not_after_s``: the last moment to obey it, on the station's own clock. No two clocks need to agree: the station
    tells its clock in what it sends (``mark_s``), the portal adds what has passed since it got that. The message's
    time on its way up makes the moment earlier, never later. Stop and kill have none: late is better than never.
    """

    not_after_s: float | None = None


class RunCommand(Begin):
    """Start a run. With ``serial_number`` the unit is not asked for."""

    type: Literal["run"] = "run"
    procedure_id: str
    serial_number: str | None = None


class UiResponse(Begin):
    """Answer to an open prompt or to the identify form: component key → value as text."""

    type: Literal["ui_response"] = "ui_response"
    request_id: str
    values: dict[str, str]


class Stop(Command):
    """Stop the run: the running phase is interrupted, teardown runs, the record is kept as ABORTED."""

    type: Literal["stop"] = "stop"
    reason: str | None = None


class Kill(Command):
    """Force the end of a run that did not obey `Stop`."""

    type: Literal["kill"] = "kill"


AnyCommand = RunCommand | UiResponse | Stop | Kill
PortalMessage = Annotated[
    Welcome | ProceduresChanged | Resume | Refused | Replaced | RunCommand | UiResponse | Stop | Kill,
    Field(discriminator="type"),
]
StationMessage = Annotated[
    Hello | Heartbeat | LocalProcedures | CommandResult | UploadNews | Goodbye | RunStarting | IdentifyRequest
    | IdentifyResolved | RunStarted | PlanContinued | PhaseStarted | PhaseLog | MeasurementUpdate | AttachmentAdded
    | PhaseComplete | UiRequest | UiClosed | RunStopping | RunCrashed | RunComplete,
    Field(discriminator="type"),
]  # fmt: skip

_RUN_EVENTS: TypeAdapter[AnyRunEvent] = TypeAdapter(AnyRunEvent)
_FROM_STATION: TypeAdapter[StationMessage] = TypeAdapter(StationMessage)
_FROM_PORTAL: TypeAdapter[PortalMessage] = TypeAdapter(PortalMessage)


class Unreadable(ValueError):
    """A frame is not a message. The text says why, in one sentence, and may be shown to the sender."""


def read_run_event(line: str | bytes) -> AnyRunEvent:
    """Parse one line of a journal. Raises `Unreadable`."""
    event: AnyRunEvent = _read(_RUN_EVENTS, line)
    return event


def read_from_station(frame: str | bytes) -> StationMessage | None:
    """Parse a frame that a station sent. None for a type that this version does not know. Raises `Unreadable`."""
    message: StationMessage | None = _read(_FROM_STATION, frame, may_be_unknown=True)
    return message


def read_from_portal(frame: str | bytes) -> PortalMessage | None:
    """Parse a frame that the portal sent. None for a type that this version does not know. Raises `Unreadable`."""
    message: PortalMessage | None = _read(_FROM_PORTAL, frame, may_be_unknown=True)
    return message


def write(message: Model) -> str:
    """Render one message as one line of JSON. Absent optional values are left out; NaN becomes null."""
    return message.model_dump_json(exclude_none=True)


def fit(event: AnyRunEvent) -> AnyRunEvent:
    """The event, cut so that its frame stays within ``MAX_FRAME_BYTES``. Names are never cut.

    The journal and the uploaded record keep everything; only the live preview is cut.
    """
    if len(write(event)) <= MAX_FRAME_BYTES:
        return event
    if isinstance(event, PhaseComplete):
        return fit(event.model_copy(update={"measurements": None, "error": _cut(event.error), "docstring": None}))
    if isinstance(event, MeasurementUpdate):
        bare = event.measurement.model_copy(
            update={"measured_value": "(too large to show live)", "x_axis": None, "y_axis": []}
        )
        return event.model_copy(update={"measurement": bare})
    if isinstance(event, PhaseStarted):
        return event.model_copy(update={"measurements": []})
    if isinstance(event, PhaseLog):
        return event.model_copy(update={"message": _cut(event.message)})
    if isinstance(event, UiRequest):
        return event.model_copy(update={"message": _cut(event.message)})
    if isinstance(event, RunCrashed | RunComplete):
        return event.model_copy(update={"error": _cut(event.error)})
    return event


def _cut(text: str | None, most: int = 8_000) -> str | None:
    return text if text is None or len(text) <= most else text[: most // 2] + "\n … cut …\n" + text[-most // 2 :]


def _read(adapter: TypeAdapter[Any], frame: str | bytes, *, may_be_unknown: bool = False) -> Any:
    try:
        return adapter.validate_json(frame)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        if may_be_unknown and first["type"] == "union_tag_invalid":
            return None
        where = ".".join(str(part) for part in first["loc"])
        raise Unreadable(f"{where}: {first['msg']}" if where else first["msg"]) from None
