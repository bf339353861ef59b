"""docs/people.md says what the code does, and README.md leads to all of the docs."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click

from portal.cli import portal
from portal.services.actors import BY_ROLE, OF_STATIONS, Permission

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "people.md").read_text("utf-8")


def test_the_table_is_what_each_role_may() -> None:
    head, *rows = ([cell.strip() for cell in line.split("|")[1:-1]] for line in re.findall(r"^\|.*\|$", TEXT, re.M))
    said = {
        row[0].strip("`"): {name for name, cell in zip(head[1:], row[1:], strict=True) if cell == "yes"} for row in rows
    }
    del said["---"]

    wanted = {role.value: {one.value for one in allowed} for role, allowed in BY_ROLE.items()}
    assert said == wanted | {"a station": {one.value for one in OF_STATIONS}}
    assert head[1:] == [one.value for one in Permission]


def test_the_commands_are_there() -> None:
    lines = re.findall(r"^\.venv/bin/stationmaster portal (.+)$", TEXT, re.M)
    assert lines
    for line in lines:
        command: click.Command = portal
        words = shlex.split(line)
        while isinstance(command, click.Group):
            command = command.commands[words.pop(0)]
        command.make_context(command.name, words)


def test_the_readme_leads_to_every_page_of_the_docs() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    for page in (ROOT / "docs").glob("*.md"):
        assert f"(docs/{page.name})" in readme, page.name
