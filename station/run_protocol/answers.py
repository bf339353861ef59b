"""Which answers a prompt takes, and what each is worth. Source: contract/run-json.md §4.1, §4.2.

Beside `station.prompts.check_answer`, which judges the texts of a form: a program sends JSON values, and is told the
reason for a refusal as a word and not only as a sentence.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from station.protocol import Component

_NUMBERS = frozenset({"number_input", "slider"})
_CHOICES = frozenset({"radio", "select"})
_LISTS = frozenset({"multiselect", "checklist"})


@dataclass(eq=False)  # an exception must have a hash
class WrongAnswer(Exception):
    """An answer that is refused: the fields of `ui_error`."""

    reason: Literal["unknown_field", "missing_required", "invalid_value"]
    field: str
    got: Any = None
    expected: str | None = None


def accepted(components: Sequence[Component], values: Mapping[str, Any]) -> dict[str, Any]:
    """The values of the inputs, defaults where an optional one is left out. Raises `WrongAnswer` for the first problem.

    Unknown keys come first, then the components in their order. Keys of displays are ignored.
    """
    known = {component.key for component in components}
    for key in values:
        if key not in known:
            raise WrongAnswer("unknown_field", key)
    taken: dict[str, Any] = {}
    for component in components:
        if component.is_input and component.key in values:
            taken[component.key] = _checked(component, values[component.key])
        elif component.is_input and component.required:
            raise WrongAnswer("missing_required", component.key, expected=_wanted(component))
        elif component.is_input and component.default_value is not None:
            taken[component.key] = component.default_value
    return taken


def _checked(component: Component, value: Any) -> Any:
    if component.type == "switch":
        return _switch(component, value)
    if component.type in _NUMBERS:
        return _number(component, value)
    if component.type in _CHOICES:
        return _choice(component, value)
    if component.type in _LISTS:
        return _choices(component, value)
    return _text(component, value)


def _switch(component: Component, value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if value in ("true", "false"):
        return bool(value == "true")
    raise _invalid(component, value, "true or false")


def _number(component: Component, value: Any) -> Any:
    """As given: a text that reads as a number stays a text."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise _invalid(component, value, "a number")
    try:
        number = float(value)
    except (ValueError, OverflowError):
        raise _invalid(component, value, "a number") from None
    if not math.isfinite(number):
        raise _invalid(component, value, "a finite number")
    if component.min is not None and number < component.min:
        raise _invalid(component, value, f">= {component.min:g}")
    if component.max is not None and number > component.max:
        raise _invalid(component, value, f"<= {component.max:g}")
    return value


def _choice(component: Component, value: Any) -> Any:
    text = str(value).lower() if isinstance(value, bool) else str(value)
    if not isinstance(value, str | int | float) or text not in _options(component):
        raise _invalid(component, value, _wanted_option(component))
    return value


def _choices(component: Component, value: Any) -> list[str]:
    """Without doubles, in the order given."""
    given = [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value
    if not isinstance(given, list) or not all(isinstance(one, str) for one in given):
        raise _invalid(component, value, "a list of texts")
    if any(one not in _options(component) for one in given):
        raise _invalid(component, value, _wanted_option(component))
    if component.required and not given:
        raise _invalid(component, value, "at least one")
    return list(dict.fromkeys(given))


def _text(component: Component, value: Any) -> str:
    if not isinstance(value, str):
        raise _invalid(component, value, "a text")
    text = value.strip()
    if not text:
        if component.required:
            raise _invalid(component, value, "a text that is not empty")
        return text
    if len(text) < (component.min_length or 0):
        raise _invalid(component, value, f"at least {component.min_length} characters")
    if component.max_length is not None and len(text) > component.max_length:
        raise _invalid(component, value, f"at most {component.max_length} characters")
    if component.pattern and not _matches(component.pattern, text):
        raise _invalid(component, value, f"match pattern: {component.pattern}")
    return text


def _matches(pattern: str, text: str) -> bool:
    """Searched, not anchored. A pattern that does not compile asks for nothing."""
    try:
        return re.search(pattern, text) is not None
    except re.error:
        return True


def _options(component: Component) -> list[str]:
    return [option.value for option in component.options]


def _wanted_option(component: Component) -> str:
    return f"one of: {', '.join(_options(component))}"


def _wanted(component: Component) -> str:
    return f"{component.type}, {_wanted_option(component)}" if component.options else component.type


def _invalid(component: Component, value: Any, expected: str) -> WrongAnswer:
    return WrongAnswer("invalid_value", component.key, value, expected)
