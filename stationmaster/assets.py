"""Addresses of static files, of the portal and of the kiosk."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

from stationmaster.resources import folder

CACHED_FOR_S = 31_536_000  # a year: what changes gets another address


def asset(name: str) -> str:
    """The address of a static file, with its content's hash: cached for ever, and new when it changes."""
    return f"/static/{name}?v={_digest(folder('static') / name)}"


@cache
def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:12]
