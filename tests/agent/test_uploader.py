from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from flask import Response, request
from hypothesis import given
from hypothesis import strategies as st

from station.outbox import Outbox
from station.portal_api import PortalApi
from station.protocol import UploadNews
from station.record import RunRecord
from station.stored_record import StoredRecord
from station.uploader import DELAYS_S, JITTER, Uploader, delay_s
from tests.agent.cast import credentials, record
from tests.agent.fake_portal import STATION_ID, FakePortal, refusal
from tests.waiting import eventually


class Bench:
    """An outbox, its uploader, and what it told."""

    def __init__(self, folder: Path, portal_url: str) -> None:
        self.runs = folder / "runs"
        self.outbox = Outbox(folder / "outbox.db")
        self.news: list[UploadNews] = []
        self._api = PortalApi.of(credentials(portal_url))
        self.uploader = Uploader(self.outbox, self._api, STATION_ID, self.runs, self.news.append)

    def put(self, made: RunRecord) -> str:
        self.outbox.put(made, STATION_ID)
        self.uploader.wake()
        return made.execution_id

    def state(self, execution_id: str) -> str:
        return self.get(execution_id).state

    def get(self, execution_id: str) -> StoredRecord:
        found = self.outbox.find(execution_id)
        assert found is not None
        return found

    def close(self) -> None:
        self._api.close()
        self.uploader.stop()
        self.outbox.close()


@pytest.fixture
def bench(tmp_path: Path, portal: FakePortal) -> Iterator[Bench]:
    bench = Bench(tmp_path, portal.url)
    bench.uploader.start()
    yield bench
    bench.close()


def for_runs(answer: Callable[[], Any]) -> Callable[[], Any]:
    return lambda: answer() if request.path == "/api/v2/runs" else None


def test_a_record_and_its_files_arrive_once(bench: Bench, portal: FakePortal, tmp_path: Path) -> None:
    (tmp_path / "curve.csv").write_bytes(b"1;2" * 100_000)

    execution_id = bench.put(made := record(files=(tmp_path / "curve.csv",)))

    eventually(lambda: bench.state(execution_id) == "done")
    run_id, body = portal.runs_by_key[execution_id]
    assert json.loads(body) == made.body
    attachment = portal.attachments_by_key[f"{execution_id}:0"]
    assert (attachment["run_id"], attachment["name"], attachment["phase"]) == (run_id, "curve.csv", "rails")
    assert portal.uploads[attachment["id"]] == b"1;2" * 100_000
    assert portal.puts == [(attachment["id"], None)]  # the key goes to the portal only
    eventually(lambda: [news.state for news in bench.news] == ["uploading", "done"])
    assert bench.news[-1].run_id == run_id
    assert bench.news[-1].uploads_waiting == 0


@pytest.mark.parametrize("status", [400, 404, 409, 413, 422])
def test_a_refused_record_is_parked_with_the_portals_words_and_holds_up_no_other(
    bench: Bench, portal: FakePortal, status: int
) -> None:
    bad = record("BAD")
    portal.intercept = for_runs(
        lambda: (
            refusal(status, "X", "Serial number is too long.")
            if request.headers["Idempotency-Key"] == bad.execution_id
            else None
        )
    )

    refused, good = bench.put(bad), bench.put(record())

    eventually(lambda: bench.state(good) == "done")
    assert bench.state(refused) == "parked"
    assert bench.get(refused).why == "Serial number is too long."


@pytest.mark.parametrize("status", [401, 403, 408, 429, 500, 503, 507])
def test_what_time_can_heal_waits(bench: Bench, portal: FakePortal, status: int) -> None:
    portal.intercept = for_runs(lambda: refusal(status, "X", "Not now."))

    execution_id = bench.put(record())

    eventually(lambda: bench.state(execution_id) == "waiting")
    assert bench.get(execution_id).why == "Not now."
    portal.intercept = lambda: None
    bench.uploader.portal_is_back()
    eventually(lambda: bench.state(execution_id) == "done")


@pytest.mark.parametrize("status", [302, 400, 404, 502])
def test_a_proxys_page_parks_nothing(bench: Bench, portal: FakePortal, status: int) -> None:
    portal.intercept = for_runs(lambda: ("<html>Proxy</html>", status))

    execution_id = bench.put(record())

    eventually(lambda: bench.state(execution_id) == "waiting")


def test_the_portals_own_time_is_kept_when_the_link_comes_back(bench: Bench, portal: FakePortal) -> None:
    portal.intercept = for_runs(lambda: refusal(429, "BUSY", "Too many.", {"Retry-After": "900"}))
    execution_id = bench.put(record())
    eventually(lambda: bench.state(execution_id) == "waiting")
    portal.intercept = lambda: None

    bench.uploader.portal_is_back()
    other = bench.put(record())

    eventually(lambda: bench.state(other) == "done")
    waiting = bench.get(execution_id)
    assert waiting.state == "waiting"
    assert waiting.last_try_at is not None
    assert 895 < waiting.next_try_at - waiting.last_try_at < 905


