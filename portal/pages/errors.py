"""Refusals and failures as pages: one handler turns the services' errors into HTML, whole or as a fragment.

Flask knows one handler for each kind of error, and these are it. For the API's paths they hand over to the answers that
`portal.api` has left in ``app.extensions``: the two rooms do not import each other.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable

import structlog
from flask import Flask, Response, current_app, make_response, request
from werkzeug.exceptions import HTTPException

from portal.errors import PortalError, Unauthorized
from portal.pages.hx import is_partial, render
from portal.pages.sign_in import require_sign_in

log = structlog.get_logger(__name__)

ApiAnswers = tuple[
    Callable[[PortalError], Response], Callable[[HTTPException], Response], Callable[[Exception], Response]
]

TITLES = {
    400: "That request could not be read",
    401: "Sign in first",
    403: "You may not do that",
    404: "There is nothing here",
    405: "That cannot be done here",
    409: "That does not go together",
    413: "That is too large",
    422: "Something is not right yet",
    429: "Too many tries",
    500: "Something went wrong in the portal",
    503: "The portal is busy",
    507: "The portal's disk is full",
}


def as_page(error: PortalError) -> Response:
    """A refusal of a service, as a page or as the fragment that htmx puts into ``#notice``."""
    if (api := _api_answers()) is not None:
        return api[0](error)
    if isinstance(error, Unauthorized):
        answer = require_sign_in()
        if isinstance(answer, Response):
            return answer
    return _page(error.status, error.message)


def http_error_as_page(error: HTTPException) -> Response:
    """What Flask itself refuses: an unknown path, a wrong method, a body that is too large."""
    if error.response is not None or (error.code or 500) < 400:
        return make_response(error.get_response())  # a redirect, such as to the path with its slash
    if (api := _api_answers()) is not None:
        return api[1](error)
    messages = {
        404: "The address leads nowhere: it may be mistyped, or what it showed was removed.",
        405: "This address does not take that kind of request.",
        413: "What was sent is larger than this portal accepts. Nothing was stored.",
    }
    status = error.code or 500
    return _page(status, messages.get(status, error.description or "The request was refused."))


def failure_as_page(error: Exception) -> Response:
    """Anything nobody expected: logged with its traceback under an id that the page shows."""
    if (api := _api_answers()) is not None:
        return api[2](error)
    request_id = uuid.uuid4().hex[:12]
    log.exception("request_failed", request_id=request_id, path=request.path, exc_info=error)
    message = (
        "Nothing of this request was stored. Try again; if it stays, give the number below to who runs this portal."
    )
    return _page(500, message, request_id)


def _api_answers() -> ApiAnswers | None:
    """How to answer the request's error, where it is one of the API's; None for pages."""
    is_api, *answers = current_app.extensions["stationmaster.api_errors"]
    return (answers[0], answers[1], answers[2]) if is_api() else None


def _page(status: int, message: str, request_id: str | None = None) -> Response:
    title = TITLES.get(status, "The request was refused")
    response = render(
        "error.html", "_error.html", status=status, code=status, title=title, message=message, request_id=request_id
    )
    if is_partial(request):
        # The refused part of the page stays as it is; the message goes where messages are read out.
        response.headers["HX-Retarget"] = "#notice"
        response.headers["HX-Reswap"] = "innerHTML"
    return response


def register(app: Flask) -> None:
    """Add the handlers to the application."""
    app.register_error_handler(PortalError, as_page)
    app.register_error_handler(HTTPException, http_error_as_page)
    app.register_error_handler(Exception, failure_as_page)
