"""The table of stations as an engineer uses it: searching, sorting, paging, exporting, changing many at once."""

from __future__ import annotations

import csv
import io
import re
import sqlite3
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.programs import PASSWORD, PortalProcess
from tests.e2e.test_story import accessible, sign_in

NOW = datetime.now(UTC).replace(tzinfo=None).isoformat(" ", "microseconds")


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PortalProcess]:
    """One portal for all of these: 60 stations, a procedure, a team."""
    folder = tmp_path_factory.mktemp("stations")
    with PortalProcess(folder / "portal") as portal:
        portal.command("user", "add", "admin@example.com", "--role", "owner", "--password-stdin", stdin=PASSWORD)
        portal.command("procedure", "create", "PCBA functional test")
        with sqlite3.connect(portal.data_dir / "portal.db", timeout=10) as database:
            database.execute(
                "INSERT INTO teams (id, name, name_key, created_at, edits) VALUES (?, 'Line 2', 'line 2', ?, 0)",
                (str(uuid.uuid4()), NOW),
            )
            names = [f"Bench {number:02}" for number in range(1, 60)] + ["=Incoming()"]
            database.executemany(
                "INSERT INTO stations (id, number, name, name_key, presence, presence_since, created_at, edits)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, 0)",
                [
                    (str(uuid.uuid4()), at, name, name.casefold(), "down" if at % 10 == 1 else "none", NOW, NOW)
                    for at, name in enumerate(names, 1)
                ],
            )
        yield portal


@pytest.fixture
def desk(browser: Browser, shared: PortalProcess) -> Iterator[Page]:
    context = browser.new_context(base_url=shared.url, viewport={"width": 1440, "height": 900})
    page = context.new_page()
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", lambda said: problems.append(said.text) if "Content Security Policy" in said.text else None)
    sign_in(page)
    page.goto("/stations")
    yield page
    context.close()
    assert problems == []


def rows(page: Page) -> list[str]:
    return page.locator("tbody th a").all_inner_texts()