def test_while_the_portal_is_away_records_wait_and_all_arrive_when_it_is_back(bench: Bench, portal: FakePortal) -> None:
    portal.stop()
    ids = [bench.put(record(f"SN-{n}")) for n in range(5)]
    eventually(lambda: any(news.state == "waiting" for news in bench.news))

    portal.start()
    bench.uploader.portal_is_back()

    eventually(lambda: all(bench.state(execution_id) == "done" for execution_id in ids))
    assert portal.run_requests == 5


def test_a_lost_reply_stores_nothing_twice(bench: Bench, portal: FakePortal) -> None:
    lost: list[str] = []

    def lose_the_first_reply() -> Response | None:
        if request.path == "/api/v2/runs" and not lost:
            lost.append("once")
            portal._create_run()  # stored, but the station hears of a proxy's time-out
            return Response("<html>504</html>", 504)
        return None

    portal.intercept = lose_the_first_reply

    execution_id = bench.put(record())
    eventually(lambda: bench.state(execution_id) == "waiting")
    bench.uploader.portal_is_back()

    eventually(lambda: bench.state(execution_id) == "done")
    assert portal.run_requests == 2
    assert len(portal.runs_by_key) == 1


def test_after_a_failure_only_the_missing_files_are_sent(bench: Bench, portal: FakePortal, tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).write_text(name)
    portal.intercept = lambda: (
        refusal(503, "BUSY", "Disk is slow.")
        if request.method == "PUT" and portal.puts  # the first file passes
        else None
    )
    execution_id = bench.put(record(files=(tmp_path / "a", tmp_path / "b")))
    eventually(lambda: bench.state(execution_id) == "waiting")

    portal.intercept = lambda: None
    bench.uploader.portal_is_back()

    eventually(lambda: bench.state(execution_id) == "done")
    assert [portal.uploads[attachment_id] for attachment_id, _ in portal.puts] == [b"a", b"b"]
    assert portal.run_requests == 1


def test_a_missing_a_changed_and_a_refused_file_are_said_and_the_others_sent(
    bench: Bench, portal: FakePortal, tmp_path: Path
) -> None:
    files = [tmp_path / name for name in ("changed", "large", "missing", "whole")]
    for file in files:
        file.write_text(file.name)
    made = record(files=tuple(files))
    portal.intercept = lambda: (
        refusal(413, "TOO_LARGE", "A file may have 1 GiB.")
        if request.method == "POST" and "attachments" in request.path and request.get_json()["name"] == "large"
        else None
    )
    bench.uploader.stop()
    bench.outbox.put(made, STATION_ID)
    files[0].write_text("other bytes")
    files[2].unlink()

    again = Uploader(bench.outbox, bench._api, STATION_ID, bench.runs, bench.news.append)
    again.start()

    eventually(lambda: bench.state(made.execution_id) == "parked")
    again.stop()
    why = bench.get(made.execution_id).why
    assert why is not None
    assert "changed was changed after the run" in why
    assert "large: A file may have 1 GiB." in why
    assert "missing is missing" in why
    assert list(portal.uploads.values()) == [b"whole"]
    assert made.execution_id in portal.runs_by_key


def test_a_row_that_does_not_parse_is_parked(bench: Bench) -> None:
    with closing(sqlite3.connect(bench.outbox.path)) as other, other:
        other.execute(
            "INSERT INTO records (execution_id, body, state, queued_at) VALUES ('odd', '{\"half', 'queued', 1.0)"
        )

    eventually(lambda: bench.state("odd") == "parked")
    assert bench.get("odd").body == '{"half'


def test_a_retry_by_another_process_is_seen(bench: Bench, portal: FakePortal) -> None:
    portal.intercept = for_runs(lambda: refusal(404, "NOT_FOUND", "No such procedure."))
    execution_id = bench.put(record())
    eventually(lambda: bench.state(execution_id) == "parked")
    portal.intercept = lambda: None

    with closing(Outbox(bench.outbox.path)) as other:
        other.retry(execution_id)

    eventually(lambda: bench.state(execution_id) == "done")


@given(st.integers(1, 10_000), st.floats(0, 1, exclude_max=True))
def test_the_pause_grows_to_five_minutes_and_never_leaves_its_bounds(tries: int, chance: float) -> None:
    base = DELAYS_S[min(tries, len(DELAYS_S)) - 1]

    assert base * (1 - JITTER) <= delay_s(tries, chance) <= base * (1 + JITTER)
    assert delay_s(tries, chance) <= delay_s(tries + 1, chance)


def test_a_key_that_asked_too_often_makes_all_records_wait_and_none_is_parked(bench: Bench, portal: FakePortal) -> None:
    asked: list[str] = []

    def too_many() -> object:
        asked.append(request.headers["Idempotency-Key"])
        return (
            refusal(429, "TOO_MANY_REQUESTS", "Too many requests.", {"Retry-After": "1"}) if len(asked) == 1 else None
        )

    portal.intercept = for_runs(too_many)

    ids = [bench.put(record(f"SN-{n}")) for n in range(20)]

    eventually(lambda: all(bench.state(execution_id) == "done" for execution_id in ids), within_s=20)
    assert len(asked) == 21  # one was told to wait, and nobody asked again before it was time
    assert not [news for news in bench.news if news.state == "parked"]
