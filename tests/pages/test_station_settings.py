"""The settings of a station, its picture, its number and its label, as forms and pages."""

from __future__ import annotations

import html
import io
import re
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from PIL import Image

from portal.pages.station_labels import qr_code
from portal.services.actors import Role
from tests.pages.test_pages import new_station, seen

FORM = {"name": "Bench 7", "team": "", "notes": "", "time_zone": "", "expected": "always"}


def settings(client: FlaskClient, station_id: str) -> str:
    answer = client.get(f"/stations/{station_id}/settings")
    assert answer.status_code == 200
    return answer.text


def send(client: FlaskClient, station_id: str, page: str, **typed: Any) -> Any:
    """Send the form of the page, with these fields typed anew."""
    data = FORM | {"seen": seen(page)} | {name.replace("__", "-"): value for name, value in typed.items()}
    return client.post(f"/stations/{station_id}/settings", data=data)


def picture(kind: str = "PNG") -> io.BytesIO:
    written = io.BytesIO()
    Image.new("RGB", (40, 30), "red").save(written, kind)
    return io.BytesIO(written.getvalue())


def test_what_is_saved_stands_on_the_stations_page_and_in_the_form(admin: FlaskClient, viewer: FlaskClient) -> None:
    station_id = new_station(admin)
    notes = "<script>alert(1)</script>\nsecond line"

    answer = send(
        admin, station_id, settings(admin, station_id), name="<b>Bench</b>", notes=notes, time_zone="europe/berlin",
        expected="shifts", mon__from=["22:00", ""], mon__to=["06:00", ""], sun__from="00:00", sun__to="00:00",
        metadata__key=["line", "slots", "esd", ""], metadata__kind=["text", "number", "true or false", "text"],
        metadata__value=["<i>2</i>", "4", "yes", ""],
    )  # fmt: skip

    assert answer.status_code == 303
    page = viewer.get(answer.location).text
    for words in (
        "&lt;script&gt;alert(1)&lt;/script&gt;\nsecond line", "&lt;b&gt;Bench&lt;/b&gt;", "Europe/Berlin",
        "Mon 22:00–06:00; Sun 00:00–24:00", "&lt;i&gt;2&lt;/i&gt;",
    ):  # fmt: skip
        assert words in page
    assert "<script>alert" not in page
    form = settings(admin, station_id)
    assert 'value="22:00" aria-label="Monday, from"' in form
    assert re.search(r"<option selected>true or false</option></select>\s*<textarea[^>]*>true<", form)
    assert send(admin, station_id, form, name="Bench 9").status_code == 303


def test_a_form_with_mistakes_comes_back_as_it_was_sent(admin: FlaskClient) -> None:
    station_id, _other = new_station(admin), new_station(admin, "Bench 8")
    page = settings(admin, station_id)
    notes = "n" * 10_001

    answer = send(
        admin, station_id, page, name="x" * 61, notes=notes, time_zone="Mars/Olympus", expected="shifts",
        metadata__key=["bad key", "slots"], metadata__kind=["text", "number"], metadata__value=["v", "four"], team="x",
    )  # fmt: skip

    assert answer.status_code == 422
    for name in ("name", "team", "notes", "time_zone", "shifts", "metadata"):
        assert f'id="field-{name}-error"' in answer.text
    assert re.search("“slots” is no number.+The metadata key &#39;bad key&#39; must be", answer.text)
    for kept in ("x" * 61, notes, "Mars/Olympus", "bad key"):
        assert kept in answer.text
    assert seen(answer.text) == seen(page)  # not that of now: what others do meanwhile is still noticed
    assert send(admin, station_id, page, name="bENCH 8").status_code == 409
    taken = send(admin, station_id, page, name="bENCH 8", time_zone="Mars/Olympus")
    assert (taken.status_code, 'id="field-name-error"' in taken.text) == (422, True)


