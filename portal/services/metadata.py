"""Metadata: a flat object of text, numbers and truth values, on runs, units, parts, revisions and stations.

Source: contract/v2-api.md §1.11.
"""

from __future__ import annotations

import operator
import re
import sys
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, TypeAdapter, ValidationError
from pydantic_core import PydanticCustomError, from_json
from sqlalchemy import ColumnElement, Double, Text, and_, case, cast, func, or_

from portal.errors import BadRequest, Issue

if TYPE_CHECKING:
    from portal.database import Db

MOST_KEYS, LONGEST_TEXT, MOST_FILTERS, MOST_VALUES = 50, 50_000, 5, 200
_KEY = re.compile(r"[A-Za-z0-9_.:+-]{1,40}")


def refuse(message: str) -> PydanticCustomError:
    """A refusal in our own sentence. Braces in it would be read as places for values."""
    return PydanticCustomError("refused", "{sentence}", {"sentence": message})


def _check(values: dict[str, Any], *, may_be_null: bool) -> dict[str, Any]:
    if len(values) > MOST_KEYS:
        raise refuse(f"The metadata has {len(values)} keys: at most {MOST_KEYS} are possible.")
    for key, value in values.items():
        if not _KEY.fullmatch(key):
            raise refuse(f"The metadata key {key[:60]!r} must be 1 to 40 of letters, digits and _ . : + -")
        if value is None and may_be_null:
            continue
        # An integer beyond all floats is refused too: no client could read an answer that holds it.
        is_plain = isinstance(value, str) or (isinstance(value, int | float) and abs(value) <= sys.float_info.max)
        if not is_plain:
            raise refuse(f"The metadata value of {key!r} must be text, a finite number or a truth value.")
        if isinstance(value, str) and len(value) > LONGEST_TEXT:
            raise refuse(f"The metadata value of {key!r} is longer than {LONGEST_TEXT} characters.")
    return values


def _or_empty(value: Any) -> Any:
    return {} if value is None else value


Metadata = Annotated[
    dict[str, Any], BeforeValidator(_or_empty), AfterValidator(lambda values: _check(values, may_be_null=False))
]
# As an update: keys that are not named stay, null removes one.
MetadataChanges = Annotated[
    dict[str, Any], BeforeValidator(_or_empty), AfterValidator(lambda values: _check(values, may_be_null=True))
]


def merged(present: dict[str, Any] | None, changes: dict[str, Any]) -> dict[str, Any]:
    """The metadata after an update. Raises `BadRequest` when it would have too many keys."""
    found = {**(present or {}), **changes}
    kept = {key: value for key, value in found.items() if value is not None}
    if len(kept) > MOST_KEYS:
        raise BadRequest(f"The metadata would have {len(kept)} keys: at most {MOST_KEYS} are possible.", "metadata")
    return kept


class Condition(BaseModel):
    """What a value must fulfil; all that is given."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    in_: list[str | float | bool] | None = Field(None, max_length=MOST_VALUES)
    contains: str | None = None
    eq: bool | float | str | None = None
    gte: float | None = None
    lte: float | None = None
    gt: float | None = None
    lt: float | None = None


_FILTER = TypeAdapter(dict[str, dict[str, Any]])


def read_filter(text: str | None) -> dict[str, Condition]:
    """The ``metadata`` parameter of a list: JSON, empty for none. Raises `BadRequest`."""
    if not text:
        return {}
    try:
        given = _FILTER.validate_python(from_json(text, allow_inf_nan=False))
        found = {
            key: Condition.model_validate({"in_" if name == "in" else name: value for name, value in one.items()})
            for key, one in given.items()
        }
    except (ValueError, RecursionError) as error:  # pydantic's ValidationError is a ValueError
        what = error.errors(include_url=False)[0]["msg"] if isinstance(error, ValidationError) else str(error)
        raise BadRequest([Issue(f"The metadata filter cannot be read: {what}.", ("metadata",))]) from error
    if len(found) > MOST_FILTERS:
        raise BadRequest(f"The metadata filter has {len(found)} keys: at most {MOST_FILTERS} are possible.", "metadata")
    for key, condition in found.items():
        if not condition.model_fields_set:
            raise BadRequest(f"The metadata filter says nothing of {key[:60]!r}: name what it must be.", "metadata")
        if not _KEY.fullmatch(key):
            raise BadRequest(f"The metadata filter's key {key[:60]!r} cannot be one of metadata.", "metadata")
    return found


def matching(db: Db, column: Any, conditions: dict[str, Condition]) -> list[ColumnElement[bool]]:
    """The conditions for a statement; ``column`` holds the metadata as JSON."""
    return [one for key, condition in conditions.items() for one in _fulfils(db, column, key, condition)]


def _fulfils(db: Db, column: Any, key: str, condition: Condition) -> list[ColumnElement[bool]]:
    kind, text_, number = _parts(db, column, key)
    is_number, is_text, is_truth = kind == "number", kind == "string", kind == "boolean"

    def equals(value: Any) -> ColumnElement[bool]:
        if isinstance(value, bool):
            return and_(is_truth, text_ == ("true" if value else "false"))
        if isinstance(value, str):
            return and_(is_text, text_ == value.replace("\0", ""))
        return and_(is_number, number == value)

    found: list[ColumnElement[bool]] = []
    if condition.in_ is not None:
        found.append(or_(False, *map(equals, condition.in_)))
    if condition.contains is not None:
        piece = condition.contains.replace("\0", "").lower()
        found.append(and_(is_text, func.lower(text_).contains(piece, autoescape=True)))
    if condition.eq is not None:
        found.append(equals(condition.eq))
    for bound, compare in (
        (condition.gte, operator.ge),
        (condition.lte, operator.le),
        (condition.gt, operator.gt),
        (condition.lt, operator.lt),
    ):
        if bound is not None:
            found.append(and_(is_number, compare(number, bound)))
    return found


def _parts(db: Db, column: Any, key: str) -> tuple[ColumnElement[str], ColumnElement[str], ColumnElement[float]]:
    """The value's kind (number, string, boolean), itself as text, and as a number where it is one."""
    if db.database.is_sqlite:
        raw = cast(column, Text)
        path = f'$."{key}"'
        sort = func.json_type(raw, path)
        kind = func.iif(
            sort.in_(["integer", "real"]), "number",
            func.iif(sort.in_(["true", "false"]), "boolean", func.iif(sort == "text", "string", "null")),
        )  # fmt: skip
        text_ = func.iif(sort.in_(["true", "false"]), sort, cast(func.json_extract(raw, path), Text))
        return kind, text_, cast(func.json_extract(raw, path), Double)
    text_ = column.op("->>")(key)
    kind = func.json_typeof(column.op("->")(key))
    # A CASE, because PostgreSQL may cast before it has looked at the kind.
    return kind, text_, case((kind == "number", cast(text_, Double)), else_=None)
