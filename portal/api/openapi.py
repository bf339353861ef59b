"""The OpenAPI file: what every operation takes, gives and refuses, made from the declarations that also carry it out.

Served without a key: it says how a public interface looks, and nothing of what is stored. The page ``/docs/api`` shows
the same document.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from http import HTTPStatus
from typing import Any

from flask import Blueprint, Flask, Response, current_app, request
from pydantic import TypeAdapter

import stationmaster
from portal.api.examples import example_of
from portal.api.field_words import tidy, word_for
from portal.api.operations import Operation, is_id
from portal.services.actors import BY_ROLE, OF_STATIONS, Role
from portal.web import portal

api = Blueprint("openapi", __name__)
Json = dict[str, Any]

PREFIX = "#/components/schemas/"
V1 = "/api/v1/"  # the older interface, with errors of its own shape
OURS = "Of Stationmaster: not part of the published interface."
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
    503: "The database is busy or cannot be reached. Nothing was changed.",
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
            "responses": {
                _response_name(status, path): _refusal(status, path) for status in WORDS for path in ("", V1)
            },
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
    done: Json = {
        "description": "Done.",
        "content": {"application/json": {"schema": answer, "example": example_of(answer, schemas.components, of)}},
    }
    if one.has_etag:
        done["headers"] = {"ETag": HEADERS["ETag"]}
    words = [one.description.replace("``", "`"), f"May call it: {callers(one)}.", OURS if one.is_ours else ""]
    found: Json = {
        "operationId": one.name,
        "tags": [one.tag],
        "summary": one.summary.replace("``", "`"),
        "description": "\n\n".join(filter(None, words)),
        "parameters": [*_path_parameters(one, of), *_query_parameters(one, schemas), *_header_parameters(one)],
        "responses": {"200": done}
        | {
            str(status): {"$ref": f"#/components/responses/{_response_name(status, one.path)}"}
            for status in statuses(one)
        },
    }
    if one.body is not None:
        body = schemas.of(one, "body")
        shown = example_of(body, schemas.components, of, body_of=one.name)
        found["requestBody"] = {"required": True, "content": {"application/json": {"schema": body, "example": shown}}}
    if one.is_ours:
        found["x-stationmaster"] = True
    return found


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


def statuses(one: Operation) -> list[int]:
    """The refusals that the operation can give."""
    found = {401, 403, 429, 500, 503, *one.errors}
    if one.parameters or one.query is not None or one.method == "POST":
        found |= {400}
    if one.parameters:
        found |= {404}
    if one.method == "POST":
        found |= {409}
    if one.body is not None:
        found |= {400, 413, 415}
    if one.takes_if_match:
        found |= {412}
    return sorted(found)


def _response_name(status: int, path: str) -> str:
    return f"v1-{status}" if path.startswith(V1) else str(status)


def _refusal(status: int, path: str) -> Json:
    code = HTTPStatus(status).name
    shown: Json = {"message": WORDS[status], "code": {413: "PAYLOAD_TOO_LARGE"}.get(status, code)}
    if status in (400, 422):
        shown = {"message": "serial_number: Field required", "code": shown["code"]}
        shown["issues"] = [{"message": "serial_number: Field required", "path": ["serial_number"]}]
    if status == 500:
        shown["request_id"] = "4c1f6a0b9d2e"
    schema = "Error"
    if path.startswith(V1):
        schema, shown = "ErrorV1", {"error": {"message": shown["message"]}}
    found: Json = {
        "description": WORDS[status],
        "content": {"application/json": {"schema": {"$ref": PREFIX + schema}, "example": shown}},
    }
    names = {401: ["WWW-Authenticate"], 429: ["Retry-After"]}.get(status, [])
    return found | ({"headers": {name: HEADERS[name] for name in names}} if names else {})


class Schemas:
    """The schema of each operation's answer, body and query, and the components they refer to."""

    def __init__(self, operations: Iterable[Operation]) -> None:
        inputs: list[tuple[tuple[str, str], Any, TypeAdapter[Any]]] = []
        for one in operations:
            inputs.append(((one.name, "answer"), "serialization", one.adapter))
            for kind, model in (("body", one.body), ("query", one.query)):
                if model is not None:
                    inputs.append(((one.name, kind), "validation", TypeAdapter(model)))
        made, whole = TypeAdapter.json_schemas(inputs, ref_template="#/components/schemas/{model}")
        self.queries = {
            _short(made[key, "validation"]["$ref"].removeprefix(PREFIX)) for key, _, _ in inputs if key[1] == "query"
        }
        self._made = {key: made[key, mode] for key, mode, _ in inputs}
        self.components: Json = {
            _short(name): _renamed(tidy(schema, name, is_query=_short(name) in self.queries))
            for name, schema in whole.get("$defs", {}).items()
        }

    def of(self, one: Operation, kind: str) -> Json:
        """The schema, mostly a reference."""
        found: Json = _renamed(tidy(self._made[one.name, kind]))
        return found

    def whole(self, one: Operation, kind: str) -> Json:
        """The schema itself."""
        found = self.of(one, kind)
        name = found.get("$ref", "").removeprefix(PREFIX)
        return self.components[name] if name else found


def _short(name: str) -> str:
    """Two schemas of one name come out with their whole module in front: ``portal__api__v2__units__Entry``."""
    *modules, last = name.split("__")
    return f"{modules[-1]}.{last}" if modules else name


def _renamed(schema: Any) -> Any:
    if isinstance(schema, dict):
        return {
            key: PREFIX + _short(value.removeprefix(PREFIX)) if key == "$ref" else _renamed(value)
            for key, value in schema.items()
        }
    return [_renamed(one) for one in schema] if isinstance(schema, list) else schema