def export_of(page: Page) -> list[dict[str, str]]:
    with page.expect_download() as download:
        page.get_by_role("link", name="Export as CSV").click()
    text = Path(download.value.path()).read_text("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text)))


def test_it_is_searched_filtered_sorted_paged_and_exported(desk: Page) -> None:
    search = desk.get_by_label("Search stations")
    search.press_sequentially("bench 0", delay=10)
    expect(desk).to_have_url(re.compile(r"/stations\?search=bench(\+|%20)0"))
    expect(desk.locator("tbody tr")).to_have_count(9)
    assert [one["name"] for one in export_of(desk)] == rows(desk)

    desk.get_by_role("link", name="Number", exact=True).click()
    desk.get_by_role("link", name="Number", exact=True).click()
    expect(desk.get_by_role("columnheader", name="Number")).to_have_attribute("aria-sort", "descending")
    assert rows(desk) == [f"Bench {number:02}" for number in range(9, 0, -1)]
    assert [one["name"] for one in export_of(desk)] == rows(desk)
    desk.get_by_role("link", name="Bench 03", exact=True).click()
    expect(desk.get_by_role("heading", name="Bench 03")).to_be_visible()
    desk.go_back()
    expect(desk.get_by_label("Search stations")).to_have_value("bench 0")
    expect(desk.locator("tbody tr")).to_have_count(9)

    desk.get_by_label("Search stations").fill("nothing like it")
    expect(desk.get_by_text("No station matches")).to_be_visible()
    accessible(desk)
    desk.get_by_role("link", name="Clear the filters").click()
    desk.get_by_label("Status").select_option("offline")
    expect(desk.locator("tbody tr")).to_have_count(6)
    desk.get_by_label("Status").select_option("")
    expect(desk.locator("tbody tr")).to_have_count(50)
    assert rows(desk)[0] == "=Incoming()"
    desk.get_by_role("link", name="Next page").click()
    expect(desk.locator("tbody tr")).to_have_count(10)
    exported = export_of(desk)
    assert len(exported) == 60
    assert exported[0]["name"] == "'=Incoming()"


def test_many_are_changed_at_once(desk: Page) -> None:
    desk.goto("/stations?search=bench 1")
    group = desk.get_by_role("group", name="With the selected stations")
    expect(group).to_be_hidden()
    desk.get_by_label("Select Bench 10").focus()
    desk.keyboard.press("Space")
    desk.get_by_label("Select Bench 11").check()
    expect(group).to_contain_text("2 selected")
    group.get_by_label("Procedure to link").select_option("PCBA functional test")
    group.get_by_role("button", name="Link").click()
    expect(desk.get_by_role("status").filter(has_text="Linked “PCBA functional test” to 2 stations.")).to_be_visible()
    expect(desk).to_have_url(re.compile("search=bench"))
    expect(desk.get_by_role("row", name=re.compile("Bench 10"))).to_contain_text("PCBA functional test")
    expect(group).to_contain_text("2 selected")  # they may have to be given to a team as well
    group.get_by_role("button", name="Assign").click()
    expect(desk.get_by_text("Choose stations and a team first")).to_be_visible()
    expect(desk.get_by_label("Select Bench 11")).to_be_checked()
    desk.reload()
    expect(group).to_be_hidden()

    desk.get_by_label("Select all on this page").check()
    expect(group).to_contain_text("10 selected")
    for scheme in ("light", "dark"):
        desk.emulate_media(color_scheme=scheme)
        accessible(desk)
    group.get_by_label("Team to assign").select_option("Line 2")
    group.get_by_role("button", name="Assign").click()
    expect(desk.get_by_text("Assigned 10 stations to the team “Line 2”.")).to_be_visible()
    desk.get_by_label("Team", exact=True).select_option("Line 2")
    expect(desk).to_have_url(re.compile("team="))
    expect(desk.locator("tbody tr")).to_have_count(10)

    group.get_by_role("button", name="Clear the selection").click()
    expect(group).to_be_hidden()
    expect(desk.get_by_label("Select all on this page")).to_be_focused()
    desk.get_by_label("Select Bench 18").check()
    desk.get_by_label("Select Bench 19").check()
    group.get_by_role("button", name="Archive").click()
    expect(desk.get_by_role("heading", name="Archive 2 stations?")).to_be_visible()
    accessible(desk)
    desk.get_by_label(re.compile("Type")).fill("yes")
    desk.get_by_role("button", name="Archive").click()
    expect(desk.get_by_text("That is not the word")).to_be_visible()
    desk.get_by_label(re.compile("Type")).fill("archive")
    desk.get_by_role("button", name="Archive").click()
    expect(desk.get_by_text("Took 2 stations out of service.")).to_be_visible()
    expect(desk.locator("tbody tr")).to_have_count(8)


def test_a_station_is_made_in_the_dialog(desk: Page) -> None:
    desk.get_by_role("link", name="New station").click()
    dialog = desk.get_by_role("dialog")
    name = dialog.get_by_label("Name")
    expect(name).to_be_focused()
    accessible(desk)
    name.fill("bench 01")
    dialog.get_by_label(re.compile("PCBA functional test")).check()
    dialog.get_by_label(re.compile("Team")).select_option("Line 2")
    name.evaluate("name => { name.style.inlineSize = '10rem'; }")  # as a browser does to a resized textarea
    dialog.get_by_role("button", name="Create station").click()
    expect(dialog.get_by_text("There is already a station named “Bench 01”")).to_be_visible()
    expect(name).to_have_value("bench 01")
    expect(dialog.get_by_label(re.compile("PCBA functional test"))).to_be_checked()
    expect(dialog.get_by_label(re.compile("Team")).locator("option:checked")).to_have_text("Line 2")
    dialog.get_by_role("link", name="Cancel").click()
    expect(dialog).to_be_hidden()

    desk.get_by_role("link", name="New station").click()
    dialog.get_by_label("Name").fill("Bench 99")
    dialog.get_by_role("button", name="Create station").click()
    expect(desk).to_have_url(re.compile("/enrol$"))
    expect(desk.locator("code", has_text="--token").first).to_be_visible()


def test_it_can_be_used_on_a_phone_and_without_scripts(desk: Page, browser: Browser, shared: PortalProcess) -> None:
    desk.set_viewport_size({"width": 360, "height": 800})
    desk.goto("/stations")
    assert desk.evaluate("document.documentElement.scrollWidth") == 360
    accessible(desk)

    context = browser.new_context(base_url=shared.url, java_script_enabled=False)
    page = context.new_page()
    sign_in(page)
    page.goto("/stations?search=bench 2")
    page.get_by_label("Select Bench 20").check()
    group = page.get_by_role("group", name="With the selected stations")
    group.get_by_label("Procedure to link").select_option("PCBA functional test")
    group.get_by_role("button", name="Link").click()
    expect(page.get_by_text("Linked “PCBA functional test” to 1 station.")).to_be_visible()
    context.close()
