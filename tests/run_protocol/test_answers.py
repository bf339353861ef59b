"""Answers and commands as a program sends them."""

from __future__ import annotations

from typing import Any

import pytest

from station.protocol import Component, Option
from station.run_protocol.answers import WrongAnswer, accepted
from station.run_protocol.commands import Abort, Respond, Snapshot, Unreadable, read_command

_OPTIONS = [Option(value="a", label="A"), Option(value="1", label="One")]


def _field(kind: str, **facts: Any) -> Component:
    return Component(key="f", type=kind, **{"required": True, **facts})


@pytest.mark.parametrize(
    ("component", "value", "taken"),
    [
        (_field("switch"), "true", True),
        (_field("number_input", max=4), "3.14", "3.14"),
        (_field("select", options=_OPTIONS), 1, 1),
        (_field("checklist", options=_OPTIONS), ["1", "a", "1"], ["1", "a"]),
        (_field("multiselect", options=_OPTIONS), "a, 1", ["a", "1"]),
        (_field("checklist", options=_OPTIONS, required=False), [], []),
        (_field("text_input", pattern="(", max_length=3), " ü\n1 ", "ü\n1"),
        (_field("text_input", min_length=3, required=False), " ", ""),
    ],
)
def test_what_fits_is_taken(component: Component, value: Any, taken: Any) -> None:
    assert accepted([component], {"f": value}) == {"f": taken}


@pytest.mark.parametrize(
    ("component", "value", "expected"),
    [
        (_field("switch"), 1, "true or false"),
        (_field("switch"), "True", "true or false"),
        (_field("number_input"), True, "a number"),
        (_field("number_input"), "nan", "a finite number"),
        (_field("slider", min=0), -1, ">= 0"),
        (_field("radio", options=_OPTIONS), "b", "one of: a, 1"),
        (_field("radio", options=_OPTIONS), None, "one of: a, 1"),
        (_field("checklist", options=_OPTIONS), [], "at least one"),
        (_field("checklist", options=_OPTIONS), [1], "a list of texts"),
        (_field("text_input", pattern="^x"), "yx", "match pattern: ^x"),
        (_field("textarea"), "  ", "a text that is not empty"),
        (_field("textarea", required=False), None, "a text"),
    ],
)
def test_what_does_not_fit_is_refused_with_what_would(component: Component, value: Any, expected: str) -> None:
    with pytest.raises(WrongAnswer) as refused:
        accepted([component], {"f": value})

    assert (refused.value.reason, refused.value.got, refused.value.expected) == ("invalid_value", value, expected)


def test_unknown_keys_are_named_first_then_the_components_in_order() -> None:
    shown = Component(key="shown", type="text", is_input=False)
    optional = Component(key="o", default_value="d")
    fields = [shown, _field("select", options=_OPTIONS), optional]

    assert accepted(fields, {"f": "a", "shown": 7}) == {"f": "a", "o": "d"}
    for values, reason, key in (({"x": 1}, "unknown_field", "x"), ({"o": 1}, "missing_required", "f")):
        with pytest.raises(WrongAnswer) as refused:
            accepted(fields, values)
        assert (refused.value.reason, refused.value.field) == (reason, key)


def test_a_line_is_a_command_or_is_echoed_with_what_was_expected() -> None:
    assert read_command(b" \n") is None
    assert read_command(b'{"type":"abort_run","more":1}') == Abort()
    assert read_command(b'{"type":"get_state"}') == Snapshot()
    assert read_command('{"type":"ui_response","request_id":"r","values":{"k":"ü"}}'.encode()) == Respond(
        "r", {"k": "ü"}
    )
    for line in (b"\xff", b"5", b"[" * 100_000, b'{"type":[]}', b'{"type":"ui_response","request_id":1,"values":{}}'):
        found = read_command(line)
        assert isinstance(found, Unreadable)
        assert len(found.got.encode()) <= 4_096
