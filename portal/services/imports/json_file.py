"""Reading JSON that somebody else wrote: nothing in it need be of the kind that it should be."""

from __future__ import annotations

from typing import Any, cast

from pydantic_core import from_json

from portal.errors import BadRequest
from portal.services.imports.drafts import stored

Json = dict[str, Any]


def read_object(content: bytes) -> Json:
    """The file's one object; ``NaN`` and ``Infinity`` are let in. Raises `BadRequest`."""
    try:
        # Strict in all else: valid UTF-8, no halves of characters, at most some hundred levels deep.
        found = from_json(content.removeprefix(b"\xef\xbb\xbf"), allow_inf_nan=True)
    except ValueError as error:
        raise BadRequest(f"The file is not JSON: {error}.") from error
    if not isinstance(found, dict):
        raise BadRequest("The file is not a JSON object.")
    return cast("Json", _clean(found)) if b"\\u0000" in content else found


def dict_of(value: object) -> Json:
    """The object; an empty one for anything else."""
    return value if isinstance(value, dict) else {}


def dicts_of(value: object) -> list[Json]:
    """The objects of a list."""
    return [one for one in list_of(value) if isinstance(one, dict)]


def list_of(value: object) -> list[Any]:
    """The list; an empty one for anything else."""
    return value if isinstance(value, list) else []


def _clean(value: Any) -> Any:
    """Without NUL characters, which no database keeps."""
    match value:
        case str():
            return stored(value)
        case list():
            return [_clean(one) for one in value]
        case dict():
            return {stored(key): _clean(one) for key, one in value.items()}
        case _:
            return value
