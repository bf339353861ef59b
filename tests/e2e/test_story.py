"""The whole story in a real browser, with a real portal, a real station program and its simulated bench."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, Route, expect

from bench_sim.fleet import SimulatedStation
from tests.e2e.programs import PASSWORD, PortalProcess
from tests.waiting import eventually

GOOD_UNIT = "SN-000001"
BAD_UNIT = "SN-000013"  # pinned in the shipped bench: its 3.3 V regulator is weak


def accessible(page: Page) -> None:
    """axe-core finds nothing on the page."""
    page.wait_for_load_state()  # not in the middle of going to another one
    # Nor while colours are on their way, after a change of the scheme: they begin with the next frame.
    page.evaluate("new Promise(requestAnimationFrame)")
    page.evaluate("Promise.all(document.getAnimations().map(one => one.finished.catch(() => null)))")
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()


def create_administrator(page: Page) -> None:
    page.goto("/")
    expect(page).to_have_url(re.compile("/setup$"))
    accessible(page)
    page.get_by_label("Name").fill("Ada Admin")
    page.get_by_label("E-mail").fill("admin@example.com")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Create").click()
    expect(page).not_to_have_url(re.compile("/setup"))


def sign_in(page: Page) -> None:
    page.goto("/sign-in")
    page.get_by_label("E-mail").fill("admin@example.com")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("link", name="Stations").first).to_be_visible()
    page.wait_for_load_state()  # its scripts hear the next key


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[SimulatedStation]:
    with SimulatedStation(tmp_path / "bench", tmp_path / "station.log") as station:
        yield station


@pytest.fixture
def linked(portal: PortalProcess, bench: SimulatedStation) -> tuple[str, SimulatedStation]:
    """A portal with an administrator, a procedure and an enrolled station; the station is not running yet."""
    portal.command("user", "add", "admin@example.com", "--role", "owner", "--password-stdin", stdin=PASSWORD)
    procedure = portal.command("procedure", "create", "PCBA functional test", "--identifier", "pcba_functional")
    station = portal.command("station", "create", "Bench 7", "--procedure", procedure)
    token = portal.command("token", "create", "--station", "Bench 7")
    bench.enrol(portal.url, token, ["--bench", "pcba"])
    return station, bench


def operate(page: Page, station: str) -> None:
    sign_in(page)
    page.goto(f"/stations/{station}/operate")
    expect(page.get_by_text("connected", exact=True)).to_be_visible()


def scan(page: Page, serial: str) -> None:
    page.get_by_role("button", name=re.compile("PCBA functional test|Next unit")).click()
    field = page.get_by_label("Serial Number")
    expect(field).to_be_focused(timeout=20_000)
    page.keyboard.type(serial)
    page.keyboard.press("Enter")


def answer_prompts_until_verdict(page: Page, verdict: str) -> None:
    """Do what the prompts ask: a lamp's colour is green, everything else is confirmed."""
    expect(page.locator("#op-centre[data-screen=prompt], #op-centre[data-screen=verdict]")).to_be_visible(
        timeout=30_000
    )
    while page.locator("#op-centre").get_attribute("data-screen") != "verdict":
        prompt = page.locator("form[data-draft]")
        if prompt.count():
            request = prompt.get_attribute("data-draft")
            text = prompt.locator("input[type=text]")
            if text.count():
                text.fill("green")
            prompt.get_by_role("button").click()
            expect(page.locator(f"form[data-draft='{request}']")).to_have_count(0)
        page.wait_for_selector("#op-centre[data-screen=prompt], #op-centre[data-screen=verdict]", timeout=30_000)
    expect(page.locator(".op-verdict")).to_contain_text(verdict)


