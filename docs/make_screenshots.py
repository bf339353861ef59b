"""Takes the pictures of the documentation: ``make screenshots``. A real demo, a real browser."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

PICTURES = Path(__file__).parent / "pictures"
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]


def main() -> None:
    """Start a demo, drive it, and save the pictures."""
    PICTURES.mkdir(exist_ok=True)
    program = shutil.which("chromium") or shutil.which("google-chrome")
    if program is None:
        sys.exit("Taking screenshots needs chromium.")
    with tempfile.TemporaryDirectory(prefix="stationmaster-pictures-") as folder, socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        free.close()
        words = [sys.executable, "-m", "stationmaster", "demo", "--port", str(port), "--data-dir", folder]
        demo = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
        try:
            password = next(line.split()[-1] for line in demo.stdout or [] if "password" in line)
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(executable_path=program, args=FLAGS)
                take(browser, f"http://127.0.0.1:{port}", password)
        finally:
            demo.send_signal(signal.SIGINT)
            demo.wait(60)


def take(browser: Browser, url: str, password: str) -> None:
    """All the pictures, in the order of the story."""
    page = browser.new_page(base_url=url, viewport={"width": 1280, "height": 800})
    page.goto("/sign-in")
    page.get_by_label("E-mail").fill("admin@example.com")
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()
    page.goto("/stations")
    page.get_by_text("online").nth(1).wait_for()
    page.get_by_role("link", name="Operate").first.click()
    page.locator("#op-centre[data-screen=running] .op-measurement").first.wait_for(timeout=60_000)
    page.get_by_role("heading", name="Regulator sweep", exact=False).wait_for(timeout=60_000)
    save(page, "operator")
    page.locator(".op-verdict").wait_for(timeout=60_000)
    save(page, "verdict")
    page.get_by_role("link", name="Open the record").wait_for(timeout=20_000)
    page.get_by_role("link", name="Open the record").click()
    page.wait_for_url("**/runs/**")
    save(page, "run")
    pages = {"overview": "/", "stations": "/stations", "runs": "/runs", "people": "/settings/people"}
    for name in ("stations", "procedures"):
        page.goto(f"/{name}")
        pages[name.removesuffix("s")] = page.locator("tbody th a").first.get_attribute("href") or ""
    pages["procedure"] += "?simulated=yes"
    for name, path in pages.items():
        page.goto(path)
        time.sleep(0.5)  # the feed's first state
        save(page, name)


def save(page: Page, name: str) -> None:
    """One picture."""
    page.screenshot(path=PICTURES / f"{name}.png")
    print(PICTURES / f"{name}.png")


if __name__ == "__main__":
    main()
