"""The refusals of the OpenAPI file: which an operation can give, in what shape, and what each means."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from portal.api.openapi_schemas import PREFIX
from portal.api.operations import Operation

Json = dict[str, Any]

V1 = "/api/v1/"  # the older interface, with errors of its own shape
WORDS = {
    400: "An id, a query or a body that cannot be read or does not hold.",
    401: "No key, or one that is not valid.",
    403: "The key is valid, and may not do this.",
    404: "There is no such thing.",
    409: "It does not go together with what is there, or the Idempotency-Key was used for another request.",
    412: "It has changed since the given ETag. Nothing was changed.",
    413: "The body is larger than this portal accepts.",
    415: "The body is not JSON, or compressed in a way that is not read.",
    422: "What was given can be read, and does not hold.",
    429: "Too many requests: wait for Retry-After.",
    416: "The file is shorter than where that range begins.",
    500: "Our fault: the answer's number is in the portal's log.",
    502: "The storage of files does not answer. Nothing was changed.",
    503: "The database is busy or cannot be reached, or no connection is free. Nothing was changed.",
    507: "The portal's disk is full. Nothing was stored.",
}
ERROR: Json = {
    "type": "object",
    "title": "Error",
    "description": "What every refusal looks like.",
    "required": ["message", "code"],
    "properties": {
        "message": {"type": "string", "description": "What happened, in a sentence for people."},
        "code": {"type": "string", "description": "What happened, in a word for programs."},
        "issues": {
            "type": "array",
            "description": "What exactly is wrong, one for each wrong field.",
            "items": {
                "type": "object",
                "required": ["message", "path"],
                "properties": {
                    "message": {"type": "string", "description": "What is wrong with the field."},
                    "path": {
                        "type": "array",
                        "description": "The way to the field: names, and positions in lists.",
                        "items": {"type": ["string", "integer"]},
                    },
                },
            },
        },
        "request_id": {"type": "string", "description": "With 500: the number of the entry in the portal's log."},
    },
}
ERROR_V1: Json = {
    "type": "object",
    "title": "ErrorV1",
    "description": "What every refusal of the older interface looks like.",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "description": "What happened.",
            "required": ["message"],
            "properties": {"message": {"type": "string", "description": "What happened, in a sentence for people."}},
        }
    },
}
HEADERS: Json = {
    "ETag": {"description": "Of this state of it, for If-Match.", "schema": {"type": "string"}},
    "Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer"}},
    "WWW-Authenticate": {"description": "How to say who you are: Bearer.", "schema": {"type": "string"}},
}
# How often the key may still ask; two generations of the draft's headers.
RATE_LIMITS: Json = {
    name: {"description": words, "schema": {"type": "string"}}
    for name, words in {
        "RateLimit": "What the key has left, as the current draft says it.",
        "RateLimit-Policy": "What the key may, as the current draft says it.",
        "RateLimit-Limit": "Requests that the key may make at once.",
        "RateLimit-Remaining": "Requests that it has left.",
        "RateLimit-Reset": "Seconds until it has all of them again.",
    }.items()
}


def statuses(one: Operation) -> list[int]:
    """The refusals that the operation can give."""
    found = {401, 403, 429, 500, 503, 507, *one.errors}
    if one.parameters or one.query is not None or one.method == "POST":
        found |= {400}
    if one.parameters:
        found |= {404}
    if one.method == "POST":
        found |= {409}
    if one.body is not None or one.lines is not None:
        found |= {400, 413, 415}
    if one.takes_if_match:
        found |= {412}
    return sorted(found)


def response_name(status: int, path: str) -> str:
    """Under which name an operation of that path finds it."""
    return f"v1-{status}" if path.startswith(V1) else str(status)


def refusal(status: int, path: str) -> Json:
    """The answer, as operations of that path give it."""
    code = HTTPStatus(status).name
    shown: Json = {
        "message": WORDS[status],
        "code": {413: "PAYLOAD_TOO_LARGE", 503: "SERVICE_UNAVAILABLE"}.get(status, code),
    }
    if status in (400, 422):
        shown = {"message": "serial_number is missing: send it.", "code": shown["code"]}
        shown["issues"] = [{"message": "serial_number is missing: send it.", "path": ["serial_number"]}]
    if status == 500:
        shown["request_id"] = "4c1f6a0b9d2e"
    schema = "Error"
    if path.startswith(V1):
        schema, shown = "ErrorV1", {"error": {"message": shown["message"]}}
    found: Json = {
        "description": WORDS[status],
        "content": {"application/json": {"schema": {"$ref": PREFIX + schema}, "example": shown}},
    }
    names = {401: ["WWW-Authenticate"], 429: ["Retry-After"], 503: ["Retry-After"]}.get(status, [])
    return found | ({"headers": {name: HEADERS[name] for name in names}} if names else {})
