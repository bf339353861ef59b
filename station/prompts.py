"""The open questions of a run: what the operator sees, and which answers are taken.

Source: contract/run-json.md §3.4, §4.1, §4.2.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from station.protocol import Component
from station.refusal import Refused

_LONGEST_ANSWER = 100_000  # characters


@dataclass(frozen=True)
class Question:
    """One question. ``phase_key`` is None for the form that identifies the unit."""

    request_id: str
    components: tuple[Component, ...]
    phase_key: str | None = None
    attempt: int = 1


class Questions:
    """The questions of one run: open ones, and why the others are closed."""

    def __init__(self) -> None:
        self._open: dict[str, Question] = {}
        self._closed: dict[str, str] = {}

    @property
    def open(self) -> list[Question]:
        """The open questions, oldest first."""
        return list(self._open.values())

    def add(self, question: Question) -> None:
        """Open a question."""
        self._open[question.request_id] = question

    def find(self, request_id: str) -> Question:
        """The open question with this id. Raises `Refused` saying why there is none."""
        if request_id in self._closed:
            raise Refused(self._closed[request_id])
        if request_id not in self._open:
            raise Refused("This question is not open.")
        return self._open[request_id]

    def close(self, request_id: str, why: str) -> Question | None:
        """Close a question. None when it was not open. ``why`` is what a late answer is told."""
        question = self._open.pop(request_id, None)
        if question is not None:
            self._closed[request_id] = why
        return question


def prompt_components(message: str, is_text: bool, image_url: str | None) -> list[Component]:
    """What an OpenHTF prompt shows, in this order: image, message, and the one input."""
    shown = [Component(key="image", type="image", is_input=False, default_value=image_url)] if image_url else []
    if message:
        shown.append(Component(key="message", type="text", is_input=False, default_value=message))
    if is_text:
        return [*shown, Component(key="response", type="text_input", label="Response", required=True)]
    return [*shown, Component(key="acknowledge", type="switch", label="Acknowledge", required=True)]


def check_answer(components: Sequence[Component], values: Mapping[str, str]) -> dict[str, str]:
    """The values to use. Raises `Refused` for the first problem: unknown fields first, then in the order shown."""
    known = {component.key for component in components}
    for key in values:
        if key not in known:
            raise Refused(f"The question has no field “{key}”.", key)
    return {component.key: _checked(component, values) for component in components if component.is_input}


def _checked(component: Component, values: Mapping[str, str]) -> str:
    label = component.label or component.key
    text = values.get(component.key, "").strip()
    if not text:
        if component.required:
            raise Refused(f"{label}: an answer is needed.", component.key)
        return ""
    if component.type == "switch" and text not in ("true", "false"):
        raise Refused(f"{label}: true or false, not “{text[:40]}”.", component.key)
    if component.type in ("radio", "select") and text not in [option.value for option in component.options]:
        raise Refused(f"{label}: “{text[:40]}” is none of the choices.", component.key)
    if component.type in ("number_input", "slider"):
        return _number(component, label, text)
    if len(text) > (component.max_length or _LONGEST_ANSWER):
        raise Refused(f"{label}: at most {component.max_length or _LONGEST_ANSWER} characters.", component.key)
    if len(text) < (component.min_length or 0):
        raise Refused(f"{label}: at least {component.min_length} characters.", component.key)
    if component.pattern and not _matches(component.pattern, text):
        raise Refused(f"{label}: “{text[:40]}” does not look as expected.", component.key)
    return text


def _number(component: Component, label: str, text: str) -> str:
    try:
        value = float(text.replace(",", ".") if "." not in text else text)  # half of the world writes 1,5
    except ValueError:
        raise Refused(f"{label}: “{text[:40]}” is no number.", component.key) from None
    if not math.isfinite(value):
        raise Refused(f"{label}: “{text[:40]}” is no finite number.", component.key)
    if component.min is not None and value < component.min:
        raise Refused(f"{label}: at least {component.min:g}.", component.key)
    if component.max is not None and value > component.max:
        raise Refused(f"{label}: at most {component.max:g}.", component.key)
    return repr(value)


def _matches(pattern: str, text: str) -> bool:
    """Searched, not anchored. A pattern that does not compile asks for nothing."""
    try:
        return re.search(pattern, text) is not None
    except re.error:
        return True
