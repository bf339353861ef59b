"""Reading what a request brings: body and query, strictly, and in words what is wrong with them."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Any, TypeVar, get_origin

from flask import g, request
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails, from_json

from portal.errors import BadRequest, Issue, UnsupportedMediaType

T = TypeVar("T", bound=BaseModel)
NDJSON = ("application/x-ndjson", "application/ndjson")
MOST_LINES = 1000
MOST_ISSUES = 50  # a wrong list of ten thousand phases is told by its first ones


def raw_body() -> bytes:
    """The request's body as it came, read once."""
    if "raw_body" not in g:
        g.raw_body = request.get_data(cache=False)
    found: bytes = g.raw_body
    return found


def read_body(model: type[T]) -> T:
    """The request's body. Raises `BadRequest`: it is no JSON object, or does not hold what the model wants."""
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise UnsupportedMediaType("The body is compressed, which this portal does not read: send plain JSON.")
    media = request.mimetype
    if media and media != "application/json" and not media.endswith("+json"):
        raise UnsupportedMediaType(f"The body is said to be {media[:60]}: send application/json.")
    return read(model, read_object(raw_body()))


def read_object(raw: bytes) -> dict[str, Any]:
    """A JSON object out of its text, strictly. Raises `BadRequest`."""
    try:
        # Strict on purpose: no NaN, no lone surrogates, valid UTF-8, at most some hundred levels deep.
        given = from_json(raw, allow_inf_nan=False)
    except ValueError as error:
        raise BadRequest(f"The body is not JSON: {error}.") from error
    if not isinstance(given, dict):
        raise BadRequest("The body must be a JSON object.")
    if b"\\u0000" in raw and _holds_nul(given):
        raise BadRequest("The body holds a NUL character, which cannot be stored.")
    return given


def read_lines() -> list[tuple[int, bytes]]:
    """The lines of a body of NDJSON, with their numbers from 1, as text; empty ones are left out.

    Raises `BadRequest` for no line at all, or more than `MOST_LINES`; `UnsupportedMediaType`.
    """
    if request.mimetype not in NDJSON:
        raise UnsupportedMediaType(f"Send one JSON object a line, with Content-Type: {NDJSON[0]}.")
    found = [(number, line) for number, line in enumerate(raw_body().split(b"\n"), start=1) if line.strip()]
    if not found:
        raise BadRequest("The body is empty: send one JSON object a line.")
    if len(found) > MOST_LINES:
        raise BadRequest(f"The body has {len(found)} lines: at most {MOST_LINES} are possible. Nothing was stored.")
    return found


def read_query(model: type[T]) -> T:
    """The request's query. Lists are repeated keys; an empty value is none, as clients send it.

    What the model does not know is refused, not ignored, unless it asks for nothing: a list that looks filtered and is
    not would be wrong without a sign. Raises `BadRequest`. Source: contract/v2-api.md §1.6.
    """
    lists = _list_fields(model)
    given: dict[str, Any] = {}
    for name, values in request.args.lists():
        filled = [value for value in values if value != ""]
        if not filled or (name not in model.model_fields and filled == ["false"]):
            continue
        if name not in model.model_fields:
            raise BadRequest(f"There is no filter or option {name[:60]!r} here.", name[:60])
        if any("\0" in value for value in filled):
            raise BadRequest(f"{name}: holds a NUL character, which nothing can hold.", name)
        given[name] = filled if name in lists else filled[-1]
    return read(model, given)


def read(model: type[T], given: Any) -> T:
    """Values as the model. Raises `BadRequest` with one issue for each that is wrong."""
    try:
        return model.model_validate(given)
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False, include_context=False)[:MOST_ISSUES]
        raise BadRequest(_issues(found)) from error


@cache
def _list_fields(model: type[BaseModel]) -> frozenset[str]:
    return frozenset(name for name, field in model.model_fields.items() if get_origin(field.annotation) is list)


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
