"""Runs as lines of NDJSON."""

from __future__ import annotations

import json
from collections.abc import Callable

import httpx
import pytest

from tests.cast import record
from tests.core.conftest import Api

Fresh = Callable[[str], str]
NDJSON = {"Content-Type": "application/x-ndjson"}


def send(api: Api, who: str, lines: list[object], **headers: str) -> httpx.Response:
    body = b"\n".join(line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines)
    return api.call(who, "POST", "/api/v2/runs/batch", content=body, headers=NDJSON | headers)


@pytest.mark.parametrize("who", ["dev", "bench"])
def test_each_line_is_stored_or_refused_on_its_own(api: Api, fresh: Fresh, who: str) -> None:
    good = [record(api.cast, serial_number=fresh("SN")) for _ in range(2)]
    late = record(api.cast, ended_at="2026-11-22T11:00:00Z")

    answer = send(api, who, [good[0], b"{", b"", late, record(api.cast, serial_number=""), b"[]", good[1], b""])

    assert answer.status_code == 200
    entries = answer.json()
    assert [one["line"] for one in entries] == [1, 2, 4, 5, 6, 7]
    assert [one.get("error", {}).get("code") for one in entries] == [
        None, "BAD_REQUEST", "UNPROCESSABLE_CONTENT", "BAD_REQUEST", "BAD_REQUEST", None,
    ]  # fmt: skip
    assert entries[3]["error"]["issues"][0]["path"] == ["serial_number"]
    for sent, entry in zip(good, (entries[0], entries[-1]), strict=True):
        stored = api.call(who, "GET", f"/api/v2/runs/{entry['id']}").json()
        assert stored["unit"]["serial_number"] == sent["serial_number"]


def test_a_batch_sent_again_stores_nothing_twice(api: Api, fresh: Fresh) -> None:
    lines = [record(api.cast, serial_number=fresh("SN"), client_run_ref=fresh("ref")) for _ in range(3)]

    first = send(api, "bench", lines[:2]).json()
    second = send(api, "bench", lines).json()

    assert second[:2] == first
    assert len({one["id"] for one in second}) == 3


def test_an_idempotency_key_covers_the_whole_batch(api: Api, fresh: Fresh) -> None:
    lines: list[object] = [record(api.cast, serial_number=fresh("SN")), b"{"]
    key = {"Idempotency-Key": fresh("key")}

    first, again = (send(api, "bench", lines, **key) for _ in range(2))

    assert first.json() == again.json()
    assert send(api, "bench", lines[:1], **key).status_code == 409


def test_what_is_no_batch_is_refused_whole(api: Api, fresh: Fresh) -> None:
    serial = fresh("SN")
    line = json.dumps(record(api.cast, serial_number=serial)).encode()

    as_json = api.call("dev", "POST", "/api/v2/runs/batch", json=[])
    empty = send(api, "dev", [b"", b"  "])
    too_many = send(api, "dev", [line] * 1001)

    assert (as_json.status_code, empty.status_code, too_many.status_code) == (415, 400, 400)
    assert "1001 lines: at most 1000" in too_many.json()["message"]
    assert api.call("dev", "GET", f"/api/v2/runs?serial_numbers={serial}").json()["data"] == []


def test_viewers_and_unlinked_stations_store_nothing(api: Api, fresh: Fresh) -> None:
    line = record(api.cast, serial_number=fresh("SN"))

    assert send(api, "vera", [line]).status_code == 403
    (entry,) = send(api, "otto", [line]).json()
    assert entry["error"]["code"] == "FORBIDDEN"
