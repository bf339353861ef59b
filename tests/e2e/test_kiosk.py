"""The bench's own screen in a real browser: with the portal away, and beside the portal's page."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from playwright.sync_api import Page, expect

from bench_sim.fleet import SimulatedStation
from station.cli import station
from tests.e2e.programs import PASSWORD, PortalProcess, free_port
from tests.e2e.test_story import accessible, answer_prompts_until_verdict, operate, scan
from tests.waiting import eventually


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[SimulatedStation]:
    with SimulatedStation(tmp_path / "bench", tmp_path / "station.log") as program:
        yield program


@pytest.fixture
def linked(portal: PortalProcess, bench: SimulatedStation) -> str:
    """A running station with a kiosk, connected once so that it knows its procedures; the id of the station."""
    portal.command("user", "add", "admin@example.com", "--role", "owner", "--password-stdin", stdin=PASSWORD)
    procedure = portal.command("procedure", "create", "PCBA functional test", "--identifier", "pcba_functional")
    station_id = portal.command("station", "create", "Bench 7", "--procedure", procedure)
    bench.enrol(portal.url, portal.command("token", "create", "--station", "Bench 7"), ["--bench", "pcba"])
    settings = bench.home / "station.json"
    settings.write_text(json.dumps({**json.loads(settings.read_text()), "kiosk_port": free_port()}))
    bench.start(["--kiosk"])
    eventually(lambda: "is connected to" in bench.log_text(), within_s=20)
    return station_id


def link_to(bench: SimulatedStation) -> str:
    done = CliRunner().invoke(station, ["kiosk", "--print", "--home", str(bench.home)])
    assert done.exit_code == 0, done.stderr
    return done.stdout.strip()


def enter(page: Page, bench: SimulatedStation) -> None:
    page.goto(link_to(bench))
    expect(page.locator("#bench")).to_be_visible()


def test_a_whole_run_without_the_portal_is_uploaded_once_when_it_is_back(portal, page, bench, linked):
    portal.stop()
    bench.stop()
    bench.start(["--kiosk"])  # as after a boot, with the network unplugged
    enter(page, bench)
    expect(page.get_by_text("portal not reached")).to_be_visible()
    accessible(page)

    page.keyboard.type("MK-0007")
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Operator: MK-0007")).to_be_visible()
    accessible(page)
    page.get_by_role("button", name=re.compile("PCBA functional test")).click()
    field = page.get_by_label("Serial Number")
    expect(field).to_be_focused(timeout=20_000)
    field.fill("SN-0\t1")
    page.keyboard.press("Enter")
    expect(page.locator("#op-notice")).to_contain_text("control character")  # asked again, not ended
    page.reload()
    expect(field).to_be_focused()
    field.fill("SN-000001")
    page.keyboard.press("Enter")
    page.wait_for_selector("#op-centre[data-screen=prompt]", timeout=20_000)
    page.reload()
    expect(page.locator("#op-centre[data-screen=prompt] form[data-draft]")).to_be_visible()
    answer_prompts_until_verdict(page, "PASS")
    expect(page.get_by_text("The record is kept on the station")).to_be_visible()
    accessible(page)

    scan(page, "SN-000002")
    page.wait_for_selector("#op-centre[data-screen=prompt]", timeout=20_000)
    page.get_by_role("button", name="1 record to upload").click()
    page.keyboard.press("F9")  # stops whatever is open
    expect(page.locator(".op-verdict")).to_contain_text("ABORTED", timeout=20_000)
    queue = page.get_by_role("dialog", name="Upload")
    expect(queue.get_by_text("SN-000001")).to_be_visible()
    expect(queue.get_by_text("the portal cannot be reached").first).to_be_visible()
    accessible(page)
    portal.start()
    expect(queue.get_by_text("The portal has every record.")).to_be_visible(timeout=30_000)
    queue.get_by_role("button", name="Close").click()
    expect(page.get_by_text("The portal has the record.")).to_be_visible()

    page.goto(f"{portal.url}/sign-in")
    page.get_by_label("E-mail").fill("admin@example.com")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("link", name="Stations").first).to_be_visible()
    page.goto(f"{portal.url}/runs")
    expect(page.get_by_role("row", name=re.compile("SN-00000"))).to_have_count(2)
    page.get_by_role("link", name="SN-000001").first.click()
    expect(page.get_by_text("MK-0007").first).to_be_visible()


def test_the_portals_page_and_the_kiosk_show_the_same_run_and_the_first_answer_wins(portal, new_page, bench, linked):
    kiosk, desk = new_page(), new_page()
    enter(kiosk, bench)
    kiosk.get_by_role("textbox", name="Scan your badge").fill("Maria")
    kiosk.keyboard.press("Enter")
    operate(desk, linked)

    scan(desk, "SN-000013")
    kiosk.wait_for_selector("#op-centre[data-screen=prompt]", timeout=20_000)
    expect(kiosk.get_by_text("started by admin@example.com")).to_be_visible()
    request = desk.locator("form[data-draft]").get_attribute("data-draft")
    kiosk.locator("#op-centre form[data-draft] button").click()
    expect(desk.locator(f"form[data-draft='{request}']")).to_have_count(0)
    expect(desk.locator(".op-answered")).to_contain_text("Maria", timeout=20_000)
    expect(kiosk.locator(".op-answered:visible")).to_have_count(0)
    answer_prompts_until_verdict(desk, "FAIL")
    expect(kiosk.locator(".op-verdict")).to_contain_text("FAIL")
    expect(kiosk.locator(".op-failures li")).to_have_count(desk.locator(".op-failures li").count())

    late = new_page()
    enter(late, bench)
    expect(late.locator(".op-verdict")).to_contain_text("FAIL")
    late.get_by_role("button", name="Operator: Maria").click()
    late.get_by_role("textbox", name="Scan your badge").fill("Jo")
    late.keyboard.press("Enter")
    expect(kiosk.get_by_role("button", name="Operator: Jo")).to_be_visible()
    expect(late.get_by_role("dialog")).to_have_count(0)

    bench.stop()
    expect(kiosk.get_by_text("The station program does not answer")).to_be_visible(timeout=15_000)
    bench.start(["--kiosk"])
    expect(kiosk.get_by_text("The station program does not answer")).to_be_hidden(timeout=20_000)
    expect(kiosk.get_by_role("button", name="Operator: Jo")).to_be_visible()
