"""The Operator UI's screens in a real browser, drawn from a made-up run: nothing that is needed is out of sight."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from flask import Flask, render_template
from playwright.sync_api import Browser, Page, Route, expect

from portal import migrations
from portal.app import create_app
from portal.settings import load_settings
from station.operator_view import OperatorView, ProcedureChoice
from station.protocol import Measurement, Outcome, Unit
from station.run_state import Phase, RunState, Stage
from tests.live.a_run import START

LATE = "The station did not answer within 2 seconds. STOP stays on its way."
SIZES = ((1280, 800), (1024, 768), (1366, 768))
TRACEBACK = "Traceback (most recent call last):\n" + "  File main.py, line 7, in check\n" * 20 + "ValueError: no answer"
FAILED = Measurement(name="rail_current", measured_value=0.0421692, units="A", outcome=Outcome.FAIL)


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Flask:
    settings = load_settings(data_dir=tmp_path_factory.mktemp("portal"))
    migrations.upgrade(settings)
    return create_app(settings)


@pytest.fixture
def screen(browser: Browser) -> Iterator[Page]:
    with browser.new_context() as context:
        yield context.new_page()


def shown(page: Page, app: Flask, run: RunState) -> None:
    """Open the page of a station with that run; the rest comes from the portal."""
    view = OperatorView(
        "s", "Bench 7", "/operate", is_connected=True, last_seen_at=None, run=run, record_url="/runs/1",
        procedures=(ProcedureChoice("p", "PCBA"),),
    )  # fmt: skip
    with app.test_request_context():
        html = render_template("operator/page.html", view=view, may_drive=True, has_desk=True, refusal=None)

    def serve(route: Route) -> None:
        path = urlsplit(route.request.url).path
        if path == "/op":
            route.fulfill(body=html, content_type="text/html")
        elif path == "/operate/stop":
            refusal = app.jinja_env.get_template("operator/_refusal.html").render(reason=LATE)
            route.fulfill(status=422, body=refusal, content_type="text/html")
        else:
            with app.test_client().get(path) as answer:
                route.fulfill(status=answer.status_code, body=answer.data, content_type=answer.content_type)

    page.route("**/*", serve)
    page.goto("http://operator.example/op")


def ended(outcome: Outcome, failures: int = 0, error: str | None = None) -> RunState:
    phases = {
        (f"p{n}", 1): Phase(
            f"p{n}", f"check_rail_{n}", 1, START, START, Outcome.FAIL, measurements_by_name={FAILED.name: FAILED}
        )
        for n in range(failures)
    }
    return RunState(
        "e", "p", "PCBA", "olga@example.com", True, START, 9, Stage.OVER, Unit(serial_number="SN-000013"),
        phases_by_attempt=phases, outcome=outcome, error=error, started_at=START,
        ended_at=START + timedelta(seconds=41),
    )  # fmt: skip


VERDICTS = {
    "pass": ended(Outcome.PASS),
    "fail": ended(Outcome.FAIL, failures=12),
    "error": ended(Outcome.ERROR, error=TRACEBACK),
    "timeout": ended(Outcome.TIMEOUT, failures=1, error="The phase took more than 10 s."),
    "aborted": ended(Outcome.ABORTED),
    "not tested": replace(ended(Outcome.ABORTED), started_at=None, unit=Unit()),
}


@pytest.mark.parametrize("verdict", VERDICTS)
def test_a_verdict_fits_on_the_screen(screen: Page, app: Flask, verdict: str) -> None:
    shown(screen, app, VERDICTS[verdict])
    for width, height in SIZES:
        screen.set_viewport_size({"width": width, "height": height})

        bottom = box(screen, "#op-bottom")["y"]
        word, mark = box(screen, ".op-verdict-word"), box(screen, ".op-verdict-word svg")
        size = float(screen.locator(".op-verdict-word").evaluate("e => parseFloat(getComputedStyle(e).fontSize)"))

        assert word["height"] < 1.5 * size, "the verdict stands on one line"
        assert mark["x"] >= 0
        assert screen.locator("#op-centre").evaluate("e => e.scrollWidth <= e.clientWidth")
        for needed in ("#op-next input[type=text]", ".op-button--go", ".op-record a"):
            place = box(screen, needed)
            assert place["y"] + place["height"] <= bottom, (needed, width, height)


def test_the_phases_begin_with_a_whole_row_and_show_the_last_one(screen: Page, app: Flask) -> None:
    shown(screen, app, VERDICTS["fail"])
    for width, height in SIZES:
        screen.set_viewport_size({"width": width, "height": height})
        screen.reload()

        seen, rows = box(screen, "#op-phases"), screen.locator("#op-phases .op-measurement, #op-phases .op-phase-head")
        places = [one for one in (row.bounding_box() for row in rows.all()) if one is not None]
        top, end = seen["y"], seen["y"] + seen["height"]

        assert not [one for one in places if one["y"] < top - 1 and one["y"] + one["height"] > top + 12]
        assert places[0]["y"] < top
        assert places[-1]["y"] + places[-1]["height"] <= end + 1


def test_a_notice_stays_while_the_bench_is_redrawn_until_dismissed_or_for_ten_seconds(screen: Page, app: Flask) -> None:
    screen.clock.install()
    running = Phase("p0", "check_rail", 1, START, measurements_by_name={FAILED.name: FAILED})
    run = replace(ended(Outcome.UNSET), stage=Stage.RUNNING, ended_at=None, phases_by_attempt={("p0", 1): running})
    shown(screen, app, run)
    notice, stop = screen.get_by_role("status").filter(has_text="did not answer"), screen.locator(".op-button--stop")

    stop.click()
    expect(notice).to_be_visible()
    expect(screen.locator("#bench #op-notice")).to_have_count(0)
    stop.click(trial=True)  # nothing lies over it
    screen.get_by_role("button", name="Dismiss this message").click()
    expect(notice).to_be_hidden()

    stop.click()
    expect(notice).to_be_visible()
    screen.mouse.move(10, 10)
    screen.clock.run_for(9_000)
    expect(notice).to_be_visible()
    screen.clock.run_for(2_000)
    expect(notice).to_be_hidden()


def box(page: Page, selector: str) -> dict[str, float]:
    found = page.locator(selector).first.bounding_box()
    assert found is not None, selector
    return dict(found)  # type: ignore[arg-type]
