"""Parts, through the public client and without it."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import quote

import pytest

from tests.api.clients import Client, Refused
from tests.cast import record
from tests.core.conftest import Api

Connect = Callable[[str], Client]
Fresh = Callable[[str], str]


@pytest.mark.parametrize("who", ["dev", "bench"])
def test_a_part_is_made_with_its_first_revision_and_read_in_any_case(connect: Connect, fresh: Fresh, who: str) -> None:
    client, number = connect(who), fresh("PN")

    made = client.parts.create(number=number, name="Main board", revision_number="R1")
    found = client.parts.get(number=number.lower())

    assert (found.id, found.number, found.name) == (made.id, number, "Main board")
    assert [one.number for one in found.revisions] == ["R1"]
    assert (found.created_by_user is None, found.created_by_station is None) == (who == "bench", who == "dev")
    with pytest.raises(Refused) as taken:
        client.parts.create(number=number.lower())
    assert (taken.value.kind, "already exists" in taken.value.message) == ("ErrorCONFLICT", True)


def test_without_a_name_it_is_called_by_its_number_and_has_revision_a(connect: Connect, fresh: Fresh) -> None:
    client, number = connect("dev"), fresh("PN")
    client.parts.create(number=number)

    found = client.parts.get(number=number)

    assert (found.name, [one.number for one in found.revisions]) == (number, ["A"])


def test_units_without_a_revision_are_filed_under_the_first_one(newest: Connect, api: Api, fresh: Fresh) -> None:
    client, number, serial = newest("dev"), fresh("PN"), fresh("SN")
    client.parts.create(number=number, revision_number="R7")

    assert api.post_run("bench", record(api.cast, serial_number=serial, part_number=number)).status_code == 200

    assert client.units.get(serial_number=serial).part.revision.number == "R7"
    assert len(client.parts.get(number=number).revisions) == 1


@pytest.mark.parametrize(
    ("body", "word"),
    [
        ({"number": ""}, "empty"),
        ({"number": "x" * 61}, "length"),
        ({"number": "PN", "name": "x" * 256}, "length"),
        ({"number": "PN", "revision_number": "x" * 61}, "length"),
    ],
)
def test_what_is_no_part_is_refused(connect: Connect, body: dict[str, Any], word: str) -> None:
    with pytest.raises(Refused, match=word) as refused:
        connect("dev").parts.create(**body)

    assert (refused.value.kind, refused.value.status) == ("APIError", 400)


@pytest.mark.parametrize("start", ["a/b", "a/revisions/b", "a\\b", "ä (1) [2]", "📦", "a.b_c-d"])
def test_a_number_may_hold_nearly_anything(connect: Connect, fresh: Fresh, start: str) -> None:
    client, number = connect("dev"), fresh(start)

    made = client.parts.create(number=number)

    assert client.parts.list(search_query=number).data[0].id == made.id
    if "revisions" not in start:
        assert client.parts.get(number=number).number == number
    if start == "a/b":
        revision = client.parts.revisions.create(part_number=number, number="c")
        found = client.parts.revisions.get(part_number=number, revision_number="C")
        assert (found.id, found.part.number) == (revision.id, number)


def test_a_part_is_changed_by_people_only(connect: Connect, fresh: Fresh) -> None:
    dev, bench, number, taken, renamed = connect("dev"), connect("bench"), fresh("PN"), fresh("PN"), fresh("PN")
    made = dev.parts.create(number=number, name="Old")
    dev.parts.create(number=taken)

    for refused in (
        lambda: bench.parts.update(number=number, new_number=""),
        lambda: bench.parts.update(number=fresh("NO"), name="x" * 256),
        lambda: bench.parts.delete(number=number),
    ):
        with pytest.raises(Refused, match=r"FORBIDDEN|permission|Stations cannot"):
            refused()
    with pytest.raises(Refused) as conflict:
        dev.parts.update(number=number, new_number=taken.lower())
    assert conflict.value.kind == "ErrorCONFLICT"
    for wrong in ({}, {"new_number": ""}, {"new_number": "x" * 61}, {"name": ""}, {"name": "x" * 256}):
        with pytest.raises(Refused) as bad:
            dev.parts.update(number=number, **wrong)
        assert bad.value.status == 400
    changed = dev.parts.update(number=number, new_number=renamed, name="New")
    assert (changed.id, changed.number, changed.name) == (made.id, renamed, "New")
    assert dev.parts.update(number=renamed, new_number=renamed).number == renamed
    with pytest.raises(Refused) as gone:
        dev.parts.update(number=number, name="New")
    assert gone.value.kind == "ErrorNOTFOUND"


def test_metadata_is_merged(newest: Connect, fresh: Fresh) -> None:
    client, number = newest("dev"), fresh("PN")
    client.parts.create(number=number, metadata={"layers": 4, "rohs": True})

    client.parts.update(number=number, metadata={"layers": None, "finish": "ENIG"})

    assert vars(client.parts.get(number=number).metadata) == {"rohs": True, "finish": "ENIG"}
    (row,) = client.parts.list(
        metadata={"finish": {"contains": "eni"}}, search_query=number, include_metadata=True
    ).data
    assert (row.number, vars(row.metadata)) == (number, {"rohs": True, "finish": "ENIG"})
    assert client.parts.list(metadata={"finish": {"contains": "HASL"}}, search_query=number).data == []


def test_a_part_is_removed_with_its_revisions(connect: Connect, fresh: Fresh) -> None:
    client, number = connect("dev"), fresh("PN")
    made = client.parts.create(number=number)
    revisions = [one.id for one in client.parts.get(number=number).revisions]
    revisions.append(client.parts.revisions.create(part_number=number, number="B").id)

    deleted = client.parts.delete(number=number.lower())

    assert (deleted.id, sorted(deleted.deleted_revision_ids)) == (made.id, sorted(revisions))
    for gone in (client.parts.get, client.parts.delete):
        with pytest.raises(Refused) as missing:
            gone(number=number)
        assert missing.value.kind == "ErrorNOTFOUND"


def test_a_part_in_use_stays(connect: Connect, api: Api, fresh: Fresh) -> None:
    client, built, tested, serial = connect("dev"), fresh("PN"), fresh("PN"), fresh("SN")
    client.units.create(serial_number=fresh("SN"), part_number=built, revision_number="A")
    assert api.post_run("bench", record(api.cast, serial_number=serial, part_number=tested)).status_code == 200
    client.units.update(serial_number=serial, part_number=built, revision_number="A")  # only its run is left there

    for number, word in ((built, "units"), (tested, "runs")):
        with pytest.raises(Refused, match=word) as refused:
            client.parts.delete(number=number)
        assert (refused.value.kind, refused.value.status) == ("APIError", 409)
        assert len(client.parts.get(number=number).revisions) == 1


def test_parts_are_found_and_sorted(connect: Connect, api: Api, fresh: Fresh) -> None:
    client, start = connect("dev"), fresh("FIND")
    for number, name in (("3", "Alpha"), ("1", "beta"), ("2", "Gamma")):
        client.parts.create(number=f"{start}-{number}", name=f"{name} {start}")
    client.parts.revisions.create(part_number=f"{start}-1", number=f"rev-{start}")

    def found(**query: Any) -> str:
        return "".join(one.number[-1] for one in client.parts.list(**query).data)

    assert found(search_query=start.lower()) == "213"
    assert found(search_query=start, sort_by="number", sort_order="asc") == "123"
    assert found(search_query=start, sort_by="name", sort_order="asc") == "312"
    assert found(search_query=f"BETA {start}") == "1"
    assert found(search_query=f"REV-{start}") == "1"
    assert found(search_query=fresh("NO")) == ""


def test_parts_are_found_by_the_procedures_that_tested_them(newest: Connect, api: Api, fresh: Fresh) -> None:
    client, number = newest("dev"), fresh("PN")
    assert api.post_run("bench", record(api.cast, serial_number=fresh("SN"), part_number=number)).status_code == 200

    here, elsewhere = (
        client.parts.list(search_query=number, procedure_ids=[one.id]).data
        for one in (api.cast.procedure, api.cast.other_procedure)
    )

    assert ([one.number for one in here], elsewhere) == ([number], [])


@pytest.mark.parametrize("sort_by", ["name", "number", "created_at"])
def test_pages_of_parts_follow_each_other_while_they_are_deleted(newest: Connect, fresh: Fresh, sort_by: str) -> None:
    client, start = newest("dev"), fresh("PAGE")
    numbers = [f"{start}-{n}" for n in range(5)]
    for number in numbers:
        client.parts.create(number=number, name="The same")

    seen: list[str] = []
    cursor = None
    while True:
        page = client.parts.list(search_query=start, limit=2, sort_by=sort_by, sort_order="asc", cursor=cursor)
        seen += [one.number for one in page.data]
        client.parts.delete(number=page.data[-1].number)
        cursor = page.meta.next_cursor
        if not page.meta.has_more:
            break

    assert seen == numbers


def test_a_change_that_is_out_of_date_is_refused(api: Api, fresh: Fresh) -> None:
    number = fresh("PN")
    path = f"/api/v2/parts/{number}"
    api.call("dev", "POST", "/api/v2/parts", json={"number": number})
    tag = api.call("dev", "GET", path).headers["ETag"]

    done = api.call("dev", "PATCH", path, json={"name": "First"}, headers={"If-Match": tag})
    late = api.call("ada", "PATCH", path, json={"name": "Second"}, headers={"If-Match": tag})

    assert (done.status_code, late.status_code) == (200, 412)


def test_two_that_make_the_same_part_at_once_get_one(api: Api, fresh: Fresh) -> None:
    number, serials = fresh("PN"), [fresh("SN") for _ in range(4)]

    def post(serial: str) -> int:
        body = {"serial_number": serial, "part_number": number, "revision_number": "A"}
        return api.call("dev", "POST", "/api/v2/units", json=body).status_code

    with ThreadPoolExecutor(len(serials)) as threads:
        assert list(threads.map(post, serials)) == [200] * len(serials)
    assert len(api.call("dev", "GET", f"/api/v2/parts/{number}").json()["revisions"]) == 1


@pytest.mark.parametrize("who", ["vera", "olga"])
def test_who_only_looks_changes_nothing(api: Api, fresh: Fresh, who: str) -> None:
    assert api.call(who, "GET", "/api/v2/parts").status_code == 200
    assert api.call(who, "POST", "/api/v2/parts", json={"number": fresh("PN")}).status_code == 403


@pytest.mark.parametrize("path", ["/api/v2/parts/", "/api/v2/parts//", "/api/v2/parts//revisions/a"])
def test_a_path_without_a_number_is_a_refusal_in_json(api: Api, path: str) -> None:
    answer = api.call("dev", "GET", path)

    assert answer.status_code == 404
    assert answer.json()["code"] == "NOT_FOUND"


@pytest.mark.parametrize("start", ["/", "//", "a/", "a//b", "new\nline", "ä?#%41"])
def test_numbers_with_slashes_anywhere_are_found_by_path(api: Api, newest: Connect, fresh: Fresh, start: str) -> None:
    number = f"{start}{fresh('PN')}/"
    made = api.call("dev", "POST", "/api/v2/parts", json={"number": number, "revision_number": "/r/"})
    escaped = quote(number, safe="")

    part = api.call("dev", "GET", f"/api/v2/parts/{escaped}")
    revision = api.call("dev", "GET", f"/api/v2/parts/{escaped}/revisions/%2Fr%2F")

    assert (made.status_code, part.status_code, revision.status_code) == (200, 200, 200)
    assert (part.json()["number"], revision.json()["number"]) == (number, "/r/")
    if start.strip("/ab") == "":  # the client escapes nothing
        assert newest("dev").parts.get(number=number).id == made.json()["id"]