@pytest.mark.parametrize("path", ["settings", "name", "picture", "picture/remove"])
def test_a_form_that_does_not_say_what_it_was_filled_from_changes_nothing(admin: FlaskClient, path: str) -> None:
    station_id = new_station(admin)

    answer = admin.post(f"/stations/{station_id}/{path}", data=FORM | {"name": "Bench 8"})

    assert answer.status_code == 400
    assert "Nothing was changed: open the page again" in answer.text
    assert "<h1>Bench 7</h1>" in admin.get(f"/stations/{station_id}").text


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ({"expected": "shifts"}, "No time is given"),
        ({"expected": "shifts", "tue__from": "06:00", "tue__to": ""}, "Tuesday has a time without its other half"),
        ({"expected": "shifts", "tue__from": "6 o’clock", "tue__to": "7"}, "“6 o’clock” is no time of day"),
        (
            {"expected": "shifts", "tue__from": ["06:00", "13:00"], "tue__to": ["14:00", "15:00"]},
            "Tuesday 06:00–14:00 overlaps with Tuesday 13:00–15:00.",
        ),
        ({"metadata__key": ["", "a"], "metadata__kind": ["text"] * 2, "metadata__value": ["x", "y"]}, "has no key"),
        ({"metadata__key": ["a", "a"], "metadata__kind": ["text"] * 2, "metadata__value": ["x", "y"]}, "“a” twice"),
        ({"metadata__key": ["a"], "metadata__kind": ["number"], "metadata__value": ["3,3"]}, "is no number"),
        ({"metadata__key": ["a"], "metadata__kind": ["number"], "metadata__value": ["1e999"]}, "finite number"),
        ({"metadata__key": ["a"], "metadata__kind": ["true or false"], "metadata__value": ["2"]}, "neither true"),
        ({"team": "no team"}, "This team is not there any more"),
    ],
)
def test_each_mistake_is_said_in_a_sentence(admin: FlaskClient, typed: dict[str, Any], sentence: str) -> None:
    station_id = new_station(admin)

    answer = send(admin, station_id, settings(admin, station_id), **typed)

    assert answer.status_code == 422
    assert sentence in html.unescape(answer.text)


def test_a_stale_form_shows_both_values_and_who_set_the_other(sign_in: Any) -> None:
    ada, dev = sign_in(Role.ADMIN), sign_in(Role.DEVELOPER)
    station_id = new_station(ada)
    page = settings(dev, station_id)
    send(ada, station_id, page, name="Ada's bench", notes="Ada's notes")

    stale = send(dev, station_id, page, notes="Dev's notes", time_zone="Europe/Berlin")

    assert stale.status_code == 409
    assert "<strong>The admin</strong> changed the notes" in stale.text
    for shown in ("Ada&#39;s notes", "Dev&#39;s notes", 'value="Ada&#39;s bench"', 'value="Europe/Berlin"'):
        assert shown in stale.text
    saved = send(
        dev, station_id, stale.text, name="Ada's bench", notes="Dev's notes", time_zone="Europe/Berlin",
        **{"keep.notes": "theirs"},
    )  # fmt: skip
    assert saved.status_code == 303
    shown = dev.get(saved.location).text
    assert "Ada&#39;s notes" in shown
    assert "Europe/Berlin" in shown


def test_a_stale_rename_says_both_names(sign_in: Any) -> None:
    ada, dev = sign_in(Role.ADMIN), sign_in(Role.DEVELOPER)
    station_id = new_station(ada)
    page = dev.get(f"/stations/{station_id}").text
    ada.post(f"/stations/{station_id}/name", data={"name": "North", "seen": seen(page)})

    stale = dev.post(f"/stations/{station_id}/name", data={"name": "South", "seen": seen(page)})

    assert stale.status_code == 409
    assert "<strong>The admin</strong> renamed it meanwhile from “Bench 7” to “<strong>North</strong>”" in stale.text
    assert 'value="South"' in stale.text
    mine = dev.post(f"/stations/{station_id}/name", data={"name": "South", "seen": seen(stale.text)})
    assert (mine.status_code, "<h1>South</h1>" in dev.get(mine.location).text) == (303, True)


