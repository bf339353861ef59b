"""Batches, through the public client and without it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.api.clients import Client, Refused
from tests.cast import record
from tests.core.conftest import Api

Connect = Callable[[str], Client]
Fresh = Callable[[str], str]


@pytest.mark.parametrize("who", ["dev", "bench"])
def test_a_batch_is_made_and_read_by_both_kinds_of_key(connect: Connect, fresh: Fresh, api: Api, who: str) -> None:
    client, number = connect(who), fresh("B")

    made = client.batches.create(number=number)
    found = client.batches.get(number=number.lower())

    assert (found.id, found.number, found.units) == (made.id, number, [])
    makers = (found.created_by_user, found.created_by_station)
    assert (makers[0] is None, makers[1] is None) == (who == "bench", who == "dev")
    with pytest.raises(Refused) as taken:
        client.batches.create(number=number.lower())
    assert (taken.value.kind, "already exists" in taken.value.message) == ("ErrorCONFLICT", True)


def test_a_batch_shows_its_units_and_is_found_by_their_part(connect: Connect, fresh: Fresh, api: Api) -> None:
    client, number, serial = connect("dev"), fresh("B"), fresh("SN")
    part, revision = fresh("PN"), fresh("R")
    body = record(api.cast, serial_number=serial, batch_number=number, part_number=part, revision_number=revision)
    assert api.post_run("bench", body).status_code == 200

    (unit,) = client.batches.get(number=number).units
    by_part = client.batches.list(part_numbers=[part.lower()]).data
    by_revision = client.batches.list(revision_numbers=[revision], part_numbers=[part]).data

    assert (unit.serial_number, unit.part.number, unit.part.revision.number) == (serial, part, revision)
    assert [(one.number, one.unit_count) for one in by_part] == [(number, 1)]
    assert [one.number for one in by_revision] == [number]
    assert client.batches.list(part_numbers=["no such part"]).data == []


@pytest.mark.parametrize("number", ["", "x" * 101, "a b", "a/b", "ä", "a,b", "a#b"])
def test_what_is_no_batch_number_is_refused(connect: Connect, number: str) -> None:
    with pytest.raises(Refused) as refused:
        connect("dev").batches.create(number=number)

    assert refused.value.kind == "ErrorBADREQUEST"


def test_a_batch_is_renamed_and_removed_by_people_only(connect: Connect, fresh: Fresh) -> None:
    dev, bench, number, taken = connect("dev"), connect("bench"), fresh("B"), fresh("B")
    made = dev.batches.create(number=number)
    dev.batches.create(number=taken)

    with pytest.raises(Refused) as conflict:
        dev.batches.update(number=number, new_number=taken.lower())
    assert conflict.value.kind == "ErrorCONFLICT"
    for refused in (
        lambda: bench.batches.update(number=number, new_number="n"),
        lambda: bench.batches.delete(number="no"),
    ):
        with pytest.raises(Refused, match=r"FORBIDDEN|permission|Stations cannot"):
            refused()
    renamed = fresh("B")
    assert dev.batches.update(number=number, new_number=renamed).id == made.id
    assert dev.batches.delete(number=renamed).id == [made.id]
    for gone in (dev.batches.get, dev.batches.delete):
        with pytest.raises(Refused) as missing:
            gone(number=renamed)
        assert missing.value.kind == "ErrorNOTFOUND"


def test_pages_of_batches_follow_each_other_while_they_are_deleted(connect: Connect, fresh: Fresh) -> None:
    client, start = connect("dev"), fresh("PAGE")
    numbers = [f"{start}-{n}" for n in range(5)]
    for number in numbers:
        client.batches.create(number=number)

    seen: list[str] = []
    cursor = None
    while True:
        page = client.batches.list(search_query=start, limit=2, sort_by="number", sort_order="asc", cursor=cursor)
        seen += [one.number for one in page.data]
        client.batches.delete(number=page.data[-1].number)  # the very row that the cursor names
        cursor = page.meta.next_cursor
        if not page.meta.has_more:
            break

    assert seen == numbers
    assert cursor is None


def test_newest_first_and_by_instant(newest: Connect, fresh: Fresh, api: Api) -> None:
    client, start = newest("dev"), fresh("ORDER")
    first, second = (client.batches.create(number=f"{start}-{n}") for n in range(2))

    assert [one.id for one in client.batches.list(search_query=start.lower()).data] == [second.id, first.id]
    with pytest.raises(Refused) as refused:
        client.batches.list(cursor=999_999_999)
    assert refused.value.kind == "ErrorBADREQUEST"


def test_a_change_that_is_out_of_date_is_refused(api: Api, fresh: Fresh) -> None:
    number = fresh("B")
    api.call("dev", "POST", "/api/v2/batches", json={"number": number})
    tag = api.call("dev", "GET", f"/api/v2/batches/{number}").headers["ETag"]
    path, renamed = f"/api/v2/batches/{number}", fresh("B")

    done = api.call("dev", "PATCH", path, json={"new_number": renamed}, headers={"If-Match": tag})
    late = api.call("ada", "PATCH", f"/api/v2/batches/{renamed}", json={"new_number": "x"}, headers={"If-Match": tag})

    assert done.status_code == 200
    assert (late.status_code, late.json()["code"]) == (412, "PRECONDITION_FAILED")


@pytest.mark.parametrize("who", ["vera", "olga"])
def test_who_only_looks_changes_nothing(api: Api, fresh: Fresh, who: str) -> None:
    assert api.call(who, "POST", "/api/v2/batches", json={"number": fresh("B")}).status_code == 403
    assert api.call(who, "GET", "/api/v2/batches").status_code == 200


@pytest.mark.parametrize("path", ["/api/v2/batches/", "/api/v2/batches//", "/api/v2/batches/a/b/c"])
def test_a_path_without_a_number_is_a_refusal_in_json(api: Api, path: str) -> None:
    answer = api.call("dev", "GET", path)

    assert answer.status_code == 404
    assert set(answer.json()) == {"message", "code"}
