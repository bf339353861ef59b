"""A procedure as its file declares it. Source: contract/procedure-format.md §3 to §11.

Every model refuses unknown keys, but a slot, where they are ignored. Keys that the file leaves out are derived from
the names; the cross-references are checked in `station.procedure_file.checks`.
"""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, JsonValue, model_validator

from station.procedure_file.declared import Count, Declared, Description, Named
from station.procedure_file.screens import Screen
from station.procedure_file.words import Duration, Key, Name, Pattern, Text, compiles, derive_key, short

MOST_METADATA = 50

Outcome = Literal["PASS", "FAIL", "UNSET"]


class Slot(BaseModel):
    """A place for one unit."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    name: Annotated[Text, Field(min_length=1, max_length=50)]
    key: Annotated[Text, Field(min_length=1, max_length=50)] | None = None

    @property
    def id(self) -> str:
        """The key."""
        return self.key or derive_key(self.name) or self.name


class Execution(Declared):
    """How phases are scheduled."""

    strategy: Literal["phase_first", "slot_first"] = "phase_first"
    workers: Annotated[int, Field(ge=1, le=256)] = 8
    on_first_failure: Literal["stop", "continue"] = "stop"
    slots: list[Slot] | None = None


class UnitField(Declared):
    """A question about the unit. Lengths are in characters; the pattern is searched, not anchored."""

    default_value: Text | None = None
    placeholder: short(200) = None  # type: ignore[valid-type]
    description: Description = None  # type: ignore[valid-type]
    min_length: Count | None = None
    max_length: Count | None = None
    pattern: Pattern | None = None

    @property
    def has_default(self) -> bool:
        """Whether it can be answered without asking."""
        return bool(self.default_value)


class SubUnit(Declared):
    """A unit that is built into the tested one."""

    label: Name
    key: Key | None = None
    serial_number: UnitField = UnitField()

    @property
    def id(self) -> str:
        """The key."""
        return self.key or derive_key(self.label)


class UnitUnderTest(Declared):
    """Who is tested: what is asked, and what an answer must be."""

    auto_identify: bool = False
    serial_number: UnitField = UnitField()
    part_number: UnitField = UnitField()
    revision_number: UnitField | None = None
    batch_number: UnitField | None = None
    sub_units: Annotated[list[SubUnit], Field(min_length=1)] | None = None
    metadata: Annotated[dict[str, UnitField], Field(max_length=MOST_METADATA)] = {}


_OLD_SCOPES = {"each": "slot", "all": "execution", "run": "execution"}


class Plug(Named):
    """An instrument handle: a class, and the keyword arguments of its constructor."""

    scope: Annotated[
        Literal["slot", "execution", "station"],
        BeforeValidator(lambda word: _OLD_SCOPES.get(word, word) if isinstance(word, str) else word),
    ] = "slot"
    python: Text
    description: Description = None  # type: ignore[valid-type]
    config: dict[str, JsonValue] | None = None


class Validator(Declared):
    """A limit. ``outcome``: a verdict that is given and not judged."""

    operator: Literal["==", "!=", ">", "<", ">=", "<=", "in", "not in", "matches"] | None = None
    expected_value: JsonValue = None
    expression: Text | None = None
    outcome: Outcome | None = None

    @model_validator(mode="after")
    def _can_be_judged(self) -> Validator:
        if self.operator is None and self.expression is None:
            raise ValueError("A validator needs an operator: otherwise nothing would be judged.")
        if self.operator in {"in", "not in"} and not isinstance(self.expected_value, list):
            raise ValueError(f"The expected value of “{self.operator}” is a list.")
        if self.operator == "matches":
            if not isinstance(self.expected_value, str):
                raise ValueError("The expected value of “matches” is a pattern: a text.")
            compiles(self.expected_value)
        if self.operator in {"<", ">", "<=", ">="} and not _is_number(self.expected_value):
            raise ValueError(f"The expected value of “{self.operator}” is a number.")
        return self


class Aggregation(Declared):
    """A figure about a curve or a list. The test gives its value; nothing is computed here."""

    type: Annotated[Text, Field(min_length=1, max_length=100)]
    unit: short(50) = None  # type: ignore[valid-type]
    validators: list[Validator] = []
    value: JsonValue = None
    outcome: Outcome | None = None


class Axis(Declared):
    """An axis of a curve."""

    legend: short(100) = None  # type: ignore[valid-type]
    key: Key | None = None
    unit: short(50) = None  # type: ignore[valid-type]
    description: Description = None  # type: ignore[valid-type]
    validators: list[Validator] = []
    aggregations: list[Aggregation] = []
    data: list[float] | None = None

    @property
    def id(self) -> str:
        """The key; empty for an axis without a name."""
        return self.key or derive_key(self.legend or "")


class Measurement(Named):
    """What a phase measures, and what its value must be."""

    unit: short(50) = None  # type: ignore[valid-type]
    description: Description = None  # type: ignore[valid-type]
    title: short(200) = None  # type: ignore[valid-type]
    validators: list[Validator] = []
    aggregations: list[Aggregation] = []
    x_axis: Axis | None = None
    y_axis: list[Axis] | None = None


class Retry(Declared):
    """How often a phase may be tried again."""

    limit: Annotated[int, Field(ge=1, le=10)]
    delay: Duration | None = None


NextStep = Literal["continue", "stop", "retry"]


class Then(Declared):
    """What comes after each verdict of a phase."""

    passed: Annotated[NextStep | None, Field(alias="pass")] = None
    fail: NextStep | None = None
    error: NextStep | None = None
    timeout: NextStep | None = None


class Executable(Declared):
    """A command of the shell: exit status 0 passes."""

    command: Annotated[Text, Field(min_length=1, max_length=10_000)]
    shell: Literal["sh", "bash", "zsh", "powershell", "pwsh", "cmd"] | None = None
    working_directory: short(4096) = None  # type: ignore[valid-type]


def _no_station(scope: str) -> str:
    if scope == "station":
        raise ValueError("A phase belongs to a slot or to the execution; only plugs can belong to the station.")
    return scope


class Phase(Named):
    """One step of the test. With neither ``python`` nor ``executable`` it only shows its screen."""

    scope: Annotated[Literal["slot", "execution", "station"], AfterValidator(_no_station)] = "slot"
    python: Text | None = None
    executable: Executable | None = None
    description: short(1000) = None  # type: ignore[valid-type]
    measurements: list[Measurement] = []
    ui: Screen | None = None
    enabled: bool = True
    result: Text | None = None
    depends_on: Annotated[list[Text], Field(max_length=100)] = []
    timeout: Duration | None = None
    retry: Retry | None = None
    then: Then = Then()

    @property
    def is_enabled(self) -> bool:
        """Whether it is executed."""
        return self.enabled and self.result != "skip"

    @model_validator(mode="after")
    def _has_one_runtime(self) -> Phase:
        if self.python is not None and self.executable is not None:
            raise ValueError("A phase runs either “python” or “executable”, not both.")
        return self


class Procedure(Declared):
    """The whole file."""

    id: Text | None = None
    name: Name
    version: short(50) = None  # type: ignore[valid-type]
    description: Description = None  # type: ignore[valid-type]
    execution: Execution | None = None
    unit: UnitUnderTest | None = None
    plugs: list[Plug] = []
    setup: list[Phase] = []
    main: Annotated[list[Phase], Field(min_length=1)]
    teardown: list[Phase] = []

    @property
    def workers(self) -> int:
        """How many phases may run at once."""
        return self.execution.workers if self.execution is not None else 4

    @property
    def slots(self) -> list[Slot]:
        """The places for units; one where none is declared."""
        declared = self.execution.slots if self.execution is not None else None
        return declared or [Slot(name="default")]


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and not math.isnan(value)
