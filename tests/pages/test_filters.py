"""Filters of the pages: all that the API has, in its words, the address as the state."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from html import unescape

import pytest
from flask.testing import FlaskClient

from portal.database import Db
from portal.pages import run_filters, units
from portal.services.actors import SYSTEM
from portal.services.run_filter_input import RunFilterIn
from portal.services.unit_filter_input import UnitFilterIn
from tests.pages.records import BEGAN_AT

PARTIAL = {"HX-Request": "true", "HX-Request-Type": "partial"}
Tested = Callable[..., str]


def serials(text: str) -> list[str]:
    return re.findall(r'<th scope="row"><a class="mono" href="/(?:units|runs)/[^"]+">([^<]+)</a>', text)


def chips(text: str) -> dict[str, str]:
    """The addresses of the chips, by what they say."""
    found = re.findall(r'<a class="chip" href="([^"]+)">(.*?)</a>', text, re.DOTALL)
    words = {re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", inner)).strip(): href for href, inner in found}
    return {key.removeprefix("Remove ").removesuffix("×"): unescape(href) for key, href in words.items()}


@pytest.mark.parametrize(("module", "model"), [(run_filters, RunFilterIn), (units, UnitFilterIn)])
def test_the_page_has_every_filter_of_the_api(db: Db, module: object, model: type[RunFilterIn]) -> None:
    groups = module.more_filters(db, SYSTEM)
    names = [
        one.name for one in (*module.first_filters(db, SYSTEM), *(one for group in groups for one in group.filters))
    ]

    assert sorted(names) == sorted(model.model_fields)


def test_runs_are_narrowed_by_what_is_folded_in(viewer: FlaskClient, tested: Tested) -> None:
    tested("SN-1", 0, part_number="PCBA-100", revision_number="C", batch_number="B-7", operated_by="Night shift")
    tested("SN-2", 10, part_number="PSU-9", outcome="PASS")

    def found(**query: object) -> list[str]:
        return serials(viewer.get("/runs", query_string=query).text)

    after = (BEGAN_AT + timedelta(minutes=5)).isoformat()
    assert found(sort_by="serial_number", sort_order="asc") == ["SN-1", "SN-2"]
    assert found(part_numbers="pcba-100") == ["SN-1"]
    assert found(part_numbers=["pcba-100", "psu-9"]) == ["SN-2", "SN-1"]
    assert found(revision_numbers="c", batch_numbers="b-7", operated_by_names="Night shift") == ["SN-1"]
    assert found(started_after=after) == ["SN-2"]
    assert found(started_before=after) == ["SN-1"]
    assert found(duration_min="PT40S") == found(duration_min="40.5") == ["SN-2", "SN-1"]
    assert found(duration_min="42") == []
    assert found(serial="sn-1", outcome="FAIL") == ["SN-1"]  # as addresses were before


def test_what_is_set_is_a_chip_that_takes_it_out(viewer: FlaskClient, tested: Tested) -> None:
    tested("SN-1", part_number="PCBA-100")
    tested("SN-2", part_number="PSU-9")

    text = viewer.get("/runs?part_numbers=PCBA-100&part_numbers=none&outcomes=FAIL&sort_by=duration").text
    found = chips(text)

    assert list(found) == ["Verdict FAIL", "Part PCBA-100", "Part none"]
    assert found["Part none"] == "/runs?outcomes=FAIL&part_numbers=PCBA-100&sort_by=duration&sort_order=desc"
    assert found["Verdict FAIL"].count("part_numbers=") == 2
    # Typing in another field keeps the second value of this one.
    assert '<input type="hidden" name="part_numbers" value="none">' in text
    assert not chips(viewer.get("/runs").text)


def test_the_browsers_address_has_only_what_is_set(viewer: FlaskClient, tested: Tested) -> None:
    tested("SN-1")

    answer = viewer.get("/runs?search_query=+sn-1&outcomes=&part_numbers=&started_after=", headers=PARTIAL)

    assert answer.headers["HX-Replace-Url"] == "/runs?search_query=sn-1"
    assert "HX-Replace-Url" not in viewer.get("/runs?search_query=sn-1").headers
    assert serials(answer.text) == ["SN-1"]


@pytest.mark.parametrize("page", ["runs", "units"])
@pytest.mark.parametrize(
    ("query", "says"),
    [("started_after=yesterday", "started_after is no time"), ("metadata={", "metadata filter cannot be read")],
)
def test_what_cannot_be_read_is_said_and_stays(
    viewer: FlaskClient, tested: Tested, page: str, query: str, says: str
) -> None:
    tested("SN-1")

    for headers in ({}, PARTIAL):
        answer = viewer.get(f"/{page}?{query}", headers=headers)

        assert answer.status_code == 422
        assert says in answer.text.partition('role="alert"')[2].partition("</div>")[0]
        assert serials(answer.text) == []
        assert len(chips(answer.text)) == 1
        if not headers:  # the whole page, with the field
            assert re.search(rf'name="{query.partition("=")[0]}"[^>]+aria-invalid="true"', answer.text)


def test_a_time_is_shown_where_it_is_typed_and_in_its_chip(viewer: FlaskClient) -> None:
    text = viewer.get("/runs?started_after=2026-11-22T14:00:00%2B02:00").text

    assert 'value="2026-11-22T12:00:00"' in text
    assert '<time datetime="2026-11-22T12:00:00' in text.partition('class="chips"')[2]


def test_an_id_of_something_gone_still_narrows(viewer: FlaskClient, tested: Tested) -> None:
    tested("SN-1")
    gone = "01a201eb-0000-7000-8000-000000000001"

    text = viewer.get(f"/runs?created_by_station_ids={gone}").text

    assert serials(text) == []
    assert f'<option value="{gone}" selected>' in text
