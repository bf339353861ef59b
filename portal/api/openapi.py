"""The OpenAPI file: what every operation takes, gives and refuses, made from the declarations that also carry it out.

Served without a key: it says how a public interface looks, and nothing of what is stored. The page ``/docs/api`` shows
the same document.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from typing import Any

from flask import Blueprint, Flask, Response, current_app, request

import stationmaster
from portal.api.bodies import NDJSON
from portal.api.examples import example_of
from portal.api.field_words import word_for
from portal.api.openapi_refusals import (
    ERROR,
    ERROR_V1,
    HEADERS,
    RATE_LIMITS,
    V1,
    WORDS,
    refusal,
    response_name,
    statuses,
)
from portal.api.openapi_schemas import Schemas
from portal.api.operations import Operation, is_id
from portal.services.actors import BY_ROLE, OF_STATIONS, Role
from portal.web import portal

api = Blueprint("openapi", __name__)
Json = dict[str, Any]

OURS = "Of Stationmaster: not part of the published interface."
IDEMPOTENCY_KEY: Json = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": "A text of your choice: the request is carried out once under it, and a repeated one gets the first "
    f"answer. Kept for 30 days. {OURS}",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
    "example": "run-000042",
}
IF_MATCH: Json = {
    "name": "If-Match",
    "in": "header",
    "description": f"The ETag of what you saw: nothing is changed if it is another by now. {OURS}",
    "schema": {"type": "string", "pattern": "^[!-~]+$"},
    "example": '"5f2c1a90"',
}


def register(app: Flask) -> None:
    """Serve the file, and keep it for the reference page."""
    app.register_blueprint(api)
    app.extensions["stationmaster.openapi"] = _document


@api.get("/api/v2/openapi.json")
def file() -> Response:
    """The file, as it was when the portal started: it changes with the program only."""
    if "stationmaster.openapi_text" not in current_app.extensions:
        text = json.dumps(_document(), ensure_ascii=False, separators=(",", ":")).encode()
        current_app.extensions["stationmaster.openapi_text"] = (text, hashlib.sha256(text).hexdigest()[:20])
    text, tag = current_app.extensions["stationmaster.openapi_text"]
    response = Response(text, content_type="application/json")
    response.set_etag(tag)
    response.headers["Cache-Control"] = "public, no-cache"
    response.make_conditional(request)
    return response


def _document() -> Json:
    if "stationmaster.openapi_document" not in current_app.extensions:
        made = document(current_app.extensions["stationmaster.operations"], portal().settings.public_url or "/")
        current_app.extensions["stationmaster.openapi_document"] = made
    found: Json = current_app.extensions["stationmaster.openapi_document"]
    return found


def document(operations: Iterable[Operation], server: str) -> Json:
    """The whole document. server: the portal's address; a path is relative to where the file is."""
    operations = tuple(operations)
    schemas = Schemas(operations)
    paths: Json = {}
    for one in operations:
        paths.setdefault(one.path, {})[one.method.lower()] = _operation(one, schemas)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Stationmaster",
            "version": stationmaster.__version__,
            "summary": "Records of hardware tests: runs, units, parts, procedures, stations.",
            "description": "Paths, shapes and codes follow the public v2 interface: its clients work as they are. "
            "Operations marked `x-stationmaster` are ours. Times are ISO 8601; one without a zone is UTC.",
        },
        "servers": [{"url": server, "description": "This portal."}],
        "security": [{"key": []}],
        "tags": [{"name": tag} for tag in dict.fromkeys(one.tag for one in operations)],
        "paths": paths,
        "components": {
            "securitySchemes": {
                "key": {"type": "http", "scheme": "bearer", "description": "A person's key, or a station's."}
            },
            "schemas": {name: schema for name, schema in schemas.components.items() if name not in schemas.queries}
            | {"Error": ERROR, "ErrorV1": ERROR_V1},
            "responses": {response_name(status, path): refusal(status, path) for status in WORDS for path in ("", V1)},
        },
    }


