"""The OpenAPI document as the reference page shows it: operations with their fields as trees, and requests to copy."""

from __future__ import annotations

import json
import pprint
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any
from urllib.parse import quote, urlencode

Json = dict[str, Any]
OLDER = frozenset({"attachments.delete"})  # only the oldest generation of the public client has it
DEEPEST = 8  # levels of fields shown; what lies deeper, or holds itself, is named only


@dataclass(frozen=True)
class FieldView:
    """A field or parameter. ``kind``: its type in words; ``place``: path, query or header for parameters."""

    name: str
    kind: str
    words: str
    is_required: bool = False
    limits: str = ""
    choices: tuple[str, ...] = ()
    is_list: bool = False
    place: str = ""
    example: str = ""
    fields: tuple[FieldView, ...] = ()

    @property
    def form_name(self) -> str:
        """The name of its box in the form."""
        return f"{self.place}.{self.name}"


@dataclass(frozen=True)
class OperationView:
    """One operation. ``server``: the portal's address without a slash at its end."""

    document: Json = field(repr=False)
    told: Json = field(repr=False)
    method: str
    path: str
    server: str

    @property
    def name(self) -> str:
        """Its name in the client, such as ``batches.create``."""
        return str(self.told["operationId"])

    @property
    def tag(self) -> str:
        """Its group."""
        return str(self.told["tags"][0])

    @property
    def is_ours(self) -> bool:
        """Whether it is not of the published interface."""
        return bool(self.told.get("x-stationmaster"))

    @property
    def is_in_client(self) -> bool:
        """Whether the public client of today has it."""
        return self.path.startswith("/api/v2/") and not self.is_ours and self.name not in OLDER

    @property
    def paragraphs(self) -> list[str]:
        """Its description."""
        return [part for part in self.told.get("description", "").split("\n\n") if part]

    @cached_property
    def parameters(self) -> list[FieldView]:
        """Of path, query and header."""
        return [self._parameter(one) for one in self.told["parameters"]]

    @property
    def body(self) -> tuple[FieldView, ...]:
        """The fields of its body."""
        return self._tree(self._body_content["schema"]) if self.has_body else ()

    @property
    def body_media(self) -> str:
        """The type of its body."""
        return str(next(iter(self.told["requestBody"]["content"])))

    @property
    def has_body(self) -> bool:
        """Whether it takes one."""
        return "requestBody" in self.told

    @property
    def body_example(self) -> str:
        """A body that it takes."""
        shown = self._body_content["example"] if self.has_body else ""
        return shown if isinstance(shown, str) else _json(shown)

    @property
    def answer(self) -> tuple[FieldView, ...]:
        """The fields of its answer."""
        return self._tree(self._answer_content["schema"]) if self.can_be_tried else ()

    @property
    def answer_kind(self) -> str:
        """What the whole answer is."""
        return self._kind(self._answer_content["schema"]) if self.can_be_tried else "a stream"

    @property
    def answer_example(self) -> str:
        """An answer."""
        return _json(self._answer_content["example"]) if self.can_be_tried else ""

    @property
    def can_be_tried(self) -> bool:
        """Whether one request gets one answer: a stream of events has no end to wait for."""
        is_plain = set(self.told["responses"]["200"].get("content", {})) == {"application/json"}
        return is_plain and (not self.has_body or self.body_media == "application/json")

    @property
    def refusals(self) -> Iterator[tuple[str, str]]:
        """Status and words of each."""
        for status, response in self.told["responses"].items():
            if status != "200":
                yield status, self._resolved(response)["description"]

    @property
    def curl(self) -> str:
        """The request on a command line."""
        words = ["curl"] if self.method == "GET" else ["curl", "-X", self.method]
        lines = [" ".join([*words, shlex.quote(self._example_url)]), '-H "Authorization: Bearer $API_KEY"']
        if self.has_body:
            lines += [f"-H 'Content-Type: {self.body_media}'", f"--data-binary {shlex.quote(self.body_example)}"]
        return " \\\n  ".join(lines)

    @property
    def python(self) -> str:
        """The same in Python: by the public client where it knows the operation."""
        if not self.is_in_client:
            return self._plain_python
        arguments = {one.name: one.example for one in self._needed}
        arguments |= {_snake(name): value for name, value in self._body_example.items()}
        given = ",\n".join(f"    {name}={_indented(value)}" for name, value in arguments.items())
        call = f"client.{self.name}(\n{given},\n)" if arguments else f"client.{self.name}()"
        head = f'client = TofuPilot(api_key=os.environ["API_KEY"], server_url="{self.server}/api")'
        return f"import os\n\nfrom tofupilot.v2 import TofuPilot\n\n{head}\nfound = {call}"

    @property
    def _plain_python(self) -> str:
        how = "content" if isinstance(self._body_example, str) else "json"
        sent = f",\n    {how}={_indented(self._body_example)}" if self.has_body else ""
        key = 'headers={"Authorization": "Bearer " + os.environ["API_KEY"]}'
        address = f'    "{self._example_url}",\n    {key}{sent},\n'
        return f"import os\n\nimport httpx\n\nanswer = httpx.{self.method.lower()}(\n{address})\nprint(answer.json())"

    @property
    def _needed(self) -> list[FieldView]:
        return [one for one in self.parameters if one.is_required]

    @property
    def _example_url(self) -> str:
        path = self.path
        for one in self._needed:
            path = path.replace(f"{{{one.name}}}", quote(one.example))
        query = urlencode([(one.name, one.example) for one in self._needed if one.place == "query"])
        return f"{self.server}{path}" + (f"?{query}" if query else "")

    @property
    def _body_content(self) -> Json:
        found: Json = self.told["requestBody"]["content"][self.body_media]
        return found

    @property
    def _body_example(self) -> Any:
        return self._body_content["example"] if self.has_body else {}

    @property
    def _answer_content(self) -> Json:
        found: Json = self.told["responses"]["200"]["content"]["application/json"]
        return found

    def _parameter(self, one: Json) -> FieldView:
        schema = one["schema"]
        return FieldView(
            name=one["name"],
            kind=self._kind(schema),
            words=one.get("description", ""),
            is_required=one.get("required", False),
            limits=_limits(schema),
            choices=_choices(schema),
            is_list=schema.get("type") == "array",
            place=one["in"],
            example=str(one.get("example", "")),
        )

    def _tree(self, schema: Json, depth: int = 0, above: tuple[str, ...] = ()) -> tuple[FieldView, ...]:
        """The fields of an object, or of the objects in a list."""
        name = schema.get("$ref", "")
        if depth > DEEPEST or (name and name in above):
            return ()
        above = (*above, name) if name else above
        schema = self._resolved(schema)
        if "items" in schema:
            return self._tree(schema["items"], depth, above)
        choices: list[Json] = schema.get("anyOf") or schema.get("oneOf") or []
        found = _alternatives([tree for choice in choices if (tree := self._tree(choice, depth, above))])
        for one, inner in schema.get("properties", {}).items():
            whole = self._resolved(inner)
            found.append(
                FieldView(
                    name=one,
                    kind=self._kind(inner),
                    words=inner.get("description") or whole.get("description", ""),
                    is_required=one in schema.get("required", []),
                    limits=_limits(inner),
                    choices=_choices(inner),
                    fields=self._tree(inner, depth + 1, above),
                )
            )
        return tuple({one.name: one for one in found}.values())

    def _kind(self, schema: Json) -> str:
        whole = self._resolved(schema)
        if choices := whole.get("anyOf", whole.get("oneOf", [])):
            return " or ".join(dict.fromkeys(map(self._kind, choices)))
        if "const" in whole:
            return json.dumps(whole["const"])
        kind = whole.get("type")
        if kind == "array":
            inner = self._kind(whole.get("items", {}))
            return "list of objects" if inner == "object" else f"list of {inner}"
        words = {"string": {"date-time": "time", "uuid": "UUID"}.get(whole.get("format", ""), "text")}
        words |= {"integer": "whole number", "boolean": "true or false"}
        return words.get(str(kind), str(kind)) if kind else "any value"

    def _resolved(self, schema: Json) -> Json:
        reference = schema.get("$ref")
        if reference is None:
            return schema
        found: Any = self.document
        for step in reference.removeprefix("#/").split("/"):
            found = found[step]
        return {**found, **{key: value for key, value in schema.items() if key != "$ref"}}


