"""What is wrong with a field, in sentences of ours.

Pydantic's kinds of errors, as https://docs.pydantic.dev/latest/errors/validation_errors/ lists them. The words "empty",
"length", "at least 1 character", "60 characters" and "UUID" are looked for by scripts: contract/v2-api.md.
"""

from __future__ import annotations

from pydantic_core import ErrorDetails

_WHOLE, _NUMBER = "must be a whole number.", "must be a number."
_TIME = "is no time: write it as 2026-11-22T12:00:00Z."
_DURATION = "is no duration: write it as PT4M."
_TRUTH, _UUID, _OBJECT = "must be true or false.", "is not a UUID.", "must be an object."
_WORDS: dict[str, str] = {
    "missing": "is missing: send it.",
    "extra_forbidden": "does not exist here: look at its spelling.",
    "string_type": "must be text.",
    "string_too_long": "has too great a length: at most {max_length} characters are possible.",
    "string_pattern_mismatch": "is invalid: it must match {pattern}.",
    "too_long": "has too many entries: at most {max_length} are possible.",
    "too_short": "has too few entries: at least {min_length} must be there.",
    "int_type": _WHOLE,
    "int_parsing": _WHOLE,
    "int_parsing_size": _WHOLE,
    "int_from_float": _WHOLE,
    "float_type": _NUMBER,
    "float_parsing": _NUMBER,
    "finite_number": "must be a finite number.",
    "greater_than": "must be more than {gt}.",
    "greater_than_equal": "must be at least {ge}.",
    "less_than": "must be less than {lt}.",
    "less_than_equal": "must be at most {le}.",
    "bool_type": _TRUTH,
    "bool_parsing": _TRUTH,
    "literal_error": "must be {expected}.",
    "enum": "must be {expected}.",
    "datetime_type": _TIME,
    "datetime_parsing": _TIME,
    "datetime_from_date_parsing": _TIME,
    "datetime_object_invalid": _TIME,
    "time_delta_type": _DURATION,
    "time_delta_parsing": _DURATION,
    "uuid_type": _UUID,
    "uuid_parsing": _UUID,
    "list_type": "must be a list.",
    "dict_type": _OBJECT,
    "model_type": _OBJECT,
    "model_attributes_type": _OBJECT,
}


def sentence_of(one: ErrorDetails) -> str:
    """One sentence that names the field. one: with its context. Refusals of our own stand alone."""
    if one["type"] == "refused":
        return one["msg"]
    where = ".".join(str(part) for part in one["loc"])
    context = one.get("ctx", {})
    if one["type"] == "string_too_short":
        return f"{where or 'The text'} {_too_short(context['min_length'])}"
    words = _WORDS.get(one["type"])
    if words is not None:
        return f"{where or 'What was sent'} {words.format(**context)}"
    return f"{where}: {one['msg']}." if where else f"{one['msg']}."


def _too_short(least: int) -> str:
    if least == 1:
        return "is empty: send at least 1 character."
    return f"has too small a length: at least {least} characters must be there."
