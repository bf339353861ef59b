"""The schemas of the OpenAPI file: what operations take and give, under names that are short and used once."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pydantic import TypeAdapter

from portal.api.field_words import tidy
from portal.api.operations import Operation

Json = dict[str, Any]
PREFIX = "#/components/schemas/"


class Schemas:
    """The schema of each operation's answer, body and query, and the components they refer to."""

    def __init__(self, operations: Iterable[Operation]) -> None:
        inputs: list[tuple[tuple[str, str], Any, TypeAdapter[Any]]] = []
        for one in operations:
            inputs.append(((one.name, "answer"), "serialization", one.adapter))
            for kind, model in (("body", one.body), ("lines", one.lines), ("query", one.query)):
                if model is not None:
                    inputs.append(((one.name, kind), "validation", TypeAdapter(model)))
        made, whole = TypeAdapter.json_schemas(inputs, ref_template="#/components/schemas/{model}")
        referred = {
            kind: {
                _short(made[key, mode].get("$ref", "").removeprefix(PREFIX))
                for key, mode, _ in inputs
                if key[1] == kind
            }
            for kind in ("answer", "body", "lines", "query")
        }
        # A query is told parameter by parameter, unless the same model is a body elsewhere.
        self.queries = referred["query"] - referred["body"] - referred["lines"]
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
