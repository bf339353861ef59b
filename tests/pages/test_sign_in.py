"""The first administrator, signing in and out, and who is let in where."""

from __future__ import annotations

import pytest
from flask import Flask

from portal.pages.sign_in import _own_path
from tests.pages.conftest import PASSWORD

FIRST = {"name": "Ada", "email": "ada@example.com", "password": PASSWORD}


@pytest.mark.parametrize("path", ["/", "/stations", "/runs", "/procedures/new", "/sign-in"])
def test_on_a_new_portal_every_page_leads_to_the_setup(app: Flask, path: str) -> None:
    answer = app.test_client().get(path)

    assert answer.status_code == 303
    assert answer.location == "/setup"


def test_the_setup_makes_the_administrator_and_signs_them_in(app: Flask) -> None:
    client = app.test_client()

    answer = client.post("/setup", data=FIRST)

    assert (answer.status_code, answer.location) == (303, "/")
    assert "Ada" in client.get("/").text


def test_the_setup_works_only_once(app: Flask) -> None:
    app.test_client().post("/setup", data=FIRST)
    stranger = app.test_client()

    shown = stranger.get("/setup")
    sent = stranger.post("/setup", data={**FIRST, "email": "eve@example.com"})

    assert (shown.status_code, shown.location) == (303, "/sign-in")
    assert (sent.status_code, sent.location) == (303, "/sign-in")
    answer = stranger.post("/sign-in", data={"email": "eve@example.com", "password": PASSWORD})
    assert answer.status_code == 422


def test_a_password_that_is_too_short_is_said_by_its_field_and_the_rest_is_kept(app: Flask) -> None:
    answer = app.test_client().post("/setup", data={**FIRST, "password": "short"})

    assert answer.status_code == 422
    assert 'value="ada@example.com"' in answer.text
    assert 'id="field-password-error"' in answer.text
    assert "short" not in answer.text.replace("too short", "")


def test_a_wrong_password_says_nothing_about_the_account(app: Flask) -> None:
    app.test_client().post("/setup", data=FIRST)
    client = app.test_client()

    wrong = client.post("/sign-in", data={"email": "ada@example.com", "password": "wrong"})
    unknown = client.post("/sign-in", data={"email": "nobody@example.com", "password": "wrong"})

    assert wrong.status_code == unknown.status_code == 422
    assert wrong.text.replace("ada@", "nobody@") == unknown.text


def test_signing_in_leads_back_to_where_one_wanted_to_go(app: Flask) -> None:
    app.test_client().post("/setup", data=FIRST)
    client = app.test_client()

    sent_away = client.get("/runs?outcome=FAIL")
    answer = client.post("/sign-in", data={**FIRST, "next": "/runs?outcome=FAIL"})

    assert sent_away.location == "/sign-in?next=/runs?outcome%3DFAIL"
    assert answer.location == "/runs?outcome=FAIL"


@pytest.mark.parametrize(
    "wanted",
    ["https://evil.example/", "//evil.example/", "/\\evil.example", "javascript:alert(1)", "", "runs", "/a\nb"],
)
def test_signing_in_never_leads_to_another_site(app: Flask, wanted: str) -> None:
    with app.test_request_context("/sign-in"):
        assert _own_path(wanted) == "/"


def test_signing_out_ends_the_session_for_a_copied_cookie_too(app: Flask) -> None:
    client = app.test_client()
    client.post("/setup", data=FIRST)
    cookie = client.get_cookie("stationmaster")
    assert cookie is not None
    thief = app.test_client()
    thief.set_cookie("stationmaster", cookie.value)
    assert thief.get("/stations").status_code == 200

    answer = client.post("/sign-out")

    assert answer.location == "/sign-in"
    assert client.get("/stations").status_code == 303
    assert thief.get("/stations").status_code == 303


def test_the_cookie_is_out_of_reach_of_scripts_and_of_other_sites(app: Flask) -> None:
    answer = app.test_client().post("/setup", data=FIRST)

    cookie = answer.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie


def test_a_fragment_request_without_sign_in_sends_the_whole_browser_to_it(app: Flask) -> None:
    app.test_client().post("/setup", data=FIRST)
    headers = {
        "HX-Request": "true", "HX-Request-Type": "partial", "HX-Current-URL": "http://localhost/stations?search=b",
    }  # fmt: skip

    answer = app.test_client().get("/stations?search=be", headers=headers)

    assert answer.status_code == 401
    assert answer.headers["HX-Redirect"] == "/sign-in?next=/stations?search%3Db"
    assert answer.text == ""


def test_what_is_sent_after_signing_out_leads_back_to_its_page_and_says_that_it_was_not_done(app: Flask) -> None:
    app.test_client().post("/setup", data=FIRST)
    client = app.test_client()

    plain = client.post("/stations/new", data={"name": "B"}, headers={"Referer": "http://localhost/stations/new?x=1"})
    part = client.post(
        "/stations/new",
        headers={
            "HX-Request": "true", "HX-Request-Type": "partial", "HX-Current-URL": "http://localhost/stations/new",
            "Referer": "http://evil.example/",
        },
    )  # fmt: skip
    foreign = client.post("/stations/new", headers={"Referer": "http://evil.example/trap"})

    assert plain.location == "/sign-in?next=/stations/new?x%3D1&unsent=True"
    assert part.headers["HX-Redirect"] == "/sign-in?next=/stations/new&unsent=True"
    assert foreign.location == "/sign-in?unsent=True"
    assert "That was not done" in client.get(plain.location).text
