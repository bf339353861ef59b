"""Versions of procedures, through the public client and without it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.api.clients import Client, Refused
from tests.cast import record
from tests.core.conftest import Api

Connect = Callable[[str], Client]
Fresh = Callable[[str], str]
NIL = "00000000-0000-0000-0000-000000000000"


@pytest.fixture
def procedure_id(api: Api) -> str:
    return api.cast.procedure.id


def test_a_version_is_made_by_a_person_and_read_by_both_kinds_of_key(
    connect: Connect, fresh: Fresh, api: Api, procedure_id: str
) -> None:
    tag = fresh("v1.0/α")

    made = connect("dev").procedures.versions.create(procedure_id=procedure_id, tag=tag)

    for who in ("dev", "bench"):
        found = connect(who).procedures.versions.get(procedure_id=procedure_id, tag=tag.upper())
        assert (found.id, found.tag, found.run_count) == (made.id, tag, 0)
        assert (found.procedure.id, found.procedure.name) == (procedure_id, api.cast.procedure.name)
        assert (found.created_by_user.name, found.created_by_station) == ("Dev", None)


def test_a_version_that_a_run_made_counts_it_and_cannot_be_deleted(
    connect: Connect, fresh: Fresh, api: Api, procedure_id: str
) -> None:
    client, tag = connect("dev"), fresh("2.0")
    api.post_run("bench", record(api.cast, serial_number=fresh("SN"), procedure_version=tag))

    found = client.procedures.versions.get(procedure_id=procedure_id, tag=tag)
    with pytest.raises(Refused, match="has 1 runs") as kept:
        client.procedures.versions.delete(procedure_id=procedure_id, tag=tag)

    assert (found.run_count, found.created_by_user, found.created_by_station.name) == (1, None, "Bench 7")
    assert kept.value.kind == "ErrorCONFLICT"


def test_a_version_without_runs_is_deleted(connect: Connect, fresh: Fresh, procedure_id: str) -> None:
    versions, tag = connect("dev").procedures.versions, fresh("v")
    made = versions.create(procedure_id=procedure_id, tag=tag)

    assert versions.delete(procedure_id=procedure_id, tag=tag.upper()).id == made.id

    for gone in (versions.get, versions.delete):
        with pytest.raises(Refused) as missing:
            gone(procedure_id=procedure_id, tag=tag)
        assert missing.value.kind == "ErrorNOTFOUND"
    versions.create(procedure_id=procedure_id, tag=tag)


@pytest.mark.parametrize(("tag", "words"), [("", "tag"), ("  ", "tag"), ("x" * 61, "60 character")])
def test_what_is_no_tag_is_refused(connect: Connect, procedure_id: str, tag: str, words: str) -> None:
    with pytest.raises(Refused, match=words) as refused:
        connect("dev").procedures.versions.create(procedure_id=procedure_id, tag=tag)

    assert (refused.value.kind, refused.value.status) == ("APIError", 400)


def test_a_tag_of_60_characters_and_the_same_again(connect: Connect, fresh: Fresh, procedure_id: str) -> None:
    versions, tag = connect("dev").procedures.versions, fresh("v").ljust(60, "x")
    versions.create(procedure_id=procedure_id, tag=tag)

    with pytest.raises(Refused, match="already exists") as taken:
        versions.create(procedure_id=procedure_id, tag=tag.upper())

    assert taken.value.kind == "ErrorCONFLICT"


def test_the_order_of_checks(connect: Connect) -> None:
    dev, bench = connect("dev").procedures.versions, connect("bench").procedures.versions

    with pytest.raises(Refused) as malformed:
        bench.create(procedure_id="invalid-uuid", tag="v")
    with pytest.raises(Refused, match=r"FORBIDDEN|permission|Stations cannot") as refused:
        bench.create(procedure_id=NIL, tag="v")
    with pytest.raises(Refused, match=r"FORBIDDEN|permission|Stations cannot"):
        bench.delete(procedure_id=NIL, tag="v")
    with pytest.raises(Refused, match="procedure") as unknown:
        dev.create(procedure_id=NIL, tag="v")
    with pytest.raises(Refused) as no_procedure:
        dev.get(procedure_id=NIL, tag="v")

    assert (malformed.value.kind, malformed.value.status) == ("APIError", 400)
    assert refused.value.status == 403
    assert (unknown.value.kind, no_procedure.value.kind) == ("ErrorNOTFOUND", "ErrorNOTFOUND")


@pytest.mark.parametrize("body", [{}, {"tag": None}, {"tag": 1}])
def test_raw_bodies_that_cannot_be_are_refused(api: Api, procedure_id: str, body: dict[str, object]) -> None:
    assert api.call("dev", "POST", f"/api/v2/procedures/{procedure_id}/versions", json=body).status_code == 400


def test_a_tag_with_a_slash_and_an_empty_one_in_the_path(api: Api, procedure_id: str, fresh: Fresh) -> None:
    path, tag = f"/api/v2/procedures/{procedure_id}/versions", fresh("release/1")
    api.call("dev", "POST", path, json={"tag": tag})

    assert api.call("bench", "GET", f"{path}/{tag}").json()["tag"] == tag
    assert api.call("bench", "GET", f"{path}/").status_code in (404, 405)
