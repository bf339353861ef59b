"""The settings of webhooks, as administrators see them."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from flask.testing import FlaskClient

from portal.services.actors import Role

PARTIAL = {"HX-Request": "true", "HX-Request-Type": "partial"}
URL = "http://mes.example.com/runs"


def made(client: FlaskClient, name: str = "MES", url: str = URL) -> str:
    answer = client.post("/settings/webhooks/new", data={"name": name, "url": url})
    assert answer.status_code == 303, answer.text
    return answer.location


def test_an_empty_list_teaches_the_next_step(admin: FlaskClient) -> None:
    assert "No webhook yet" in admin.get("/settings/webhooks").text


def test_the_settings_lead_to_all_that_there_is(admin: FlaskClient) -> None:
    answer = admin.get("/settings")

    assert answer.status_code == 200
    for place in ("/settings/people", "/settings/teams", "/settings/webhooks", "/settings/audit", "/settings/about"):
        assert f'href="{place}"' in answer.text


def test_a_new_webhook_shows_its_secret_once_and_to_its_maker_only(
    admin: FlaskClient, sign_in: Callable[[Role], FlaskClient]
) -> None:
    place = made(admin)
    other = sign_in(Role.OWNER)

    assert "whs_" not in other.get(place).text
    first, second = admin.get(place), admin.get(place)

    assert re.search(r"whs_[\w-]{43}<", first.text)
    assert first.headers["Cache-Control"] == "no-store"
    assert "whs_" not in second.text
    assert ">MES</a>" in admin.get("/settings/webhooks").text


@pytest.mark.parametrize(("name", "url", "field"), [("", URL, "name"), ("MES", "ftp://a", "url"), ("MES", "", "url")])
def test_what_is_refused_comes_back_with_its_message(admin: FlaskClient, name: str, url: str, field: str) -> None:
    place = made(admin)

    for path in ("/settings/webhooks/new", place):
        answer = admin.post(path, data={"name": name, "url": url})
        assert answer.status_code == 422
        assert f'id="field-{field}-error"' in answer.text
        assert f'value="{url}"' in answer.text


def test_a_webhook_is_changed_switched_off_and_removed(admin: FlaskClient) -> None:
    place = made(admin)

    assert admin.post(place, data={"name": "SAP", "url": "https://sap.example.com/"}).status_code == 303
    assert 'value="https://sap.example.com/"' in admin.get(place).text
    assert admin.post(f"{place}/off").status_code == 303
    assert "off: nothing is sent" in admin.get(place).text
    assert admin.post(f"{place}/test").status_code == 409
    assert admin.post(f"{place}/on").status_code == 303
    assert admin.post(f"{place}/remove").location == "/settings/webhooks"
    assert admin.get(place).status_code == 404


def test_a_test_is_in_the_log_which_refreshes_itself_while_it_waits(admin: FlaskClient) -> None:
    place = made(admin)
    assert "hx-trigger" not in admin.get(place, headers=PARTIAL).text

    assert admin.post(f"{place}/test").status_code == 303

    log = admin.get(place, headers=PARTIAL).text
    assert "<html" not in log
    assert ">Test</th>" in log
    assert "waiting" in log
    assert f'hx-get="{place}"' in log
    retry = re.search(r'action="([^"]+/retry)"', log)
    assert retry is not None
    assert admin.post(retry[1]).location == place


def test_a_long_log_is_read_by_pages(admin: FlaskClient) -> None:
    place = made(admin)
    for _ in range(51):
        admin.post(f"{place}/test")

    first = admin.get(place).text
    older = re.search(r'href="([^"]+)" rel="next"', first)
    assert older is not None
    last = admin.get(older[1]).text

    assert (first.count(">Test</th>"), last.count(">Test</th>")) == (50, 1)
    assert f'href="{place}">Newest' in last


def test_only_administrators_have_settings(admin: FlaskClient, sign_in: Callable[[Role], FlaskClient]) -> None:
    place = made(admin)
    assert ">Settings</a>" in admin.get("/").text

    for role in (Role.DEVELOPER, Role.VIEWER, Role.OPERATOR):
        client = sign_in(role)
        refused = 404 if role is Role.OPERATOR else 403  # operators have no desk at all
        assert ">Settings</a>" not in client.get("/").text
        for path in ("/settings/webhooks", "/settings/webhooks/new", place):
            assert client.get(path).status_code == refused
        for path in ("/settings/webhooks/new", place, f"{place}/test", f"{place}/off", f"{place}/remove"):
            assert client.post(path, data={"name": "x", "url": URL}).status_code == refused
