"""Operations of the REST API: one declaration gives the route, the order of checks, and its entry in the reference.

We do this ourselves and not by a library for OpenAPI on Flask: the published interface wants its checks in an order
that those cannot give (key, malformed id, kind of key, body; contract/v2-api.md §1.4), and its own shape of errors.

The order: who acts (401), malformed ids in the path (400), may they (403), query and body (400); then the view, whose
service answers 404 and 409. A POST with an ``Idempotency-Key`` is carried out once.
"""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from flask import Blueprint, Flask, Response, current_app, jsonify, request
from pydantic import TypeAdapter

from portal.api import bodies, keys, limits
from portal.errors import Forbidden
from portal.services import idempotency
from portal.services.actors import Actor, Permission, require
from portal.services.run_input import In
from portal.web import actor, db

View = Callable[..., Any]
Who = Literal["anybody", "people", "stations"]
_PARAMETER = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True)
class Tagged:
    """An answer with its ``ETag``."""

    body: Any
    etag: str


@dataclass(frozen=True)
class Operation:
    """One operation. ``path``: as in OpenAPI; parameters called ``id`` or ``…_id`` are UUIDs, others any text.

    answer: the type of the answer's body. errors: statuses besides those that every operation may give. is_ours: not
    of the published interface. refresh: completes an answer each time it is given, for what must not be stored with an
    ``Idempotency-Key``, such as an address that expires. lines: the body is NDJSON, each line such an object.
    answer_media: the type of the answer's body; a view that gives something else than JSON returns a `Response`.
    """

    name: str
    method: str
    path: str
    view: View
    answer: Any
    tag: str
    needs: Permission = Permission.VIEW
    who: Who = "anybody"
    query: type[In] | None = None
    body: type[In] | None = None
    lines: type[In] | None = None
    errors: tuple[int, ...] = ()
    is_ours: bool = False
    takes_if_match: bool = False
    refresh: Callable[[Any], Any] | None = None
    answer_media: str = "application/json"
    adapter: TypeAdapter[Any] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Build what checks answers in tests."""
        object.__setattr__(self, "adapter", TypeAdapter(self.answer))

    @property
    def summary(self) -> str:
        """The first line of the view's docstring."""
        return self._doc.partition("\n")[0].strip().rstrip(".")

    @property
    def description(self) -> str:
        """The rest of it."""
        return self._doc.partition("\n")[2].strip()

    @property
    def parameters(self) -> list[str]:
        """The names of the path's parameters, in order."""
        return _PARAMETER.findall(self.path)

    @property
    def has_etag(self) -> bool:
        """Whether its answer comes with an ``ETag``."""
        return self.view.__annotations__.get("return") in (Tagged, Tagged.__name__)

    @property
    def _doc(self) -> str:
        return inspect.cleandoc(self.view.__doc__ or "")


class Operations:
    """The operations of one area. ``tag`` groups them in the reference."""

    def __init__(self, name: str, tag: str) -> None:
        self.blueprint = Blueprint(name, __name__)
        self.tag = tag
        self.all: list[Operation] = []

    def get(self, path: str, name: str, **facts: Any) -> Callable[[View], View]:
        """A view that reads."""
        return self._add("GET", path, name, facts)

    def post(self, path: str, name: str, **facts: Any) -> Callable[[View], View]:
        """A view that makes something."""
        return self._add("POST", path, name, facts)

    def put(self, path: str, name: str, **facts: Any) -> Callable[[View], View]:
        """A view that sets something."""
        return self._add("PUT", path, name, facts)

    def patch(self, path: str, name: str, **facts: Any) -> Callable[[View], View]:
        """A view that changes something."""
        return self._add("PATCH", path, name, facts)

    def delete(self, path: str, name: str, **facts: Any) -> Callable[[View], View]:
        """A view that removes something."""
        return self._add("DELETE", path, name, facts)

    def _add(self, method: str, path: str, name: str, facts: dict[str, Any]) -> Callable[[View], View]:
        def add(view: View) -> View:
            operation = Operation(name=name, method=method, path=path, view=view, tag=self.tag, **facts)
            self.all.append(operation)
            self.blueprint.add_url_rule(
                _rule(path), endpoint=name.replace(".", "_"), methods=[method], provide_automatic_options=False,
                view_func=functools.partial(_carry_out, operation),
            )  # fmt: skip
            return view

        return add


def register(app: Flask, areas: tuple[Operations, ...]) -> None:
    """Add the operations to the application, and keep them for the reference."""
    for area in areas:
        app.register_blueprint(area.blueprint)
    app.extensions["stationmaster.operations"] = tuple(operation for area in areas for operation in area.all)


def _rule(path: str) -> str:
    """The path for Flask. Numbers may hold slashes, which clients do not escape."""
    return _PARAMETER.sub(lambda found: f"<{found[1]}>" if is_id(found[1]) else f"<name:{found[1]}>", path)


def is_id(name: str) -> bool:
    """Whether a parameter of that name is a UUID."""
    return name == "id" or name.endswith("_id")


def _carry_out(operation: Operation, **values: str) -> Response:
    keys.authenticate()
    limits.take()
    given: dict[str, Any] = {
        name: keys.require_uuid(value, name) if is_id(name) else value for name, value in values.items()
    }
    _admit(operation, actor())
    if operation.query is not None:
        given["query"] = bodies.read_query(operation.query)
    if operation.body is not None:
        given["body"] = bodies.read_body(operation.body)
    if operation.lines is not None:
        given["lines"] = bodies.read_lines()
    if operation.takes_if_match:
        given["if_match"] = request.headers.get("If-Match")
    return _response(operation, _once(operation, functools.partial(operation.view, **given)))


def _admit(operation: Operation, who: Actor) -> None:
    """Raises `Forbidden` for a kind of key that the operation is not for."""
    if operation.who == "people" and who.is_station:
        raise Forbidden("Stations cannot do this: use a person's API key.")
    if operation.who == "stations" and not who.is_station:
        raise Forbidden("This needs a station's API key: yours is a person's, who has no permission for it.")
    require(who, operation.needs)


def _once(operation: Operation, act: Callable[[], Any]) -> Any:
    key = request.headers.get("Idempotency-Key")
    if operation.method != "POST" or key is None:
        return act()
    print_ = idempotency.fingerprint(f"{request.method} {request.path}", bodies.raw_body())
    return idempotency.once(db(), actor(), key, print_, act)


def _response(operation: Operation, answer: Any) -> Response:
    if isinstance(answer, Response):
        return answer
    etag = answer.etag if isinstance(answer, Tagged) else None
    body = answer.body if isinstance(answer, Tagged) else answer
    if operation.refresh is not None:
        body = operation.refresh(body)
    if current_app.config.get("CHECK_ANSWERS"):
        operation.adapter.validate_python(_plain(body), strict=True)
    response = jsonify(body)
    if etag is not None:
        response.headers["ETag"] = etag
    return response


def _plain(body: Any) -> Any:
    """TypedDicts are checked as they are; tuples have become lists by the time a client reads them."""
    return [dict(one) if isinstance(one, Mapping) else one for one in body] if isinstance(body, list) else body
