"""Units, through the public client and without it."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import httpx
import pytest

from tests.api.clients import Client, Refused
from tests.cast import NOON, record
from tests.core.conftest import Api

Connect = Callable[[str], Client]
Fresh = Callable[[str], str]
NIL = "00000000-0000-0000-0000-000000000000"


@pytest.fixture
def unit(fresh: Fresh, api: Api) -> Callable[..., str]:
    """Makes a unit; its serial number."""

    def make(start: str = "SN", **facts: Any) -> str:
        serial = fresh(start)
        body = {"serial_number": serial, "part_number": "PCB-1", "revision_number": "A", **facts}
        answer = api.call("dev", "POST", "/api/v2/units", json=body)
        assert answer.status_code == 200, answer.text
        return serial

    return make


@pytest.fixture
def tested(fresh: Fresh, api: Api) -> Callable[..., str]:
    """Uploads a run; the run's id."""

    def run(serial: str, minute: int = 0, **facts: Any) -> str:
        at = NOON + timedelta(minutes=minute)
        times = {"started_at": at.isoformat(), "ended_at": (at + timedelta(seconds=9)).isoformat()}
        answer = api.post_run("bench", record(api.cast, serial_number=serial, **times, **facts))
        assert answer.status_code == 200, answer.text
        run_id: str = answer.json()["id"]
        return run_id

    return run


@contextlib.contextmanager
def refused(kind: str, *words: str) -> Any:
    with pytest.raises(Refused) as caught:
        yield
    assert caught.value.kind == kind, caught.value
    for word in words:
        assert word in caught.value.message, caught.value


@pytest.mark.parametrize("who", ["dev", "bench"])
def test_a_unit_brings_its_part_and_revision_and_is_read_in_any_case(connect: Connect, fresh: Fresh, who: str) -> None:
    client, serial, part = connect(who), fresh("SN"), fresh("PN")

    made = client.units.create(serial_number=serial, part_number=part, revision_number="B")
    found = client.units.get(serial_number=serial.lower())

    assert (found.id, found.serial_number, found.part.number, found.part.name) == (made.id, serial, part, part)
    assert found.part.revision.number == "B"
    assert (found.parent, found.batch, found.created_during, found.children) == (None, None, None, [])
    assert (found.created_by_user is None, found.created_by_station is None) == (who == "bench", who == "dev")
    with refused("ErrorCONFLICT", "already exists", "serial number"):
        client.units.create(serial_number=serial.lower(), part_number=part, revision_number="B")
    with refused("ErrorNOTFOUND"):
        client.units.get(serial_number=fresh("NO"))


def test_a_unit_has_a_class_and_metadata(newest: Connect, fresh: Fresh) -> None:
    client, serial = newest("dev"), fresh("SN")
    client.units.create(
        serial_number=serial,
        part_number="PCB-1",
        revision_number="A",
        sample="golden",
        metadata={"line": 2, "ok": True},
    )

    client.units.update(serial_number=serial, metadata={"line": None, "shift": "late"})
    found = client.units.get(serial_number=serial)

    assert (found.sample, vars(found.metadata)) == ("golden", {"ok": True, "shift": "late"})
    client.units.update(serial_number=serial, sample=None)
    assert client.units.get(serial_number=serial).sample is None


def test_the_run_that_brought_a_unit_is_named(connect: Connect, fresh: Fresh, tested: Callable[..., str]) -> None:
    serial = fresh("SN")
    first, _ = tested(serial, outcome="FAIL"), tested(serial, 5)

    found = connect("dev").units.get(serial_number=serial)

    assert (found.created_during.id, found.created_during.outcome) == (first, "FAIL")
    assert found.created_by_station.name == "Bench 7"


@pytest.mark.parametrize("serial", ["", "   ", "x" * 61])
def test_what_is_no_serial_number_is_refused(connect: Connect, serial: str) -> None:
    with refused("APIError", "serial_number", "BAD_REQUEST"):
        connect("dev").units.create(serial_number=serial, part_number="PCB-1", revision_number="A")


def test_60_characters_and_those_of_any_language_are_a_serial_number(connect: Connect, fresh: Fresh) -> None:
    client = connect("dev")
    for serial in (fresh("x" * 54), f"{fresh('序列')} ä(1)", fresh("a/b")):
        client.units.create(serial_number=serial, part_number="PCB-1", revision_number="A")
        assert client.units.get(serial_number=serial).serial_number == serial


