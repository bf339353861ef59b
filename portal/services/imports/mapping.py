"""Which column of a table is what: the mapping that a tabular import is told. Source: contract/v2-api.json.

Unlike elsewhere, a key that does not exist is refused: a limit under a misspelt name would be lost without a sign. The
interface's names are camelCase here and snake_case everywhere else, so both are taken.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Discriminator, Field, Tag, model_validator
from pydantic.alias_generators import to_camel

from portal.services.metadata import refuse
from portal.services.run_input import In, Outcome

PhaseOutcome = Literal["PASS", "FAIL", "SKIP", "ERROR"]
ColumnName = Annotated[str, Field(min_length=1, max_length=1000)]
MOST_COLUMNS, MOST_METADATA = 2_000, 50


class Part(In):
    """A part of the mapping: each of its keys in either spelling, and no others."""

    model_config = ConfigDict(extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _in_our_spelling(cls, given: Any) -> Any:
        if not isinstance(given, dict):
            return given
        found: dict[str, Any] = {}
        for key, value in given.items():
            name = key if key in cls.model_fields else to_camel(str(key))
            if name not in cls.model_fields:
                raise refuse(f"The mapping has a key {str(key)[:60]!r}: here it may be {', '.join(cls.model_fields)}.")
            if name in found:
                raise refuse(f"The mapping has the key {name!r} in both spellings: give one.")
            found[name] = value
        return found


class FromColumn(Part):
    """What the column says in each row."""

    column: ColumnName


class Constant(Part):
    """The same for all rows."""

    value: str


class OutcomeFromColumn(FromColumn):
    """What the column says, in words of the file's own that ``valueMap`` translates."""

    valueMap: dict[str, Outcome] = {}  # noqa: N815  (the interface's name)


class OutcomeConstant(Part):
    """The same for all rows."""

    value: Outcome


def _kind(given: Any) -> str | None:
    """Which of the two it is; None for neither and both."""
    if isinstance(given, dict):
        kinds = [kind for kind in ("column", "value") if given.get(kind) is not None]
    else:
        kinds = ["column" if hasattr(given, "column") else "value"]
    return kinds[0] if len(kinds) == 1 else None


_EITHER = Discriminator(
    _kind, custom_error_type="refused", custom_error_message="Give either a column or a value, and not both."
)
Source = Annotated[Annotated[FromColumn, Tag("column")] | Annotated[Constant, Tag("value")], _EITHER]
OutcomeSource = Annotated[
    Annotated[OutcomeFromColumn, Tag("column")] | Annotated[OutcomeConstant, Tag("value")], _EITHER
]


class Fields(Part):
    """What the run's own fields are read from."""

    serial_number: Source
    outcome: OutcomeSource
    started_at: Source
    ended_at: Source
    part_number: Source | None = None
    revision_number: Source | None = None
    batch_number: Source | None = None
    operated_by: Source | None = None
    docstring: Source | None = None


class NoMeasurements(Part):
    """The table has the runs' own fields only."""

    layout: Literal["none"] = "none"


class MeasurementColumn(Part):
    """A column of one measurement. Its name is the column's, unless another one is given."""

    column: ColumnName
    name: str | None = None
    units: str | None = None
    lowerLimit: float | None = None  # noqa: N815  (here and below: the interface's names)
    upperLimit: float | None = None  # noqa: N815
    phase: str | None = None


class Wide(Part):
    """A column for each measurement."""

    columns: Annotated[list[MeasurementColumn], Field(min_length=1, max_length=MOST_COLUMNS)]
    layout: Literal["wide"] = "wide"


class Long(Part):
    """A row for each measurement."""

    nameColumn: ColumnName  # noqa: N815
    valueColumn: ColumnName  # noqa: N815
    layout: Literal["long"] = "long"
    unitsColumn: ColumnName | None = None  # noqa: N815
    lowerColumn: ColumnName | None = None  # noqa: N815
    upperColumn: ColumnName | None = None  # noqa: N815
    outcomeColumn: ColumnName | None = None  # noqa: N815
    phaseColumn: ColumnName | None = None  # noqa: N815


def _layout(given: Any) -> str | None:
    """The layout that is said; where none is, the one whose columns are named."""
    if not isinstance(given, dict):
        return getattr(given, "layout", None)
    if given.get("layout") is not None:
        return str(given["layout"])
    is_long = "nameColumn" in given or "name_column" in given
    return "wide" if "columns" in given else "long" if is_long else "none"


Measurements = Annotated[
    Annotated[NoMeasurements, Tag("none")] | Annotated[Wide, Tag("wide")] | Annotated[Long, Tag("long")],
    Discriminator(_layout, custom_error_type="refused", custom_error_message="The layout must be none, wide or long."),
]


class Phases(Part):
    """Which phase a row is about."""

    nameColumn: ColumnName  # noqa: N815
    outcomeColumn: ColumnName | None = None  # noqa: N815
    startedColumn: ColumnName | None = None  # noqa: N815
    endedColumn: ColumnName | None = None  # noqa: N815
    valueMap: dict[str, PhaseOutcome] = {}  # noqa: N815


class MetadataSource(Part):
    """One key of metadata, and what its value is read from."""

    key: str
    column: ColumnName | None = None
    value: str | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> MetadataSource:
        if (self.column is None) == (self.value is None):
            raise refuse(f"The metadata key {self.key[:60]!r} needs either a column or a value, and not both.")
        return self


MetadataSources = Annotated[list[MetadataSource], Field(max_length=MOST_METADATA)]


class Mapping(Part):
    """All of it."""

    fields: Fields
    measurements: Measurements
    phases: Phases | None = None
    metadata: MetadataSources = []
    unitMetadata: MetadataSources = []  # noqa: N815
