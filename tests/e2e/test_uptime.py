"""A station's uptime in a browser: by mouse, by keyboard, on a phone."""

from __future__ import annotations

import re
import sqlite3
from datetime import UTC, datetime, timedelta

from playwright.sync_api import expect

from tests.e2e.programs import PASSWORD
from tests.e2e.test_story import accessible, sign_in


def test_days_are_chosen_by_mouse_and_by_keyboard(portal, page):
    portal.command("user", "add", "admin@example.com", "--role", "owner", "--password-stdin", stdin=PASSWORD)
    station = portal.command("station", "create", "Bench 7")
    noon = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0) - timedelta(days=3)
    with sqlite3.connect(portal.data_dir / "portal.db", timeout=10) as database:
        made = (noon - timedelta(days=20)).replace(tzinfo=None).isoformat(" ", "microseconds")
        database.execute("UPDATE stations SET created_at = ?", (made,))
        for minutes, state in ((-9000, "up"), (0, "down"), (75, "up")):
            at = (noon + timedelta(minutes=minutes)).replace(tzinfo=None).isoformat(" ", "microseconds")
            database.execute(
                "INSERT INTO station_states (station_id, at, state, reason, source) VALUES (?, ?, ?, 'silent', 'link')",
                (station, at, state),
            )
    sign_in(page)
    page.goto(f"/stations/{station}")
    bars = page.get_by_role("list", name="Ninety days")

    bars.get_by_role("link", name=re.compile("1 outage, 1 h 15 min")).click()
    expect(page.get_by_role("heading", name=re.compile("1 outage, 1 h 15 min"))).to_be_visible()
    expect(page.get_by_role("cell", name="offline")).to_be_visible()
    chosen = bars.locator("[aria-current=date]")
    expect(chosen).to_be_focused()

    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Nothing to tell of this day.")).to_be_visible()
    page.keyboard.press("End")
    expect(bars.get_by_role("link", name=re.compile("today, so far"))).to_be_focused()
    assert bars.locator("a[tabindex='0']").count() == 1

    page.goto(f"/stations/{station}/uptime")
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        accessible(page)
    page.set_viewport_size({"width": 360, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") == 360