@pytest.mark.parametrize("who", ["dev", "bench"])
def test_a_unit_is_renamed_and_moved(connect: Connect, fresh: Fresh, unit: Callable[..., str], who: str) -> None:
    client, serial, taken, renamed, part, batch = connect(who), unit(), unit(), fresh("SN"), fresh("PN"), fresh("B")

    with refused("ErrorCONFLICT", "already exists"):
        client.units.update(serial_number=serial, new_serial_number=taken.lower())
    with refused("ErrorNOTFOUND"):
        client.units.update(serial_number=fresh("NO"), new_serial_number=renamed, part_number=fresh("PN"))
    changed = client.units.update(
        serial_number=serial, new_serial_number=renamed, part_number=part, revision_number="C", batch_number=batch
    )
    found = client.units.get(serial_number=renamed)

    assert (found.id, found.serial_number) == (changed.id, renamed)
    assert (found.part.number, found.part.revision.number, found.batch.number) == (part, "C", batch)
    assert client.units.update(serial_number=renamed).id == found.id
    assert client.units.get(serial_number=renamed).batch.number == batch
    client.units.update(serial_number=renamed, new_serial_number=renamed.lower())
    assert client.units.get(serial_number=renamed).serial_number == renamed.lower()


def test_null_takes_a_unit_out_of_its_batch(newest: Connect, fresh: Fresh, unit: Callable[..., str]) -> None:
    client, serial = newest("dev"), unit()
    client.units.update(serial_number=serial, batch_number=fresh("B"))

    client.units.update(serial_number=serial, batch_number=None)

    assert client.units.get(serial_number=serial).batch is None


def test_another_part_without_a_revision_means_its_default_one(
    newest: Connect, fresh: Fresh, unit: Callable[..., str]
) -> None:
    client, serial, part = newest("dev"), unit(revision_number="Z"), fresh("PN")
    client.parts.create(number=part, revision_number="R1")

    client.units.update(serial_number=serial, part_number=part)

    assert client.units.get(serial_number=serial).part.revision.number == "R1"


def test_a_refused_move_makes_nothing(api: Api, fresh: Fresh, unit: Callable[..., str]) -> None:
    part, batch = fresh("PN"), fresh("B")
    for body in (
        {"part_number": part, "batch_number": batch, "attachments": [NIL]},
        {"part_number": part, "batch_number": batch, "new_serial_number": unit()},
    ):
        answer = api.call("dev", "PATCH", f"/api/v2/units/{unit()}", json=body)
        assert answer.status_code in (404, 409)

    assert api.call("dev", "GET", f"/api/v2/parts/{part}").status_code == 404
    assert api.call("dev", "GET", f"/api/v2/batches/{batch}").status_code == 404


@pytest.mark.parametrize("who", ["dev", "bench"])
def test_uploads_become_files_of_a_unit_and_add_up(api: Api, unit: Callable[..., str], who: str) -> None:
    serial = unit()
    path = f"/api/v2/units/{serial}"
    first = api.call(who, "POST", f"{path}/attachments", json={"name": "photo.txt"}).json()
    assert httpx.put(first["upload_url"], content=b"hello").status_code == 200
    second = api.call(who, "POST", f"{path}/attachments", json={"name": "later.txt"}).json()

    files = api.call(who, "GET", path).json()["attachments"]

    assert [(one["id"], one["name"], one["size"]) for one in files] == [
        (first["id"], "photo.txt", 5), (second["id"], "later.txt", None),
    ]  # fmt: skip
    assert httpx.get(files[0]["download_url"]).content == b"hello"
    assert files[1]["download_url"] is None
    assert api.call(who, "PATCH", path, json={"attachments": [first["id"]]}).status_code == 200
    other = api.call("dev", "PATCH", f"/api/v2/units/{unit()}", json={"attachments": [first["id"]]})
    assert (other.status_code, other.json()["code"]) == (409, "CONFLICT")


