"""Names in scripts that are written from right to left: each stays in its place, and turns nothing beside it."""

from __future__ import annotations

from datetime import UTC, datetime

import httpx
import pytest
from playwright.sync_api import Page

from tests.e2e.programs import PASSWORD, PortalProcess
from tests.e2e.test_story import sign_in

# Texts with such letters that stand in one line with others: they are alone in what sets them apart, or in their block.
FIND = """() => {
  const found = [], walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const isOpen = (style) => style.display === "inline" && style.unicodeBidi === "normal";
  while (walker.nextNode()) {
    const words = walker.currentNode.textContent.trim();
    let place = walker.currentNode.parentElement;
    if (!/[\u0590-\u05ff]/.test(words) || place.closest("script, option, textarea, svg")) continue;
    while (isOpen(getComputedStyle(place))) place = place.parentElement;
    if (/\\u2068[^\\u2069]*\\u2069$/.test(words)) continue; // the portal's own sentences isolate names by themselves
    if (/[A-Za-z“]/.test(words) || place.textContent.trim() !== words) found.push(place.outerHTML.slice(0, 300));
  }
  return found;
}"""


@pytest.fixture
def mirrored(portal: PortalProcess) -> dict[str, str]:
    """A portal whose every name is Hebrew. Its pages, by what they are of."""
    portal.command("user", "add", "admin@example.com", "--role", "owner", "--password-stdin", stdin=PASSWORD)
    procedure = portal.command("procedure", "create", "בדיקה")
    station = portal.command("station", "create", "תחנה 7", "--procedure", procedure)
    key = portal.command("key", "create", "--station", "תחנה 7")
    at = datetime.now(UTC).isoformat()
    limit = {"operator": ">=", "expected_value": 4.75, "outcome": "FAIL"}
    measurement = {"name": "מתח", "outcome": "FAIL", "measured_value": 4.2, "units": "V", "validators": [limit]}
    phase = {"name": "ספק", "outcome": "FAIL", "started_at": at, "ended_at": at, "measurements": [measurement]}
    line = {"level": "INFO", "timestamp": at, "message": "נמדד", "source_file": "א", "line_number": 1}
    body = {
        "procedure_id": procedure, "serial_number": "יחידה-1", "part_number": "לוח-100", "revision_number": "ג",
        "procedure_version": "גרסה", "operated_by": "דנה", "outcome": "FAIL", "started_at": at, "ended_at": at,
        "phases": [phase], "logs": [line], "metadata": {"line": "צפון"}, "batch_number": "B-1",
    }  # fmt: skip
    with httpx.Client(base_url=portal.url, headers={"Authorization": f"Bearer {key}"}, timeout=20) as api:
        run = api.post("/api/v2/runs", json=body).raise_for_status().json()["id"]
        again = {"serial_number": "מדף-1", "part_number": "מדף", "sub_units": ["יחידה-1"]}
        api.post("/api/v2/runs", json=body | again).raise_for_status()
    return {
        "overview": "/", "runs": "/runs?search_query=יחידה&part_numbers=לוח-100", "run": f"/runs/{run}",
        "log": f"/runs/{run}/logs", "phases": f"/runs/{run}/phases", "units": "/units", "unit": "/units/יחידה-1",
        "parts": "/parts", "part": "/parts/לוח-100", "revision": "/parts/לוח-100/revisions/ג", "batch": "/batches/B-1",
        "stations": "/stations", "station": f"/stations/{station}", "operate": f"/stations/{station}/operate",
        "procedures": "/procedures", "procedure": f"/procedures/{procedure}",
    }  # fmt: skip


def test_each_name_stands_by_itself(page: Page, mirrored: dict[str, str]) -> None:
    sign_in(page)
    found: dict[str, list[str]] = {}
    for name, path in mirrored.items():
        page.goto(path)
        if wrong := page.evaluate(FIND):
            found[name] = wrong

    assert not found
