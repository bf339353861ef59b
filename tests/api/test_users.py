"""Members, through the public client and without it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.api.clients import Client, Refused
from tests.core.conftest import Api

Connect = Callable[[str], Client]


def members(client: Client) -> Client:
    """The oldest generation calls them differently."""
    return client.user if client.version == "2.2.4" else client.users


@pytest.mark.parametrize("who", ["dev", "bench", "vera", "olga"])
def test_members_are_listed_to_everybody(connect: Connect, who: str) -> None:
    found = members(connect(who)).list()

    assert [one.email for one in found] == [f"{name}@example.com" for name in ("ada", "dev", "olga", "vera")]
    assert [(one.name, one.banned, one.image) for one in found][1] == ("Dev", False, None)


def test_current_is_exactly_who_asks(connect: Connect, api: Api) -> None:
    client = connect("dev")
    if client.version == "2.2.4":
        (found,) = members(client).list(current=True)
        assert members(connect("bench")).list(current=True) == []
    else:
        found = client.users.get_current()
    assert (found.id, found.email, found.name) == (api.cast.dev.id, "dev@example.com", "Dev")

    (raw,) = api.call("dev", "GET", "/api/v2/users?current=true").json()
    assert raw == api.call("dev", "GET", "/api/v2/users/current").json()
    assert api.call("bench", "GET", "/api/v2/users?current=true").json() == []


def test_a_station_is_no_member(newest: Connect) -> None:
    with pytest.raises(Refused) as refused:
        newest("bench").users.get_current()

    assert refused.value.kind == "ErrorFORBIDDEN"


def test_nobody_learns_nothing(api: Api) -> None:
    assert api.call(None, "GET", "/api/v2/users").status_code == 401
    assert api.call("dev", "GET", "/api/v2/users?current=perhaps").status_code == 400
