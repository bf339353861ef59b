"""htmx on the server: what a request asks for, and the answer as a whole page or as the part that changes.

The only module that sees htmx-flask 0.1.0. That reads the headers of htmx 2; `HtmxRequest` adds those of htmx 4.
"""

from __future__ import annotations

import json
from typing import Any, Literal

from flask import Flask, Request, Response, make_response, render_template, request
from htmx_flask import Htmx
from htmx_flask.requests import HtmxAwareRequest, HtmxHeaders

VARY = ("HX-Request", "HX-Request-Type")


class Htmx4Headers(HtmxHeaders):  # type: ignore[misc]  # htmx-flask has no types
    """``request.htmx`` with what htmx 4 sends. Truthy for a request made by htmx."""

    @property
    def request_type(self) -> Literal["full", "partial"]:
        """What the browser will do with the answer. ``full`` for everything that was not asked for by htmx."""
        return "partial" if self._headers.get("HX-Request-Type") == "partial" else "full"

    @property
    def source(self) -> str | None:
        """The element that made the request, as ``tag#id``; None when htmx did not say."""
        found: str | None = self._headers.get("HX-Source")
        return found


class HtmxRequest(HtmxAwareRequest):  # type: ignore[misc]  # htmx-flask has no types
    """Flask's request with ``htmx``."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.htmx = Htmx4Headers(self.headers)


def register(app: Flask) -> None:
    """Make ``request.htmx`` available."""
    Htmx(app)
    app.request_class = HtmxRequest


def is_partial(request: Request) -> bool:
    """Whether only the part that changes is wanted. Going back in history wants the whole page."""
    htmx: Htmx4Headers = request.htmx  # type: ignore[attr-defined]
    return htmx.request_type == "partial" and not htmx.history_restore_request


def render(page: str, fragment: str | None = None, *, status: int = 200, **data: Any) -> Response:
    """The page, or its fragment alone where htmx asks for less. Sets ``Vary``, so that no cache mixes the two up."""
    wanted = fragment if fragment is not None and is_partial(request) else page
    response = make_response(render_template(wanted, **data), status)
    response.vary.update(VARY)
    return response


def standing_at(response: Response, url: str) -> Response:
    """Let the browser's address be this one: a form of many fields would put all its empty ones into it."""
    if is_partial(request):
        response.headers["HX-Replace-Url"] = url
    return response


def trigger(response: Response, event: str, detail: dict[str, Any] | None = None) -> Response:
    """Let the browser raise an event (kebab-case) after the answer has arrived, for parts that depend on it."""
    response.headers["HX-Trigger"] = event if detail is None else json.dumps({event: detail})
    return response


def send_to(url: str) -> Response:
    """Answer a fragment request by sending the whole browser elsewhere. 401: the answer itself shows nothing."""
    return Response("", 401, {"HX-Redirect": url})


def go_to(url: str) -> Response:
    """Answer a form that htmx has sent by opening another page: a redirect would be swapped into the form's place."""
    return Response("", 200, {"HX-Redirect": url})
