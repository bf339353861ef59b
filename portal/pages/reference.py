"""``/docs/api``: the reference of the REST API, one page for each operation, with a form that tries it.

The form is sent to this page and not to the API, which knows keys only, and a key's text is stored nowhere. The portal
carries the operation out within itself as the person who has signed in: the same checks, the same permissions, the same
answer. What protects it is what protects every form here: another site's page can neither send it (`refuse_foreign`
asks where it comes from, and the cookie is ``SameSite=Lax``) nor read the answer, and no credential exists that could
be taken away. So the API never trusts a cookie.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from http import HTTPStatus
from itertools import groupby
from typing import Any
from urllib.parse import quote, urlencode

from flask import Blueprint, Response, current_app, request
from markupsafe import Markup, escape

from portal.errors import NotFound
from portal.pages.hx import render
from portal.pages.openapi_view import OperationView, operations_of
from portal.pages.sign_in import signed_in_only
from portal.services.procedures import list_procedures
from portal.web import actor, db, portal

pages = signed_in_only(Blueprint("reference", __name__))

LONGEST_ANSWER = 100_000  # characters shown; a run with curves would make the page heavy
SHOWN_HEADERS = ("Content-Type", "ETag", "Retry-After", "Allow")


@dataclass(frozen=True)
class Tried:
    """What became of a request. ``sent``: its first line."""

    sent: str
    status: int
    duration_ms: int
    headers: dict[str, str]
    body: str
    is_cut: bool

    @property
    def words(self) -> str:
        """The status in words."""
        return HTTPStatus(self.status).phrase


@pages.get("/docs/api")
def index() -> Response:
    """What there is, and how to begin."""
    return render("reference/index.html", groups=_groups(), server=_server(), shown=None)


@pages.get("/docs/api/<name>")
def show(name: str) -> Response:
    """One operation."""
    operation = _operation(name)
    return _page(operation, _prefilled(operation), None)


@pages.post("/docs/api/try")
def attempt() -> Response:
    """Carry an operation out as the person who has signed in, and show the answer."""
    operation = _operation(request.form.get("operation", ""))
    if not operation.can_be_tried:
        raise NotFound("form for this operation")
    given = {name: text for name, text in request.form.items() if name != "operation"}
    response = _page(operation, given, _carried_out(operation, given))
    response.headers["Cache-Control"] = "no-store"
    return response


def _prefilled(operation: OperationView) -> dict[str, str]:
    """What the form holds besides the examples: a procedure that is there, where the body names one."""
    example = json.loads(operation.body_example) if operation.can_be_tried and operation.has_body else None
    if not isinstance(example, dict) or "procedure_id" not in example:
        return {}
    found = list_procedures(db(), actor())
    return {"body": json.dumps(example | {"procedure_id": found[0].id}, indent=2)} if found else {}


def _page(operation: OperationView, given: dict[str, str], tried: Tried | None) -> Response:
    return render(
        "reference/show.html", "reference/_result.html", shown=operation, given=given, tried=tried, groups=_groups(),
        server=_server(), sender=actor().name, code_words=code_words,
    )  # fmt: skip


def _carried_out(operation: OperationView, given: dict[str, str]) -> Tried:
    path, query, headers = operation.path, [], {}
    for one in operation.parameters:
        text = given.get(one.form_name, "").strip()
        if one.place == "path":
            path = path.replace(f"{{{one.name}}}", quote(text, safe=""))
        elif text and one.place == "query":
            query += [(one.name, part) for part in (text.splitlines() if one.is_list else [text])]
        elif text and text.isascii() and text.isprintable():
            headers[one.name] = text
    target = path + (f"?{urlencode(query)}" if query else "")
    body = given.get("body", "").encode() if operation.has_body else None
    began = time.monotonic()
    answer: Response = current_app.extensions["stationmaster.call_api"](
        actor(), operation.method, target, headers, body
    )
    took_ms = round((time.monotonic() - began) * 1000)
    text = _readable(answer)
    shown = {name: answer.headers[name] for name in SHOWN_HEADERS if name in answer.headers}
    return Tried(
        f"{operation.method} {target}", answer.status_code, took_ms, shown, text[:LONGEST_ANSWER],
        len(text) > LONGEST_ANSWER,
    )  # fmt: skip


def _readable(answer: Response) -> str:
    text = answer.get_data(as_text=True)
    return json.dumps(json.loads(text), indent=2, ensure_ascii=False) if answer.is_json and text else text


def _operation(name: str) -> OperationView:
    found = _operations().get(name)
    if found is None:
        raise NotFound("operation")
    return found


def _operations() -> dict[str, OperationView]:
    return operations_of(current_app.extensions["stationmaster.openapi"](), _server())


def _groups() -> list[tuple[str, list[OperationView]]]:
    return [(tag, list(found)) for tag, found in groupby(_operations().values(), key=lambda one: one.tag)]


def _server() -> str:
    return (portal().settings.public_url or request.url_root).rstrip("/")


def code_words(text: str) -> Markup:
    """A sentence with what stands between backticks as code."""
    return Markup("").join(_pieces(text))


def _pieces(text: str) -> Iterator[Any]:
    for place, piece in enumerate(text.split("`")):
        yield Markup("<code>{}</code>").format(piece) if place % 2 else escape(piece)