def operations_of(document: Json, server: str) -> dict[str, OperationView]:
    """All operations by name, in the order of the document."""
    views = [
        OperationView(document, told, method.upper(), path, server)
        for path, methods in document["paths"].items()
        for method, told in methods.items()
    ]
    tags = [one["name"] for one in document["tags"]]
    return {one.name: one for one in sorted(views, key=lambda view: tags.index(view.tag))}


def _alternatives(trees: list[tuple[FieldView, ...]]) -> list[FieldView]:
    """The fields of objects of which one is given: required is only what all of them require."""
    required = [{one.name for one in tree if one.is_required} for tree in trees]
    in_all = set.intersection(*required) if required else set()
    return [replace(one, is_required=one.name in in_all) for tree in trees for one in tree]


def _choices(schema: Json) -> tuple[str, ...]:
    inner = next((one for one in schema.get("anyOf", []) if "enum" in one), schema)
    inner = inner.get("items", {}) if inner.get("type") == "array" else inner
    return tuple(map(str, inner.get("enum", ())))


def _limits(schema: Json) -> str:
    words = {
        "minimum": "from {}", "maximum": "to {}", "exclusiveMinimum": "above {}", "exclusiveMaximum": "below {}",
        "minLength": "at least {} characters", "maxLength": "at most {} characters", "minItems": "at least {}",
        "maxItems": "at most {}",
    }  # fmt: skip
    found = [sentence.format(schema[name]) for name, sentence in words.items() if name in schema]
    if "default" in schema:
        found.append(f"default {json.dumps(schema['default'])}")
    return ", ".join(found)


def _json(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)


def _indented(value: Any) -> str:
    return pprint.pformat(value, width=100, sort_dicts=False).replace("\n", "\n    ")


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z])([A-Z])", lambda found: "_" + found[1].lower(), name)