def test_files_of_a_unit_are_removed_by_people(newest: Connect, api: Api, unit: Callable[..., str]) -> None:
    dev, serial, other = newest("dev"), unit(), unit()
    file = dev.units.create_attachment(serial_number=serial, name="a.txt")
    httpx.put(file.upload_url, content=b"x")

    with pytest.raises(Refused, match=r"FORBIDDEN|cannot"):
        newest("bench").units.delete_attachment(serial_number=serial, ids=[file.id])
    with refused("ErrorNOTFOUND"):
        dev.units.delete_attachment(serial_number=other, ids=[file.id])
    with refused("ErrorNOTFOUND"):
        dev.units.delete_attachment(serial_number=serial, ids=[file.id, NIL])
    assert dev.units.delete_attachment(serial_number=serial, ids=[file.id]).ids == [file.id]
    assert dev.units.get(serial_number=serial).attachments == []
    with refused("ErrorNOTFOUND"):
        dev.units.create_attachment(serial_number="no-such-unit", name="a.txt")


def test_units_are_removed_all_or_none_and_by_people_only(
    connect: Connect, api: Api, fresh: Fresh, unit: Callable[..., str]
) -> None:
    dev, serials = connect("dev"), [unit(), unit()]
    ids = [dev.units.get(serial_number=one).id for one in serials]
    child = unit()
    dev.units.add_child(serial_number=serials[0], child_serial_number=child)

    with refused("ErrorNOTFOUND"):
        dev.units.delete(serial_numbers=[serials[0], fresh("NO")])
    with pytest.raises(Refused, match=r"FORBIDDEN|permission|Stations cannot"):
        connect("bench").units.delete(serial_numbers=serials)
    assert dev.units.delete(serial_numbers=[one.lower() for one in serials]).id == ids
    assert dev.units.get(serial_number=child).parent is None
    with refused("ErrorNOTFOUND"):
        dev.units.delete(serial_numbers=serials[:1])


def test_a_tested_unit_is_not_removed(
    connect: Connect, fresh: Fresh, unit: Callable[..., str], tested: Callable[..., str]
) -> None:
    client, serial, untested = connect("dev"), fresh("SN"), unit()
    tested(serial)

    with refused("APIError", "409", f"The unit {serial} has runs"):
        client.units.delete(serial_numbers=[untested, serial])
    assert client.units.get(serial_number=untested).serial_number == untested


def test_units_are_found_by_what_they_are(connect: Connect, fresh: Fresh) -> None:
    client, start, part, batch = connect("dev"), fresh("FIND"), fresh("PN"), fresh("B")
    serials = [f"{start}-{n}" for n in range(3)]
    ids = [
        client.units.create(serial_number=one, part_number=part, revision_number=revision).id
        for one, revision in zip(serials, "AAB", strict=True)
    ]
    client.units.update(serial_number=serials[0], batch_number=batch)
    client.units.add_child(serial_number=serials[0], child_serial_number=serials[1])

    def found(**query: Any) -> list[str]:
        page = client.units.list(sort_by="serial_number", sort_order="asc", **query)
        return [one.serial_number for one in page.data]

    assert found(search_query=start.lower()) == serials
    assert found(ids=[*ids[1:], "no id"]) == serials[1:]
    assert found(serial_numbers=[serials[2].lower()]) == serials[2:]
    assert found(part_numbers=[part.lower()], revision_numbers=["a"]) == serials[:2]
    assert found(part_numbers=[part], revision_numbers=["a", "b"]) == serials
    assert found(batch_numbers=[batch.lower()]) == serials[:1]
    assert found(search_query=start, exclude_units_with_parent=True) == [serials[0], serials[2]]
    assert found(search_query=start, created_after=NOON - timedelta(days=9999)) == serials
    assert found(search_query=start, created_before=NOON - timedelta(days=9999)) == []
    assert found(part_numbers=["no such part"]) == []
    (row,) = client.units.list(serial_numbers=serials[1:2]).data
    assert (row.parent.serial_number, row.batch, row.last_run, row.children) == (serials[0], None, None, [])
    assert (row.part.number, row.part.revision.number) == (part, "A")


def test_units_are_found_by_who_made_them(newest: Connect, api: Api, fresh: Fresh) -> None:
    start = fresh("BY")
    for who in ("dev", "bench"):
        newest(who).units.create(serial_number=f"{start}-{who}", part_number="PCB-1", revision_number="A")

    def found(**query: Any) -> list[str]:
        return [one.serial_number for one in newest("vera").units.list(search_query=start, **query).data]

    assert found(created_by_user_ids=[api.cast.dev.id]) == [f"{start}-dev"]
    assert found(created_by_station_ids=[api.cast.station.id]) == [f"{start}-bench"]
    assert found(created_by_station_ids=[api.cast.other_station.id]) == []


