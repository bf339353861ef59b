"""``stationmaster station kiosk``: open the kiosk's page on this computer, or say where it is."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import click

from station.home import Home
from station.home_option import home_at, home_option
from station.kiosk.access import ADDRESS, entrance, load_key, renew_key
from station.settings import load_settings
from stationmaster.cli_errors import Refusal

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "microsoft-edge")
LOOK_EVERY_S = 0.2
CRASHED_AFTER_S = 10.0  # one that ends sooner would end again


@click.command()
@home_option
@click.option("--print", "is_printed", is_flag=True, help="Print the link, open nothing.")
@click.option("--wait", "wait_s", default=30.0, show_default=True, help="How long the program may take to be there, s.")
@click.option("--renew", is_flag=True, help="Forget every browser that was let in before.")
def kiosk(home_folder: Path | None, is_printed: bool, wait_s: float, renew: bool) -> None:
    """Open the bench's own screen: full screen in Chromium where there is one, else print a link to it.

    The link works once, for a minute, on this computer; the browser that opens it stays let in.
    """
    home = home_at(home_folder)
    port = load_settings(home).kiosk_port
    _wait_for(port, wait_s, home)
    if renew:
        renew_key(home)
    browser = None if is_printed else _find_browser()
    if browser is None:
        click.echo(_link(home, port))
    else:
        click.echo(f"Open in {Path(browser).name}. Alt+F4 closes it.")
        _show(browser, home, port)


_HOW = 'Start it with `stationmaster station run --kiosk`, or set "kiosk_ui": true in station.json.'


def _wait_for(port: int, wait_s: float, home: Home) -> None:
    """After a boot the desktop may be there before the program is."""
    deadline = time.monotonic() + wait_s
    while True:
        try:
            socket.create_connection((ADDRESS, port), timeout=1.0).close()
            return
        except OSError as error:
            if time.monotonic() >= deadline:
                raise Refusal(f"No kiosk answers on port {port} (home {home.root}). {_HOW}") from error
        time.sleep(LOOK_EVERY_S)


def _find_browser() -> str | None:
    has_screen = sys.platform == "darwin" or os.environ.get("WAYLAND_DISPLAY") or os.environ.get("DISPLAY")
    found = (shutil.which(name) for name in BROWSERS)
    return next((path for path in found if path), None) if has_screen else None


def _link(home: Home, port: int) -> str:
    key = load_key(home)
    if key is None:
        raise Refusal(f"No kiosk has run in this home yet: {home.root}. {_HOW}")
    return f"http://{ADDRESS}:{port}/enter/{entrance(key)}"


def _show(browser: str, home: Home, port: int) -> None:
    """Full screen until somebody closes it; a browser that has crashed is opened again.

    In a profile of its own: nobody's bookmarks, and no question whether to restore pages.
    """
    while True:
        words = [
            browser, "--kiosk", f"--user-data-dir={home.kiosk_browser}", "--no-first-run", "--no-default-browser-check",
            "--disable-session-crashed-bubble", "--disable-pinch", "--overscroll-history-navigation=0",
            _link(home, port),
        ]  # fmt: skip
        nowhere = subprocess.DEVNULL
        began_at = time.monotonic()
        try:
            code = subprocess.run(words, stdin=nowhere, stdout=nowhere, stderr=nowhere, check=False).returncode
        except OSError as error:
            raise Refusal(f"The browser {browser} cannot be started: {error.strerror or error}.") from error
        if code == 0:
            return
        if time.monotonic() - began_at < CRASHED_AFTER_S:
            raise Refusal(f"The browser {browser} ended at once (code {code}): try it by hand, or --print the link.")
