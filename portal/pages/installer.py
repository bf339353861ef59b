"""What a bench installs from: the scripts, this very program as a wheel, and an index that lists it.

All of it is public: there is no secret in it, and a machine that is not enrolled has no key. The scripts name the
portal by the address that they were asked under, as the enrolment page does, and the wheel by its hash.
"""

from __future__ import annotations

import hashlib
import io
import re
import shlex
from collections.abc import Callable
from datetime import UTC, datetime

from flask import Blueprint, Response, render_template, request, send_file, url_for

from portal.errors import NotFound
from portal.own_wheel import own_wheel
from portal.services import rate_limits
from portal.web import db, portal
from stationmaster.resources import folder

pages = Blueprint("installer", __name__)


@pages.before_request
def _limit() -> None:
    rate_limits.take(db(), rate_limits.INSTALLER, request.remote_addr or "unknown", datetime.now(UTC))


@pages.get("/install")
def unix() -> Response:
    """The installer for Linux and macOS, for ``curl … | sh``."""
    return _script("install.sh", "text/x-shellscript; charset=utf-8", shlex.quote)


@pages.get("/install.ps1")
def windows() -> Response:
    """The installer for Windows, where the program runs in WSL 2."""
    return _script("install.ps1", "text/plain; charset=utf-8", powershell_quote)


@pages.get("/dist/")
def index() -> str:
    """The files that there are, with their hashes, as ``pip install --find-links`` reads them."""
    own = own_wheel()
    address = f"{url_for('installer.wheel', name=own.name)}#sha256={own.sha256}"
    return render_template("install/index.html", wheel=own, address=address)


@pages.get("/dist/<name>")
def wheel(name: str) -> Response:
    """The wheel of this version. Raises `NotFound` for any other."""
    own = own_wheel()
    if name != own.name:
        raise NotFound("file")
    return _whole(own.content, "application/zip", own.sha256)


def portal_address() -> str:
    """How others reach this portal: as the setting says, else as it was asked just now."""
    return (portal().settings.public_url or request.url_root).rstrip("/")


def powershell_quote(text: str) -> str:
    """A literal of PowerShell: within '…' it leaves all as it is but ' and its typographic kin, which are doubled."""
    return "'" + re.sub("(['\u2018\u2019\u201a\u201b])", r"\1\1", text) + "'"


def _script(name: str, content_type: str, quote: Callable[[str], str]) -> Response:
    own = own_wheel()
    text = (folder("templates") / "install" / name).read_text("utf-8")
    for place, value in (("PORTAL", portal_address()), ("WHEEL", own.name), ("SHA256", own.sha256)):
        text = text.replace(f"'@{place}@'", quote(value))
    return _whole(text.encode(), content_type)


def _whole(content: bytes, content_type: str, digest: str | None = None) -> Response:
    """Asked for again each time, and sent again only when it has changed."""
    response = send_file(
        io.BytesIO(content), mimetype=content_type, etag=digest or hashlib.sha256(content).hexdigest(), max_age=0
    )
    response.headers["Content-Type"] = content_type
    response.headers["Cache-Control"] = "private, no-cache"
    return response
