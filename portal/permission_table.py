"""What each route does for each role, from the declarations in the code: docs/permissions.md, and its test.

``python -m portal.permission_table`` writes the file anew.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

from flask import Flask
from werkzeug.routing import Rule

from portal.api.operations import Operation
from portal.app import create_app
from portal.pages.access import PAGES, Access
from portal.services.actors import BY_ROLE, OF_STATIONS, Role
from portal.settings import load_settings

SIGNED_OUT, STATION = "signed out", "a station"
WHO = (SIGNED_OUT, STATION, *(role.value for role in Role))
SOCKETS = frozenset({"live.fleet", "live.machine", "live.operator"})
YES, SIGN_IN, BENCH = "yes", "sign in", "bench"
DECLARATION = "portal/pages/access.py"
FILE = Path(__file__).parent.parent / "docs" / "permissions.md"

HEAD = """# Who may do what, on every route

Made from the code by `.venv/bin/python -m portal.permission_table`; a test asks every route as every role, and fails
when this file is not as the code is. What the roles are for is in [people.md](people.md).

| in a cell | means |
|---|---|
| yes | is done, if the rest of the request is right |
| sign in | is sent to the sign-in (303), and comes back afterwards |
| bench | is sent to the Operator UI of their station (303) |
| 401 | nobody is known to be asking: sign in, or send a valid key |
| 403 | is refused with a sentence that says why |
| 404 | there is no such page for them |

Where a cell says yes, viewers and operators who are in a team get 404 for the stations of other teams, and for all that
is beneath them. A station's key opens no page. Over the API it reads, stores runs, and makes and changes units, which
a record may do as well; of runs and files it changes only its own.
"""


@dataclass(frozen=True)
class Row:
    """One route with one method. ``cells``: what happens, by who asks, in the order of `WHO`."""

    endpoint: str
    method: str
    path: str
    is_api: bool
    cells: dict[str, str]


def undeclared(app: Flask) -> list[str]:
    """Routes that say nowhere who is admitted, each as a sentence that says what to do."""
    operations = _operations(app)
    return [
        f"The route {rule.rule} ({rule.endpoint}) is not in the permission table: add one line "
        f'"{rule.endpoint}": A.… to {DECLARATION}, then write {FILE.name} anew.'
        for rule in _rules(app)
        if rule.endpoint not in operations and rule.endpoint not in PAGES
    ]


def forgotten(app: Flask) -> list[str]:
    """Lines of the declaration whose route is gone."""
    known = {rule.endpoint for rule in _rules(app)}
    return [f"There is no route {endpoint} any more: remove its line." for endpoint in PAGES if endpoint not in known]


def rows(app: Flask) -> list[Row]:
    """The whole table, by path. Routes that are not declared are left out."""
    operations = _operations(app)
    found = []
    for rule in _rules(app):
        if rule.endpoint in operations:
            operation = operations[rule.endpoint]
            cells = {who: _of_operation(operation, who) for who in WHO}
        elif rule.endpoint in PAGES:
            cells = {who: _of_page(rule.endpoint, PAGES[rule.endpoint], who) for who in WHO}
        else:
            continue
        is_api = rule.rule.startswith("/api/")
        methods = sorted((rule.methods or set()) - {"HEAD", "OPTIONS"})
        found += [Row(rule.endpoint, method, rule.rule, is_api, cells) for method in methods]
    return sorted(found, key=lambda row: (row.is_api, row.path, row.method))


def document(app: Flask) -> str:
    """The file."""
    parts = [HEAD]
    for title, is_api in (("Pages and sockets", False), ("API", True)):
        parts.append(f"\n## {title}\n\n| route | {' | '.join(WHO)} |\n|{'---|' * (len(WHO) + 1)}\n")
        parts += [
            f"| `{row.method} {row.path}` | {' | '.join(row.cells[who] for who in WHO)} |\n"
            for row in rows(app)
            if row.is_api is is_api
        ]
    return "".join(parts)


def _rules(app: Flask) -> list[Rule]:
    return list(app.url_map.iter_rules())


def _operations(app: Flask) -> dict[str, Operation]:
    """The API's operations, by endpoint."""
    every: tuple[Operation, ...] = app.extensions["stationmaster.operations"]
    named = {one.name.replace(".", "_"): one for one in every}
    endpoints = [rule.endpoint for rule in _rules(app)]
    return {one: named[name] for one in endpoints if (name := one.rpartition(".")[2]) in named and one not in PAGES}


def _of_operation(operation: Operation, who: str) -> str:
    if who == SIGNED_OUT:
        return "401"
    if who == STATION:
        return YES if operation.who != "people" and operation.needs in OF_STATIONS else "403"
    return YES if operation.who != "stations" and operation.needs in BY_ROLE[Role(who)] else "403"


def _of_page(endpoint: str, access: Access, who: str) -> str:
    if access is Access.ANYBODY:
        return YES
    if access in (Access.STATION, Access.LINK):
        if who == STATION:
            return YES
        return "401" if who == SIGNED_OUT or access is Access.LINK else "403"
    if who in (SIGNED_OUT, STATION):
        return "401" if endpoint in SOCKETS else SIGN_IN
    if who == Role.OPERATOR and not access.is_for_operators:
        return BENCH if access is Access.START else "404"
    return YES if access.permission is None or access.permission in BY_ROLE[Role(who)] else "403"


def main() -> None:
    """Write the file."""
    with tempfile.TemporaryDirectory() as folder:
        FILE.write_text(document(create_app(load_settings(data_dir=Path(folder)))), "utf-8")


if __name__ == "__main__":
    main()
