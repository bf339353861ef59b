"""A declared procedure at a bench, operated in a real browser."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from bench_sim.fleet import SimulatedStation
from tests.e2e.programs import PASSWORD
from tests.e2e.test_story import operate


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[SimulatedStation]:
    with SimulatedStation(tmp_path / "bench", tmp_path / "station.log") as station:
        yield station


def test_an_operator_answers_what_the_procedure_declares(portal, page, bench):
    portal.command("user", "add", "admin@example.com", "--role", "owner", "--password-stdin", stdin=PASSWORD)
    procedure = portal.command("procedure", "create", "Rail check", "--identifier", "rail_check")
    station = portal.command("station", "create", "Bench 7", "--procedure", procedure)
    bench.enrol(portal.url, portal.command("token", "create", "--station", "Bench 7"), ["--bench", "pcba"])
    bench.start()
    operate(page, station)

    page.get_by_role("button", name=re.compile("Rail check")).click()
    serial = page.get_by_label("Serial number")
    expect(serial).to_be_focused(timeout=20_000)
    expect(page.get_by_label("Part number")).to_have_value("PCBA-100")
    serial.fill("XX-1")
    page.keyboard.press("Enter")
    expect(page.get_by_text("does not look as expected")).to_be_visible()
    serial.fill("SN-000001")
    page.get_by_role("button", name=re.compile("Start test")).click()

    lit = page.get_by_role("group", name="Is the green LED lit?")
    expect(lit).to_be_visible(timeout=20_000)
    expect(page.locator("input:checked")).to_have_count(0)  # nothing is answered before somebody answers
    assert Axe().run(page).response["violations"] == []
    lit.get_by_label("Yes").check()
    page.get_by_label("Gap of the shield").fill("0,25")
    page.get_by_role("group", name="Colour of the sleeve").get_by_label("Blue").check()
    page.get_by_role("button", name=re.compile("Continue")).click()

    expect(page.locator(".op-verdict")).to_contain_text("PASS", timeout=20_000)
    page.get_by_role("link", name=re.compile("record|Record", re.IGNORECASE)).first.click()
    expect(page.get_by_role("heading", name=re.compile("SN-000001"))).to_be_visible(timeout=15_000)
    expect(page.get_by_text("0.25 mm")).to_be_visible()
    expect(page.get_by_role("img", name=re.compile("Current over voltage")).first).to_be_visible()
