"""Reading what a request brings: body and query, strictly, and in words what is wrong with them."""

from __future__ import annotations

import json
import math
import zlib
from collections.abc import Iterable
from typing import Any, TypeVar

from flask import g, request
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails, from_json, to_json
from werkzeug.exceptions import HTTPException

from portal.errors import BadRequest, Issue, TooLarge, UnsupportedMediaType
from portal.query_fields import list_fields
from portal.services.refusal_words import sentence_of

T = TypeVar("T", bound=BaseModel)
NDJSON = ("application/x-ndjson", "application/ndjson")
MOST_LINES = 1000
_ESCAPED = (b"\\u0022", b"\\u003a", b"\\u003A")  # a quote and a colon, in the other way to write them
MOST_ISSUES = 50  # a wrong list of ten thousand phases is told by its first ones
LONGEST_VALUE = 4000  # of one filter: SQLite has limits of its own, and no value that is stored is longer
GZIP_ONLY = 16 + zlib.MAX_WBITS  # zlib's way to ask for gzip's header and checksum


def raw_body() -> bytes:
    """The request's body, read once, and unpacked if it came compressed.

    Raises `BadRequest` when it breaks off; `TooLarge`; `UnsupportedMediaType` for a compression we do not read.
    """
    if "raw_body" not in g:
        packing = request.headers.get("Content-Encoding", "").strip().lower()
        if packing not in ("", "identity", "gzip", "x-gzip"):
            raise UnsupportedMediaType(f"The body is compressed with {packing[:60]}: send it plain, or with gzip.")
        came = _incoming()
        g.raw_body = _unpacked(came) if packing.endswith("gzip") else came
    found: bytes = g.raw_body
    return found


def read_body(model: type[T]) -> T:
    """The request's body. Raises `BadRequest`: it is no JSON object, or does not hold what the model wants."""
    media = request.mimetype
    if media and media != "application/json" and not media.endswith("+json"):
        raise UnsupportedMediaType(f"The body is said to be {media[:60]}: send application/json.")
    return read(model, read_object(raw_body()))


def read_object(raw: bytes) -> dict[str, Any]:
    """A JSON object out of its text, strictly. Raises `BadRequest`."""
    if not raw.strip():
        raise BadRequest("The body is missing: send a JSON object.")
    try:
        # Strict on purpose: no NaN, no lone surrogates, valid UTF-8, at most some hundred levels deep.
        given = from_json(raw, allow_inf_nan=False)
    except ValueError as error:
        raise BadRequest(f"The body is not JSON: {error}.") from error
    if not isinstance(given, dict):
        raise BadRequest("The body must be a JSON object.")
    again = to_json(given)  # written by us it has one form, which shows what the parser has let pass
    _refuse_duplicates(raw, again)
    if b"\\u0000" in raw and _holds_nul(given):
        raise BadRequest("The body holds a NUL character, which cannot be stored.")
    if b"Infinity" in again and _holds_huge(given):
        raise BadRequest("The body holds a number that is too large for any computer's numbers, such as 1e400.")
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
    lists = list_fields(model)
    given: dict[str, Any] = {}
    for name, values in request.args.lists():
        filled = [value for value in values if value != ""]
        if not filled or (name not in model.model_fields and filled == ["false"]):
            continue
        if name not in model.model_fields:
            raise BadRequest(f"There is no filter or option {name[:60]!r} here.", name[:60])
        if name != "metadata" and any(len(value) > LONGEST_VALUE for value in filled):
            raise BadRequest(f"{name}: is longer than {LONGEST_VALUE} characters, which nothing here is.", name)
        if any("\0" in value for value in filled):
            raise BadRequest(f"{name}: holds a NUL character, which nothing can hold.", name)
        given[name] = filled if name in lists else filled[-1]
    found = read(model, given)
    for name, value in found:
        if isinstance(value, float) and not math.isfinite(value):
            raise BadRequest(f"{name}: must be a finite number.", name)
    return found


def read(model: type[T], given: Any) -> T:
    """Values as the model. Raises `BadRequest` with one issue for each that is wrong."""
    try:
        return model.model_validate(given)
    except ValidationError as error:
        refusal = BadRequest(_issues(error.errors(include_url=False, include_input=False)[:MOST_ISSUES]))
        if more := error.error_count() - 1:
            refusal.message += f" (And {more} more problem{'s' * (more != 1)}: see issues.)"
        raise refusal from error


def _incoming() -> bytes:
    """What came in; one that breaks off, or is not framed as HTTP wants, is the sender's fault."""
    try:
        found = request.get_data(cache=False)
    except HTTPException:
        raise
    except Exception as error:  # servers have their own kinds, which share no parent
        raise BadRequest("The body broke off, or its chunks are not HTTP's. Nothing was stored.") from error
    if request.content_length is not None and len(found) < request.content_length:
        raise BadRequest("The body broke off. Nothing was stored.")
    most = request.max_content_length
    if request.content_length is None and most is not None and len(found) >= most:
        # Of a body in chunks Werkzeug gives the first bytes up to the limit, and does not say that there are more.
        raise TooLarge("The body is larger than this portal accepts. Nothing was stored.")
    return found


def _unpacked(packed: bytes) -> bytes:
    """The text out of gzip. A bomb is refused when it has grown to the limit, not when it is whole."""
    most = request.max_content_length or 0  # 0 is zlib's word for no limit, too
    gzip = zlib.decompressobj(GZIP_ONLY)
    try:
        found = gzip.decompress(packed, most + 1 if most else 0)
    except zlib.error as error:
        raise BadRequest("The body is said to be gzip, and is not.") from error
    if most and len(found) > most:
        raise TooLarge("The body is larger, once unpacked, than this portal accepts. Nothing was stored.")
    if not gzip.eof or gzip.unused_data:
        raise BadRequest("The body is said to be gzip, and is not one whole piece of it.")
    return found


def _refuse_duplicates(raw: bytes, again: bytes) -> None:
    """Raises `BadRequest` when an object names a key twice: which of the two was meant cannot be known.

    The parser keeps the last without a word, and one that tells costs twice its time. So every ``":`` is counted in
    the text less its blanks, and in what was kept of it, written again: no key is without one, and a text that holds
    one has it in both, unless it was escaped. So equal numbers prove that no key was lost. Only where they differ, or
    could be equal by such an escape, is it read again by the parser that tells.
    """
    if any(escape in raw for escape in _ESCAPED) or raw.translate(None, b" \t\r\n").count(b'":') != again.count(b'":'):
        json.loads(raw, object_pairs_hook=_one_of_each, parse_int=len, parse_float=len)


def _one_of_each(pairs: list[tuple[str, Any]]) -> None:
    seen: set[str] = set()
    for key, _ in pairs:
        if key in seen:
            raise BadRequest(f"The body names the key {key[:60]!r} twice in one object.", key[:60])
        seen.add(key)


def _issues(found: Iterable[ErrorDetails]) -> list[Issue]:
    return [Issue(sentence_of(one), tuple(one["loc"])) for one in found]


def _holds_huge(value: Any) -> bool:
    """Whether a number has become infinite. Integers of any length stay what they are: a script may measure one."""
    match value:
        case float():
            return math.isinf(value)
        case list():
            return any(map(_holds_huge, value))
        case dict():
            return any(map(_holds_huge, value.values()))
        case _:
            return False


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
