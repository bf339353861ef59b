"""Every operation, counted by machine: through the public client and without it, with both kinds of key.

What each answers in detail is in the tests of its area; here none can be forgotten.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from portal.api import AREAS
from portal.api.operations import Operation, is_id
from tests.api.clients import GENERATIONS, NEWEST, OLDEST, Client, Generation, Refused
from tests.api.operation_rows import ROWS, Plant, Row
from tests.core.conftest import Api

Fresh = Callable[[str], str]
Generations = Callable[[str], Generation]

OPERATIONS = {operation.name: operation for area in AREAS for operation in area.all}
OF_THE_CLIENT = [name for name, operation in OPERATIONS.items() if operation.path.startswith("/api/v2/")]
# What the oldest client calls otherwise.
OLDER_NAMES = {"users.list": "user.list"}


def cases(row: Row) -> list[tuple[str, int]]:
    return [(row.who, row.person), ("bench", row.station)]


def test_every_operation_has_its_row() -> None:
    assert set(ROWS) == set(OPERATIONS)


@pytest.mark.parametrize("version", GENERATIONS)
def test_every_call_of_the_client_has_its_operation(generations: Generations, version: str) -> None:
    newer_names = {older: newer for newer, older in OLDER_NAMES.items()}
    calls = {newer_names.get(name, name) for name in generations(version).operations()}
    ours = {name for name in OF_THE_CLIENT if not OPERATIONS[name].is_ours}

    assert len(calls) == (44 if version == OLDEST else 59)
    assert calls <= ours
    if version == NEWEST:
        assert ours - calls == {"attachments.delete"}  # which only the oldest has


@pytest.mark.parametrize("name", [name for name in OF_THE_CLIENT if not OPERATIONS[name].is_ours])
def test_the_client_calls_it_with_both_kinds_of_key(
    api: Api, fresh: Fresh, generations: Generations, name: str
) -> None:
    called = {OLDEST: OLDER_NAMES.get(name, name), NEWEST: name}
    having = [generations(version) for version in called if called[version] in generations(version).operations()]

    assert having
    for generation in having:
        for who, status in cases(ROWS[name]):
            client = Client(generation, f"{api.url}/api", api.keys[who], called[generation.version])
            given = ROWS[name].given(Plant(api, fresh, who))
            if status == 200:
                client(**given)
            else:
                with pytest.raises(Refused) as refused:
                    client(**given)
                assert refused.value.status == status
                assert refused.value.kind in ("APIError", {403: "ErrorFORBIDDEN", 404: "ErrorNOTFOUND"}[status])


@pytest.mark.parametrize("name", list(OPERATIONS))
def test_without_the_client(api: Api, fresh: Fresh, name: str) -> None:
    operation, row = OPERATIONS[name], ROWS[name]

    for who, status in cases(row):
        assert send(api, who, operation, row.given(Plant(api, fresh, who))) == status, who
    given = row.given(Plant(api, fresh, row.who))
    assert send(api, None, operation, given) == 401
    assert send(api, "nobody", operation, given) == 401
    # What no client sends: a body that is no JSON, a filter that does not exist, an id that is none.
    if row.person == 200 and operation.body is not None:
        assert send(api, row.who, operation, given, content=b'{"a": NaN', query={}) == 400
    if row.person == 200 and operation.query is not None:
        assert send(api, row.who, operation, given, query={"no_such_filter": "1"}) == 400
    if any(map(is_id, operation.parameters)):
        malformed = given | {name: "x" for name in operation.parameters if is_id(name)}
        assert send(api, "bench", operation, malformed) == 400  # before it is said that a station may not


def send(
    api: Api, who: str | None, operation: Operation, given: dict[str, Any], *, content: bytes | None = None,
    query: dict[str, Any] | None = None,
) -> int:  # fmt: skip
    """Send the call, and check the shape of a refusal. Its status. ``content`` and ``query``: instead of the given."""
    given = dict(given)
    path = operation.path.format(**{name: given.pop(name) for name in operation.parameters})
    options: dict[str, Any] = {}
    if "lines" in given:
        options = {
            "content": "\n".join(map(json.dumps, given["lines"])),
            "headers": {"Content-Type": "application/x-ndjson"},
        }
    elif operation.body is not None:
        options = {"json": given} if content is None else {"content": content}
    elif operation.query is not None:
        options = {"params": given if query is None else query}
    headers = options.pop("headers", {})
    if who is not None:
        headers["Authorization"] = f"Bearer {api.keys.get(who, who)}"
    with httpx.stream(operation.method, api.url + path, headers=headers, timeout=20, **options) as answer:
        assert answer.status_code < 500
        if answer.status_code != 200:
            check_refusal(answer.read(), is_v1=path.startswith("/api/v1/"))
        return answer.status_code


def check_refusal(raw: bytes, *, is_v1: bool) -> None:
    body = json.loads(raw)
    if is_v1:
        assert list(body) == ["error"]
        body = body["error"]
    assert isinstance(body["message"], str)
    assert is_v1 or isinstance(body["code"], str)
