"""Procedures in a real browser: linking from either side, unlinking, renaming, statistics, archiving and back."""

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
    """A portal with two stations, one of them linked to a procedure with runs of three days."""
    portal.command("user", "add", "admin@example.com", "--role", "owner", "--password-stdin", stdin=PASSWORD)
    procedure = portal.command("procedure", "create", "PCBA functional test", "--identifier", "pcba_functional")
    portal.command("station", "create", "Bench 7", "--procedure", procedure)
    portal.command("station", "create", "Bench 8")
    key = portal.command("key", "create", "--user", "admin@example.com")
    now = datetime.now(UTC)
    limits = [{"operator": "range", "expected_value": [4.75, 5.25], "outcome": "PASS"}]
    with httpx.Client(base_url=portal.url, headers={"Authorization": f"Bearer {key}"}, timeout=20) as api:
        for n in range(12):
            at, verdict = now - timedelta(hours=6 * n + 1), "FAIL" if n % 4 == 0 else "PASS"
            rail = {"name": "rail_5v", "outcome": verdict, "measured_value": 5 + n % 3 / 10, "units": "V"}
            phase = {
                "name": "rails", "outcome": verdict, "started_at": at.isoformat(), "ended_at": at.isoformat(),
                "measurements": [{**rail, "validators": limits}],
            }  # fmt: skip
            body = {
                "procedure_id": procedure, "serial_number": f"SN-{n:04d}", "part_number": "PCBA-100",
                "outcome": verdict, "started_at": at.isoformat(), "ended_at": (at + timedelta(seconds=40)).isoformat(),
                "procedure_version": "2.3.1", "phases": [phase],
            }  # fmt: skip
            api.post("/api/v2/runs", json=body).raise_for_status()
    return portal


def test_links_are_made_and_ended_from_either_side(page: Page, filled: PortalProcess) -> None:
    sign_in(page)
    page.get_by_role("link", name="Procedures").first.click()
    expect(page.get_by_role("img", name=re.compile("Runs of PCBA functional test: 12 in 7 days"))).to_be_visible()
    accessible(page)
    page.get_by_role("searchbox").fill("pcba_f")
    expect(page).to_have_url(re.compile("search=pcba_f"))
    page.get_by_role("link", name="PCBA functional test").click()

    page.get_by_role("link", name="Link stations").click()
    accessible(page)
    page.get_by_label("Search").fill("bench")
    page.get_by_label("Bench 8").check()
    page.get_by_role("button", name="Link", exact=True).click()
    expect(page.get_by_text("Linked to 1 station.")).to_be_visible()

    page.get_by_role("region", name="Stations").get_by_role("link", name="Bench 8", exact=True).click()
    accessible(page)
    page.get_by_role("link", name="Unlink PCBA functional test").click()
    expect(page.get_by_text("No run is in flight now.")).to_be_visible()
    accessible(page)
    page.get_by_role("button", name="Unlink").click()
    expect(page.get_by_text("this station has nothing to run yet")).to_be_visible()


@pytest.mark.parametrize(("theme", "width"), [("light", 1440), ("dark", 360)])
def test_statistics_are_narrowed_and_lead_to_a_measurement(
    page: Page, filled: PortalProcess, theme: str, width: int
) -> None:
    page.emulate_media(color_scheme="dark" if theme == "dark" else "light")
    page.set_viewport_size({"width": width, "height": 900})
    sign_in(page)
    page.goto("/procedures")
    page.get_by_role("link", name="PCBA functional test").click()
    expect(page.get_by_text("9 of 12 tested")).to_have_count(2)
    accessible(page)
    panel = page.get_by_role("region", name="Yield by day")
    chart = panel.get_by_role("img", name=re.compile("Yield by day"))
    assert chart.evaluate("one => one.parentElement.scrollWidth <= one.parentElement.clientWidth")
    assert chart.bounding_box()["width"] > panel.bounding_box()["width"] - 40

    page.get_by_label("Part", exact=True).fill("OTHER")
    expect(page.get_by_text("No run counts here")).to_be_visible()
    expect(page).to_have_url(re.compile("part=OTHER"))
    accessible(page)
    page.get_by_label("Part", exact=True).fill("")
    page.get_by_role("link", name="rail_5v").click()
    expect(page.get_by_role("img", name=re.compile("Control chart of the newest 12 values"))).to_be_visible()
    expect(page.get_by_role("img", name=re.compile("Histogram of rail_5v"))).to_be_visible()
    accessible(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_a_procedure_is_renamed_archived_and_restored(page: Page, filled: PortalProcess) -> None:
    sign_in(page)
    page.goto("/procedures")
    page.get_by_role("link", name="PCBA functional test").click()
    page.get_by_text("Rename", exact=True).click()
    page.get_by_label("Name").fill("Board test")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", name="Board test")).to_be_visible()

    page.get_by_role("link", name="Archive").click()
    expect(page.get_by_text("Its links to 1 station end: Bench 7.")).to_be_visible()
    accessible(page)
    page.get_by_role("button", name="Archive").click()
    expect(page.get_by_text("SN-0000")).to_be_visible()
    page.goto("/procedures")
    expect(page.get_by_text("No procedure yet")).to_be_visible()
    page.get_by_role("link", name="Archived").click()
    page.get_by_role("link", name="Board test").click()
    page.get_by_role("button", name="Restore").click()
    expect(page.get_by_role("link", name="Unlink Bench 7")).to_be_visible()
