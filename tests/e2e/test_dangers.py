"""What must not happen at a bench with instruments under power: runs nobody asked for, answers nobody gave."""

from __future__ import annotations

import os
import re
import signal

from playwright.sync_api import expect

from tests.e2e.programs import PASSWORD
from tests.e2e.test_story import GOOD_UNIT, bench, linked, operate, scan

__all__ = ["bench", "linked"]


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
