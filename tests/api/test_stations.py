"""Stations, through the public client and without it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from websockets.sync.client import connect as open_socket

from portal.models import Attachment, Station, StationState, Team
from portal.services.api_keys import create_station_key
from portal.services.attachments import announce_upload
from portal.services.setup_tokens import issue_setup_token
from station.live_socket import POLICY_VIOLATION
from tests.api.clients import FOLDER, GENERATIONS, Client, Refused
from tests.cast import record
from tests.core.conftest import Api
from tests.waiting import eventually

Connect = Callable[[str], Client]
Fresh = Callable[[str], str]
NIL = "00000000-0000-0000-0000-000000000000"
HELLO = {"type": "hello", "hardware": {"hostname": "h", "os": "o", "platform": "p", "program_version": "1"}}


def key_of(api: Api, station_id: str, name: str) -> None:
    """The station may speak as ``name`` from now on."""
    with api.database.open() as db:
        api.keys[name] = create_station_key(db, api.cast.dev, station_id)


def test_a_new_station_has_nothing_yet(connect: Connect, fresh: Fresh) -> None:
    client, name = connect("dev"), fresh("Bench")

    made = client.stations.create(name=name)
    found = client.stations.get(id=made.id)

    assert (found.id, found.name, found.procedures, found.api_key, found.team) == (made.id, name, [], None, None)
    assert found.organization_slug
    if client.version == "2.2.4":
        assert found.connection_status is None


def test_a_station_is_made_with_a_procedure(connect: Connect, fresh: Fresh, api: Api) -> None:
    client = connect("dev")

    made = client.stations.create(name=fresh("Bench"), procedure_id=api.cast.procedure.id)

    (linked,) = client.stations.get(id=made.id).procedures
    assert (linked.id, linked.name, linked.runs_count) == (api.cast.procedure.id, api.cast.procedure.name, 0)
    if client.version == "2.2.4":
        assert linked.identifier == "pcba_functional"
    with pytest.raises(Refused) as unknown:
        client.stations.create(name=fresh("Bench"), procedure_id=NIL)
    assert unknown.value.kind == ("ErrorNOTFOUND" if client.version == "2.26.1" else "APIError")


@pytest.mark.parametrize("name", ["", "  ", "x" * 61])
def test_what_is_no_name_is_refused(connect: Connect, api: Api, name: str) -> None:
    with pytest.raises(Refused, match="name is") as refused:
        connect("dev").stations.create(name=name)

    assert refused.value.status == 400
    assert api.call("dev", "PATCH", f"/api/v2/stations/{api.cast.station.id}", json={"name": name}).status_code == 400


def test_a_name_is_unique_whatever_its_case(connect: Connect, fresh: Fresh) -> None:
    client, name = connect("dev"), fresh("Bench")
    client.stations.create(name=name)
    other = client.stations.create(name=fresh("Bench"))

    with pytest.raises(Refused, match="already a station") as taken:
        client.stations.create(name=name.upper())
    with pytest.raises(Refused, match="already a station"):
        client.stations.update(id=other.id, name=name.lower())

    assert (taken.value.kind, taken.value.status) == ("ErrorCONFLICT" if client.version == "2.2.4" else "APIError", 409)


def test_a_station_reads_itself_and_no_other(connect: Connect, api: Api) -> None:
    bench = connect("bench")

    own, current = bench.stations.get(id=api.cast.station.id), bench.stations.get_current()

    assert (own.id, current.id, current.name) == (api.cast.station.id, api.cast.station.id, "Bench 7")
    assert api.keys["bench"].startswith(current.api_key)
    assert len(current.api_key) < 20
    for station_id in (api.cast.other_station.id, NIL):
        with pytest.raises(Refused) as hidden:
            bench.stations.get(id=station_id)
        assert hidden.value.kind == "ErrorNOTFOUND"
    with pytest.raises(Refused) as refused:
        connect("dev").stations.get_current()
    assert refused.value.kind == "ErrorFORBIDDEN"


def test_runs_of_the_last_seven_days_are_counted(connect: Connect, fresh: Fresh, api: Api) -> None:
    client = connect("dev")
    station_id = client.stations.create(name=fresh("Bench"), procedure_id=api.cast.procedure.id).id
    key_of(api, station_id, "counted")
    old, at = "2020-01-01T00:00:00Z", datetime.now(UTC).isoformat()
    for instant in (at, at, old):
        body = record(api.cast, serial_number=fresh("SN"), started_at=instant, ended_at=instant)
        assert api.post_run("counted", body).status_code == 200

    assert [one.runs_count for one in client.stations.get(id=station_id).procedures] == [2]


def test_stations_are_listed_to_people_alone(connect: Connect, fresh: Fresh, api: Api) -> None:
    client, start = connect("dev"), fresh("LIST")
    linked = client.stations.create(name=f"{start} a", procedure_id=api.cast.procedure.id)
    bare = client.stations.create(name=f"{start} b")

    found = client.stations.list(search_query=start.lower()).data

    assert [(one.id, one.name, one.procedures_count) for one in found] == [
        (bare.id, f"{start} b", 0), (linked.id, f"{start} a", 1),
    ]  # fmt: skip
    assert [one.id for one in found[1].procedures] == [api.cast.procedure.id]
    by_procedure = client.stations.list(search_query=start, procedure_ids=[api.cast.procedure.id, NIL]).data
    assert [one.id for one in by_procedure] == [linked.id]
    assert client.stations.list(procedure_ids=["no-uuid"]).data == []
    bench = connect("bench")
    for refused in (
        lambda: bench.stations.list(),
        lambda: bench.stations.create(name=""),
        lambda: bench.stations.update(id=NIL, name=""),
        lambda: bench.stations.remove(id=NIL),
    ):
        with pytest.raises(Refused, match=r"FORBIDDEN|permission|Stations cannot"):
            refused()


def test_pages_follow_each_other_while_stations_are_removed(connect: Connect, fresh: Fresh) -> None:
    client, start = connect("dev"), fresh("PAGE")
    made = [client.stations.create(name=f"{start} {n}").id for n in range(5)]

    seen: list[str] = []
    cursor = None
    while True:
        page = client.stations.list(search_query=start, limit=2, cursor=cursor)
        seen += [one.id for one in page.data]
        client.stations.remove(id=page.data[-1].id)  # the very row that the cursor names
        client.stations.create(name=f"{fresh('LATE')}")
        cursor = page.meta.next_cursor
        if not page.meta.has_more:
            break

    assert seen == made[::-1]


def test_metadata_is_kept_merged_listed_and_filtered_by(newest: Connect, fresh: Fresh) -> None:
    client, start = newest("dev"), fresh("META")
    made = client.stations.create(name=start, metadata={"line": "2", "slots": 4, "esd": True})

    client.stations.update(id=made.id, metadata={"line": None, "slots": 6})

    assert vars(client.stations.get(id=made.id).metadata) == {"slots": 6, "esd": True}
    (plain,) = client.stations.list(search_query=start).data
    (full,) = client.stations.list(search_query=start, include_metadata=True, metadata={"slots": {"gte": 5}}).data
    assert getattr(plain, "metadata", None) is None
    assert vars(full.metadata) == {"slots": 6, "esd": True}
    assert client.stations.list(search_query=start, metadata={"slots": {"gte": 7}}).data == []
    with pytest.raises(Refused):
        client.stations.create(name=fresh("META"), metadata={"bad key": 1})


def test_several_things_are_updated_at_once(connect: Connect, fresh: Fresh) -> None:
    client, name = connect("dev"), fresh("Renamed")
    made = client.stations.create(name=fresh("Bench"))

    assert vars(client.stations.update(id=made.id, name=name, team_id=None)) == {"id": made.id, "name": name}
    assert client.stations.update(id=made.id).name == name
    for arguments in ({"team_id": NIL}, {"image_id": NIL}, {"image_id": "no-uuid"}):
        with pytest.raises(Refused) as unknown:
            client.stations.update(id=made.id, **arguments)
        assert unknown.value.kind == "ErrorNOTFOUND"
    with pytest.raises(Refused) as gone:
        client.stations.update(id=NIL, name=name)
    assert gone.value.kind == "ErrorNOTFOUND"


def test_a_picture_is_set_replaced_and_taken_away(connect: Connect, fresh: Fresh, api: Api) -> None:
    client = connect("dev")
    made = client.stations.create(name=fresh("Bench"))
    with api.database.open() as db:
        first, second = (announce_upload(db, api.cast.dev, "bench.png").id for _ in range(2))

        def pictures() -> list[str]:
            db.session.rollback()
            return [one for one in (first, second) if db.session.get(Attachment, one, populate_existing=True)]

        client.stations.update(id=made.id, image_id=first)
        client.stations.update(id=made.id, image_id=first)
        assert pictures() == [first, second]
        client.stations.update(id=made.id, image_id=second)
        assert pictures() == [second]
        client.stations.update(id=made.id, image_id="")
        assert pictures() == []


def test_a_station_without_runs_is_gone_and_its_name_free(connect: Connect, fresh: Fresh, api: Api) -> None:
    client, name = connect("dev"), fresh("Bench")
    made = client.stations.create(name=name)
    key_of(api, made.id, "gone")

    assert client.stations.remove(id=made.id).id == made.id

    for gone in (client.stations.get, client.stations.remove):
        with pytest.raises(Refused) as missing:
            gone(id=made.id)
        assert missing.value.kind == "ErrorNOTFOUND"
    assert client.stations.list(search_query=name).data == []
    assert api.call("gone", "GET", "/api/v2/whoami").status_code == 401
    with api.database.open() as db:
        assert db.session.get(Station, made.id) is None
    client.stations.create(name=name)


def test_a_station_with_runs_is_archived_and_its_runs_keep_it(connect: Connect, fresh: Fresh, api: Api) -> None:
    client, name = connect("dev"), fresh("Bench")
    made = client.stations.create(name=name, procedure_id=api.cast.procedure.id)
    key_of(api, made.id, "gone")
    run_id = api.post_run("gone", record(api.cast, serial_number=fresh("SN"))).json()["id"]

    client.stations.remove(id=made.id)

    with pytest.raises(Refused) as missing:
        client.stations.get(id=made.id)
    assert missing.value.kind == "ErrorNOTFOUND"
    assert client.stations.list(search_query=name).data == []
    assert api.call("gone", "GET", "/api/v2/whoami").status_code == 401
    assert api.call("dev", "GET", f"/api/v2/runs/{run_id}").json()["created_by_station"]["name"] == name
    assert client.stations.create(name=name).id != made.id
    stations = [one.id for one in client.procedures.get(id=api.cast.procedure.id).stations]
    assert made.id not in stations


@pytest.mark.parametrize("has_runs", [False, True])
def test_removal_cuts_an_open_socket_and_withdraws_its_setup_token(api: Api, fresh: Fresh, has_runs: bool) -> None:
    body = {"name": fresh("Bench"), "procedure_id": api.cast.procedure.id}
    station_id = api.call("dev", "POST", "/api/v2/stations", json=body).json()["id"]
    key_of(api, station_id, "linked")
    if has_runs:
        api.post_run("linked", record(api.cast, serial_number=fresh("SN")))
    with api.database.open() as db:
        token = issue_setup_token(db, api.cast.dev, station_id).token
    address = api.url.replace("http", "ws") + "/api/station/link"
    headers = {"Authorization": f"Bearer {api.keys['linked']}"}

    with open_socket(address, additional_headers=headers, compression=None, close_timeout=1) as link:
        link.send(json.dumps(HELLO))
        assert json.loads(link.recv(timeout=5))["type"] == "welcome"
        path = f"/api/v2/stations/{station_id}"
        eventually(lambda: api.call("dev", "GET", path).json()["connection_status"] == "connected")
        assert api.call("dev", "DELETE", path).status_code == 200
        assert json.loads(link.recv(timeout=5))["type"] == "replaced"
        # The frame and not the end of the connection, which the tests' server leaves to its client.
        assert eventually(lambda: link.protocol.close_rcvd).code == POLICY_VIOLATION

    refused = api.call(None, "POST", "/api/station/enrol", json={"token": token, "hostname": "h"})
    assert refused.status_code in (400, 404, 422)
    with api.database.open() as db:
        states = [one.state for one in db.session.query(StationState).filter_by(station_id=station_id)]
        assert states == ["up", "none"]  # archived also without runs: its machine may hold some


def test_numbers_are_never_given_twice(api: Api, fresh: Fresh) -> None:
    def make() -> int:
        made = api.call("dev", "POST", "/api/v2/stations", json={"name": fresh("Bench")}).json()["id"]
        with api.database.open() as db:
            number = db.session.get_one(Station, made).number
        api.call("dev", "DELETE", f"/api/v2/stations/{made}")
        return number

    assert make() + 1 == make()


def test_a_change_that_is_out_of_date_is_refused(api: Api, fresh: Fresh) -> None:
    made = api.call("dev", "POST", "/api/v2/stations", json={"name": fresh("Bench")}).json()["id"]
    path = f"/api/v2/stations/{made}"
    tag = {"If-Match": api.call("dev", "GET", path).headers["ETag"]}

    done = api.call("dev", "PATCH", path, json={"metadata": {"a": 1}}, headers=tag)
    late = api.call("ada", "PATCH", path, json={"name": fresh("Bench")}, headers=tag)

    assert [done.status_code, late.status_code] == [200, 412]


@pytest.mark.parametrize(
    "body", [{}, {"name": None}, {"name": "a\nb"}, {"name": "a", "procedure_id": "x"}, {"name": "a", "metadata": [1]}]
)
def test_raw_bodies_that_cannot_be_are_refused(api: Api, body: dict[str, object]) -> None:
    assert api.call("dev", "POST", "/api/v2/stations", json=body).status_code == 400


def test_a_team_that_is_not_there(api: Api, fresh: Fresh) -> None:
    body = {"name": fresh("Bench"), "team_id": NIL}

    assert api.call("dev", "POST", "/api/v2/stations", json=body).status_code == 404
    assert api.call("dev", "POST", "/api/v2/stations", json=body | {"team_id": None}).status_code == 200


def test_a_station_is_given_to_a_team_and_taken_from_it(api: Api, fresh: Fresh) -> None:
    name = fresh("Line")
    with api.database.open() as db, db.write():
        team = Team(name=name, name_key=name.lower(), created_at=datetime.now(UTC))
        db.session.add(team)
        db.session.flush()
        team_id = team.id
    body = {"name": fresh("Bench"), "team_id": team_id}
    path = f"/api/v2/stations/{api.call('dev', 'POST', '/api/v2/stations', json=body).json()['id']}"

    def teams() -> list[object]:
        listed = api.call("dev", "GET", "/api/v2/stations", params={"search_query": body["name"]}).json()["data"]
        return [api.call("dev", "GET", path).json()["team"], listed[0]["team"]]

    assert teams() == [{"id": team_id, "name": name}] * 2
    for change, expected in (
        ({}, {"id": team_id, "name": name}), ({"team_id": None}, None), ({"team_id": None}, None),
        ({"team_id": team_id}, {"id": team_id, "name": name}),
    ):  # fmt: skip
        assert api.call("dev", "PATCH", path, json=change).status_code == 200
        assert teams() == [expected] * 2
    assert api.call("dev", "PATCH", path, json={"team_id": NIL}).status_code == 404


@pytest.mark.parametrize("query", ["metadata=[1]", "cursor=99999999", "limit=501", "sort_by=name"])
def test_raw_queries_that_cannot_be_are_refused(api: Api, query: str) -> None:
    assert api.call("dev", "GET", f"/api/v2/stations?{query}").status_code == 400


@pytest.mark.parametrize("who", ["vera", "olga"])
def test_who_only_looks_changes_nothing(api: Api, who: str) -> None:
    path = f"/api/v2/stations/{api.cast.station.id}"

    assert api.call(who, "POST", "/api/v2/stations", json={"name": "x"}).status_code == 403
    assert api.call(who, "PATCH", path, json={"name": "x"}).status_code == 403
    assert api.call(who, "DELETE", path).status_code == 403
    assert api.call(who, "GET", path).status_code == api.call(who, "GET", "/api/v2/stations").status_code == 200


SAMPLE = """
from tofupilot.v2 import TofuPilot

client = TofuPilot(api_key="YOUR_KEY", server_url="YOUR_URL")

station = client.stations.create(name="Sample station")
linked = client.stations.create(name="Sample station 2", procedure_id="YOUR_PROCEDURE")

stations = client.stations.list()
for s in stations.data:
    print(s.id, s.name)

found = client.stations.get(id=station.id)
client.stations.update(id=station.id, name="Sample station, renamed")
client.stations.remove(id=station.id)
client.stations.remove(id=linked.id)
"""


@pytest.mark.parametrize("version", GENERATIONS)
def test_the_published_sample_runs_as_it_is_written(api: Api, version: str) -> None:
    script = SAMPLE.replace("YOUR_KEY", api.keys["dev"]).replace("YOUR_URL", f"{api.url}/api")
    script = script.replace("YOUR_PROCEDURE", api.cast.procedure.id)

    environment = {**os.environ, "PYTHONPATH": str(FOLDER / version), "DISABLE_TELEMETRY": "true"}
    command = [sys.executable, "-c", script]
    printed = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=60).stdout

    names = [line.partition(" ")[2] for line in printed.splitlines()]
    assert names[:2] == ["Sample station 2", "Sample station"]  # the newest first, a page of them
