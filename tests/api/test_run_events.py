"""Following new runs as server-sent events."""

from __future__ import annotations

import contextlib
import json
import socket
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from portal.live import run_events
from portal.live.run_events import RunEvents, RunStream
from portal.models import ApiKey, Station, User
from portal.services import members, teams
from portal.services.actors import SYSTEM
from portal.services.api_keys import create_user_key
from portal.services.run_notices import Filter
from tests.cast import record
from tests.core.conftest import Api
from tests.waiting import eventually

Fresh = Callable[[str], str]
PATH = "/api/v2/runs/events"


class Reader:
    """Somebody who follows."""

    def __init__(self, response: httpx.Response) -> None:
        self.response = response
        self._lines = response.iter_lines()

    def line(self) -> str:
        """The next line that is not empty; raises StopIteration at the end."""
        return next(line for line in self._lines if line)

    def event(self) -> tuple[int, dict[str, Any]]:
        """The next event."""
        lines = []
        for line in self._lines:
            if line.startswith(":"):
                continue
            if not line and lines:
                break
            if line:
                lines.append(line.split(": ", 1))
        found = dict(lines)
        assert found["event"] == "run.finished"
        return int(found["id"]), json.loads(found["data"])

    def is_over(self) -> bool:
        """Whether nothing but comments comes until the end, or the cut."""
        with contextlib.suppress(httpx.RemoteProtocolError):
            return all(line.startswith(":") or not line for line in self._lines)
        return True


@contextlib.contextmanager
def following(api: Api, who: str, query: str = "", **headers: str) -> Iterator[Reader]:
    headers["Authorization"] = f"Bearer {api.keys[who]}"
    with httpx.stream("GET", f"{api.url}{PATH}{query}", headers=headers, timeout=20) as response:
        assert response.status_code == 200, response.read()
        reader = Reader(response)
        assert reader.line() == ": new runs"
        yield reader


def store(api: Api, who: str = "dev", **changes: Any) -> str:
    answer = api.post_run(who, record(api.cast, **changes))
    assert answer.status_code == 200, answer.text
    return str(answer.json()["id"])


@pytest.fixture
def hub(api: Api) -> Iterator[RunEvents]:
    """The portal's own, with its heartbeat and bounds as they were afterwards. All streams have ended."""
    found = api.fleet.run_events
    yield found
    found.heartbeat_s = run_events.HEARTBEAT_S
    found._end_all()
    eventually(lambda: found.count() == 0)


@pytest.mark.parametrize("who", ["vera", "bench"])
def test_a_stored_run_is_told_to_all_who_follow(api: Api, hub: RunEvents, fresh: Fresh, who: str) -> None:
    with following(api, who) as first, following(api, "dev") as second:
        assert first.response.headers["Content-Type"] == "text/event-stream; charset=utf-8"
        assert api.database.engine.pool.checkedout() == 0  # type: ignore[attr-defined]  # streams are open for hours
        serial = fresh("SN")

        run_id = store(api, "bench", serial_number=serial)

        ordinal, run = first.event()
        assert second.event() == (ordinal, run)
    assert (run["id"], run["serial_number"], run["outcome"]) == (run_id, serial, "PASS")
    assert run["station"] == {"id": api.cast.station.id, "name": "Bench 7"}
    assert run["procedure"]["name"] == "PCBA functional test"


def test_filters_leave_out_the_others(api: Api, hub: RunEvents) -> None:
    by_station = f"?created_by_station_ids={api.cast.station.id}"
    by_procedure = f"?procedure_ids={api.cast.other_procedure.id.upper()}"
    with following(api, "vera", by_station) as of_station, following(api, "vera", by_procedure) as of_procedure:
        store(api, "dev")
        mine = store(api, "bench")
        other = store(api, "otto", procedure_id=api.cast.other_procedure.id)

        assert of_station.event()[1]["id"] == mine
        assert of_procedure.event()[1]["id"] == other


def test_who_comes_back_is_told_what_was_missed_and_goes_on(
    api: Api, hub: RunEvents, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_events, "PAGE", 2)
    with following(api, "vera") as before:
        store(api)
        last, _ = before.event()
    missed = [store(api) for _ in range(5)]

    with following(api, "vera", **{"Last-Event-ID": str(last)}) as after:
        told = [after.event()[1]["id"] for _ in missed]
        eventually(lambda: hub._listening)
        new = store(api)
        assert after.event()[1]["id"] == new

    assert told == missed


