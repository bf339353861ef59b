"""Refusals as JSON, in the one shape that the published clients parse."""

from __future__ import annotations

import uuid

import structlog
from flask import Flask, Response, jsonify, request
from werkzeug.exceptions import HTTPException

from portal.errors import PortalError

log = structlog.get_logger(__name__)

CODES = {
    400: "BAD_REQUEST",
    404: "NOT_FOUND",
    405: "METHOD_NOT_ALLOWED",
    408: "TIMEOUT",
    413: "PAYLOAD_TOO_LARGE",
    412: "PRECONDITION_FAILED",
    415: "UNSUPPORTED_MEDIA_TYPE",
}
MESSAGES = {
    404: "There is nothing at this path.",
    405: "This path does not take that method.",
    413: "The body is larger than this portal accepts. Nothing was stored.",
}


def is_api() -> bool:
    """Whether the current request is one of the API."""
    return request.path.startswith("/api/") or request.path == "/healthz"


def refusal(error: PortalError) -> Response:
    """A service's refusal."""
    body: dict[str, object] = {"message": error.message, "code": error.code}
    if error.issues:
        body["issues"] = [{"message": issue.message, "path": list(issue.path)} for issue in error.issues]
    response = jsonify(body)
    response.status_code = error.status
    if error.retry_after_s is not None:
        response.headers["Retry-After"] = str(error.retry_after_s)
    if error.status == 401:
        response.headers["WWW-Authenticate"] = "Bearer"
    return response


def http_refusal(error: HTTPException) -> Response:
    """What Flask itself refuses."""
    status = error.code or 500
    message = MESSAGES.get(status) or error.description or "The request was refused."
    response = jsonify(message=message, code=CODES.get(status, "REFUSED"))
    response.status_code = status
    for name, value in error.get_headers():
        if name in ("Allow", "Retry-After"):
            response.headers[name] = value
    return response


def failure(error: Exception) -> Response:
    """Anything nobody expected: logged with its traceback, told by its number."""
    request_id = uuid.uuid4().hex[:12]
    log.exception("request_failed", request_id=request_id, path=request.path, exc_info=error)
    message = f"Something went wrong in the portal; nothing was stored. Its log has it as {request_id}."
    response = jsonify(message=message, code="INTERNAL_SERVER_ERROR", request_id=request_id)
    response.status_code = 500
    return response


def register(app: Flask) -> None:
    """Answer under /api in JSON; other paths are the pages' business, which registers after this."""
    app.extensions["stationmaster.api_errors"] = (is_api, refusal, http_refusal, failure)
