"""Whatever the OpenAPI file allows, and much that it does not, is sent to a live portal with both kinds of key.

Nothing may fail inside, and no answer may be one that the file does not tell: neither its status, nor its kind, nor its
shape. New operations are picked up from the file. The same requests are made every time.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from schemathesis.config import SchemathesisConfig
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from portal.api import AREAS
from portal.api.openapi import document
from tests.cast import record
from tests.core.conftest import Api

pytestmark = pytest.mark.xdist_group("schemathesis")

EXAMPLES = 10  # for each operation, by both keys in turn; half of them go to what is there
CHECKS = [
    not_a_server_error, status_code_conformance, content_type_conformance, response_headers_conformance,
    response_schema_conformance,
]  # fmt: skip
CONFIG = SchemathesisConfig.from_dict(
    {
        "generation": {"deterministic": True, "database": "none", "max-examples": EXAMPLES},
        "phases": {"coverage": {"enabled": False}, "stateful": {"enabled": False}},
    }
)
schemathesis.serializer.alias("application/x-ndjson", "text/plain")
# A stream of events has no end to wait for: tests/api/test_run_events.py follows it.
OPERATIONS = [one for area in AREAS for one in area.all if one.answer_media != "text/event-stream"]
SCHEMA = schemathesis.openapi.from_dict(document(OPERATIONS, "/"), config=CONFIG)


@pytest.fixture(scope="module")
def session(api: Api) -> Iterator[requests.Session]:
    """A connection that stays, and a few things that are there."""
    for number in range(3):
        stored = record(api.cast, serial_number=f"SN-{number}", batch_number=f"B-{number}", revision_number="C")
        assert api.post_run("bench", stored).status_code == 200
    with requests.Session() as found:
        yield found


class Known:
    """What is there, by the path of its list: so that not every id of a generated request leads nowhere."""

    def __init__(self, api: Api) -> None:
        self._api = api

    def values(self, path: str) -> dict[str, Any]:
        """For the parameters of a path such as /api/v2/units/{serial_number}: those of an entry of /api/v2/units."""
        place, _, rest = path.partition("/{")
        answer = self._api.call("ada", "GET", place, params={"limit": 5}) if rest else None
        if answer is None or answer.status_code != 200:
            return {}
        entries = answer.json()["data"] if isinstance(answer.json(), dict) else answer.json()
        return {name: value for name, value in entries[0].items() if isinstance(value, str)} if entries else {}


turns: dict[str, Iterator[int]] = defaultdict(itertools.count)


@SCHEMA.parametrize()
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
def test_no_answer_is_a_failure_or_not_in_the_file(
    case: schemathesis.Case, api: Api, session: requests.Session
) -> None:
    turn = next(turns[case.operation.label])
    who, goes_to_what_is_there = ("ada", "bench")[turn % 2], turn % 4 >= 2
    if goes_to_what_is_there:
        known = Known(api).values(case.path)
        case.path_parameters |= {name: known[name] for name in case.path_parameters if name in known}

    answer = case.call(
        base_url=api.url, session=session, headers={"Authorization": f"Bearer {api.keys[who]}"}, timeout=20
    )

    if answer.status_code != 414:  # of the test's own server, which takes shorter addresses than the portal's
        case.validate_response(answer, checks=CHECKS)
