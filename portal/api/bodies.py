"""Reading the body of a request: JSON, strictly, and in words what is wrong with it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeVar

from flask import request
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails, from_json

from portal.errors import BadRequest, Issue

T = TypeVar("T", bound=BaseModel)
MOST_ISSUES = 50  # a wrong list of ten thousand phases is told by its first ones


def read_body(model: type[T]) -> T:
    """The request's body. Raises `BadRequest`: it is no JSON object, or does not hold what the model wants."""
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise BadRequest("The body is compressed, which this portal does not read: send plain JSON.")
    raw = request.get_data(cache=False)
    try:
        # Strict on purpose: no NaN, no lone surrogates, valid UTF-8, at most some hundred levels deep.
        given = from_json(raw, allow_inf_nan=False)
    except ValueError as error:
        raise BadRequest(f"The body is not JSON: {error}.") from error
    if not isinstance(given, dict):
        raise BadRequest("The body must be a JSON object.")
    if b"\\u0000" in raw and _holds_nul(given):
        raise BadRequest("The body holds a NUL character, which cannot be stored.")
    return read(model, given)


def read(model: type[T], given: Any) -> T:
    """Values as the model. Raises `BadRequest` with one issue for each that is wrong."""
    try:
        return model.model_validate(given)
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False, include_context=False)[:MOST_ISSUES]
        raise BadRequest(_issues(found)) from error


def _issues(found: Iterable[ErrorDetails]) -> list[Issue]:
    return [Issue(_sentence(one), tuple(one["loc"])) for one in found]


def _sentence(one: ErrorDetails) -> str:
    """Our own sentences stand alone; the library's need the name of the field."""
    if one["type"] == "refused":
        return one["msg"]
    where = ".".join(str(part) for part in one["loc"])
    return f"{where}: {one['msg']}" if where else one["msg"]


def _holds_nul(value: Any) -> bool:
    match value:
        case str():
            return "\0" in value
        case list():
            return any(map(_holds_nul, value))
        case dict():
            return any(_holds_nul(key) or _holds_nul(item) for key, item in value.items())
        case _:
            return False
