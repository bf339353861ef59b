"""What must not happen at a bench with instruments under power: runs nobody asked for, answers nobody gave."""

from __future__ import annotations

import os
import signal

from playwright.sync_api import expect

from tests.e2e.test_story import bench, linked, operate

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