def test_from_the_first_administrator_to_the_record(portal, page, new_page: Callable[[], Page], bench):
    create_administrator(page)

    page.goto("/procedures/new")
    page.get_by_label("Name", exact=True).fill("PCBA functional test")
    page.get_by_label(re.compile("Identifier")).fill("pcba_functional")
    accessible(page)
    page.get_by_role("button", name=re.compile("Create")).click()

    page.goto("/stations")
    accessible(page)
    page.get_by_role("link", name="New station").first.click()
    page.get_by_label("Name").fill("Bench 7")
    page.get_by_label("PCBA functional test").check()
    accessible(page)
    page.get_by_role("button", name=re.compile("Create")).click()
    expect(page).to_have_url(re.compile("/enrol$"))
    accessible(page)
    command = page.locator("code", has_text="--token").first.inner_text()
    token = re.search(r"--token\s+(\S+)", command)
    assert token
    assert len(token[1]) == 64
    station_id = page.url.split("/stations/")[1].split("/")[0]

    watcher = new_page()
    sign_in(watcher)
    watcher.goto("/stations")
    expect(watcher.locator(f"#station-{station_id}-status")).to_contain_text("never connected")

    bench.enrol(portal.url, token[1], ["--bench", "pcba"])
    bench.start()
    expect(page.locator("body")).to_contain_text(re.compile("[Cc]onnected"), timeout=15_000)
    expect(watcher.locator(f"#station-{station_id}-status")).to_contain_text("online", timeout=5_000)

    page.goto(f"/stations/{station_id}")
    accessible(page)
    page.get_by_role("link", name="Operate").first.click()
    expect(page.get_by_text("connected", exact=True)).to_be_visible()  # axe does not wait for a page to be there
    accessible(page)
    second = new_page()
    sign_in(second)
    second.goto(f"/stations/{station_id}/operate")
    scan(page, GOOD_UNIT)
    expect(second.locator("#op-centre[data-screen=prompt], #op-centre[data-screen=running]")).to_be_visible(
        timeout=20_000
    )
    answer_prompts_until_verdict(page, "PASS")
    accessible(page)
    expect(second.locator(".op-verdict")).to_contain_text(GOOD_UNIT)

    page.get_by_role("link", name="Open the record").click()
    expect(page).to_have_url(re.compile("/runs/"))
    for text in (GOOD_UNIT, "Bench 7", "PASS", "admin@example.com", "3.3"):
        expect(page.locator("main")).to_contain_text(text)
    expect(page.locator("svg.chart").first).to_be_visible()
    accessible(page)
    page.goto("/runs")
    expect(page.locator("main")).to_contain_text(GOOD_UNIT)
    accessible(page)
    expect(watcher.locator(f"#station-{station_id}-now")).to_contain_text("PASS")

    bench.stop()
    expect(watcher.locator(f"#station-{station_id}-status")).to_contain_text("offline", timeout=10_000)


def test_a_faulty_unit_fails_for_its_reason(linked, page):
    station_id, bench = linked
    bench.start()
    operate(page, station_id)

    scan(page, BAD_UNIT)
    answer_prompts_until_verdict(page, "FAIL")

    expect(page.locator(".op-failures").first).to_contain_text("line regulation")
    expect(page.locator(".op-failures").first).to_contain_text(re.compile(r"V at input voltage 4\.5 V.*3\.2 … 3\.4 V"))
    accessible(page)


def test_on_the_verdict_a_scan_starts_the_next_unit_at_once(linked, page):
    station_id, bench = linked
    bench.start()
    operate(page, station_id)
    scan(page, BAD_UNIT)
    answer_prompts_until_verdict(page, "FAIL")

    page.keyboard.type("SN-0000")  # a scan may begin before the record is uploaded and shown
    expect(page.get_by_role("link", name="Open the record")).to_be_visible(timeout=20_000)
    page.keyboard.type("1" * 60)
    page.keyboard.press("Enter")
    expect(page.locator("#op-notice")).to_contain_text("at most 60 characters")
    expect(page.locator(".op-verdict")).to_contain_text(BAD_UNIT)

    for _twice in range(2):
        page.keyboard.type("SN-000012")
        page.keyboard.press("Enter")

    expect(page.locator("#op-centre[data-screen=prompt]")).to_contain_text("Insert the board", timeout=20_000)
    expect(page.locator("#op-notice")).to_be_empty()
    page.keyboard.press("F9")
    expect(page.locator(".op-verdict")).to_contain_text("SN-000012", timeout=20_000)
    expect(page.get_by_role("link", name="Open the record")).to_be_visible(timeout=20_000)
    page.goto("/runs")
    expect(page.locator("main table tbody tr", has_text="SN-000012")).to_have_count(1)


def test_a_scan_that_began_before_the_verdict_starts_nothing(linked, page):
    station_id, bench = linked
    bench.start()
    operate(page, station_id)
    scan(page, GOOD_UNIT)
    expect(page.locator("#op-centre[data-screen=prompt]")).to_be_visible(timeout=20_000)
    page.keyboard.press("F9")

    while not page.locator(".op-verdict").is_visible():
        page.keyboard.type("9", delay=20)
    page.keyboard.type("99")
    page.keyboard.press("Enter")

    expect(page.locator("#op-notice")).to_contain_text("Nothing was started")
    expect(page.get_by_label("Scan the next unit")).to_have_value("")
    expect(page.locator(".op-verdict")).to_contain_text(GOOD_UNIT)


def test_stop_makes_the_instruments_safe_and_keeps_the_record(linked, page):
    station_id, bench = linked
    bench.start()
    operate(page, station_id)
    scan(page, GOOD_UNIT)
    expect(page.locator("#op-centre[data-screen=prompt], #op-centre[data-screen=running]")).to_be_visible(
        timeout=20_000
    )

    page.keyboard.press("F9")

    expect(page.locator(".op-verdict")).to_contain_text("ABORTED", timeout=20_000)
    page.get_by_role("link", name="Open the record").click()
    expect(page.locator("main")).to_contain_text("ABORTED")
    expect(page.get_by_text("stopped here")).to_have_count(1)
    expect(page.get_by_role("heading", name="What failed")).to_have_count(0)
    accessible(page)