def test_a_picture_is_shown_where_it_can_do_nothing(admin: FlaskClient, viewer: FlaskClient) -> None:
    station_id = new_station(admin)

    answer = admin.post(f"/stations/{station_id}/picture", data={"picture": (picture(), "bench.png"), "seen": ""})

    address = re.search(r'class="station-picture" src="([^"]+)"', viewer.get(answer.location).text)
    assert address is not None
    small = re.search(r'class="row-picture" src="([^"]+)"', viewer.get("/stations").text)
    assert small is not None
    assert Image.open(io.BytesIO(viewer.get(html.unescape(small[1])).data)).size == (40, 30)
    with viewer.get(address[1]) as shown:
        assert (shown.status_code, shown.content_type) == (200, "image/jpeg")
        assert shown.headers["Content-Security-Policy"].startswith("sandbox")
    shown_id = seen(settings(admin, station_id), 1)
    removed = admin.post(f"/stations/{station_id}/picture/remove", data={"seen": shown_id})
    assert "station-picture" not in admin.get(removed.location).text
    assert [viewer.get(html.unescape(one)).status_code for one in (address[1], small[1])] == [404, 404]
    assert "row-picture" not in viewer.get("/stations").text


@pytest.mark.parametrize(
    ("content", "status", "sentence"),
    [
        (b"<svg onload='alert(1)'/>", 422, "This is no picture that can be read"),
        (b"", 422, "Choose a picture first."),
    ],
)
def test_what_is_no_picture_is_said_at_its_field(
    admin: FlaskClient, content: bytes, status: int, sentence: str
) -> None:
    station_id = new_station(admin)

    answer = admin.post(f"/stations/{station_id}/picture", data={"picture": (io.BytesIO(content), "b.png"), "seen": ""})

    assert answer.status_code == status
    assert re.search(rf'id="field-picture-error" role="alert">{sentence}', answer.text)


def test_who_may_not_change_it_sees_no_form_and_changes_nothing(admin: FlaskClient, viewer: FlaskClient) -> None:
    station_id = new_station(admin)

    assert viewer.get(f"/stations/{station_id}/settings").status_code == 403
    for path in ("settings", "picture", "picture/remove"):
        assert viewer.post(f"/stations/{station_id}/{path}", data=FORM).status_code == 403
    text = viewer.get(f"/stations/{station_id}").text
    assert "/settings" not in text.replace("/settings/", "")
    assert "data-edit" not in text


@pytest.mark.parametrize("path", ["settings", "label"])
def test_of_an_unknown_station_there_is_nothing(admin: FlaskClient, path: str) -> None:
    for station_id in ("nope", "01a21282-0000-7000-8000-000000000000"):
        assert admin.get(f"/stations/{station_id}/{path}").status_code == 404


@pytest.mark.parametrize("path", ["/s/ST-0001", "/s/st-1", "/s/1", "/stations/ST-0001", "/stations/st-1"])
def test_the_number_on_a_bench_leads_to_its_page(admin: FlaskClient, path: str) -> None:
    station_id = new_station(admin)

    assert admin.get(path).location == f"/stations/{station_id}"


@pytest.mark.parametrize("path", ["/s/ST-0002", "/s/x", "/s/0", "/stations/ST-0002", "/s/ST-99999999999"])
def test_a_number_that_is_no_stations_leads_nowhere(admin: FlaskClient, path: str) -> None:
    new_station(admin)

    assert admin.get(path).status_code == 404


def test_the_label_holds_a_code_that_opens_the_operator_ui(app: Flask, viewer: FlaskClient, admin: FlaskClient) -> None:
    station_id = new_station(admin, "<i>Bench</i>")

    page = viewer.get(f"/stations/{station_id}/label?size=a6")

    assert str(qr_code(f"http://localhost/stations/{station_id}/operate")) in page.text
    assert "<i>Bench" not in page.text
    assert 'data-size="a6"' in page.text
    assert 'data-size="62"' in viewer.get(f"/stations/{station_id}/label?size=odd").text