def callers(one: Operation) -> str:
    """Who may call it, in words."""
    people = [role.value + "s" for role in Role if one.needs in BY_ROLE[role]] if one.who != "stations" else []
    found = ["everybody with a person's key"] if len(people) == len(Role) else people
    if one.who != "people" and one.needs in OF_STATIONS:
        found = [*found, "stations"]
    return ", ".join(found) or "nobody"


def _operation(one: Operation, schemas: Schemas) -> Json:
    of = one.tag.lower().rpartition(" ")[2]
    answer = schemas.of(one, "answer")
    shown = example_of(answer, schemas.components, of)
    done: Json = {
        "description": "Done.",
        "content": {one.answer_media: {"schema": answer, "example": shown}},
        "headers": RATE_LIMITS | ({"ETag": HEADERS["ETag"]} if one.has_etag else {}),
    }
    words = [one.description.replace("``", "`"), f"May call it: {callers(one)}.", OURS if one.is_ours else ""]
    found: Json = {
        "operationId": one.name,
        "tags": [one.tag],
        "summary": one.summary.replace("``", "`"),
        "description": "\n\n".join(filter(None, words)),
        "parameters": [*_path_parameters(one, of), *_query_parameters(one, schemas), *_header_parameters(one)],
        "responses": {"200": done}
        | {
            str(status): {"$ref": f"#/components/responses/{response_name(status, one.path)}"}
            for status in statuses(one)
        },
    }
    if one.body is not None:
        found["requestBody"] = _request_body(one, schemas.of(one, "body"), schemas, of)
    if one.lines is not None:
        found["requestBody"] = _request_body(one, schemas.of(one, "lines"), schemas, of)
    if one.is_ours:
        found["x-stationmaster"] = True
    return found


def _request_body(one: Operation, schema: Json, schemas: Schemas, of: str) -> Json:
    shown: Any = example_of(schema, schemas.components, of, body_of=one.name)
    if one.lines is not None:
        # OpenAPI 3.1 cannot describe a line: the body is a text, and its example is one.
        schema = {"type": "string", "description": f"One object a line, each as: {schema.get('$ref', 'an object')}"}
        shown = json.dumps(shown) + "\n"
    media = NDJSON[0] if one.lines is not None else "application/json"
    return {"required": True, "content": {media: {"schema": schema, "example": shown}}}


def _path_parameters(one: Operation, of: str) -> list[Json]:
    return [
        {
            "name": name,
            "in": "path",
            "required": True,
            "description": word_for("", name) or f"The {name.replace('_', ' ')}.",
            "schema": {"type": "string", "format": "uuid"} if is_id(name) else {"type": "string", "minLength": 1},
            "example": example_of({"type": "string"}, {}, of, name=name),
        }
        for name in one.parameters
    ]


def _query_parameters(one: Operation, schemas: Schemas) -> list[Json]:
    if one.query is None:
        return []
    schema = schemas.whole(one, "query")
    found = []
    for name, field in schema.get("properties", {}).items():
        choices = [choice for choice in field.get("anyOf", []) if choice != {"type": "null"}]
        kept = {key: value for key, value in field.items() if key not in ("anyOf", "description")}
        parameter: Json = {"name": name, "in": "query", "schema": kept | (choices[0] if len(choices) == 1 else {})}
        if len(choices) > 1:
            parameter["schema"]["anyOf"] = choices
        if name in schema.get("required", []):
            parameter |= {
                "required": True,
                "example": example_of(parameter["schema"], schemas.components, "", name=name),
            }
        if parameter["schema"].get("type") == "array":
            parameter |= {"style": "form", "explode": True}
        if "description" in field:
            parameter["description"] = field["description"]
        found.append(parameter)
    return found


def _header_parameters(one: Operation) -> list[Json]:
    return [IDEMPOTENCY_KEY] * (one.method == "POST") + [IF_MATCH] * one.takes_if_match
