"""The REST API over a real server."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable

import httpx
import pytest

from portal.services.setup_tokens import issue_setup_token
from portal.services.stations import show_station
from station.protocol import PORTAL_HEADER
from tests.cast import record
from tests.core.conftest import Api

NIL = "00000000-0000-0000-0000-000000000000"
CODES = {400: "BAD_REQUEST", 401: "UNAUTHORIZED", 403: "FORBIDDEN", 404: "NOT_FOUND", 409: "CONFLICT"}
PNG = b"\x89PNG\r\n\x1a\n" + bytes(20)


def refusal(answer: httpx.Response, status: int) -> str:
    """The refusal's words, in the shape that every client parses."""
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"].startswith("application/json")
    body = answer.json()
    assert body["code"] == CODES.get(status, body["code"])
    assert all(set(issue) == {"message", "path"} for issue in body.get("issues", []))
    assert "Traceback" not in answer.text
    return "; ".join([body["message"], *(issue["message"] for issue in body.get("issues", []))])


def test_the_portal_is_healthy(api: Api) -> None:
    answer = api.call(None, "GET", "/healthz")

    assert (answer.status_code, answer.json()["status"]) == (200, "ok")


def test_a_machine_enrols_and_is_known(api: Api) -> None:
    with api.database.open() as db:
        token = issue_setup_token(db, api.cast.dev, api.cast.station.id).token
    facts = {
        "token": token,
        "hostname": "pc",
        "os": "Debian 12",
        "platform": "linux_x86_64",
        "program_version": "0.1.0",
    }

    answer = api.call(None, "POST", "/api/station/enrol", json=facts)
    enrolled = answer.json()
    again = api.call(None, "POST", "/api/station/enrol", json=facts)
    api.keys["program"] = enrolled["api_key"]
    known = api.call("program", "GET", "/api/station/whoami").json()

    assert answer.status_code == 200
    assert set(enrolled) == {"api_key", "station", "installation_id", "replaced_installations"}
    assert "already used" in refusal(again, 400)
    assert known == {"station": enrolled["station"], "installation_id": enrolled["installation_id"]}
    assert enrolled["station"] == {"id": api.cast.station.id, "name": "Bench 7"}
    with api.database.open() as db:
        other = {**facts, "token": issue_setup_token(db, api.cast.dev, api.cast.station.id).token}
    assert api.call(None, "POST", "/api/station/enrol", json=other).json()["replaced_installations"] == 1
    refusal(api.call("program", "GET", "/api/station/whoami"), 401)


def test_a_machine_that_is_uninstalled_leaves_its_station(api: Api) -> None:
    with api.database.open() as db:
        token = issue_setup_token(db, api.cast.dev, api.cast.station.id).token
    facts = {"token": token, "hostname": "pc", "os": "Debian 12", "platform": "linux_x86_64", "program_version": "0.1"}
    api.keys["program"] = api.call(None, "POST", "/api/station/enrol", json=facts).json()["api_key"]

    left = api.call("program", "POST", "/api/station/leave")

    assert left.json() == {"station": {"id": api.cast.station.id, "name": "Bench 7"}}
    dead = api.call("program", "GET", "/api/station/whoami")
    assert "uninstalled on the machine itself" in refusal(dead, 401)
    assert PORTAL_HEADER in dead.headers
    refusal(api.call("program", "POST", "/api/station/leave"), 401)
    assert "came with no machine" in refusal(api.call("bench", "POST", "/api/station/leave"), 409)
    assert "person" in refusal(api.call("dev", "POST", "/api/station/leave"), 403)
    with api.database.open() as db:
        assert show_station(db, api.cast.vera, api.cast.station.id).installation is None


