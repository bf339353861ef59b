"""The palette, the keys and the audit log in a real browser, by the keyboard alone."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from tests.e2e.programs import PASSWORD, PortalProcess
from tests.e2e.test_story import accessible, sign_in


def arrived(page: Page, address: str) -> None:
    """The page is there, and its scripts hear the next key."""
    expect(page).to_have_url(re.compile(address))
    page.wait_for_load_state()


def test_a_name_leads_anywhere_and_the_log_says_who_did_what(page: Page, portal: PortalProcess) -> None:
    portal.command("user", "add", "admin@example.com", "--role", "owner", "--password-stdin", stdin=PASSWORD)
    station = portal.command("station", "create", "Bench 7")
    portal.command("station", "create", "Bench 8")
    sign_in(page)
    palette = page.get_by_role("dialog", name="Go to")

    page.get_by_role("link", name="Units").first.focus()
    page.keyboard.press("Control+k")
    expect(palette.get_by_role("combobox")).to_be_focused()
    page.keyboard.type("bench")
    expect(palette.get_by_role("option")).to_have_count(2)
    expect(palette.get_by_role("option", name="Bench 7")).to_have_attribute("aria-selected", "true")
    accessible(page)
    page.keyboard.press("Escape")
    expect(palette).to_be_hidden()
    expect(page.get_by_role("link", name="Units").first).to_be_focused()

    page.keyboard.press("Control+k")
    page.keyboard.type("bench")
    expect(palette.get_by_role("option")).to_have_count(2)
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    arrived(page, station)
    expect(page.get_by_role("heading", name="Bench 7").first).to_be_visible()

    page.get_by_role("link", name="Go to").click()
    expect(palette.get_by_role("group").first).to_contain_text("Recent")
    page.keyboard.type("audit")
    expect(palette.get_by_role("option")).to_have_count(1)
    page.keyboard.press("Enter")
    arrived(page, "/settings/audit")
    page.keyboard.press("/")
    page.keyboard.type("bench 7")
    expect(page.get_by_role("row")).to_have_count(2)
    page.get_by_text("created the station").click()
    expect(page.get_by_text("station:created")).to_be_visible()
    accessible(page)
    with page.expect_download() as download:
        page.get_by_role("link", name="Export as CSV").click()
    assert len(download.value.path().read_text().splitlines()) == 2

    page.locator("h1").click()
    for key, path in (("p", "/procedures"), ("r", "/runs"), ("u", "/units"), ("s", "/stations"), ("o", "/")):
        page.keyboard.press("g")
        page.keyboard.press(key)
        arrived(page, f"{path}$")
    page.keyboard.press("Meta+k")
    page.keyboard.type("sign out")
    expect(palette.get_by_role("option")).to_have_count(1)
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("/sign-in"))