def test_silence_is_broken_by_comments(api: Api, hub: RunEvents) -> None:
    hub.heartbeat_s = 0.05

    with following(api, "vera") as reader:
        assert [reader.line(), reader.line()] == [": still here"] * 2


def test_a_revoked_key_ends_the_stream(api: Api, hub: RunEvents) -> None:
    hub.heartbeat_s = 0.05
    with api.database.open() as db:
        vera = db.session.get_one(User, api.cast.vera.id)
        api.keys["guest"] = create_user_key(db, SYSTEM, vera, "guest")

    with following(api, "guest") as reader:
        with api.database.open() as db, db.write():
            key = db.session.query(ApiKey).filter_by(name="guest").one()
            key.revoked_at = key.created_at
        assert reader.is_over()


def test_a_full_portal_refuses_and_an_ended_stream_makes_room(api: Api, hub: RunEvents) -> None:
    most = api.fleet.settings.max_sockets
    streams = [hub.follow(Filter(), None, lambda: True, None) for _ in range(most)]

    refused = api.call("vera", "GET", PATH)

    assert (refused.status_code, refused.headers["Retry-After"]) == (503, "10")
    assert refused.json()["code"] == "SERVICE_UNAVAILABLE"
    streams.pop().close()
    with following(api, "vera"):
        pass
    for stream in streams:
        stream.close()


def test_who_does_not_read_is_cut_and_holds_up_nobody(
    api: Api, hub: RunEvents, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_events, "MOST_WAITING", 3)
    ours, peer = socket.socketpair()
    stalled: RunStream = hub.follow(Filter(), None, lambda: True, ours)
    next(stalled)  # and then its thread is stuck in sending

    with following(api, "vera") as reader:
        stored = [store(api) for _ in range(5)]
        assert [reader.event()[1]["id"] for _ in stored] == stored

    assert peer.recv(1) == b""  # its connection was shut, which frees the thread
    with pytest.raises(StopIteration):
        next(stalled)
    stalled.close()
    ours.close()
    peer.close()


@pytest.mark.parametrize(
    ("query", "headers", "status"),
    [
        ("?procedure_ids=x", {}, 400),
        ("?outcomes=PASS", {}, 400),
        ("", {"Last-Event-ID": "x"}, 400),
        ("", {"Last-Event-ID": "9" * 30}, 400),
        ("", {"Last-Event-ID": "²"}, 400),
    ],
)  # fmt: skip
def test_what_cannot_be_followed_is_refused(api: Api, query: str, headers: dict[str, str], status: int) -> None:
    headers = {name: value.encode("latin-1") for name, value in headers.items()}  # type: ignore[misc]
    assert api.call("vera", "GET", PATH + query, headers=headers).status_code == status


def test_who_only_asks_for_the_head_leaves_no_stream_behind(api: Api, hub: RunEvents) -> None:
    assert api.call("vera", "HEAD", PATH).status_code == 200
    eventually(lambda: hub.count() == 0)


def test_nobody_follows_without_a_key(api: Api) -> None:
    assert api.call(None, "GET", PATH).status_code == 401


def test_a_viewer_follows_the_stations_of_their_team_and_the_stream_ends_when_that_changes(
    api: Api, hub: RunEvents
) -> None:
    with api.database.open() as db:
        mine, others = teams.create_team(db, SYSTEM, "Mine"), teams.create_team(db, SYSTEM, "Others")
        teams.set_teams(db, SYSTEM, api.cast.vera.id, [mine.id])
        with db.write():
            db.session.get_one(Station, api.cast.station.id).team_id = others.id
    with following(api, "vera") as vera, following(api, "dev") as dev:
        hidden, seen = store(api, "bench"), store(api, "dev")
        assert [dev.event()[1]["id"] for _ in range(2)] == [hidden, seen]
        assert vera.event()[1]["id"] == seen

        with api.database.open() as db:
            teams.set_teams(db, SYSTEM, api.cast.vera.id, [others.id])
        assert vera.is_over()
    with following(api, "vera", **{"Last-Event-ID": "0"}) as vera:
        told = [vera.event()[1]["id"]]
        while told[-1] != seen:
            told.append(vera.event()[1]["id"])
        assert hidden in told

        with api.database.open() as db:
            members.remove_member(db, SYSTEM, api.cast.vera.id)
        assert vera.is_over()
    assert api.call("vera", "GET", PATH).status_code == 401
