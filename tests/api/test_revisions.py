"""Revisions of parts, through the public client and without it."""

from __future__ import annotations

from collections.abc import Callable

import httpx
import pytest
from sqlalchemy import select

from portal.models import Attachment
from portal.services.attachments import announce_upload
from tests.api.clients import Client, Refused
from tests.cast import record
from tests.core.conftest import Api

Connect = Callable[[str], Client]
Fresh = Callable[[str], str]
NIL = "00000000-0000-0000-0000-000000000000"


@pytest.fixture
def part(fresh: Fresh, api: Api) -> str:
    """The number of a part with the revision A."""
    number = fresh("PN")
    assert api.call("dev", "POST", "/api/v2/parts", json={"number": number}).status_code == 200
    return number


@pytest.mark.parametrize("who", ["dev", "bench"])
def test_a_revision_is_made_and_read_in_any_case(connect: Connect, fresh: Fresh, part: str, who: str) -> None:
    client, other = connect(who), fresh("PN")
    client.parts.create(number=other)

    made = client.parts.revisions.create(part_number=part.lower(), number="Rev-B")
    found = client.parts.revisions.get(part_number=part, revision_number="REV-b")

    assert (found.id, found.number, found.part.number, found.part.name) == (made.id, "Rev-B", part, part)
    assert found.units == []
    assert (found.created_by_user is None, found.created_by_station is None) == (who == "bench", who == "dev")
    with pytest.raises(Refused) as taken:
        client.parts.revisions.create(part_number=part, number="rev-b")
    assert (taken.value.kind, "already exists" in taken.value.message) == ("ErrorCONFLICT", True)
    assert client.parts.revisions.create(part_number=other, number="Rev-B").id != made.id


@pytest.mark.parametrize("number", ["not-a-uuid-at-all", NIL])
def test_an_unknown_part_was_not_found(connect: Connect, number: str) -> None:
    with pytest.raises(Refused, match="not found") as refused:
        connect("dev").parts.revisions.create(part_number=number, number="B")

    assert refused.value.kind == "ErrorNOTFOUND"


@pytest.mark.parametrize("number", ["", " ", "x" * 61])
def test_what_is_no_revision_number_is_refused(connect: Connect, part: str, number: str) -> None:
    with pytest.raises(Refused) as refused:
        connect("dev").parts.revisions.create(part_number=part, number=number)

    assert (refused.value.kind, refused.value.status) == ("APIError", 400)


def test_a_revision_shows_its_units(connect: Connect, fresh: Fresh, part: str) -> None:
    client, serials = connect("dev"), [fresh("SN") for _ in range(2)]
    for serial in serials:
        client.units.create(serial_number=serial, part_number=part, revision_number="A")

    found = client.parts.revisions.get(part_number=part, revision_number="A")

    assert [one.serial_number for one in found.units] == serials[::-1]


def test_a_revision_is_changed_and_removed_by_people_only(connect: Connect, part: str) -> None:
    dev, bench = connect("dev").parts.revisions, connect("bench").parts.revisions
    made = dev.create(part_number=part, number="B")

    for refused in (
        lambda: bench.update(part_number=part, revision_number="B", number="C"),
        lambda: bench.delete(part_number=part, revision_number="no"),
    ):
        with pytest.raises(Refused, match=r"FORBIDDEN|permission|Stations cannot"):
            refused()
    with pytest.raises(Refused) as conflict:
        dev.update(part_number=part, revision_number="B", number="a")
    assert conflict.value.kind == "ErrorCONFLICT"
    assert dev.update(part_number=part, revision_number="B", number="C").id == made.id
    assert dev.update(part_number=part, revision_number="C").id == made.id
    assert dev.delete(part_number=part, revision_number="c").id == made.id
    for gone in (dev.get, dev.update, dev.delete):
        with pytest.raises(Refused) as missing:
            gone(part_number=part, revision_number="C")
        assert missing.value.kind == "ErrorNOTFOUND"


def test_metadata_is_merged(newest: Connect, part: str) -> None:
    client = newest("dev").parts.revisions
    client.create(part_number=part, number="B", metadata={"eco": "E-1", "open": True})

    client.update(part_number=part, revision_number="B", metadata={"open": None, "eco": "E-2"})

    assert vars(client.get(part_number=part, revision_number="B").metadata) == {"eco": "E-2"}


def test_a_picture_is_set_replaced_and_taken_away(connect: Connect, api: Api, part: str, fresh: Fresh) -> None:
    dev = connect("dev").parts.revisions
    serial = fresh("SN")
    connect("dev").units.create(serial_number=serial, part_number=part, revision_number="A")

    def uploaded() -> str:
        """A file of nothing yet, as `attachments.initialize` makes it."""
        with api.database.open() as db:
            return announce_upload(db, api.cast.dev, "board.png").id

    def pictures() -> list[str]:
        with api.database.open() as db:
            of_revision = dev.get(part_number=part, revision_number="A").id
            return list(db.session.scalars(select(Attachment.id).where(Attachment.revision_id == of_revision)))

    first, second = uploaded(), uploaded()
    dev.update(part_number=part, revision_number="A", image_id="")
    for image in (first, first, second):
        dev.update(part_number=part, revision_number="A", image_id=image)
        assert pictures() == [image]
    with pytest.raises(Refused) as unknown:
        dev.update(part_number=part, revision_number="A", image_id=NIL)
    assert unknown.value.kind == "ErrorNOTFOUND"
    dev.update(part_number=part, revision_number="A", image_id="")
    assert pictures() == []


def test_a_revision_in_use_stays(connect: Connect, api: Api, fresh: Fresh, part: str) -> None:
    client, serial = connect("dev"), fresh("SN")
    body = record(api.cast, serial_number=serial, part_number=part, revision_number="B")
    assert api.post_run("bench", body).status_code == 200

    with pytest.raises(Refused, match="has units") as units:
        client.parts.revisions.delete(part_number=part, revision_number="B")
    client.units.update(serial_number=serial, revision_number="A")
    with pytest.raises(Refused, match="has runs") as runs:
        client.parts.revisions.delete(part_number=part, revision_number="B")

    assert (units.value.status, runs.value.status) == (409, 409)


def test_a_change_that_is_out_of_date_is_refused(api: Api, part: str) -> None:
    path = f"/api/v2/parts/{part}/revisions/A"
    tag = api.call("dev", "GET", path).headers["ETag"]

    done = api.call("dev", "PATCH", path, json={"metadata": {"a": 1}}, headers={"If-Match": tag})
    late = api.call("ada", "PATCH", path, json={"metadata": {"a": 2}}, headers={"If-Match": tag})

    assert (done.status_code, late.status_code) == (200, 412)


@pytest.mark.parametrize("path", ["/api/v2/parts//revisions", "/api/v2/parts//revisions/A"])
def test_a_path_without_a_part_is_a_refusal_in_json(api: Api, path: str) -> None:
    answer = httpx.get(f"{api.url}{path}", headers={"Authorization": f"Bearer {api.keys['dev']}"})

    assert (answer.status_code, answer.json()["code"]) == (404, "NOT_FOUND")
