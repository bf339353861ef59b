"""The pages of an administrator's day, over the real services."""

from __future__ import annotations

import html
import re

import pytest
from flask.testing import FlaskClient

PARTIAL = {"HX-Request": "true", "HX-Request-Type": "partial"}


def new_station(client: FlaskClient, name: str = "Bench 7", **fields: object) -> str:
    answer = client.post("/stations/new", data={"name": name, **fields})
    assert answer.status_code == 303, answer.text
    return answer.location.split("/")[2]


def new_procedure(client: FlaskClient, name: str = "PCBA functional test") -> str:
    answer = client.post("/procedures/new", data={"name": name})
    assert answer.status_code == 303, answer.text
    return answer.location.split("/")[2]


@pytest.mark.parametrize("path", ["/", "/stations", "/procedures", "/runs"])
def test_an_empty_portal_teaches_the_next_step(admin: FlaskClient, viewer: FlaskClient, path: str) -> None:
    for client in (admin, viewer):
        answer = client.get(path)
        assert answer.status_code == 200
        assert "empty-title" in answer.text
    assert "Operate" not in viewer.get(path).text


def test_a_new_station_shows_its_token_once(admin: FlaskClient) -> None:
    station_id = new_station(admin)

    first = admin.get(f"/stations/{station_id}/enrol")
    second = admin.get(f"/stations/{station_id}/enrol")

    assert re.search(r"station enrol --portal http://localhost --token [A-Za-z0-9]{64}<", first.text)
    assert first.headers["Cache-Control"] == "no-store"
    assert "A bench on another machine cannot reach <code>http://localhost</code>" in first.text
    elsewhere = admin.post(f"/stations/{station_id}/setup-token", base_url="http://portal.plant.example")
    assert "A bench on another" not in admin.get(elsewhere.location, base_url="http://portal.plant.example").text
    assert "--token" not in second.text
    assert "New setup token" in second.text


def test_a_new_token_is_another_one(admin: FlaskClient) -> None:
    station_id = new_station(admin)
    first = token_in(admin.get(f"/stations/{station_id}/enrol").text)

    answer = admin.post(f"/stations/{station_id}/setup-token")

    assert answer.location == f"/stations/{station_id}/enrol"
    assert token_in(admin.get(answer.location).text) != first


def test_nobody_else_sees_a_fresh_token(admin: FlaskClient, viewer: FlaskClient) -> None:
    station_id = new_station(admin)

    assert "--token" not in viewer.get(f"/stations/{station_id}/enrol").text
    assert "--token" in admin.get(f"/stations/{station_id}/enrol").text


@pytest.mark.parametrize(("name", "status"), [("", 422), ("   ", 422), ("x" * 61, 422), ("bench 7", 409)])
def test_a_refused_name_comes_back_with_its_message(admin: FlaskClient, name: str, status: int) -> None:
    procedure_id = new_procedure(admin)
    new_station(admin)

    answer = admin.post("/stations/new", data={"name": name, "procedures": procedure_id})

    assert answer.status_code == status
    assert 'aria-invalid="true"' in answer.text
    assert 'id="field-name-error"' in answer.text
    assert f'value="{name.strip()}"' in answer.text
    assert re.search(rf'value="{procedure_id}" checked', answer.text)


def test_the_search_narrows_the_list_and_htmx_gets_only_the_table(admin: FlaskClient) -> None:
    new_station(admin, "Bench 7")
    new_station(admin, "Incoming")

    whole = admin.get("/stations?search=bench")
    part = admin.get("/stations?search=bench", headers=PARTIAL)
    restored = admin.get("/stations?search=bench", headers={**PARTIAL, "HX-History-Restore-Request": "true"})

    assert "Bench 7" in whole.text
    assert "Incoming" not in whole.text
    assert "<html" not in part.text
    assert part.text.strip().startswith('<div id="stations-table"')
    assert "<html" in restored.text
    assert {"HX-Request", "HX-Request-Type"} <= set(part.vary)


