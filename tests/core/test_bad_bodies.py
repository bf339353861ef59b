"""What no client of ours would send, over bare sockets, to the server that plants run."""

from __future__ import annotations

import gzip
import json
import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from flask import Flask

from portal.api.bodies import read_query
from portal.database import Database
from portal.errors import BadRequest
from portal.services.run_input import In
from portal.settings import load_settings
from tests.cast import Cast, gather, keys, record

MOST_BYTES = 200_000
PACKED = gzip.compress(b"{}", mtime=0)


@dataclass(frozen=True)
class Served:
    """The portal as a process of its own."""

    port: int
    cast: Cast
    keys: dict[str, str]

    def send(self, *pieces: bytes, ends: bool = False) -> tuple[int, dict[str, str], bytes]:
        """Bytes over a socket; status, headers and body of the answer. ends: hang up behind the last."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=20) as connection:
            for piece in pieces:
                connection.sendall(piece)
            if ends:
                connection.shutdown(socket.SHUT_WR)
            return _answer(connection)

    def post(self, body: bytes, *headers: str, who: str = "bench") -> tuple[int, dict[str, str]]:
        """A body to the runs. Status, and the answer read as JSON."""
        lines = [f"Content-Length: {len(body)}", *headers]
        if not any(line.lower().startswith("content-type") for line in lines):
            lines.append("Content-Type: application/json")
        status, _, answer = self.send(self.head("POST", "/api/v2/runs", *lines, who=who) + body)
        return status, json.loads(answer)

    def head(self, method: str, path: str, *headers: str, who: str = "bench") -> bytes:
        lines = [f"{method} {path} HTTP/1.1", "Host: x", f"Authorization: Bearer {self.keys[who]}", "Connection: close"]
        return "\r\n".join([*lines, *headers, "", ""]).encode()

    def runs(self) -> list[str]:
        found = httpx.get(
            f"http://127.0.0.1:{self.port}/api/v2/runs", headers={"Authorization": f"Bearer {self.keys['dev']}"}
        ).json()
        return [one["unit"]["serial_number"] for one in found["data"]]


def _answer(connection: socket.socket) -> tuple[int, dict[str, str], bytes]:
    came = b""
    while piece := connection.recv(65536):
        came += piece
    head, _, body = came.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    return int(first.split()[1]), dict(line.lower().split(": ", 1) for line in lines), body


@pytest.fixture(scope="module")
def served(migrated_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    data_dir = tmp_path_factory.mktemp("served") / "portal"
    shutil.copytree(migrated_folder, data_dir)
    database = Database(Flask("test"), load_settings(data_dir=data_dir))
    with database.open() as db:
        cast = gather(db)
        made = keys(db, cast)
    database.engine.dispose()
    program = subprocess.Popen(
        [sys.executable, "-m", "stationmaster", "portal", "serve", "--port", "0", "--data-dir", str(data_dir)],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        env={**os.environ, "STATIONMASTER_MAX_BODY_BYTES": str(MOST_BYTES), "STATIONMASTER_READ_TIMEOUT_S": "2"},
    )  # fmt: skip
    assert program.stdout is not None
    found = re.search(r":(\d+)$", program.stdout.readline())
    assert found is not None
    yield Served(int(found[1]), cast, made)
    program.terminate()
    program.wait(20)
    program.stdout.close()


def body(served: Served, **changes: object) -> bytes:
    return json.dumps(record(served.cast, **changes)).encode()


def test_a_good_body_is_stored_plain_compressed_and_in_chunks(served: Served) -> None:
    plain, packed, chunked = (body(served, serial_number=name) for name in ("GOOD-1", "GOOD-2", "GOOD-3"))
    chunks = b"%x\r\n%s\r\n0\r\n\r\n" % (len(chunked), chunked)
    head = served.head("POST", "/api/v2/runs", "Content-Type: application/json", "Transfer-Encoding: chunked")

    assert served.post(plain)[0] == 200
    assert served.post(gzip.compress(packed), "Content-Encoding: gzip")[0] == 200
    assert served.send(head, chunks)[0] == 200
    assert {"GOOD-1", "GOOD-2", "GOOD-3"} <= set(served.runs())


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (b"", "missing"),
        (b"  \n", "missing"),
        (b"{", "JSON"),
        (b"[]", "object"),
        (b"null", "object"),
        (b'{"a": NaN}', "JSON"),
        (b'{"a": -Infinity}', "JSON"),
        (b'{"a": "\xff"}', "JSON"),
        (b'\xef\xbb\xbf{"a": 1}', "JSON"),
        ('{"a": 1}'.encode("utf-16"), "JSON"),
        (b'{"a": "\\ud800"}', "JSON"),
        (b'{"a":' * 5_000, "JSON"),
        (b"[" * 100_000, "JSON"),
        (b'{"a": ' + b"9" * 5_000 + b"}", "JSON"),
        (b'{"a": 1} {"b": 2}', "JSON"),
        (b'{"serial_number": "a\\u0000b"}', "NUL"),
    ],
)
def test_what_is_no_json_object_is_refused(served: Served, wrong: bytes, words: str) -> None:
    status, answer = served.post(wrong)

    assert (status, answer["code"]) == (400, "BAD_REQUEST")
    assert words in answer["message"]


@pytest.mark.parametrize(
    "twice",
    [
        b'"docstring":"a","docstring":"b"',
        b'"docstring" :"a","docstring"\n:"b"',
        b'"docstring":"a","docs\\u0074ring":"b"',
        b'"metadata":{"x":1,"docstring":{},"docstring":2}',
        b'"x":"\\u0022:","docstring":"a","docstring":"b"',
        b'"x":"\\"\\u003A","docstring":"a","docstring":"b"',
        b'"phases":[[[{"docstring":1}, {"docstring":null,"docstring":null}]]]',
    ],
)
def test_a_key_that_is_given_twice_is_named(served: Served, twice: bytes) -> None:
    status, answer = served.post(body(served)[:-1] + b"," + twice + b"}")

    assert status == 400
    assert "'docstring' twice" in answer["message"]
    assert answer["issues"][0]["path"] == ["docstring"]


@pytest.mark.parametrize("text", ['"a":1', '\\":', '", "docstring": "', '{"a": 1, "a": 2}', ": : :", '" :'])
def test_a_text_that_looks_like_keys_is_only_a_text(served: Served, text: str) -> None:
    once = body(served, docstring=text, metadata={"docstring": text})

    assert served.post(once)[0] == 200
    assert served.post(once[:-1] + b',"docstring":""}')[0] == 400


@pytest.mark.parametrize("text", ["nan", "inf", "-Infinity", "1e999"])
def test_a_number_in_a_query_is_one(text: str) -> None:
    class Wanted(In):
        least: float | None = None

    with Flask("test").test_request_context(f"/?least={text}"), pytest.raises(BadRequest, match="finite"):
        read_query(Wanted)


@pytest.mark.parametrize(
    ("media", "status"),
    [("text/plain", 415), ("application/x-www-form-urlencoded", 415), ("multipart/form-data; boundary=x", 415),
     ("application/json; charset=utf-8", 200), ("application/vnd.api+json", 200), ("", 200)],
)  # fmt: skip
def test_another_kind_of_body_is_refused_by_its_name(served: Served, media: str, status: int) -> None:
    found, answer = served.post(body(served), f"Content-Type: {media}")

    assert found == status
    if status == 415:
        assert (answer["code"], media.partition(";")[0] in answer["message"]) == ("UNSUPPORTED_MEDIA_TYPE", True)


def test_a_bomb_is_refused_before_it_goes_off(served: Served) -> None:
    bomb = gzip.compress(b"[" + b" " * 100_000_000)

    status, answer = served.post(bomb, "Content-Encoding: gzip")

    assert len(bomb) < MOST_BYTES
    assert (status, answer["code"]) == (413, "PAYLOAD_TOO_LARGE")


@pytest.mark.parametrize("spoilt", [b"no gzip", PACKED[:-3], PACKED + b"x", b""])
def test_what_is_not_the_compression_it_says_is_refused(served: Served, spoilt: bytes) -> None:
    assert served.post(spoilt, "Content-Encoding: gzip")[0] == 400
    assert served.post(spoilt, "Content-Encoding: br")[0] == 415


def test_a_body_that_is_too_large_is_refused_before_it_is_sent(served: Served) -> None:
    announced = served.head("POST", "/api/v2/runs", "Content-Type: application/json", "Content-Length: 100000000")

    status, _, answer = served.send(announced)

    assert (status, json.loads(answer)["code"]) == (413, "PAYLOAD_TOO_LARGE")


def test_a_body_without_a_length_is_read_to_the_limit_only(served: Served) -> None:
    head = served.head("POST", "/api/v2/runs", "Content-Type: application/json", "Transfer-Encoding: chunked")
    chunk = b"10000\r\n" + b" " * 65536 + b"\r\n"

    status, _, answer = served.send(head, chunk * 4)

    assert (status, json.loads(answer)["code"]) == (413, "PAYLOAD_TOO_LARGE"), answer


@pytest.mark.parametrize(
    ("headers", "sent"),
    [(["Content-Length: 500"], b'{"serial_number": "SN'), (["Transfer-Encoding: chunked"], b'5\r\n{"a"'),
     (["Transfer-Encoding: chunked"], b"xyz\r\n{}\r\n0\r\n\r\n")],
)  # fmt: skip
def test_a_body_that_breaks_off_stores_nothing(served: Served, headers: list[str], sent: bytes) -> None:
    before = len(served.runs())

    status, _, _ = served.send(
        served.head("POST", "/api/v2/runs", "Content-Type: application/json", *headers) + sent, ends=True
    )

    assert status == 400
    assert len(served.runs()) == before


def test_a_body_where_none_belongs_is_ignored(served: Served) -> None:
    sent = b"not json \xff"

    status, _, answer = served.send(served.head("GET", "/api/v2/whoami", f"Content-Length: {len(sent)}") + sent)

    assert (status, json.loads(answer)["type"]) == (200, "station")


def test_a_list_can_be_asked_for_by_a_thousand_ids(served: Served) -> None:
    query = "&".join(f"ids={served.cast.procedure.id}" for _ in range(1000))

    status, _, answer = served.send(served.head("GET", f"/api/v2/batches?{query}", who="dev"))

    assert (status, json.loads(answer)["data"]) == (200, [])
    assert 400 <= served.send(served.head("GET", f"/api/v2/batches?{query}{query}", who="dev"))[0] < 500


def test_the_same_body_compressed_anew_is_the_same_request(served: Served) -> None:
    plain = body(served, serial_number="AGAIN")
    first = served.post(gzip.compress(plain, mtime=1), "Content-Encoding: gzip", "Idempotency-Key: again")

    assert served.post(gzip.compress(plain, mtime=2), "Content-Encoding: gzip", "Idempotency-Key: again") == first
    assert served.post(plain, "Idempotency-Key: again") == first


@pytest.mark.parametrize(
    "piece",
    [b"GET / HTTP/1.1\r\nHost: x\r\nX-A: ", b"POST /sign-in HTTP/1.1\r\nHost: x\r\nContent-Length: 99\r\n\r\na"],
)
def test_requests_that_stand_still_do_not_keep_the_portal_from_others(served: Served, piece: bytes) -> None:
    stalled = [socket.create_connection(("127.0.0.1", served.port), timeout=20) for _ in range(260)]
    for connection in stalled:
        connection.sendall(piece)

    answer = httpx.get(f"http://127.0.0.1:{served.port}/healthz", timeout=15)

    assert answer.status_code == 200
    for connection in stalled:
        connection.close()


def test_a_body_that_breaks_off_is_refused_and_its_key_stays_free(served: Served) -> None:
    whole = json.dumps(record(served.cast, serial_number="SN-CUT")).encode() + b" " * 50
    facts = [f"Content-Length: {len(whole)}", "Content-Type: application/json", "Idempotency-Key: cut"]
    head = served.head("POST", "/api/v2/runs", *facts)

    status, _, answer = served.send(head + whole[:-20], ends=True)
    again, _, _ = served.send(head + whole)

    assert (status, "broke off" in answer.decode()) == (400, True)
    assert again == 200
    assert served.runs().count("SN-CUT") == 1


@pytest.mark.parametrize("number", ["1e400", "-1e999", "9" * 401 + ".5"])
@pytest.mark.parametrize("field", ["measured_value", "lower_limit"])
def test_a_number_that_no_computer_holds_is_refused(served: Served, field: str, number: str) -> None:
    at = {"started_at": "2026-11-22T12:00:00Z", "ended_at": "2026-11-22T12:00:01Z", "outcome": "PASS"}
    phase = {"name": "p", **at, "measurements": [{"name": "m", "outcome": "PASS", field: "HERE"}]}
    body = json.dumps(record(served.cast, phases=[phase])).replace('"HERE"', number)

    status, answer = served.post(body.encode())

    assert (status, "too large" in answer["message"]) == (400, True)


@pytest.mark.parametrize(
    "query",
    [
        "metadata=%7B%22a%22%3A%7B%22eq%22%3A%22%5Cud800%22%7D%7D",
        "metadata=" + "%7B%22a%22%3A%7B%22in%22%3A%5B" + ",".join("1" * 1 for _ in range(1000)) + "%5D%7D%7D",
        "metadata=%7B%22a%22%3A%7B%7D%7D",
        "search_query=" + "a" * 50_100,
    ],
)
@pytest.mark.parametrize("path", ["runs", "units", "parts"])
def test_a_filter_that_no_database_takes_is_refused(served: Served, path: str, query: str) -> None:
    status, _, answer = served.send(served.head("GET", f"/api/v2/{path}?{query}", who="dev"))

    assert status == 400, answer
