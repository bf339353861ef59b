"""Requests of other sites are refused; what pages may load is narrow; what people type is shown, never run."""

from __future__ import annotations

import re

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import EnvironBuilder
from werkzeug.wrappers import Request

from portal.pages.security import same_origin
from stationmaster.resources import folder


@pytest.mark.parametrize(
    ("headers", "is_same"),
    [
        ({}, True),  # a program: it has no cookies of anybody
        ({"Sec-Fetch-Site": "same-origin"}, True),
        ({"Sec-Fetch-Site": "none"}, True),
        ({"Sec-Fetch-Site": "cross-site"}, False),
        ({"Sec-Fetch-Site": "same-site"}, False),
        ({"Sec-Fetch-Site": "cross-site", "Origin": "http://portal.lan:8000"}, False),
        ({"Origin": "http://portal.lan:8000"}, True),
        ({"Origin": "https://portal.lan:8000"}, True),
        ({"Origin": "http://PORTAL.lan:8000"}, True),
        ({"Origin": "http://portal.lan"}, False),
        ({"Origin": "http://portal.lan:8000.evil.example"}, False),
        ({"Origin": "http://evil.example"}, False),
        ({"Origin": "null"}, False),
        ({"Origin": "file://"}, False),
        ({"Origin": ""}, False),
        ({"Origin": "http://["}, False),
    ],
)
def test_where_a_request_comes_from(headers: dict[str, str], is_same: bool) -> None:
    request = Request(EnvironBuilder(base_url="http://portal.lan:8000/", method="POST", headers=headers).get_environ())

    assert same_origin(request) is is_same  # type: ignore[arg-type]


@pytest.mark.parametrize("headers", [{"Origin": "http://evil.example"}, {"Sec-Fetch-Site": "cross-site"}])
def test_a_form_on_another_site_changes_nothing_here(admin: FlaskClient, headers: dict[str, str]) -> None:
    answer = admin.post("/stations/new", data={"name": "Bench 7"}, headers=headers)

    assert answer.status_code == 403
    assert "Bench 7" not in admin.get("/stations").text


def test_credentials_of_the_api_open_no_page_to_other_sites(admin: FlaskClient) -> None:
    headers = {"Origin": "http://evil.example", "Authorization": "Basic x"}

    assert admin.post("/stations/new", data={"name": "Bench 7"}, headers=headers).status_code == 403


def test_pages_load_only_what_is_ours_and_run_no_inline_script(admin: FlaskClient) -> None:
    answer = admin.get("/stations")

    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Referrer-Policy"] == "same-origin"


def test_no_template_needs_what_the_policy_forbids() -> None:
    for path in folder("templates").rglob("*.html"):
        text = path.read_text()
        assert not re.search(r"<script(?![^>]*\bsrc=)", text), f"{path}: inline script"
        assert not re.search(r"\sstyle=", text), f"{path}: inline style"
        assert not re.search(r"\s(on\w+|hx-on\S*)=", text), f"{path}: inline handler"
        assert not re.search(r"(?:src|href)=\"(?:https?:)?//", text), f"{path}: something from elsewhere"


def test_names_are_shown_and_never_run(admin: FlaskClient) -> None:
    name = "<img src=x onerror=alert(1)>"

    admin.post("/stations/new", data={"name": name})
    admin.post("/procedures/new", data={"name": name, "identifier": "odd"})

    for path in ("/", "/stations", "/procedures", "/stations/new"):
        text = admin.get(path).text
        assert "<img src=x" not in text
        assert "&lt;img src=x" in text


def test_what_is_searched_is_shown_and_never_run(admin: FlaskClient) -> None:
    admin.post("/stations/new", data={"name": "Bench 7"})

    text = admin.get('/stations?search="><script>alert(1)</script>').text

    assert "<script>alert" not in text


def test_an_unknown_address_is_a_page_that_says_so(app: Flask, admin: FlaskClient) -> None:
    whole = admin.get("/nowhere")
    fragment = admin.get("/nowhere", headers={"HX-Request": "true", "HX-Request-Type": "partial"})

    assert whole.status_code == fragment.status_code == 404
    assert "<html" in whole.text
    assert "<html" not in fragment.text
    assert fragment.headers["HX-Retarget"] == "#notice"


def test_a_failure_shows_its_number_and_no_traceback(app: Flask, admin: FlaskClient) -> None:
    app.view_functions["runs.index"] = lambda: 1 / 0

    answer = admin.get("/runs")

    assert answer.status_code == 500
    assert "Number of this failure" in answer.text
    assert "ZeroDivisionError" not in answer.text
