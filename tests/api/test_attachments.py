"""Attachments, through the public client and without it."""

from __future__ import annotations

import base64
import hashlib
import socket
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from portal.models import Run
from portal.services.attachments import link_uploads
from tests.api.clients import OLDEST, Client, Refused
from tests.cast import record
from tests.core.conftest import Api
from tests.e2e.programs import PortalProcess

Connect = Callable[[str], Client]
Fresh = Callable[[str], str]
NIL = "00000000-0000-0000-0000-000000000000"
CONTENT = bytes(range(256)) * 20


def new_run(api: Api, fresh: Fresh, who: str = "bench") -> str:
    return api.post_run(who, record(api.cast, serial_number=fresh("SN"))).json()["id"]


def announce(api: Api, who: str = "bench", **body: object) -> dict[str, str]:
    answer = api.call(who, "POST", "/api/v2/attachments", json={"name": "a.bin", **body})
    assert answer.status_code == 200, answer.text
    return answer.json()


def uploaded(api: Api, content: bytes = CONTENT, name: str = "a.bin", content_type: str | None = None) -> str:
    """The address to get a new file from."""
    made = announce(api, name=name)
    headers = {"Content-Type": content_type} if content_type else {}
    assert httpx.put(made["upload_url"], content=content, headers=headers).status_code == 200
    return api.call("bench", "POST", f"/api/v2/attachments/{made['id']}/finalize").json()["url"]


def half_sent(address: str) -> str:
    """The status of an upload that ends in its middle."""
    place = urlsplit(address)
    head = f"PUT {place.path} HTTP/1.1\r\nHost: {place.netloc}\r\nContent-Length: 1000\r\n\r\n"
    with socket.create_connection((place.hostname, place.port)) as line:
        line.sendall(head.encode() + bytes(500))
        line.shutdown(socket.SHUT_WR)
        return line.recv(10_000).decode().split()[1]


# ── through the client ──


@pytest.mark.parametrize("who", ["dev", "bench"])
def test_a_file_is_announced_put_finalised_and_linked_by_both_kinds_of_key(
    connect: Connect, fresh: Fresh, api: Api, who: str
) -> None:
    client, run_id = connect(who), new_run(api, fresh)
    made = client.attachments.initialize(name="C:\\logs\\report.txt")

    put = httpx.put(made.upload_url, content=b"all is well", headers={"Content-Type": "text/plain"})
    before = client.attachments.finalize(id=made.id)
    with api.database.open() as db, db.write():
        link_uploads(db, getattr(api.cast, who), [made.id], db.session.get_one(Run, run_id))
    after = client.attachments.finalize(id=made.id)

    assert (put.status_code, len(made.id)) == (200, 36)
    assert [httpx.get(one.url).content for one in (before, after)] == [b"all is well"] * 2
    (file,) = client.runs.get(id=run_id).attachments
    assert (file.id, file.name, file.size, file.content_type) == (made.id, "report.txt", 11, "text/plain")
    assert httpx.get(file.download_url).content == b"all is well"


def test_an_unknown_file_is_not_finalised(connect: Connect) -> None:
    with pytest.raises(Refused) as unknown:
        connect("bench").attachments.finalize(id=NIL)

    assert unknown.value.kind == "ErrorNOTFOUND"


def test_a_name_that_is_none_is_refused(connect: Connect) -> None:
    with pytest.raises(Refused, match="name is empty") as refused:
        connect("dev").attachments.initialize(name=" ")

    assert refused.value.kind == "ErrorBADREQUEST"


@pytest.mark.parametrize("who", ["dev", "bench"])
def test_the_helpers_upload_and_download_a_file(
    connect: Connect, fresh: Fresh, api: Api, tmp_path: Path, who: str
) -> None:
    client, run_id = connect(who), new_run(api, fresh)
    sent, got = tmp_path / "scope.png", tmp_path / "got.png"
    sent.write_bytes(b"\x89PNG\r\n\x1a\n" + CONTENT)

    if client.version == OLDEST:
        file_id = client.attachments.upload(sent)
        with api.database.open() as db, db.write():
            link_uploads(db, getattr(api.cast, who), [file_id], db.session.get_one(Run, run_id))
        helper = client.attachments
    else:
        file_id = client.runs.attachments.upload(run_id, sent)
        helper = client.runs.attachments
    (file,) = client.runs.get(id=run_id).attachments
    helper.download(file, got)

    assert (file.id, file.size, file.content_type) == (file_id, sent.stat().st_size, "image/png")
    assert got.read_bytes() == sent.read_bytes()


