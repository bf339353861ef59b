"""Who did what, for those who administer."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.core.conftest import Api

Fresh = Callable[[str], str]


@pytest.fixture
def station_id(api: Api, fresh: Fresh) -> str:
    """Of a station that was made and renamed four times."""
    made = api.call("dev", "POST", "/api/v2/stations", json={"name": fresh("Bench")}).json()["id"]
    for _ in range(4):
        api.call("ada", "PATCH", f"/api/v2/stations/{made}", json={"name": fresh("Bench")})
    return made


def listed(api: Api, **query: object) -> dict:
    answer = api.call("ada", "GET", "/api/v2/audit", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_the_newest_comes_first_with_who_and_what(api: Api, station_id: str) -> None:
    found = listed(api, object_kind="stations", object_id=station_id)["data"]

    assert [one["action"] for one in found] == ["station:renamed"] * 4 + ["station:created"]
    newest, oldest = found[0], found[-1]
    assert newest["actor"] == {"kind": "user", "id": api.cast.ada.id, "name": "Ada"}
    assert newest["object"] == {"kind": "stations", "id": station_id, "name": newest["details"]["after"]}
    assert newest["at"] > oldest["at"]


def test_filters_narrow_it(api: Api, station_id: str) -> None:
    by_dev = listed(api, object_id=station_id, actor_id=api.cast.dev.id)["data"]
    renamed = listed(api, object_id=station_id, action="station:renamed")["data"]
    middle = renamed[1]["at"]

    assert [one["action"] for one in by_dev] == ["station:created"]
    assert listed(api, object_id=station_id, after=middle)["data"] == renamed[:2]
    assert listed(api, object_id=station_id, before=middle, action="station:renamed")["data"] == renamed[1:]
    assert listed(api, object_kind="runs", object_id=station_id)["data"] == []


def test_pages_show_every_entry_once_while_more_are_written(api: Api, station_id: str, fresh: Fresh) -> None:
    seen: list[str] = []
    cursor = None
    while True:
        page = listed(api, object_id=station_id, limit=2, **({"cursor": cursor} if cursor else {}))
        seen += [one["id"] for one in page["data"]]
        api.call("dev", "PATCH", f"/api/v2/stations/{station_id}", json={"name": fresh("Bench")})
        cursor = page["meta"]["next_cursor"]
        if not page["meta"]["has_more"]:
            break

    assert (len(seen), len(set(seen))) == (5, 5)


@pytest.mark.parametrize("who", ["dev", "vera", "olga", "bench", "otto"])
def test_others_read_nothing(api: Api, who: str) -> None:
    assert api.call(who, "GET", "/api/v2/audit").status_code == 403


@pytest.mark.parametrize("query", ["cursor=99999999", "after=x", "limit=501", "kind=stations"])
def test_raw_queries_that_cannot_be_are_refused(api: Api, query: str) -> None:
    assert api.call("ada", "GET", f"/api/v2/audit?{query}").status_code == 400


def test_an_entry_outlives_its_object(api: Api, station_id: str) -> None:
    api.call("dev", "DELETE", f"/api/v2/stations/{station_id}")

    newest = listed(api, object_id=station_id)["data"][0]

    assert (newest["action"], newest["object"]["name"] is None) == ("station:deleted", False)
