"""What an importer makes of a file: drafts of runs, complete but for our id of the procedure."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import ValidationError

from portal.errors import BadRequest
from portal.services.refusal_words import sentence_of
from portal.services.run_input import RunIn

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# Of one file, which is stored in one transaction: on SQLite all other writers wait for it, stations among them.
MOST_RUNS = 2000
LARGEST_INT = 2**31 - 1
# What is longer is cut and not refused: nobody can be asked to write a report of last year anew.
LONGEST_NAME, LONGEST_UNITS, LONGEST_DOCSTRING, LONGEST_EXPRESSION = 1000, 200, 100_000, 10_000


@dataclass(frozen=True)
class ProcedureName:
    """How a file names its procedure. ``ref``: our id, or the short identifier; ``name``: what people call it."""

    ref: str | None = None
    name: str | None = None


@dataclass(frozen=True)
class Draft:
    """One run. ``fields``: those of `RunIn`, without ``procedure_id``."""

    procedure: ProcedureName
    fields: dict[str, Any]

    def as_run(self, procedure_id: str) -> RunIn:
        """The record to store. Raises `BadRequest` with one sentence for each field that does not hold."""
        return read_run({**self.fields, "procedure_id": procedure_id})


@dataclass(frozen=True)
class Parsed:
    """The runs of a file, at least one, and what of it could not be kept."""

    drafts: list[Draft]
    warnings: list[str] = field(default_factory=list)


def read_run(fields: dict[str, Any]) -> RunIn:
    """The fields as a record. Raises `BadRequest`."""
    try:
        return RunIn.model_validate(fields)
    except ValidationError as error:
        raise BadRequest(sentence(error)) from error


def sentence(error: ValidationError) -> str:
    """What is wrong first, in words."""
    return sentence_of(error.errors(include_url=False, include_input=False)[0])


def text(value: object, most: int | None = None) -> str | None:
    """A text that can be stored, trimmed; None for nothing, and for what is no text or number."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    return stored(str(value)).strip()[:most] or None


def stored(value: str) -> str:
    """The text without what no database keeps: NUL, and halves of characters."""
    return value.replace("\0", "").encode("utf-8", "replace").decode("utf-8")


def at_millis(value: object, what: str) -> datetime:
    """The instant of so many milliseconds after 1970. Raises `BadRequest`."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise BadRequest(f"The {what} is missing, or is no number of milliseconds.")
    try:
        return EPOCH + timedelta(milliseconds=value)
    except (OverflowError, ValueError):
        raise BadRequest(f"The {what} is outside of what a calendar can hold.") from None


def number(value: object) -> float | None:
    """A finite number; None for everything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value) if math.isfinite(value) else None
    except OverflowError:
        return None


def number_in(given: str | None) -> float | None:
    """The finite number that a text is, with a point or a comma; None for everything else."""
    try:
        return number(float((given or "").strip().replace(",", ".")))
    except ValueError:
        return None


def line_number(value: object) -> int:
    """The line of a file; 0 where there is none."""
    found = number(value)
    return int(min(max(found, 0), LARGEST_INT)) if found is not None else 0