def test_whoami_knows_both_kinds_of_key(api: Api) -> None:
    bench = api.call("bench", "GET", "/api/v2/whoami").json()
    dev = api.call("dev", "GET", "/api/v2/whoami").json()

    assert (bench["type"], bench["user"], bench["station"]["name"]) == ("station", None, "Bench 7")
    assert (dev["type"], dev["station"], dev["user"]["email"]) == ("user", None, "dev@example.com")
    assert set(dev["organization"]) == {"id", "slug", "name"}
    assert "person" in refusal(api.call("dev", "GET", "/api/station/whoami"), 403)


@pytest.mark.parametrize("header", [None, "Bearer", "Bearer nonsense", "Basic eDp5", "Bearer " + "x" * 5000])
@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "/api/v2/runs"), ("GET", "/api/v2/runs"), ("GET", f"/api/v2/runs/{NIL}"), ("GET", "/api/station/whoami"),
     ("GET", "/api/v2/whoami"), ("POST", "/api/v2/runs/nonsense/attachments")],
)  # fmt: skip
@pytest.mark.parametrize("settings", ["sqlite"], indirect=True)
def test_without_a_valid_key_there_is_nothing(api: Api, method: str, path: str, header: str | None) -> None:
    headers = {"Authorization": header} if header else {}

    refusal(api.call(None, method, path, headers=headers), 401)


