"""What is wrong with a body is said in sentences of ours, all of it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Any, Literal
from uuid import UUID

import pytest
from pydantic import BaseModel, Field

from portal.api.bodies import read
from portal.errors import BadRequest


class Inner(BaseModel, extra="forbid"):
    name: Annotated[str, Field(min_length=1, max_length=60)]


class Outer(BaseModel):
    serial_number: str
    count: Annotated[int, Field(ge=1, le=500)] = 1
    ratio: Annotated[float, Field(gt=0.1, lt=0.9, allow_inf_nan=False)] = 0.5
    outcome: Literal["PASS", "FAIL"] = "PASS"
    at: datetime | None = None
    took: timedelta | None = None
    is_on: bool = True
    ref: UUID | None = None
    code: Annotated[str, Field(pattern="^[a-z]{2}$", min_length=2)] = "ab"
    inner: Inner | None = None
    items: Annotated[list[Inner], Field(min_length=1, max_length=2)] = []
    facts: dict[str, int] = {}


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"serial_number": 5}, "serial_number must be text."),
        ({"count": "many"}, "count must be a whole number."),
        ({"count": 1.5}, "count must be a whole number."),
        ({"count": 0}, "count must be at least 1."),
        ({"count": 501}, "count must be at most 500."),
        ({"ratio": "x"}, "ratio must be a number."),
        ({"ratio": 0}, "ratio must be more than 0.1."),
        ({"ratio": 1}, "ratio must be less than 0.9."),
        ({"ratio": "inf"}, "ratio must be a finite number."),
        ({"outcome": "MAYBE"}, "outcome must be 'PASS' or 'FAIL'."),
        ({"at": "yesterday"}, "at is no time: write it as 2026-11-22T12:00:00Z."),
        ({"took": "long"}, "took is no duration: write it as PT4M."),
        ({"is_on": "perhaps"}, "is_on must be true or false."),
        ({"ref": "x"}, "ref is not a UUID."),
        ({"code": "{0}"}, "code is invalid: it must match ^[a-z]{2}$."),
        ({"code": ""}, "code has too small a length: at least 2 characters must be there."),
        ({"inner": 5}, "inner must be an object."),
        ({"inner": {"name": ""}}, "inner.name is empty: send at least 1 character."),
        ({"inner": {"name": "x" * 61}}, "inner.name has too great a length: at most 60 characters are possible."),
        ({"inner": {"name": "x", "nmae": "y"}}, "inner.nmae does not exist here: look at its spelling."),
        ({"items": {}}, "items must be a list."),
        ({"items": []}, "items has too few entries: at least 1 must be there."),
        ({"items": [{"name": "x"}] * 3}, "items has too many entries: at most 2 are possible."),
        ({"items": [{"name": "x"}, {}]}, "items.1.name is missing: send it."),
        ({"facts": []}, "facts must be an object."),
    ],
)
def test_each_kind_has_its_sentence(given: dict[str, Any], words: str) -> None:
    with pytest.raises(BadRequest) as refused:
        read(Outer, {"serial_number": "SN"} | given)

    assert [one.message for one in refused.value.issues] == [words]
    assert refused.value.message == words


def test_of_several_the_first_is_told_and_how_many_more_there_are() -> None:
    for given, more in (
        ({"count": 0}, "(And 1 more problem: see issues.)"),
        ({"count": 0, "items": [{}] * 2}, "(And 3 more problems: see issues.)"),
    ):
        with pytest.raises(BadRequest) as refused:
            read(Outer, given)

        assert refused.value.message == f"serial_number is missing: send it. {more}"
        assert refused.value.issues[0].message == "serial_number is missing: send it."
        assert refused.value.issues[0].path == ("serial_number",)


def test_what_is_no_object_at_all_is_said() -> None:
    with pytest.raises(BadRequest, match=r"^What was sent must be an object\.$"):
        read(Outer, [])