def test_units_are_found_by_their_runs(newest: Connect, api: Api, fresh: Fresh, tested: Callable[..., str]) -> None:
    client, start = newest("dev"), fresh("RUN")
    mended, broken, untested = (f"{start}-{word}" for word in ("mended", "broken", "untested"))
    tested(mended, 0, outcome="FAIL")
    last = tested(mended, 10)
    tested(broken, 5, outcome="FAIL")
    client.units.create(serial_number=untested, part_number="PCB-1", revision_number="A")

    def found(**query: Any) -> list[str]:
        return sorted(one.serial_number for one in client.units.list(search_query=start, **query).data)

    assert found(outcomes=["FAIL"]) == [broken, mended]
    assert found(outcomes=["FAIL"], latest_only=True) == [broken]
    assert found(procedure_ids=[api.cast.procedure.id]) == [broken, mended]
    assert found(procedure_ids=[api.cast.other_procedure.id]) == []
    assert found(started_after=NOON + timedelta(minutes=6)) == [mended]
    assert found(started_before=NOON + timedelta(minutes=6), latest_only=True) == [broken]
    assert found(outcomes=["FAIL"], started_after=NOON + timedelta(minutes=6)) == []
    assert found(run_count_min=1, run_count_max=1) == [broken]
    assert found(run_count_max=0) == [untested]
    by_last_run = client.units.list(search_query=start, sort_by="last_run_at").data
    assert [one.serial_number for one in by_last_run] == [mended, broken, untested]
    assert (by_last_run[0].last_run.id, by_last_run[0].last_run.outcome) == (last, "PASS")


def test_units_are_found_by_class_and_metadata(newest: Connect, api: Api, fresh: Fresh) -> None:
    client, start = newest("dev"), fresh("CLASS")
    for sample in ("golden", "failing", None):
        client.units.create(
            serial_number=f"{start}-{sample}", part_number="PCB-1", revision_number="A", sample=sample,
            metadata={"line": sample or "north", "speed": 3 if sample else 7},
        )  # fmt: skip

    def found(**query: Any) -> list[str]:
        page = client.units.list(search_query=start, sort_by="serial_number", sort_order="asc", **query)
        return [one.serial_number.removeprefix(f"{start}-") for one in page.data]

    assert found(samples=["golden"]) == ["golden"]
    assert found(samples=["production"]) == ["None"]
    assert found(samples=["production", "failing"]) == ["failing", "None"]
    assert found(metadata={"line": {"contains": "NOR"}, "speed": {"gte": 5}}) == ["None"]
    assert not hasattr(client.units.list(search_query=start).data[0], "metadata")
    listed = client.units.list(search_query=start, include_metadata=True, samples=["golden"]).data
    assert vars(listed[0].metadata) == {"line": "golden", "speed": 3}
    for wrong in ("{", json.dumps({str(n): {"eq": n} for n in range(6)})):
        answer = api.call("dev", "GET", "/api/v2/units", params={"metadata": wrong})
        assert answer.status_code == 400


@pytest.mark.parametrize("sort_by", ["serial_number", "created_at", "last_run_at", "part_number", "last_run_procedure"])
@pytest.mark.parametrize("sort_order", ["asc", "desc"])
def test_pages_of_units_follow_each_other_in_any_order(
    newest: Connect, fresh: Fresh, tested: Callable[..., str], unit: Callable[..., str], sort_by: str, sort_order: str
) -> None:
    client, start = newest("dev"), fresh("PAGE")
    serials = [unit(start) for _ in range(3)]
    for minute in (0, 0, 5):
        serials.append(fresh(start))
        tested(serials[-1], minute, part_number=fresh("PN"))

    seen: list[str] = []
    cursor = None
    while True:
        page = client.units.list(search_query=start, limit=2, sort_by=sort_by, sort_order=sort_order, cursor=cursor)
        seen += [one.serial_number for one in page.data]
        if sort_by == "last_run_at" and len(seen) == 2 and seen[-1] in serials[:3]:
            client.units.delete(serial_numbers=seen[-1:])  # the very row that the cursor names
        cursor = page.meta.next_cursor
        if not page.meta.has_more:
            break

    assert sorted(seen) == sorted(serials)
    whole = client.units.list(search_query=start, sort_by=sort_by, sort_order=sort_order).data
    assert [one.serial_number for one in whole] == [one for one in seen if one in {row.serial_number for row in whole}]


