"""What must not happen at a bench with instruments under power: runs nobody asked for, answers nobody gave."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.programs import PASSWORD, PortalProcess
from tests.e2e.test_story import GOOD_UNIT, bench, linked, operate, scan, sign_in

__all__ = ["bench", "linked"]

QUESTIONS = """
import openhtf as htf
from openhtf.plugs import user_input


@htf.plug(prompts=user_input.UserInput)
def questions(test, prompts):
    for text in ("First serial", "Second serial"):
        prompts.prompt(text, text_input=True)
    for text in ("Is the guard closed?", "High voltage on?"):
        prompts.prompt(text)


htf.Test(questions, test_name="questions").execute(lambda: "SN-1")
"""


@pytest.fixture
def portal(tmp_path) -> Iterator[PortalProcess]:
    """One that is patient with a station that says nothing for a while."""
    with PortalProcess(tmp_path / "portal", STATIONMASTER_OFFLINE_AFTER_S="60") as process:
        yield process


@pytest.fixture
def questions(linked, portal):
    """A station whose only script asks four questions; two want a text and two a press of the button."""
    station_id, bench = linked
    folder = bench.home / "procedures" / "questions"
    folder.mkdir(parents=True)
    (folder / "main.py").write_text(QUESTIONS)
    procedure = portal.command("procedure", "create", "Questions", "--identifier", "questions")
    portal.command("station", "link", "Bench 7", "--procedure", procedure)
    bench.start()
    return station_id


def asks(page: Page, words: str) -> None:
    expect(page.locator("#op-centre[data-screen=prompt] h1")).to_have_text(words, timeout=20_000)


def test_a_late_enter_confirms_no_question_that_nobody_has_read(questions, page, new_page):
    operate(page, questions)
    page.get_by_role("button", name="Questions").click()
    asks(page, "First serial")
    second = new_page()
    sign_in(second)
    second.goto(f"/stations/{questions}/operate")
    asks(second, "First serial")

    for text, following in (("A1", "Second serial"), ("A2", "Is the guard closed?")):
        expect(page.locator("#op-centre").get_by_role("textbox")).to_be_focused()
        page.keyboard.type(text)
        page.keyboard.press("Enter")
        asks(page, following)
    for _nervous in range(4):
        page.keyboard.press("Enter", delay=100)

    asks(page, "Is the guard closed?")
    expect(page.locator("#op-notice")).to_contain_text("pressed too early")
    button = page.get_by_role("button", name="Continue")
    expect(button).to_be_enabled()
    asks(second, "Is the guard closed?")
    expect(second.get_by_text("“Second serial” was answered by admin@example.com")).to_be_visible()
    expect(page.get_by_text("was answered by")).to_be_hidden()
    page.keyboard.press("Enter")
    asks(second, "High voltage on?")
    second.keyboard.press("Enter")
    expect(second.locator("#op-notice")).to_contain_text("pressed too early")
    asks(page, "High voltage on?")
    expect(page.get_by_role("button", name="Continue")).to_be_enabled()
    page.keyboard.press("Enter")
    expect(page.locator(".op-verdict")).to_contain_text("PASS", timeout=20_000)


def test_a_start_that_was_reported_as_failed_is_not_done_later(linked, page):
    station_id, bench = linked
    bench.start()
    operate(page, station_id)
    button = page.get_by_role("button", name="PCBA functional test")

    os.kill(bench.pid, signal.SIGSTOP)
    button.click()
    expect(page.locator("#op-notice")).to_contain_text("did not answer within 2 seconds")
    os.kill(bench.pid, signal.SIGCONT)

    # The station reads its commands in order: when it takes this one, it has dealt with the late one.
    expect(page.get_by_text("connected", exact=True)).to_be_visible()
    expect(page.locator("#op-centre")).to_have_attribute("data-screen", "idle")
    button.click()
    expect(page.get_by_label("Serial Number")).to_be_visible(timeout=20_000)
    assert "command_too_late" in bench.log_text()
    assert len(list((bench.home / "journals").iterdir())) == 1


def test_stop_after_a_sign_out_elsewhere_stays_on_the_page_and_says_that_it_was_not_sent(linked, page):
    station_id, bench = linked
    bench.start()
    operate(page, station_id)
    scan(page, GOOD_UNIT)
    expect(page.locator("#op-centre[data-screen=prompt]")).to_be_visible(timeout=20_000)
    other_tab = page.context.new_page()
    other_tab.goto("/stations")
    other_tab.get_by_role("button", name="Sign out").click()
    expect(other_tab).to_have_url(re.compile("/sign-in"))
    expect(page.get_by_text("You are signed out: this page shows nothing new")).to_be_visible()
    expect(page.get_by_text("Connection to the portal lost")).to_be_hidden()

    page.keyboard.press("F9")

    expect(page.locator("#op-notice")).to_contain_text("Not sent: you are signed out. The bench goes on")
    expect(page.locator("#op-centre[data-screen=prompt]")).to_be_visible()
    page.locator("#op-notice").get_by_role("link", name="Sign in").click()
    page.get_by_label("E-mail").fill("admin@example.com")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page).to_have_url(re.compile(f"/stations/{station_id}/operate$"))
    page.keyboard.press("F9")
    expect(page.locator(".op-verdict")).to_contain_text("ABORTED", timeout=20_000)
