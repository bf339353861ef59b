"""The API called from within the portal, as somebody who is known already: for the reference page's form.

The call takes the whole way of a request from outside, checks and all, except that it brings no key. Who acts stands in
the WSGI environment under a name that no header can have, so nobody outside can say it.
"""

from __future__ import annotations

from flask import Flask, current_app, request
from werkzeug.test import EnvironBuilder
from werkzeug.wrappers import Response

from portal.api.keys import WHO_ACTS
from portal.services.actors import Actor


def register(app: Flask) -> None:
    """Let the page call it: the two rooms do not import each other."""
    app.extensions["stationmaster.call_api"] = call_api


def call_api(who: Actor, method: str, target: str, headers: dict[str, str], body: bytes | None) -> Response:
    """The API's answer. target: path and query. Within a request, whose address the answer's own addresses are of."""
    environ = EnvironBuilder(
        method=method, path=target, base_url=request.url_root, headers=headers.items(), data=body,
        content_type="application/json" if body is not None else None,
        environ_base={"REMOTE_ADDR": request.remote_addr or ""},
    ).get_environ()  # fmt: skip
    environ[WHO_ACTS] = who
    return Response.from_app(current_app.wsgi_app, environ, buffered=True)