def test_a_change_that_is_out_of_date_is_refused(api: Api, unit: Callable[..., str]) -> None:
    path = f"/api/v2/units/{unit()}"
    tag = api.call("dev", "GET", path).headers["ETag"]

    done = api.call("dev", "PATCH", path, json={"sample": "golden"}, headers={"If-Match": tag})
    late = api.call("ada", "PATCH", path, json={"sample": "failing"}, headers={"If-Match": tag})

    assert (done.status_code, late.status_code) == (200, 412)
    assert api.call("dev", "GET", path).json()["sample"] == "golden"


@pytest.mark.parametrize(
    "body",
    [
        {"sample": "gold"},
        {"metadata": {"a": [1]}},
        {"metadata": {f"k{n}": n for n in range(51)}},
        {"batch_number": ""},
        {"part_number": "x" * 61},
        {"attachments": "one"},
        {"new_serial_number": " "},
    ],
)
def test_what_cannot_be_is_refused_with_its_field(api: Api, unit: Callable[..., str], body: dict[str, Any]) -> None:
    answer = api.call("dev", "PATCH", f"/api/v2/units/{unit()}", json=body)

    assert (answer.status_code, answer.json()["code"]) == (400, "BAD_REQUEST")
    assert answer.json()["issues"][0]["path"][0] in body


@pytest.mark.parametrize("who", ["vera", "olga"])
def test_who_only_looks_changes_nothing(api: Api, unit: Callable[..., str], who: str) -> None:
    serial = unit()

    assert api.call(who, "GET", f"/api/v2/units/{serial}").status_code == 200
    for method, path in (
        ("POST", "/api/v2/units"),
        ("PATCH", f"/api/v2/units/{serial}"),
        ("PUT", f"/api/v2/units/{serial}/children"),
        ("DELETE", f"/api/v2/units/{serial}/children?child_serial_number=x"),
        ("DELETE", f"/api/v2/units?serial_numbers={serial}"),
        ("POST", f"/api/v2/units/{serial}/attachments"),
    ):
        assert api.call(who, method, path, json={}).status_code == 403, path


@pytest.mark.parametrize("path", ["/api/v2/units/", "/api/v2/units//", "/api/v2/units//children"])
def test_a_path_without_a_serial_number_is_a_refusal_in_json(api: Api, path: str) -> None:
    answer = api.call("dev", "GET", path)

    assert answer.status_code == 404
    assert answer.json()["code"] == "NOT_FOUND"


def test_to_remove_units_takes_serial_numbers(api: Api) -> None:
    for query in ("", "?serial_numbers="):
        answer = api.call("dev", "DELETE", f"/api/v2/units{query}")
        assert (answer.status_code, answer.json()["issues"][0]["path"]) == (400, ["serial_numbers"])


def test_a_change_of_what_belongs_to_it_is_a_change_of_the_unit(api: Api, fresh: Fresh) -> None:
    serial, child, part = fresh("SN"), fresh("SN"), fresh("PN")
    for one in (serial, child):
        made = api.call(
            "dev", "POST", "/api/v2/units", json={"serial_number": one, "part_number": part, "revision_number": "A"}
        )
        assert made.status_code == 200, made.text

    def tag(path: str) -> str:
        return str(api.call("dev", "GET", path).headers["ETag"])

    for method, path, body, shown in (
        ("PUT", f"/api/v2/units/{serial}/children", {"child_serial_number": child}, f"/api/v2/units/{serial}"),
        ("POST", f"/api/v2/units/{serial}/attachments", {"name": "a.txt"}, f"/api/v2/units/{serial}"),
        ("POST", f"/api/v2/parts/{part}/revisions", {"number": "B"}, f"/api/v2/parts/{part}"),
        (
            "PUT",
            f"/api/v2/stations/{api.cast.station.id}/procedures/{api.cast.other_procedure.id}",
            None,
            f"/api/v2/stations/{api.cast.station.id}",
        ),
    ):
        before = tag(shown)
        assert api.call("dev", method, path, json=body).status_code == 200
        assert tag(shown) != before, path
