"""Desk pages in a real browser: on a narrow screen, and for who does not see them."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.programs import PASSWORD, PortalProcess
from tests.e2e.test_story import sign_in
from tests.pages.records import BEGAN_AT, limit, phase, record, value

LONG = "long_" * 12  # sixty characters without a place to break


@pytest.fixture
def desk(portal: PortalProcess, page: Page) -> Page:
    portal.command("user", "add", "admin@example.com", "--role", "owner", "--password-stdin", stdin=PASSWORD)
    sign_in(page)
    return page


def stored(portal: PortalProcess, page: Page, **fields: object) -> str:
    """The address of the page of a run that was stored by the API: the usual one, and what is given."""
    procedure = portal.command("procedure", "create", "PCBA functional test")
    key = portal.command("key", "create", "--user", "admin@example.com")
    body = record(procedure, LONG, **fields)
    usual = record(procedure).phases
    body = body.model_copy(update={"phases": [*body.phases, *usual]})
    answer = page.request.post(
        "/api/v2/runs",
        headers={"Authorization": f"Bearer {key}", "Content-Type": "application/json"},
        data=body.model_dump_json(exclude_unset=True),
    )
    assert answer.ok, answer.text()
    return f"/runs/{answer.json()['id']}"


def test_the_page_of_a_run_does_not_scroll_sideways_on_a_phone(portal, desk):
    failed = value(LONG, "FAIL", LONG * 3, None, limit("==", LONG, "FAIL"))
    line = {
        "level": "ERROR", "timestamp": BEGAN_AT, "message": LONG * 5, "source_file": LONG, "line_number": 7,
    }  # fmt: skip
    address = stored(
        portal, desk, operated_by=f"{LONG}@example.com", docstring=LONG * 3, batch_number=LONG,
        phases=[phase(LONG, "FAIL", failed)], logs=[line], metadata={LONG[:40]: LONG * 3},
    )  # fmt: skip
    desk.set_viewport_size({"width": 390, "height": 844})

    desk.goto(address)

    expect(desk.get_by_role("heading", name="What failed")).to_be_visible()
    assert desk.evaluate("document.documentElement.scrollWidth") == 390


def test_a_copy_button_says_what_it_copies_and_that_it_did(portal, desk):
    station = portal.command("station", "create", "Bench 7")
    desk.goto(f"/stations/{station}")
    desk.get_by_role("button", name="New setup token").click()
    button = desk.get_by_role("button", name="Copy the install command for Linux", exact=True)

    button.click()

    expect(button).to_have_text(re.compile("Copied"))
    expect(desk.get_by_role("status").filter(has_text="Copied")).to_have_count(1)
    expect(button).to_have_text("Copy")


def test_long_names_of_stations_and_phases_stay_in_their_place(portal, desk):
    wide = "W" * 60
    portal.command("station", "create", wide)
    portal.command("station", "create", "Bench 7")
    address = stored(portal, desk, phases=[phase("p" * 300, "FAIL", value("rail", "FAIL", 1.0, "V"))])

    desk.goto("/stations")
    row = desk.get_by_role("row", name=re.compile(wide))
    operate = row.get_by_role("link", name=re.compile("Operate")).bounding_box()
    assert operate["x"] + operate["width"] <= 1280
    assert desk.get_by_role("row", name=re.compile("Bench 7")).bounding_box()["height"] < 40
    for width, path in ((1280, address), (390, "/runs"), (390, "/stations"), (390, address)):
        desk.set_viewport_size({"width": width, "height": 800})
        desk.goto(path)
        assert desk.evaluate("document.documentElement.scrollWidth") <= width, (width, path)


def test_the_row_of_a_sweep_can_be_read_on_a_phone(portal, desk):
    station = portal.command("station", "create", "Bench 7")
    desk.set_viewport_size({"width": 390, "height": 844})
    desk.goto(f"/stations/{station}/operate")
    row = (
        '<div class="op-measurement"><span class="op-name">line regulation</span>'
        '<span class="op-value">3.312 … 3.325 V, the worst at input voltage 4.5 V</span>'
        '<span class="op-limits">3.2 … 3.4 V</span><span class="op-mark"></span></div>'
    )

    # Measured at once: the page's feed brings its own screen.
    name, value = desk.locator("#op-centre").evaluate(
        """(centre, row) => {
          centre.innerHTML = row;
          return [".op-name", ".op-value"].map(one => centre.querySelector(one).getBoundingClientRect().toJSON());
        }""",
        row,
    )
    assert name["width"] > 250
    assert name["height"] < 60
    assert value["y"] >= name["y"] + name["height"]
    assert desk.evaluate("document.documentElement.scrollWidth") == 390
