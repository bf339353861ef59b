"""Requests for a host that cannot be one: refused before anything is made of it.

The portal's own address is taken from ``Host`` where no setting says it, and stands in what people copy. Werkzeug takes
a header with other characters for none at all, and would go on without.
"""

from __future__ import annotations

from flask import Flask, request

from portal.errors import BadRequest


def register(app: Flask) -> None:
    """Look at every request first."""
    app.before_request(_refuse_odd_host)


def _refuse_odd_host() -> None:
    """Raises `BadRequest`; the header is not repeated. HTTP/1.0 needs none."""
    if "HTTP_HOST" in request.environ and not request.host:
        raise BadRequest("The Host header names no host: there are letters, digits, dots and hyphens in one.")
