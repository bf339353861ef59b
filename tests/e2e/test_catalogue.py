"""Units, parts and batches in a real browser: from a search to a unit, its sub-unit, its part and its batch."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.e2e.programs import PASSWORD, PortalProcess
from tests.e2e.test_story import accessible, sign_in


@pytest.fixture
def filled(portal: PortalProcess) -> PortalProcess:
    """A portal with an administrator, and a shelf that holds a card that failed and was mended."""
    portal.command("user", "add", "admin@example.com", "--role", "owner", "--password-stdin", stdin=PASSWORD)
    procedure = portal.command("procedure", "create", "PCBA functional test")
    key = portal.command("key", "create", "--user", "admin@example.com")
    now = datetime.now(UTC)
    with httpx.Client(base_url=portal.url, headers={"Authorization": f"Bearer {key}"}, timeout=20) as api:

        def run(serial: str, part: str, outcome: str, minutes_ago: int, **facts: object) -> None:
            at = now - timedelta(minutes=minutes_ago)
            body = {
                "procedure_id": procedure, "serial_number": serial, "part_number": part, "outcome": outcome,
                "started_at": at.isoformat(), "ended_at": (at + timedelta(seconds=40)).isoformat(), **facts,
            }  # fmt: skip
            api.post("/api/v2/runs", json=body).raise_for_status()

        run("CARD-0001", "PCBA-100", "FAIL", 50, batch_number="W48-1")
        run("CARD-0001", "PCBA-100", "PASS", 40)
        run("CARD-0002", "PCBA-100", "PASS", 30, batch_number="W48-1")
        run("SHELF-0001", "SHELF-20", "PASS", 20, sub_units=["CARD-0001", "CARD-0002"])
        unit = {"serial_number": "CARD-0003", "part_number": "PCBA-100", "revision_number": "B", "sample": "golden"}
        api.post("/api/v2/units", json={**unit, "metadata": {"line": "north"}}).raise_for_status()
    return portal


def test_from_a_piece_of_a_serial_number_to_all_that_belongs_to_it(page: Page, filled: PortalProcess) -> None:
    sign_in(page)
    page.get_by_role("navigation", name="Main").get_by_role("link", name="Units").click()
    expect(page.get_by_role("row")).to_have_count(5)
    accessible(page)

    page.wait_for_load_state()
    page.keyboard.press("/")
    page.keyboard.type("shelf")
    expect(page.get_by_role("row")).to_have_count(2)
    expect(page).to_have_url(re.compile("search_query=shelf"))
    expect(page.get_by_label("Serial number")).to_be_focused()

    page.get_by_role("link", name="SHELF-0001").click()
    expect(page.get_by_role("heading", name="SHELF-0001")).to_be_visible()
    accessible(page)
    page.get_by_role("region", name="Sub-units").get_by_role("link", name="CARD-0001").click()
    expect(page.get_by_role("region", name="What happened").get_by_role("row")).to_have_count(3)
    accessible(page)

    page.get_by_role("link", name="W48-1").click()
    expect(page.get_by_role("heading", name="W48-1")).to_be_visible()
    expect(page.get_by_text("100.0 %")).to_be_visible()
    accessible(page)

    page.get_by_role("link", name="PCBA-100").first.click()
    expect(page.get_by_role("region", name="Revisions").get_by_role("row")).to_have_count(3)
    accessible(page)
    page.get_by_role("region", name="Revisions").get_by_role("link", name="B").click()
    expect(page.get_by_role("heading", name="Revision B")).to_be_visible()
    accessible(page)
    page.get_by_role("link", name="CARD-0003").click()
    expect(page.get_by_text("This unit has not been tested yet.")).to_be_visible()
    accessible(page)


def test_lists_are_sorted_and_the_order_stays_while_typing(page: Page, filled: PortalProcess) -> None:
    sign_in(page)
    page.goto("/units")
    page.get_by_role("columnheader", name="Serial number").get_by_role("link").click()
    expect(page.get_by_role("columnheader", name="Serial number")).to_have_attribute("aria-sort", "ascending")

    page.get_by_label("Serial number").fill("card")
    expect(page.get_by_role("row")).to_have_count(4)
    expect(page.get_by_role("rowheader")).to_have_text([re.compile(f"CARD-000{n}") for n in (1, 2, 3)])
    page.get_by_label("Last verdict").select_option("FAIL")
    expect(page.get_by_text("No unit matches")).to_be_visible()
    accessible(page)


@pytest.mark.parametrize("path", ["/parts", "/batches"])
def test_parts_and_batches_are_lists_of_their_own(page: Page, filled: PortalProcess, path: str) -> None:
    sign_in(page)
    page.goto(path)

    expect(page.get_by_role("row")).to_have_count(3 if path == "/parts" else 2)
    accessible(page)
    page.keyboard.press("/")
    page.keyboard.type("zzz")
    expect(page.get_by_text(re.compile("No (part|batch) matches"))).to_be_visible()
    accessible(page)


def test_runs_are_narrowed_by_more_filters_and_their_chips(page: Page, filled: PortalProcess) -> None:
    sign_in(page)
    page.goto("/runs")
    expect(page.get_by_role("row")).to_have_count(5)

    page.get_by_text("More filters").click()
    accessible(page)
    page.get_by_label("Part", exact=True).fill("pcba-100")
    expect(page.get_by_role("row")).to_have_count(4)
    later = datetime.now(UTC).astimezone() - timedelta(minutes=35)  # as somebody types it: in the zone of the browser
    page.get_by_label("Started from").fill(later.strftime("%Y-%m-%dT%H:%M:%S"))
    expect(page.get_by_role("row")).to_have_count(2)
    sent = later.astimezone(UTC).strftime("started_after=%Y-%m-%dT%H:%M:%SZ")
    expect(page).to_have_url(re.compile(rf"/runs\?part_numbers=pcba-100&{sent}$"))
    accessible(page)

    page.get_by_role("link", name="Remove Started from").click()
    expect(page.get_by_role("row")).to_have_count(4)
    expect(page.get_by_role("list", name="Filters that are set").get_by_role("listitem")).to_have_count(1)
