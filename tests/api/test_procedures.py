"""Procedures, through the public client and without it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from portal.models import Attachment
from portal.services.attachments import create_attachment
from portal.services.procedures import create_procedure, get_procedure
from tests.api.clients import Client, Refused
from tests.cast import NOON, record
from tests.core.conftest import Api

Connect = Callable[[str], Client]
Fresh = Callable[[str], str]
NIL = "00000000-0000-0000-0000-000000000000"


def test_a_procedure_is_made_by_a_person_and_read_by_both_kinds_of_key(connect: Connect, fresh: Fresh) -> None:
    dev, bench, name = connect("dev"), connect("bench"), fresh("PCBA test 1.0_a-b")

    made = dev.procedures.create(name=f"  {name} ")

    for client in (dev, bench):
        found = client.procedures.get(id=made.id)
        assert (found.id, found.name, found.runs_count) == (made.id, name, 0)
        assert (found.recent_runs, found.stations) == ([], [])
        assert found.created_by_user.email == "dev@example.com"
        assert made.id in [one.id for one in client.procedures.list(search_query=name.upper()).data]


def test_names_need_not_be_unique_and_identifiers_are(connect: Connect, fresh: Fresh, api: Api) -> None:
    client, name = connect("dev"), fresh("Twice")

    first, second = (client.procedures.create(name=name) for _ in range(2))

    assert first.id != second.id
    identifiers = [
        api.call("dev", "GET", f"/api/v2/procedures/{one.id}").json()["identifier"] for one in (first, second)
    ]
    assert len(set(identifiers)) == 2
    if client.version == "2.2.4":
        assert [client.procedures.get(id=one.id).identifier for one in (first, second)] == identifiers


@pytest.mark.parametrize(("name", "word"), [("", "empty"), (" \t", "empty"), ("x" * 201, "long"), ("x" * 1026, "long")])
def test_what_is_no_name_is_refused(connect: Connect, fresh: Fresh, name: str, word: str) -> None:
    client = connect("dev")
    made = client.procedures.create(name=fresh("P"))

    with pytest.raises(Refused, match=rf"(?i)name.*{word}") as at_creation:
        client.procedures.create(name=name)
    with pytest.raises(Refused, match=rf"(?i)name.*{word}") as at_update:
        client.procedures.update(id=made.id, name=name)

    assert (at_creation.value.kind, at_creation.value.status) == ("APIError", 400)
    assert at_update.value.kind == "ErrorBADREQUEST"


def test_a_name_of_200_characters_is_kept_as_it_is(connect: Connect, fresh: Fresh) -> None:
    client, name = connect("dev"), f"{fresh('Prüfung')} 测试 !@#$%^&*() ".ljust(200, "ß")

    made = client.procedures.create(name=name)

    assert client.procedures.get(id=made.id).name == name
    assert [one.name for one in client.procedures.list(search_query=name.upper()).data] == [name]


def test_a_new_name_shows_at_once_and_the_identifier_stays(connect: Connect, fresh: Fresh, api: Api) -> None:
    client, old, new = connect("dev"), fresh("Old"), fresh("Nöw !@#")
    made, other = client.procedures.create(name=old), client.procedures.create(name=new)
    identifier = api.call("dev", "GET", f"/api/v2/procedures/{made.id}").json()["identifier"]

    assert client.procedures.update(id=made.id, name=new).id == made.id

    assert {one.id for one in client.procedures.list(search_query=new).data} == {made.id, other.id}
    assert client.procedures.list(search_query=old).data == []
    assert api.call("dev", "GET", f"/api/v2/procedures/{made.id}").json()["identifier"] == identifier


def test_what_belongs_to_deployments_is_kept_and_cleared(newest: Connect, fresh: Fresh, api: Api) -> None:
    client = newest("dev")
    made = client.procedures.create(name=fresh("P"))

    client.procedures.update(
        id=made.id, production_branch="main", auto_push_enabled=True, excluded_branch_patterns=["wip/*"],
        root_directory="tests", entry_point="main.py",
    )  # fmt: skip
    client.procedures.update(id=made.id, root_directory=None)

    found = api.call("bench", "GET", f"/api/v2/procedures/{made.id}").json()
    assert (found["productionBranch"], found["autoPushEnabled"], found["excludedBranchPatterns"]) == (
        "main", True, ["wip/*"],
    )  # fmt: skip
    assert (found["rootDirectory"], found["entryPoint"]) == (None, "main.py")


def test_a_procedure_shows_its_newest_runs_and_its_stations(connect: Connect, fresh: Fresh, api: Api) -> None:
    client = connect("dev")
    made = client.procedures.create(name=fresh("P"))
    for n in range(11):
        at = (NOON + timedelta(minutes=n)).isoformat()
        body = record(api.cast, procedure_id=made.id, serial_number=fresh("SN"), started_at=at, ended_at=at)
        assert api.post_run("dev", body).status_code == 200
    api.call("dev", "PUT", f"/api/v2/stations/{api.cast.station.id}/procedures/{made.id}")

    found = client.procedures.get(id=made.id)

    assert (found.runs_count, len(found.recent_runs)) == (11, 10)
    assert found.recent_runs[0].unit.serial_number == body["serial_number"]
    assert [run.started_at for run in found.recent_runs] == sorted(r.started_at for r in found.recent_runs)[::-1]
    assert [(one.id, one.name) for one in found.stations] == [(api.cast.station.id, "Bench 7")]


def test_pages_are_newest_first_and_follow_each_other_while_they_are_deleted(connect: Connect, fresh: Fresh) -> None:
    client, start = connect("dev"), fresh("PAGE")
    made = [client.procedures.create(name=f"{start} {n}").id for n in range(5)]

    seen: list[str] = []
    cursor = None
    while True:
        page = client.procedures.list(search_query=start, limit=2, cursor=cursor)
        seen += [one.id for one in page.data]
        client.procedures.delete(id=page.data[-1].id)  # the very row that the cursor names
        cursor = page.meta.next_cursor
        if not page.meta.has_more:
            break

    assert seen == made[::-1]
    assert cursor is None


def test_who_made_none_is_a_stand_in(connect: Connect, api: Api) -> None:
    (found,) = connect("dev").procedures.list(search_query=api.cast.procedure.name).data

    assert (found.created_by_user.id, found.created_by_user.email) == ("system", "system@localhost")


def test_created_between(newest: Connect, fresh: Fresh) -> None:
    client, name = newest("dev"), fresh("P")
    client.procedures.create(name=name)

    def found(**bounds: object) -> int:
        return len(client.procedures.list(search_query=name, **bounds).data)

    assert (found(created_after=NOON - timedelta(days=4000)), found(created_after=NOON + timedelta(days=9000))) == (
        1,
        0,
    )
    assert (found(created_before=NOON + timedelta(days=9000)), found(created_before=NOON - timedelta(days=4000))) == (
        1,
        0,
    )


def test_deleting_takes_runs_files_versions_and_links(connect: Connect, fresh: Fresh, api: Api) -> None:
    client, serial = connect("dev"), fresh("SN")
    made = client.procedures.create(name=fresh("P"))
    body = record(api.cast, procedure_id=made.id, serial_number=serial, procedure_version="1.0")
    run_id = api.post_run("dev", body).json()["id"]
    with api.database.open() as db:
        attachment = create_attachment(db, api.cast.dev, run_id, "log.txt")
    api.call("dev", "PUT", f"/api/v2/stations/{api.cast.station.id}/procedures/{made.id}")

    assert client.procedures.delete(id=made.id).id == made.id

    for gone in (client.procedures.get, client.procedures.delete):
        with pytest.raises(Refused) as missing:
            gone(id=made.id)
        assert missing.value.kind == "ErrorNOTFOUND"
    assert api.call("dev", "GET", f"/api/v2/runs/{run_id}").status_code == 404
    with api.database.open() as db:
        assert db.session.get(Attachment, attachment.id) is None


def test_stations_change_no_procedures(connect: Connect, api: Api) -> None:
    bench = connect("bench")

    for refused in (
        lambda: bench.procedures.create(name=""),
        lambda: bench.procedures.update(id=NIL, name=""),
        lambda: bench.procedures.delete(id=NIL),
    ):
        with pytest.raises(Refused, match=r"FORBIDDEN|permission|Stations cannot"):
            refused()


def test_unknown_and_malformed_ids(connect: Connect) -> None:
    client = connect("dev")

    for call in (client.procedures.get, client.procedures.delete, lambda id: client.procedures.update(id=id, name="n")):  # noqa: A006
        with pytest.raises(Refused) as unknown:
            call(id=NIL)
        with pytest.raises(Refused) as malformed:
            call(id="no-uuid")
        assert (unknown.value.kind, malformed.value.status) == ("ErrorNOTFOUND", 400)


def test_a_change_that_is_out_of_date_is_refused(api: Api, fresh: Fresh) -> None:
    path = "/api/v2/procedures/" + api.call("dev", "POST", "/api/v2/procedures", json={"name": fresh("P")}).json()["id"]
    tag = {"If-Match": api.call("bench", "GET", path).headers["ETag"]}

    done = api.call("dev", "PATCH", path, json={"name": fresh("P")}, headers=tag)
    late = api.call("ada", "PATCH", path, json={"entryPoint": "x"}, headers=tag)
    nothing = api.call("ada", "PATCH", path, json={})

    assert [done.status_code, late.status_code, nothing.status_code] == [200, 412, 200]


@pytest.mark.parametrize(
    "body", [{"name": None}, {"name": 7}, {"autoPushEnabled": None}, {"productionBranch": "x" * 256}, {"entryPoint": 1}]
)
def test_raw_changes_that_cannot_be_are_refused(api: Api, body: dict[str, object]) -> None:
    path = f"/api/v2/procedures/{api.cast.procedure.id}"

    assert api.call("dev", "PATCH", path, json=body).status_code == 400


@pytest.mark.parametrize("query", ["cursor=999999999", "cursor=x", "limit=0", "limit=501", "created_after=x", "nme=a"])
def test_raw_queries_that_cannot_be_are_refused(api: Api, query: str) -> None:
    assert api.call("dev", "GET", f"/api/v2/procedures?{query}").status_code == 400


@pytest.mark.parametrize("who", ["vera", "olga"])
def test_who_only_looks_changes_nothing(api: Api, fresh: Fresh, who: str) -> None:
    path = f"/api/v2/procedures/{api.cast.procedure.id}"

    assert api.call(who, "POST", "/api/v2/procedures", json={"name": fresh("P")}).status_code == 403
    assert api.call(who, "PATCH", path, json={"name": fresh("P")}).status_code == 403
    assert api.call(who, "DELETE", path).status_code == 403
    assert api.call(who, "GET", path).status_code == 200


def test_the_same_creation_twice_makes_one(api: Api, fresh: Fresh) -> None:
    key, body = {"Idempotency-Key": fresh("key")}, {"name": fresh("P")}

    first, second = (api.call("dev", "POST", "/api/v2/procedures", json=body, headers=key) for _ in range(2))

    assert first.json() == second.json()
    assert len(api.call("dev", "GET", f"/api/v2/procedures?search_query={body['name']}").json()["data"]) == 1


def test_what_a_command_made_is_as_good(newest: Connect, api: Api, fresh: Fresh) -> None:
    with api.database.open() as db:
        made = create_procedure(db, api.cast.dev, fresh("P"), fresh("fvt"))

        newest("dev").procedures.update(id=made.id, name="FVT")

        assert get_procedure(db, api.cast.dev, made.id).identifier == made.identifier
