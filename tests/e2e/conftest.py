"""A real portal, real station programs, a real browser."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from portal import migrations
from portal.settings import load_settings
from tests.e2e.programs import PortalProcess

CHROMIUM_FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
]  # fmt: skip

expect.set_options(timeout=10_000)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    assert program, "the browser tests need chromium: run them through `make test`"
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=program, args=CHROMIUM_FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory with an empty database; migrating takes longer than copying."""
    data_dir = tmp_path_factory.mktemp("migrated")
    migrations.upgrade(load_settings(data_dir=data_dir))
    return data_dir


@pytest.fixture
def portal(migrated: Path, tmp_path: Path) -> Iterator[PortalProcess]:
    with PortalProcess(shutil.copytree(migrated, tmp_path / "portal")) as process:
        yield process


@pytest.fixture
def new_page(browser: Browser, portal: PortalProcess) -> Iterator[object]:
    """Makes pages, each in a browser profile of its own: another person, another screen."""
    contexts: list[BrowserContext] = []

    def make() -> Page:
        context = browser.new_context(base_url=portal.url, viewport={"width": 1280, "height": 800})
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: problems.append(str(error)))
        return page

    problems: list[str] = []
    yield make
    for context in contexts:
        context.close()
    assert problems == [], "errors in the pages' scripts"


@pytest.fixture
def page(new_page: object) -> Page:
    assert callable(new_page)
    made: Page = new_page()
    return made
