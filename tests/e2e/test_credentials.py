"""Keys, machines and removal in a browser, with real sockets and real station programs."""

from __future__ import annotations

import re
import time

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from bench_sim.fleet import SimulatedStation
from station.protocol import Replaced, Welcome, read_from_portal
from tests.e2e.programs import PASSWORD, PortalProcess
from tests.e2e.test_story import sign_in
from tests.pages.records import record
from tests.waiting import eventually

HELLO = '{"type": "hello", "hardware": {"hostname": "h", "os": "o", "platform": "p", "program_version": "1"}}'


@pytest.fixture
def desk(portal: PortalProcess, page: Page) -> Page:
    portal.command(
        "user", "add", "admin@example.com", "--role", "owner", "--name", "Ada", "--password-stdin", stdin=PASSWORD
    )
    sign_in(page)
    return page


def sound(page: Page) -> None:
    """Nothing to find for axe in light and dark, and nothing to scroll sideways on a phone."""
    size = page.viewport_size
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        page.evaluate("Promise.all(document.getAnimations().map(one => one.finished))")  # colours on their way
        found = Axe().run(page)
        assert found.violations_count == 0, f"{page.url} in {scheme}: {found.generate_report()}"
    page.set_viewport_size({"width": 360, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") == 360, page.url
    page.set_viewport_size(size)


def status_of(portal: PortalProcess, key: str) -> int:
    answer = httpx.get(f"{portal.url}/api/v2/stations/current", headers={"Authorization": f"Bearer {key}"})
    return answer.status_code


def test_a_key_is_shown_once_and_dies_at_once(portal, desk, new_page):
    station = portal.command("station", "create", "Bench 7")
    desk.goto(f"/stations/{station}")
    desk.get_by_role("link", name="New API key").click()
    desk.get_by_label("What the key is for").fill("upload script")
    desk.get_by_role("button", name="Create API key").click()
    key = desk.locator("#fresh-key").inner_text()
    expect(desk.locator("main")).to_contain_text("not shown again")
    expect(desk.get_by_role("button", name="Copy the key", exact=True)).to_be_visible()
    sound(desk)
    assert status_of(portal, key) == 200

    desk.reload()
    assert key not in desk.content()
    entry = desk.get_by_role("listitem").filter(has_text="upload script")
    expect(entry).to_contain_text(re.compile(r"by Ada\..+from 127\.0\.0\.1", re.DOTALL))
    stale = new_page()
    sign_in(stale)
    stale.goto(desk.url)
    entry.get_by_text("Regenerate or delete").click()
    sound(desk)
    entry.get_by_role("button", name="Regenerate upload script").click()
    second = desk.locator("#fresh-key").inner_text()
    assert [status_of(portal, one) for one in (key, second)] == [401, 200]

    stale.get_by_text("Regenerate or delete").click()
    stale.get_by_role("button", name="Regenerate upload script").click()
    expect(stale.get_by_role("alert")).to_contain_text("was regenerated or deleted before")
    assert status_of(portal, second) == 200

    address = portal.url.replace("http", "ws") + "/api/station/link"
    with connect(address, additional_headers={"Authorization": f"Bearer {second}"}, compression=None) as link:
        link.send(HELLO)
        assert isinstance(read_from_portal(link.recv(timeout=5)), Welcome)
        desk.get_by_text("Regenerate or delete").click()
        desk.get_by_role("button", name="Delete upload script").click()
        told = read_from_portal(link.recv(timeout=2))
        with pytest.raises(ConnectionClosed) as closed:
            link.recv(timeout=2)

    assert told == Replaced(reason="its API key was deleted")
    assert closed.value.rcvd.code == 1008
    expect(desk.locator("#notice")).to_contain_text("does not work any more")
    assert status_of(portal, second) == 401
    desk.goto(f"/stations/{station}")
    expect(desk.locator(f"#station-{station}-status")).to_contain_text("offline")


def enrol_as_the_page_says(portal: PortalProcess, page: Page, bench: SimulatedStation) -> None:
    words = (page.locator("#enrol-linux").text_content() or "").split()
    assert words[:3] == ["stationmaster", "station", "enrol"]
    assert words[words.index("--portal") + 1] == portal.url
    bench.enrol(portal.url, words[words.index("--token") + 1])


def test_machines_come_are_replaced_and_revoked(portal, desk, tmp_path):
    station = portal.command("station", "create", "Bench 7")
    desk.goto(f"/stations/{station}")
    desk.get_by_role("button", name="New setup token").click()
    desk.get_by_role("tab", name="Windows").click()
    expect(desk.locator("#install-windows")).to_contain_text(f"irm '{portal.url}/install.ps1'))) -Token '")
    expect(desk.locator("#install-linux")).to_be_hidden()
    sound(desk)
    desk.keyboard.press("ArrowRight")
    expect(desk.get_by_role("tab", name="Linux")).to_be_focused()
    expect(desk.locator("main")).to_contain_text(re.compile(r"for another 60 minutes \(59:\d\d\)"))
    with (
        SimulatedStation(tmp_path / "one", tmp_path / "one.log") as one,
        SimulatedStation(tmp_path / "two", tmp_path / "two.log") as two,
    ):
        desk.locator("#on-linux").get_by_text("Where the program is there already").click()
        enrol_as_the_page_says(portal, desk, one)
        notice = desk.locator(f"#station-{station}-enrolment")
        expect(notice).to_contain_text("Now start its program")
        expect(desk.locator("main")).to_contain_text(re.compile("The setup token was used by .+ start the program"))
        expect(desk.get_by_text("for another")).to_be_hidden()
        expect(desk.locator("#enrol-linux")).to_be_hidden()
        expect(desk.locator("#run-linux")).to_be_visible()
        one.start()
        expect(notice).to_contain_text("Connected.", timeout=15_000)
        expect(desk.locator("#run-linux")).to_be_hidden()
        expect(desk.get_by_role("link", name="Open Bench 7")).to_be_visible()

        notice.get_by_role("link", name="Open station").click()
        machine = desk.locator(f"#station-{station}-machine")
        expect(machine).to_contain_text(re.compile(r"\d+ % of \d+ core"))
        for words in ("used of", "free", "as the portal's", "Runs as"):
            expect(machine).to_contain_text(words)
        desk.get_by_role("button", name="New setup token").click()
        expect(desk.locator("main")).to_contain_text("is replaced as soon as another machine uses this token")
        enrol_as_the_page_says(portal, desk, two)
        began = time.monotonic()
        assert eventually(lambda: one.exit_code, within_s=10) == 75
        assert time.monotonic() - began < 6
        assert re.search(
            r"revoked this installation: it was replaced by host \S+ \(setup token of Ada\)", one.log_text()
        )

        two.start()
        desk.goto(f"/stations/{station}")
        expect(machine).to_contain_text(re.compile(r"Replaced.+\d"))
        expect(machine).to_contain_text("% of", timeout=15_000)
        two.stop()
        desk.get_by_text("Earlier machines").click()
        expect(desk.locator("#installation")).to_contain_text("(setup token of Ada)")
        sound(desk)
        desk.get_by_role("link", name="Revoke").click()
        sound(desk)
        desk.get_by_role("button", name="Revoke the installation").click()
        expect(machine).to_contain_text("it was revoked by Ada")
        desk.go_back()
        two.start()
        assert eventually(lambda: two.exit_code, within_s=15) == 75
        assert "revoked this installation: it was revoked by Ada." in two.log_text()
        assert not two.is_enrolled


def test_a_stale_form_revokes_nothing_and_says_why(portal, desk, new_page, tmp_path):
    station = portal.command("station", "create", "Bench 7")
    with SimulatedStation(tmp_path / "one") as one:
        one.enrol(portal.url, portal.command("token", "create", "--station", "Bench 7"))
    desk.goto(f"/stations/{station}/installation/revoke")
    other = new_page()
    sign_in(other)
    other.goto(desk.url)
    other.get_by_role("button", name="Revoke the installation").click()
    expect(other.locator("#notice")).to_contain_text("was revoked")

    desk.get_by_role("button", name="Revoke the installation").click()

    expect(desk.get_by_role("alert")).to_contain_text("it was revoked by Ada. Nothing was changed.")


def test_a_token_that_expires_says_so_and_offers_another(portal, desk):
    station = portal.command("station", "create", "Bench 7")
    desk.clock.install()
    desk.goto(f"/stations/{station}/enrol")
    desk.get_by_role("button", name="New setup token").click()
    first = desk.locator("#install-linux").inner_text()

    desk.clock.fast_forward("01:00:01")

    expect(desk.get_by_text("The setup token has expired")).to_be_visible()
    desk.get_by_role("button", name="New setup token").click()
    expect(desk.locator("#install-linux")).not_to_have_text(first)


def test_a_station_is_deleted_archived_and_restored(portal, desk):
    procedure = portal.command("procedure", "create", "PCBA functional test")
    empty = portal.command("station", "create", "Empty bench")
    station = portal.command("station", "create", "Bench 7", "--procedure", procedure)
    key = portal.command("key", "create", "--station", "Bench 7")
    answer = httpx.post(
        f"{portal.url}/api/v2/runs",
        headers={"Authorization": f"Bearer {key}", "Content-Type": "application/json"},
        content=record(procedure).model_dump_json(exclude_unset=True),
    )
    assert answer.status_code == 200, answer.text

    desk.goto(f"/stations/{empty}")
    desk.get_by_role("link", name="Delete or archive").click()
    expect(desk.locator("main")).to_contain_text("cannot be undone")
    desk.get_by_label("Type the name").fill("empty")
    desk.get_by_role("button", name="Delete the station").click()
    expect(desk.locator("#field-name-error")).to_contain_text("type “Empty bench”")
    expect(desk.get_by_label("Type the name")).to_have_value("empty")
    sound(desk)
    desk.get_by_label("Type the name").fill("Empty bench")
    desk.get_by_role("button", name="Delete the station").click()
    expect(desk.locator("#notice")).to_contain_text("was deleted")

    desk.goto(f"/stations/{station}/remove")
    expect(desk.locator("main")).to_contain_text(
        re.compile("1 run, under this name.+1 API key.+1 procedure", re.DOTALL)
    )
    sound(desk)
    desk.get_by_label("Type the name").fill("Bench 7")
    desk.get_by_role("button", name="Archive the station").click()
    expect(desk.get_by_role("heading", name="Bench 7")).to_be_visible()
    expect(desk.locator("main")).to_contain_text("This station was archived")
    sound(desk)
    assert status_of(portal, key) == 401
    desk.goto("/stations")
    expect(desk.get_by_role("link", name="Bench 7")).to_have_count(0)
    desk.goto(f"/runs/{answer.json()['id']}")
    desk.get_by_role("link", name="Bench 7").click()
    expect(desk.locator("main")).to_contain_text("This station was archived")
    desk.goto("/stations/archived")
    sound(desk)
    desk.get_by_role("link", name="Bench 7").click()
    portal.command("station", "create", "Bench 7")
    desk.get_by_role("button", name="Restore the station").click()
    expect(desk.locator("#field-name-error")).to_contain_text("already a station named")
    desk.get_by_label("Name", exact=True).fill("Bench 7 again")
    desk.get_by_role("button", name="Restore the station").click()
    expect(desk.get_by_role("heading", name="Bench 7 again")).to_be_visible()
    expect(desk.locator("#notice")).to_contain_text("is back")
