"""Refusals as JSON, in the one shape that the published clients parse."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

import structlog
from flask import Flask, Response, jsonify, request
from werkzeug.exceptions import HTTPException

from portal.errors import Issue, PortalError

log = structlog.get_logger(__name__)

CODES = {
    400: "BAD_REQUEST",
    404: "NOT_FOUND",
    405: "METHOD_NOT_ALLOWED",
    408: "TIMEOUT",
    413: "PAYLOAD_TOO_LARGE",
    412: "PRECONDITION_FAILED",
    415: "UNSUPPORTED_MEDIA_TYPE",
    416: "RANGE_NOT_SATISFIABLE",
}
MESSAGES = {
    404: "There is nothing at this path.",
    405: "This path does not take that method.",
    413: "The body is larger than this portal accepts. Nothing was stored.",
    416: "The file is shorter than where that range begins.",
}


def is_api() -> bool:
    """Whether the current request is one of the API."""
    return request.path.startswith("/api/") or request.path == "/healthz"


def refusal(error: PortalError) -> Response:
    """A service's refusal."""
    response = _answer(error.status, error.message, error.code, error.issues)
    if error.retry_after_s is not None:
        response.headers["Retry-After"] = str(error.retry_after_s)
    if error.status == 401:
        response.headers["WWW-Authenticate"] = "Bearer"
    return response


def http_refusal(error: HTTPException) -> Response:
    """What Flask itself refuses."""
    status = error.code or 500
    message = MESSAGES.get(status) or error.description or "The request was refused."
    response = _answer(status, message, CODES.get(status, "REFUSED"))
    for name, value in error.get_headers():
        if name in ("Allow", "Content-Range", "Retry-After"):
            response.headers[name] = value
    return response


def failure(error: Exception) -> Response:
    """Anything nobody expected: logged with its traceback, told by its number."""
    request_id = uuid.uuid4().hex[:12]
    log.exception("request_failed", request_id=request_id, path=request.path, exc_info=error)
    message = f"Something went wrong in the portal; nothing was stored. Its log has it as {request_id}."
    return _answer(500, message, "INTERNAL_SERVER_ERROR", request_id=request_id)


def _answer(status: int, message: str, code: str, issues: Sequence[Issue] = (), **more: str) -> Response:
    """The refusal, in the words of the interface that was asked."""
    if request.path.startswith("/api/v1/"):
        # Its client reads the message only where the type is exactly application/json: contract/v1-api.md §1.2.
        told = dict.fromkeys(issue.message for issue in issues)
        response = jsonify(error={"message": " ".join(told) or message})
    else:
        body: dict[str, object] = {"message": message, "code": code, **more}
        if issues:
            body["issues"] = [{"message": issue.message, "path": list(issue.path)} for issue in issues]
        response = jsonify(body)
    response.status_code = status
    return response


def register(app: Flask) -> None:
    """Answer under /api in JSON; other paths are the pages' business, which registers after this."""
    app.extensions["stationmaster.api_errors"] = (is_api, refusal, http_refusal, failure)