def test_a_reload_in_the_middle_of_a_prompt_comes_back_to_it(linked, page):
    station_id, bench = linked
    bench.start()
    operate(page, station_id)
    page.get_by_role("button", name="PCBA functional test").click()
    expect(page.get_by_label("Serial Number")).to_be_focused(timeout=20_000)
    page.keyboard.type("SN-0000")

    page.reload()

    field = page.get_by_label("Serial Number")
    expect(field).to_have_value("SN-0000")
    field.fill("   ")
    page.keyboard.press("Enter")
    field.fill(GOOD_UNIT)
    page.keyboard.press("Enter")
    answer_prompts_until_verdict(page, "PASS")


def test_the_portal_restarted_in_the_middle_of_a_run(linked, portal, page):
    station_id, bench = linked
    bench.start()
    operate(page, station_id)
    scan(page, GOOD_UNIT)
    expect(page.locator("#op-centre[data-screen=prompt]")).to_be_visible(timeout=20_000)

    portal.stop()
    portal.start()

    expect(page.locator("#op-top")).to_contain_text("connected", timeout=15_000)
    answer_prompts_until_verdict(page, "PASS")
    page.get_by_role("link", name="Open the record").click(timeout=15_000)
    page.goto("/runs")
    expect(page.locator("main table tbody tr", has_text=GOOD_UNIT)).to_have_count(1)


def test_a_run_that_ends_while_the_portal_is_away_arrives_later_and_once(linked, portal, page):
    station_id, bench = linked
    bench.start()
    operate(page, station_id)
    scan(page, GOOD_UNIT)
    answer_first = page.locator("form[data-draft]")
    expect(page.locator("#op-centre[data-screen=prompt]")).to_be_visible(timeout=20_000)
    assert answer_first.count() == 1

    portal.kill()
    bench.stop()  # the run is ended by the station itself, and its record kept
    bench.start()
    portal.start()

    def stored() -> bool:
        page.goto("/runs")
        return page.locator("main table tbody tr", has_text=GOOD_UNIT).count() == 1

    eventually(stored, within_s=40, every_s=0.5)


def test_silence_is_offline_without_reload(linked, portal, page):
    station_id, bench = linked
    bench.start()
    sign_in(page)
    page.goto(f"/stations/{station_id}")
    status = page.locator(f"#station-{station_id}-status").first
    expect(status).to_contain_text("online", timeout=10_000)

    bench.kill()

    expect(status).to_contain_text("offline", timeout=10_000)


def test_a_script_that_does_not_import_says_so_and_the_station_stays(linked, portal, page, tmp_path):
    station_id, bench = linked
    broken = bench.home / "procedures" / "broken"
    broken.mkdir(parents=True)
    (broken / "main.py").write_text("import openhtf\nimport a_module_that_is_not_there\n")
    procedure = portal.command("procedure", "create", "Broken", "--identifier", "broken")
    portal.command("station", "link", "Bench 7", "--procedure", procedure)
    bench.start()
    operate(page, station_id)

    page.get_by_role("button", name="Broken").click()

    expect(page.locator(".op-verdict")).to_contain_text("ERROR", timeout=20_000)
    expect(page.locator(".op-error")).to_contain_text("a_module_that_is_not_there")
    assert bench.is_running


def test_a_procedure_folder_without_an_entry_file_is_told_before_it_is_started(linked, portal, page):
    station_id, bench = linked
    (bench.home / "procedures" / "hollow").mkdir(parents=True)
    procedure = portal.command("procedure", "create", "Hollow", "--identifier", "hollow")
    portal.command("station", "link", "Bench 7", "--procedure", procedure)
    bench.start()

    operate(page, station_id)

    choice = page.locator(".op-choice", has_text="Hollow")
    expect(choice).to_contain_text("main.py")
    expect(page.get_by_role("button", name="Hollow")).to_have_count(0)


def test_a_page_is_live_however_slowly_its_scripts_come(linked, page):
    station_id, bench = linked

    def slowly(route: Route) -> None:
        time.sleep(0.5)  # the network's, not ours: the second script arrives long after the first has run
        route.continue_()

    page.route("**/hx-ws*", slowly)
    sign_in(page)
    page.goto(f"/stations/{station_id}/operate")
    expect(page.locator("#op-centre")).to_contain_text("not connected")

    bench.start()

    expect(page.locator("#op-centre")).to_contain_text("Ready to test", timeout=15_000)
