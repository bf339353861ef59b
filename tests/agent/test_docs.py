"""docs/station.md says what is so."""

from __future__ import annotations

import json
import re
from pathlib import Path

import click

from station.cli import station
from station.settings import AutopilotPlan

DOCS = (Path(__file__).parents[2] / "docs" / "station.md").read_text("utf-8")


def commands(group: click.Group, words: str) -> dict[str, click.Command]:
    found: dict[str, click.Command] = {}
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            found |= commands(command, f"{words} {name}")
        else:
            found[f"{words} {name}"] = command
    return found


def test_every_command_and_option_is_in_the_docs() -> None:
    for words, command in commands(station, "station").items():
        assert f"stationmaster {words}" in DOCS, words
        for parameter in command.params:
            if isinstance(parameter, click.Option):
                assert parameter.opts[0] in DOCS, (words, parameter.opts)


def test_the_examples_are_valid() -> None:
    examples = re.findall(r"```json\n(.*?)```", DOCS, re.DOTALL)
    assert examples
    for example in examples:
        AutopilotPlan.model_validate(json.loads(example))


def test_every_field_of_the_autopilot_is_in_the_docs() -> None:
    for name in AutopilotPlan.model_fields:
        assert f"| `{name}` |" in DOCS