def test_a_procedure_is_linked_and_unlinked_on_the_stations_page(admin: FlaskClient) -> None:
    procedure_id = new_procedure(admin)
    station_id = new_station(admin)

    linked = admin.post(f"/stations/{station_id}/procedures", data={"procedure": procedure_id}, follow_redirects=True)
    unlinked = admin.post(
        f"/procedures/{procedure_id}/stations/{station_id}/unlink", data={"side": "station"}, follow_redirects=True
    )

    assert "Unlink" in linked.text
    assert "pcba_functional_test" in linked.text or "pcba-functional-test" in linked.text
    assert "No procedure is linked" in unlinked.text


def test_a_station_is_renamed_and_a_bad_name_is_said(admin: FlaskClient) -> None:
    station_id = new_station(admin)

    page, address = admin.get(f"/stations/{station_id}").text, f"/stations/{station_id}/name"
    renamed = admin.post(address, data={"name": "Bench 8", "seen": seen(page)}, follow_redirects=True)
    refused = admin.post(address, data={"name": "", "seen": seen(renamed.text)})

    assert "<h1>Bench 8</h1>" in renamed.text
    assert refused.status_code == 422
    assert 'id="field-name-error"' in refused.text
    assert "<h1>Bench 8</h1>" in refused.text


def test_a_refused_procedure_comes_back_filled_in(admin: FlaskClient) -> None:
    new_procedure(admin)

    wrong = admin.post("/procedures/new", data={"name": "Burn-in", "identifier": "no spaces!"})
    empty = admin.post("/procedures/new", data={"name": "", "identifier": "burn_in"})

    assert wrong.status_code == 422
    assert 'id="field-identifier-error"' in wrong.text
    assert 'value="Burn-in"' in wrong.text
    assert empty.status_code == 422
    assert 'id="field-name-error"' in empty.text


def test_a_viewer_sees_every_page_and_no_control_that_would_be_refused(admin: FlaskClient, viewer: FlaskClient) -> None:
    procedure_id = new_procedure(admin)
    station_id = new_station(admin, procedures=procedure_id)

    pages = ["/", "/stations", f"/stations/{station_id}", "/procedures", f"/procedures/{procedure_id}", "/runs"]
    for path in pages:
        answer = viewer.get(path)
        assert answer.status_code == 200, path
        for control in ("New station", "New setup token", "Rename", "Unlink", "New procedure", "Operate"):
            assert f">{control}" not in answer.text, f"{path}: {control}"


def test_what_a_viewer_may_not_do_is_refused(admin: FlaskClient, viewer: FlaskClient) -> None:
    station_id = new_station(admin)

    for path, data in [
        ("/stations/new", {"name": "Bench 9"}),
        ("/procedures/new", {"name": "Burn-in"}),
        (f"/stations/{station_id}/setup-token", {}),
        (f"/stations/{station_id}/name", {"name": "Mine"}),
    ]:
        assert viewer.post(path, data=data).status_code in (403, 404), path
    assert "Mine" not in admin.get("/stations").text


@pytest.mark.parametrize(
    "path",
    ["/stations/nope", "/stations/nope/enrol", "/procedures/nope", "/runs/nope", "/units/nope", "/attachments/nope"],
)
def test_what_is_not_there_is_a_page_that_says_so(admin: FlaskClient, path: str) -> None:
    answer = admin.get(path)

    assert answer.status_code == 404
    assert "<h1>" in answer.text


@pytest.mark.parametrize("query", ["cursor=rubbish", "outcome=ODD", "station=nope&procedure=nope", "serial=%00"])
def test_a_mistyped_filter_is_no_failure(admin: FlaskClient, query: str) -> None:
    assert admin.get(f"/runs?{query}").status_code in (200, 400, 422)


def seen(page: str, form: int = 0) -> str:
    """What the page's form was filled from."""
    return html.unescape(re.findall(r'name="seen" value="([^"]*)"', page)[form])


def token_in(text: str) -> str:
    found = re.search(r"--token ([A-Za-z0-9]{64})", text)
    assert found
    return found[1]