def test_the_oldest_client_deletes_files(
    generations: Callable[[str], object], api: Api, fresh: Fresh, tmp_path: Path
) -> None:
    file = tmp_path / "a.txt"
    file.write_bytes(b"x")
    for who in ("dev", "bench"):
        client = Client(generations(OLDEST), f"{api.url}/api", api.keys[who])
        ids = [client.attachments.upload(file) for _ in range(2)]

        with pytest.raises(Refused) as unknown:
            client.attachments.delete(ids=[ids[0], NIL])
        deleted = client.attachments.delete(ids=ids)

        assert (unknown.value.kind, deleted.id) == ("ErrorNOTFOUND", ids)
        with pytest.raises(Refused) as gone:
            client.attachments.finalize(id=ids[0])
        assert gone.value.kind == "ErrorNOTFOUND"


# ── without it ──


def test_what_was_not_put_is_neither_finalised_nor_handed_out(api: Api, fresh: Fresh) -> None:
    made = announce(api)

    early = api.call("bench", "POST", f"/api/v2/attachments/{made['id']}/finalize")

    assert (early.status_code, early.json()["code"]) == (409, "CONFLICT")
    assert "PUT" in early.json()["message"]


@pytest.mark.parametrize(
    ("query", "status"), [("", 400), ("?ids=", 400), ("?ids=a", 400), (f"?ids={NIL}", 404), ("?id=1", 400)]
)
def test_what_is_no_list_of_files_is_not_deleted(api: Api, query: str, status: int) -> None:
    assert api.call("dev", "DELETE", f"/api/v2/attachments{query}").status_code == status


def test_otto_and_who_only_looks_do_nothing_with_a_file(api: Api) -> None:
    made = announce(api)

    answers = {
        who: [
            api.call(who, "POST", f"/api/v2/attachments/{made['id']}/finalize").status_code,
            api.call(who, "DELETE", f"/api/v2/attachments?ids={made['id']}").status_code,
        ]
        for who in ("otto", "vera", "olga", None)
    }

    assert answers == {"otto": [404, 404], "vera": [403, 403], "olga": [403, 403], None: [401, 401]}


def test_an_announcement_sent_twice_makes_one_file_and_a_new_address(api: Api) -> None:
    body, headers = {"name": "a.bin", "size": 3}, {"Idempotency-Key": "announce-once"}

    first, second = (
        api.call("dev", "POST", "/api/v2/attachments", json=body, headers=headers).json() for _ in range(2)
    )

    assert first["id"] == second["id"]
    assert set(second) == {"id", "upload_url"}
    assert httpx.put(second["upload_url"], content=b"four").status_code == 422
    assert httpx.put(second["upload_url"], content=b"abc").status_code == 200


@pytest.mark.parametrize(
    ("announced", "headers", "status", "says"),
    [
        ({"size": 4}, {}, 422, "4 bytes were announced, and 3 came"),
        ({"size": 2}, {}, 422, "2 bytes were announced, and more came"),
        ({"sha256": "0" * 64}, {}, 422, "SHA-256"),
        ({}, {"X-Content-SHA256": "0" * 64}, 422, "SHA-256"),
        ({}, {"X-Content-SHA256": "zero"}, 400, "32 bytes"),
        ({}, {"Content-Digest": f"sha-256=:{base64.b64encode(bytes(32)).decode()}:"}, 422, "SHA-256"),
        ({}, {"Content-Digest": "sha-256=:AAA:"}, 400, "Base64"),
        ({"sha256": "1" * 64}, {"X-Content-SHA256": "0" * 64}, 422, "not the one that was announced"),
    ],
)
def test_bytes_that_are_not_the_announced_ones_are_refused(
    api: Api, announced: dict[str, object], headers: dict[str, str], status: int, says: str
) -> None:
    made = announce(api, **announced)

    refused = httpx.put(made["upload_url"], content=b"abc", headers=headers)

    assert (refused.status_code, says in refused.json()["message"]) == (status, True), refused.text
    assert api.call("bench", "POST", f"/api/v2/attachments/{made['id']}/finalize").status_code == 409


def test_bytes_that_are_the_announced_ones_are_kept(api: Api) -> None:
    digest = hashlib.sha256(b"abc")
    made = announce(api, size=3, sha256=digest.hexdigest().upper())
    value = f"sha-512=:AA==:, sha-256=:{base64.b64encode(digest.digest()).decode()}:"

    put = httpx.put(made["upload_url"], content=b"abc", headers={"Content-Digest": value})

    assert put.status_code == 200, put.text


@pytest.mark.parametrize("body", [{"size": -1}, {"size": "many"}, {"sha256": "abc"}, {"name": 5}])
def test_what_cannot_be_announced_is_refused(api: Api, body: dict[str, object]) -> None:
    assert api.call("dev", "POST", "/api/v2/attachments", json={"name": "a.bin", **body}).status_code == 400


def test_an_upload_that_breaks_off_leaves_nothing(api: Api) -> None:
    made = announce(api)

    assert half_sent(made["upload_url"]) == "400"
    assert api.call("bench", "POST", f"/api/v2/attachments/{made['id']}/finalize").status_code == 409
    assert httpx.put(made["upload_url"], content=b"again").status_code == 200


