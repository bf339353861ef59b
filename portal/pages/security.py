"""What protects pages from other sites: where a request comes from, and what a page may load.

No token is threaded through forms: browsers say where a request comes from, in headers that a page cannot set. The
same function guards WebSocket handshakes, which browsers make across sites without asking.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import Flask, Request, Response, request

from portal.errors import Forbidden
from stationmaster.page_headers import PROTECTION

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


def register(app: Flask) -> None:
    """Check every request that changes something, and put the headers on every answer."""
    app.before_request(refuse_foreign)
    app.after_request(add_headers)


def same_origin(request: Request) -> bool:
    """Whether a page of this portal, or no web page at all, has made the request.

    ``Sec-Fetch-Site`` decides where the browser sends it. On plain HTTP under a name of the local network it does not:
    then ``Origin`` must name the host that was asked. Programs send neither, and have no cookies to be abused.
    """
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site in {"same-origin", "none"}
    origin = request.headers.get("Origin")
    if origin is None:
        return True
    # The scheme is not compared: behind a proxy that ends TLS it differs, the name does not.
    return _host_of(origin) == request.host.lower()


def refuse_foreign() -> None:
    """Before a request that changes something. Raises Forbidden for one that another site has made.

    The API takes no cookie, only its own credentials (``Authorization``), which no browser sends by itself.
    """
    if request.method in SAFE_METHODS or request.path.startswith("/api/"):
        return
    if not same_origin(request):
        raise Forbidden("This request came from another site. Nothing was changed. Open the page here and try again.")


def add_headers(response: Response) -> Response:
    """Headers of every answer; a view that needs its own policy has set it before."""
    headers = response.headers
    for name, value in PROTECTION:
        if name not in headers:
            headers.add(name, value)
    if response.mimetype == "text/html":
        # Pages show what a person may see now: neither a shared cache nor the next person's Back button keeps them.
        headers.setdefault("Cache-Control", "private, no-cache")
    return response


def _host_of(origin: str) -> str | None:
    """Host and port as in a ``Host`` header; None for ``null`` and for what is no origin."""
    try:
        parts = urlsplit(origin)
    except ValueError:
        return None
    return parts.netloc.lower() if parts.scheme in {"http", "https"} and parts.netloc else None
