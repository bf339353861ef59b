"""Every page that takes GET, by the table of who is admitted: a new page is looked at by itself."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page
from werkzeug.serving import make_server

from portal import permission_table
from portal.pages.access import PAGES, Access
from portal.permission_table import SOCKETS, Row
from tests.pages.test_permissions import Plant, plant

__all__ = ["plant"]

LOOKS = (("light", 360), ("dark", 1440))
AXE = Axe()
SETTLED = """async () => {
  await new Promise(requestAnimationFrame);
  await Promise.all(document.getAnimations().map(one => one.finished.catch(() => null)));
}"""
FOUND = """async () => {
  const found = await axe.run({ resultTypes: ["violations"] });
  const wide = document.documentElement.scrollWidth - innerWidth;
  const words = found.violations.flatMap(one => one.nodes.map(node => `${one.id}: ${node.html.slice(0, 200)}`));
  return wide > 0 ? [`${wide} pixels too wide`, ...words] : words;
}"""


@pytest.fixture
def context(browser: Browser, plant: Plant) -> Iterator[BrowserContext]:
    server = make_server("127.0.0.1", 0, plant.app, threaded=True)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    made = browser.new_context(base_url=f"http://127.0.0.1:{server.server_port}")
    yield made
    made.close()
    server.shutdown()
    thread.join()
    server.server_close()


def test_axe_finds_nothing_on_any_page_and_none_is_wider_than_the_window(context: BrowserContext, plant: Plant) -> None:
    rows = [
        row
        for row in permission_table.rows(plant.app)
        if row.method == "GET" and row.endpoint in PAGES and row.endpoint not in SOCKETS | {"live.link", "static"}
    ]
    page = context.new_page()
    refused: list[str] = []
    page.on("console", lambda said: refused.append(said.text) if "Content Security Policy" in said.text else None)

    of_anybody = [row for row in rows if PAGES[row.endpoint] is Access.ANYBODY]
    problems = [one for row in of_anybody for one in look_at(page, plant, row)]
    context.add_cookies([{"name": "stationmaster", "value": plant.cookies["owner"], "url": page.url}])
    problems += [one for row in rows if row not in of_anybody for one in look_at(page, plant, row)]

    assert problems == []
    assert refused == []


def look_at(page: Page, plant: Plant, row: Row) -> Iterator[str]:
    """What is wrong with the page, in each look; nothing with what is no page."""
    address = plant.address("owner", row)
    if "text/html" not in page.request.get(address).headers["content-type"]:
        return
    page.goto(address)
    page.evaluate(AXE.axe_script)
    for scheme, width in LOOKS:
        page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
        page.set_viewport_size({"width": width, "height": 900})
        page.evaluate(SETTLED)
        yield from (f"{row.endpoint} {scheme} {width}: {words}" for words in page.evaluate(FOUND))