def test_a_run_is_stored_and_read_back_with_its_file(api: Api) -> None:
    at = "2026-11-22T12:00:00Z"
    measurement = {
        "name": "v",
        "outcome": "PASS",
        "measured_value": 5,
        "units": "V",
        "lower_limit": 4.5,
        "upper_limit": 5.5,
    }
    sweep = {"name": "s", "outcome": "UNSET", "x_axis": {"data": [1, 2]}, "y_axis": [{"data": [3, 4], "units": "dB"}]}
    gap = {"name": "g", "outcome": "UNSET", "x_axis": {"data": [1, 2]}, "y_axis": [{"data": [3, None]}]}
    phase = {
        "name": "p",
        "outcome": "PASS",
        "started_at": at,
        "ended_at": at,
        "measurements": [measurement, sweep, gap],
    }

    stored = api.post_run("bench", record(api.cast, phases=[phase], execution_id="e1"), "e1")
    run_id = stored.json()["id"]
    announced = api.call(
        "bench", "POST", f"/api/v2/runs/{run_id}/attachments", json={"name": "a.png", "phase": "p"},
        headers={"Idempotency-Key": "e1:0"},
    ).json()  # fmt: skip
    put = httpx.put(announced["upload_url"], content=PNG, headers={"Content-Type": "image/png"})
    run = api.call("otto", "GET", f"/api/v2/runs/{run_id}").json()
    file = httpx.get(run["attachments"][0]["download_url"])

    assert (stored.status_code, stored.json(), put.status_code) == (200, {"id": run_id}, 200)
    value, curve, gapped = run["phases"][0]["measurements"]
    assert (value["measured_value"], value["data_series"]) == (5, None)
    assert [one["expression"] for one in value["validators"]] == ["x >= 4.5", "x <= 5.5"]
    assert [series["data"] for series in curve["data_series"]] == [[1, 2], [3, 4]]
    assert gapped["data_series"] is None
    assert gapped["measured_value"]["axes"][1]["data"] == [3, None]
    assert run["duration"] == "PT12.500S"
    assert run["unit"]["part"]["number"] == "PCBA-100"
    assert run["created_by_station"]["name"] == "Bench 7"
    assert (file.status_code, file.content) == (200, PNG)
    assert file.headers["Content-Disposition"].startswith("attachment")
    assert file.headers["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in file.headers["Content-Security-Policy"]


def test_the_same_upload_again_gets_the_first_answer(api: Api, at_once: Callable[..., list[object]]) -> None:
    body = record(api.cast, execution_id="e1")

    answers = at_once(*[lambda: api.post_run("bench", body, "e1").json()] * 3)

    assert len({json.dumps(answer) for answer in answers}) == 1
    assert "Idempotency-Key" in refusal(api.post_run("bench", body | {"outcome": "FAIL"}, "e1"), 409)
    assert "execution" in refusal(api.post_run("bench", body, "another"), 409)
    assert len(api.call("dev", "GET", "/api/v2/runs").json()["data"]) == 1


def test_checks_come_in_the_order_of_the_contract(api: Api) -> None:
    cast = api.cast
    unlinked = record(cast, procedure_id=cast.other_procedure.id)

    assert "UUID" in refusal(api.post_run("otto", record(cast, procedure_id="nonsense")), 400)
    assert "not authorized" in refusal(api.post_run("bench", unlinked), 403)
    assert "not authorized" in refusal(api.post_run("bench", record(cast, procedure_id=NIL)), 403)
    assert "procedure" in refusal(api.post_run("dev", record(cast, procedure_id=NIL)), 404)
    assert "ended_at" in refusal(api.post_run("bench", record(cast, ended_at="2020-01-01T00:00:00Z")), 422)
    refusal(api.post_run("vera", record(cast)), 403)
    refusal(api.call("bench", "GET", "/api/v2/runs/nonsense"), 400)
    refusal(api.call("bench", "GET", f"/api/v2/runs/{NIL}"), 404)
    refusal(api.call("otto", "POST", "/api/v2/runs/nonsense/attachments", json={}), 400)


def test_otto_attaches_nothing(api: Api) -> None:
    run_id = api.post_run("bench", record(api.cast)).json()["id"]

    refusal(api.call("otto", "POST", f"/api/v2/runs/{run_id}/attachments", json={"name": "a.txt"}), 404)
    refusal(api.call("vera", "POST", f"/api/v2/runs/{run_id}/attachments", json={"name": "a.txt"}), 403)


@pytest.mark.parametrize(
    "content",
    [
        b"", b"{", b"[]", b"null", b"not json", b'{"a": NaN}', b'{"a": Infinity}', b'"\xff"', b"\xff\xfe",
        b'{"a": "\\ud800"}', b"[" * 100_000, b'{"a":' * 5_000, b'{"serial_number": "a\\u0000b"}',
    ],
)  # fmt: skip
@pytest.mark.parametrize("settings", ["sqlite"], indirect=True)
def test_a_body_that_is_no_json_object_is_refused(api: Api, content: bytes) -> None:
    refusal(api.call("bench", "POST", "/api/v2/runs", content=content), 400)


def test_bad_text_never_reaches_the_database(api: Api) -> None:
    body = json.dumps(record(api.cast, serial_number="SN\0"))

    assert "NUL" in refusal(api.call("bench", "POST", "/api/v2/runs", content=body), 400)
    assert "NUL" in refusal(api.call("dev", "GET", "/api/v2/runs", params={"serial_numbers": "\0"}), 400)
    compressed = api.call("bench", "POST", "/api/v2/runs", content=b"x", headers={"Content-Encoding": "br"})
    assert "compressed" in refusal(compressed, 415)


def test_every_wrong_field_is_named(api: Api) -> None:
    answer = api.post_run("bench", {"outcome": "MAYBE", "phases": [{"name": 3}], "procedure_id": api.cast.procedure.id})

    words = refusal(answer, 400)
    paths = [issue["path"] for issue in answer.json()["issues"]]
    assert "outcome" in words
    assert ["serial_number"] in paths
    assert ["phases", 0, "name"] in paths


@pytest.mark.parametrize("settings", ["sqlite"], indirect=True)
def test_unknown_paths_and_methods_are_refused_in_the_same_shape(api: Api) -> None:
    for path in ("/api/", "/api/v2/", "/api/v2/nothing", "/api/v2//runs", "/api/v3/x", "/api/v2/runs/a/b/c"):
        refusal(api.call("dev", "GET", path), 404)
    wrong_method = api.call("dev", "DELETE", "/api/v2/whoami")
    refusal(wrong_method, 405)
    assert "GET" in wrong_method.headers["Allow"]


@pytest.mark.parametrize("settings", ["sqlite"], indirect=True)
def test_a_body_that_is_too_large_is_refused_before_it_is_read(api: Api) -> None:
    port = int(api.url.rpartition(":")[2])
    head = (
        "POST /api/v2/runs HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 200000000\r\n"
        f"Authorization: Bearer {api.keys['bench']}\r\n\r\n"
    )

    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(head.encode())
        answer = connection.recv(65536).decode()

    assert answer.startswith("HTTP/1.1 413 ")


def test_pages_of_runs_follow_each_other(api: Api) -> None:
    made = [api.post_run("bench", record(api.cast, serial_number=f"SN-{n}")).json()["id"] for n in range(5)]

    first = api.call("dev", "GET", "/api/v2/runs", params={"limit": 2, "metadata": "", "sort_by": "started_at"}).json()
    cursor = first["meta"]["next_cursor"]
    second = api.call("dev", "GET", "/api/v2/runs", params={"limit": 2, "cursor": f"{cursor}.0"}).json()
    third = api.call("dev", "GET", "/api/v2/runs", params={"limit": 2, "cursor": second["meta"]["next_cursor"]}).json()

    seen = [run["id"] for page in (first, second, third) for run in page["data"]]
    assert sorted(seen) == sorted(made)
    assert [page["meta"]["has_more"] for page in (first, second, third)] == [True, True, False]
    assert third["meta"]["next_cursor"] is None
    chosen = api.call("dev", "GET", "/api/v2/runs", params={"serial_numbers": ["sn-1", "SN-3"], "outcomes": "PASS"})
    assert {run["unit"]["serial_number"] for run in chosen.json()["data"]} == {"SN-1", "SN-3"}
    assert chosen.json()["data"][0]["unit"]["batch"] is None


@pytest.mark.parametrize(
    "query",
    ["limit=0", "limit=x", "cursor=-1", "outcomes=MAYBE", "operator=1", "sort_by=phases", "duration_min=4:00"],
)
@pytest.mark.parametrize("settings", ["sqlite"], indirect=True)
def test_a_filter_that_is_wrong_or_not_there_is_refused_and_not_ignored(api: Api, query: str) -> None:
    refusal(api.call("dev", "GET", f"/api/v2/runs?{query}"), 400)


@pytest.mark.parametrize("settings", ["sqlite"], indirect=True)
def test_an_upload_address_is_for_one_file_and_one_direction(api: Api) -> None:
    run_id = api.post_run("bench", record(api.cast)).json()["id"]
    place = api.call("bench", "POST", f"/api/v2/runs/{run_id}/attachments", json={"name": "a.html"}).json()[
        "upload_url"
    ]

    refusal(httpx.put(place[:-2] + "xx", content=b"x"), 403)
    refusal(httpx.get(place.replace("/uploads/", "/downloads/")), 403)
    refusal(httpx.post(place, content=b"x"), 405)
    assert httpx.put(place, content=iter([b"<b>", b"hi"])).status_code == 200
    refusal(httpx.put(place, content=b"other"), 409)


@pytest.mark.parametrize("settings", ["sqlite"], indirect=True)
def test_an_upload_that_is_cut_leaves_nothing_and_can_be_repeated(api: Api) -> None:
    run_id = api.post_run("bench", record(api.cast)).json()["id"]
    place = httpx.URL(
        api.call("bench", "POST", f"/api/v2/runs/{run_id}/attachments", json={"name": "a.bin"}).json()["upload_url"]
    )

    with socket.create_connection((place.host, place.port), timeout=10) as connection:
        connection.sendall(f"PUT {place.path} HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nabc".encode())
        connection.shutdown(socket.SHUT_WR)
        answer = connection.recv(65536).decode()

    assert answer.startswith("HTTP/1.1 400 ")
    assert api.call("dev", "GET", f"/api/v2/runs/{run_id}").json()["attachments"][0]["download_url"] is None
    assert httpx.put(place, content=b"whole").status_code == 200
