"""The OpenAPI file: true to what the operations take and give, complete, and with examples that hold."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import pytest

from portal.api import AREAS
from portal.api.openapi import document
from portal.api.operations import Operation
from tests.core.conftest import Api

OPERATIONS = [one for area in AREAS for one in area.all]
DOCUMENT = document(OPERATIONS, "/")
EVERY = pytest.mark.parametrize("one", OPERATIONS, ids=lambda one: one.name)


def told(one: Operation) -> dict[str, Any]:
    found: dict[str, Any] = DOCUMENT["paths"][one.path][one.method.lower()]
    return found


def fits(schema: dict[str, Any], value: object) -> list[str]:
    whole = {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "components": DOCUMENT["components"]}
    checker = jsonschema_rs.Draft202012Validator(whole, validate_formats=True)
    return [f"{list(error.instance_path)}: {error.message}" for error in checker.iter_errors(value)]


def fields_of(schema: object, where: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every field in a schema, by its place."""
    if isinstance(schema, dict):
        for name, field in schema.get("properties", {}).items() if isinstance(schema.get("properties"), dict) else ():
            yield f"{where}.{name}", field
        for key, value in schema.items():
            yield from fields_of(value, where if key in ("properties", "items", "anyOf") else f"{where}.{key}")
    elif isinstance(schema, list):
        for value in schema:
            yield from fields_of(value, where)


@EVERY
def test_an_operation_is_told_with_examples_that_it_would_take_and_give(one: Operation) -> None:
    found = told(one)
    (answer,) = found["responses"]["200"]["content"].values()

    assert found["operationId"] == one.name
    assert found["summary"]
    assert fits(answer["schema"], answer["example"]) == []
    for parameter in found["parameters"]:
        assert parameter["description"], f"{parameter['name']}: say it in portal/api/field_words.py"
        assert "example" not in parameter or fits(parameter["schema"], parameter["example"]) == []
    if one.body is not None:
        (body,) = found["requestBody"]["content"].values()
        assert fits(body["schema"], body["example"]) == []
        one.body.model_validate(body["example"])


@EVERY
def test_its_refusals_are_those_that_its_checks_can_give(one: Operation) -> None:
    refused = {int(status) for status in told(one)["responses"]} - {200}

    assert {401, 403, 429, 500, 503} | set(one.errors) <= refused
    assert (412 in refused) == one.takes_if_match or 412 in one.errors
    assert ({413, 415} <= refused) == (one.body is not None or one.lines is not None)
    assert 400 in refused or not (one.parameters or one.query or one.body)


def test_every_field_says_what_it_means() -> None:
    silent = sorted(
        {place for place, field in fields_of(DOCUMENT["components"]["schemas"], "") if not field.get("description")}
    )

    assert silent == [], "add them to portal/api/field_words.py, or a Field(description=…)"


def test_what_is_ours_says_so() -> None:
    for one in OPERATIONS:
        assert (told(one).get("x-stationmaster"), "not part of the published" in told(one)["description"]) == (
            (True, True) if one.is_ours else (None, False)
        )


def test_every_reference_leads_somewhere_and_no_name_is_used_twice() -> None:
    def follow(value: object) -> None:
        if isinstance(value, dict):
            if isinstance(reference := value.get("$ref"), str):
                found: Any = DOCUMENT
                for step in reference.removeprefix("#/").split("/"):
                    found = found[step]
            for one in value.values():
                follow(one)
        elif isinstance(value, list):
            for one in value:
                follow(one)

    follow(DOCUMENT)
    assert len({one.name for one in OPERATIONS}) == len(OPERATIONS)
    assert len({(one.method, one.path) for one in OPERATIONS}) == len(OPERATIONS)


@pytest.mark.parametrize("settings", ["sqlite"], indirect=True)
def test_the_file_is_served_without_a_key_and_once(api: Api) -> None:
    first = api.call(None, "GET", "/api/v2/openapi.json")
    again = api.call(None, "GET", "/api/v2/openapi.json", headers={"If-None-Match": first.headers["ETag"]})

    assert (first.status_code, first.headers["Content-Type"]) == (200, "application/json")
    assert first.json() == json.loads(json.dumps(DOCUMENT))
    assert (again.status_code, again.content) == (304, b"")