@pytest.mark.parametrize(
    ("wanted", "start", "end"),
    [("bytes=0-0", 0, 0), ("bytes=100-199", 100, 199), ("bytes=5000-", 5000, 5119), ("bytes=-20", 5100, 5119)],
)
def test_a_part_of_a_file_is_handed_out(api: Api, wanted: str, start: int, end: int) -> None:
    answer = httpx.get(uploaded(api), headers={"Range": wanted})

    assert (answer.status_code, answer.content) == (206, CONTENT[start : end + 1])
    assert answer.headers["Content-Range"] == f"bytes {start}-{end}/{len(CONTENT)}"
    assert answer.headers["Content-Length"] == str(end + 1 - start)


def test_a_range_behind_the_end_is_refused_with_the_size(api: Api) -> None:
    answer = httpx.get(uploaded(api), headers={"Range": "bytes=9999-"})

    assert (answer.status_code, answer.headers["Content-Range"]) == (416, f"bytes */{len(CONTENT)}")
    assert set(answer.json()) == {"message", "code"}


@pytest.mark.parametrize("wanted", ["bytes=0-1,4-5", "lines=1-2", "bytes=x", "bytes=5-2"])
def test_ranges_that_are_not_served_get_the_whole_file(api: Api, wanted: str) -> None:
    answer = httpx.get(uploaded(api), headers={"Range": wanted})

    assert (answer.status_code, answer.content, answer.headers["Accept-Ranges"]) == (200, CONTENT, "bytes")


def test_a_range_is_of_the_file_that_the_reader_has_begun(api: Api) -> None:
    address = uploaded(api)
    tag = httpx.get(address).headers["ETag"]

    same = httpx.get(address, headers={"Range": "bytes=0-1", "If-Range": tag})
    other = httpx.get(address, headers={"Range": "bytes=0-1", "If-Range": '"other"'})
    unchanged = httpx.get(address, headers={"If-None-Match": tag})

    assert [one.status_code for one in (same, other, unchanged)] == [206, 200, 304]
    assert (other.content, unchanged.content) == (CONTENT, b"")


def test_head_tells_size_and_type_and_sends_nothing(api: Api) -> None:
    address = uploaded(api, b"%PDF-1.7 ...", "a.txt")

    answer = httpx.head(address, headers={"Range": "bytes=0-1"})

    facts = (answer.headers["Content-Length"], answer.headers["Content-Type"], answer.headers["Accept-Ranges"])
    assert (answer.status_code, facts, answer.content) == (200, ("12", "application/pdf", "bytes"), b"")


@pytest.mark.parametrize(
    ("name", "content_type", "content"),
    [
        ("a.html", "text/html", b"<!doctype html><script>alert(1)</script>"),
        ("a.svg", "image/svg+xml", b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'),
        ("a.xhtml", "application/xhtml+xml", b"\x00<html/>"),
        ("a.js", "text/javascript", b"alert(1)"),
        ("a.png", "image/png", b"<script>alert(1)</script>"),
    ],
)
def test_nothing_in_a_file_can_run(api: Api, name: str, content_type: str, content: bytes) -> None:
    answer = httpx.get(uploaded(api, content, name, content_type))

    assert answer.content == content
    assert answer.headers["Content-Type"] in ("text/plain; charset=utf-8", "application/octet-stream")
    assert answer.headers["Content-Disposition"] == f"attachment; filename={name}"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in answer.headers["Content-Security-Policy"]


def test_an_empty_file_is_a_file(api: Api) -> None:
    answer = httpx.get(uploaded(api, b"", "leer ä.csv", "text/csv"), headers={"Range": "bytes=0-5"})

    assert (answer.status_code, answer.content) == (200, b"")
    assert "filename*=UTF-8''leer%20%C3%A4.csv" in answer.headers["Content-Disposition"]


def test_an_upload_that_breaks_off_leaves_nothing_on_the_server_that_plants_run(tmp_path: Path) -> None:
    """gunicorn ends the stream of a broken upload without a word."""
    data_dir = tmp_path / "data"
    with PortalProcess(data_dir) as portal:
        portal.command("user", "add", "ada@example.com", "--role", "owner")
        headers = {"Authorization": f"Bearer {portal.command('key', 'create', '--user', 'ada@example.com')}"}
        made = httpx.post(f"{portal.url}/api/v2/attachments", json={"name": "a.bin"}, headers=headers).json()

        status = half_sent(made["upload_url"])
        left = [path for path in (data_dir / "attachments").rglob("*") if path.is_file()]
        again = httpx.put(made["upload_url"], content=b"again")
        chunked = httpx.post(f"{portal.url}/api/v2/attachments", json={"name": "b.bin"}, headers=headers).json()
        in_chunks = httpx.put(chunked["upload_url"], content=iter([b"one", b"two"]))

    assert (status, left) == ("400", [])
    assert (again.status_code, in_chunks.status_code) == (200, 200)
