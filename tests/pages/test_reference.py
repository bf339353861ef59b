"""The reference of the API and its form, without a browser."""

from __future__ import annotations

import html
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from portal.api import AREAS
from portal.api.openapi import document
from portal.pages.openapi_view import OperationView, operations_of

VIEWS = operations_of(document([one for area in AREAS for one in area.all], "/"), "https://portal.example.com")
TRY = "/docs/api/try"
FOREIGN = re.compile(r"<script(?![^>]*src=)|\sstyle=|https?://(?!localhost|(portal|mes)\.example)")
PARTIAL = {"HX-Request": "true", "HX-Request-Type": "partial"}


def result(answer: str) -> str:
    return answer[answer.index('id="try-result"') :].replace("&#34;", '"')


def test_every_operation_has_its_page_and_its_place_in_the_index(viewer: FlaskClient) -> None:
    index = viewer.get("/docs/api").text

    for name, view in VIEWS.items():
        page = viewer.get(f"/docs/api/{name}")
        assert page.status_code == 200, name
        assert f'href="/docs/api/{name}"' in index
        assert f'href="/docs/api/{name}" aria-current="page"' in page.text
        assert view.path.partition("{")[0] in page.text
        assert ('name="operation"' in page.text) == view.can_be_tried
        assert not re.search(
            r"<script(?![^>]*src=)|\sstyle=|https?://(?!localhost|portal\.example|mes\.example)", page.text
        )
    assert 'href="/api/v2/openapi.json"' in index
    assert viewer.get("/docs/api/no.such").status_code == 404
    assert viewer.get("/docs/api/try").status_code == 404


def test_only_who_has_signed_in_sees_it(app: Flask) -> None:
    stranger = app.test_client()

    for answer in (stranger.get("/docs/api"), stranger.get("/docs/api/runs.list"), stranger.post(TRY)):
        assert answer.status_code == 303
        assert "/docs/api" not in answer.location.partition("?")[0]


def test_the_form_does_what_the_person_may_do(admin: FlaskClient, viewer: FlaskClient) -> None:
    asked = {"operation": "batches.create", "body": '{"number": "B-1"}'}

    refused, made = viewer.post(TRY, data=asked), admin.post(TRY, data=asked)
    part = viewer.post(TRY, data={"operation": "batches.get", "path.number": "b-1"}, headers=PARTIAL)

    assert "403 Forbidden" in result(refused.text)
    assert "your role is viewer" in result(refused.text)
    assert "200 OK" in result(made.text)
    assert made.headers["Cache-Control"] == "no-store"
    assert "<html" not in part.text
    assert '"email": "admin@example.com"' in result(part.text)
    assert "ETag" in result(part.text)


def test_what_was_sent_is_sent_as_the_api_wants_it(admin: FlaskClient) -> None:
    for number in ("B-1", "B-2", "B-3"):
        admin.post(TRY, data={"operation": "batches.create", "body": f'{{"number": "{number}"}}'})

    listed = admin.post(TRY, data={"operation": "batches.list", "query.numbers": "B-1\r\nB-3", "query.limit": "10"})
    again = [
        admin.post(
            TRY, data={"operation": "batches.create", "header.Idempotency-Key": "k", "body": '{"number": "B-4"}'}
        )
        for _ in range(2)
    ]
    wrong = admin.post(TRY, data={"operation": "batches.create", "body": '{"number": "B-5", "number": "B-6"}'})

    assert "/api/v2/batches?limit=10&amp;numbers=B-1&amp;numbers=B-3" in listed.text
    assert re.findall(r'"number": "(B-\d)"', result(listed.text)) == ["B-3", "B-1"]
    assert all("200 OK" in result(one.text) for one in again)
    assert "400 Bad Request" in result(wrong.text)
    assert "{&#34;number&#34;: &#34;B-5&#34;, &#34;number&#34;: &#34;B-6&#34;}</textarea>" in wrong.text


def test_a_run_is_offered_with_a_procedure_that_is_there(admin: FlaskClient) -> None:
    admin.post("/procedures/new", data={"name": "PCBA functional test"})
    made = admin.get("/docs/api/runs.create").text
    body = html.unescape(made[made.index('name="body"') :].partition(">")[2].partition("</textarea>")[0])

    sent = admin.post(TRY, data={"operation": "runs.create", "body": body})

    assert "200 OK" in result(sent.text)


def test_many_optional_parameters_are_folded_in_until_one_is_filled(viewer: FlaskClient) -> None:
    folded = viewer.get("/docs/api/runs.list").text
    filled = viewer.post(TRY, data={"operation": "runs.list", "query.limit": "2", "query.outcomes": ""}).text
    few = viewer.get("/docs/api/batches.get").text

    fold = re.compile(r'<details class="disclosure"( open)?>\s*<summary>\d+ optional parameters')
    assert fold.search(folded)[1] is None
    assert fold.search(filled)[1] == " open"
    assert not fold.search(few)


@pytest.mark.parametrize(
    "headers",
    [{"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}, {"Origin": "null"},
     {"Sec-Fetch-Site": "same-site", "Origin": "http://localhost"}],
)  # fmt: skip
def test_another_site_cannot_send_the_form(admin: FlaskClient, headers: dict[str, str]) -> None:
    answer = admin.post(TRY, data={"operation": "batches.create", "body": '{"number": "B-9"}'}, headers=headers)

    assert answer.status_code == 403
    assert '"data": []' in result(admin.post(TRY, data={"operation": "batches.list"}).text)


def test_the_api_itself_trusts_no_cookie_and_no_header(admin: FlaskClient) -> None:
    for headers in ({}, {"Stationmaster.Who-Acts": "admin"}, {"Stationmaster-Who-Acts": "admin"}):
        assert admin.get("/api/v2/whoami", headers=headers).status_code == 401


def test_the_snippets_are_calls_that_the_public_client_takes() -> None:
    newest = sorted((Path(sys.prefix) / "clients").iterdir(), key=lambda one: [int(n) for n in one.name.split(".")])[-1]
    published = [view for view in VIEWS.values() if view.is_in_client]
    program = "\n".join([BINDING, *(f"call({view.name!r}, {source(view)!r})" for view in published)])

    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False,
        env={**os.environ, "PYTHONPATH": str(newest), "PYTHONWARNINGS": "ignore", "API_KEY": "x" * 20},
    )  # fmt: skip

    assert done.stdout.split() == [view.name for view in published], done.stderr
    for view in VIEWS.values():
        compile(view.python, view.name, "exec")


def source(view: OperationView) -> str:
    return view.python.partition("found = client.")[2]


BINDING = """
import inspect
from tofupilot.v2 import TofuPilot
made = TofuPilot(api_key="x" * 20)
class Bound:
    def __init__(self, real): self.real = real
    def __getattr__(self, name): return Bound(getattr(self.real, name))
    def __call__(self, **given): inspect.signature(self.real).bind(**given)
def call(name, text):
    eval("client." + text, {"client": Bound(made)})
    print(name)
"""
