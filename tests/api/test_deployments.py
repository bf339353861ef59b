"""Deployments: there are none yet, through the public client and without it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.api.clients import Client, Refused
from tests.cast import NOON
from tests.core.conftest import Api

Connect = Callable[[str], Client]
NIL = "00000000-0000-0000-0000-000000000000"


@pytest.mark.parametrize("who", ["dev", "bench"])
def test_there_are_none(newest: Connect, who: str) -> None:
    client = newest(who)

    page = client.deployments.list(
        environments=["production"], build_statuses=["ready"], pushed=True, branch_names=["main"], procedure_ids=[NIL],
        author_usernames=["dev"], deployed_after=NOON, deployed_before=NOON, search_query="x", limit=10,
    )  # fmt: skip

    assert (page.data, page.meta.has_more, page.meta.next_cursor) == ([], False, None)
    with pytest.raises(Refused) as missing:
        client.deployments.get(id=NIL)
    assert missing.value.kind == "ErrorNOTFOUND"


def test_middle_generation_reads_them_too(connect: Connect) -> None:
    client = connect("dev")
    if client.version != "2.2.4":  # which has no deployments
        assert client.deployments.list().data == []


@pytest.mark.parametrize("query", ["environments=moon", "build_statuses=x", "pushed=maybe", "limit=0", "branch=main"])
def test_raw_queries_that_cannot_be_are_refused(api: Api, query: str) -> None:
    assert api.call("dev", "GET", f"/api/v2/deployments?{query}").status_code == 400


def test_a_malformed_id(api: Api) -> None:
    assert api.call("bench", "GET", "/api/v2/deployments/x").status_code == 400
    assert api.call(None, "GET", f"/api/v2/deployments/{NIL}").status_code == 401
