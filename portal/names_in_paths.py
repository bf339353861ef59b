"""Numbers in paths: serial, part, revision and batch numbers, version tags, which may hold slashes anywhere.

Clients do not escape them, and servers hand ``%2F`` on as a slash: so ``/parts//a`` is the part ``/a``. Werkzeug's own
converter for paths leaves out those that begin with a slash. Source: contract/v2-api.md §1.5.
"""

from __future__ import annotations

from flask import Flask
from werkzeug.routing import PathConverter


class NameConverter(PathConverter):
    """``<name:number>``: one character or more, whatever they are."""

    regex = "(?s:.+?)"  # a line break is a character as well
    part_isolating = False  # it may hold slashes, though the expression does not name them


def register(app: Flask) -> None:
    """Let routes use it. Before any of them is added."""
    app.url_map.converters["name"] = NameConverter
