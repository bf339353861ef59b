"""What bad input gets, from the commands and sockets of the real programs: one clear line, nothing lost."""

from __future__ import annotations

import subprocess
from pathlib import Path

import httpx
import pytest
from websockets.sync.client import connect

from bench_sim.fleet import FleetError, SimulatedStation, command
from station.protocol import Refused, Welcome, read_from_portal
from tests.e2e.programs import PASSWORD, PortalProcess, free_port
from tests.waiting import eventually


def refused(*words: str) -> str:
    """Run a command that must refuse: its only line on stderr."""
    done = subprocess.run(command(*words), capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode != 0
    assert "Traceback" not in done.stdout + done.stderr
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    assert len(lines) == 1, done.stderr
    return lines[0]


@pytest.fixture(scope="module")
def shared(tmp_path_factory) -> PortalProcess:
    with PortalProcess(tmp_path_factory.mktemp("portal") / "data") as process:
        process.command("station", "create", "Bench 7")
        yield process


def enrol(shared: PortalProcess, token: str, home: Path) -> str:
    return refused("station", "enrol", "--portal", shared.url, "--token", token, "--home", str(home))


def test_a_wrong_token(shared, tmp_path):
    assert "token" in enrol(shared, "x" * 64, tmp_path / "home")
    assert not SimulatedStation(tmp_path / "home").is_enrolled


def test_a_used_token(shared, tmp_path):
    token = shared.command("token", "create", "--station", "Bench 7")
    SimulatedStation(tmp_path / "first").enrol(shared.url, token)

    assert "already used" in enrol(shared, token, tmp_path / "second")


def test_a_replaced_token(shared, tmp_path):
    older = shared.command("token", "create", "--station", "Bench 7")
    shared.command("token", "create", "--station", "Bench 7")

    enrol(shared, older, tmp_path / "home")


def test_a_portal_that_is_not_there(tmp_path):
    url = f"http://127.0.0.1:{free_port()}"

    line = refused("station", "enrol", "--portal", url, "--token", "x" * 64, "--home", str(tmp_path / "home"))

    assert url in line


def test_a_port_that_is_taken(shared, tmp_path):
    line = refused("portal", "serve", "--port", str(shared.port), "--data-dir", str(tmp_path / "other"))

    assert str(shared.port) in line
    assert "taken" in line


def test_a_second_portal_on_the_same_data(shared):
    line = refused("portal", "serve", "--port", str(free_port()), "--data-dir", str(shared.data_dir))

    assert str(shared.data_dir) in line
    assert "already serves" in line
    assert shared.is_healthy()


def test_a_second_program_in_the_same_home(shared, tmp_path):
    with SimulatedStation(tmp_path / "home", tmp_path / "log") as station:
        station.enrol(shared.url, shared.command("token", "create", "--station", "Bench 7"))
        station.start()
        eventually(lambda: "is connected" in station.log_text(), within_s=15)

        line = refused("station", "run", "--home", str(station.home))

        assert str(station.pid) in line
        assert station.is_running


@pytest.mark.parametrize("name", ["", "   ", "x" * 61, "BENCH 7"])
def test_a_station_name_that_cannot_be(shared, name):
    with pytest.raises(FleetError) as refusal:
        shared.command("station", "create", name)

    assert len(str(refusal.value).splitlines()) == 1


def test_a_body_that_is_not_json(shared):
    key = shared.command("key", "create", "--station", "Bench 7")
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}

    answer = httpx.post(f"{shared.url}/api/v2/runs", content=b"{not json", headers=headers)

    assert answer.status_code == 400
    assert {"message", "code"} <= answer.json().keys()


def test_garbage_on_the_stations_socket_is_answered_and_the_link_lives(shared):
    key = shared.command("key", "create", "--station", "Bench 7")
    address = shared.url.replace("http", "ws") + "/api/station/link"
    with connect(address, additional_headers={"Authorization": f"Bearer {key}"}, compression=None) as link:
        for garbage in ("not json", "[]", '{"type": "heartbeat", "uploads_waiting": "many"}', "\x00", b"\xff\xfe"):
            link.send(garbage)
            assert isinstance(read_from_portal(link.recv(timeout=5)), Refused)
        hello = '{"type": "hello", "hardware": {"hostname": "h", "os": "o", "platform": "p", "program_version": "1"}}'
        link.send(hello)
        link.send('{"type": "from_the_future"}')  # ignored, and not answered
        link.send(hello)  # again on the same link: greeted again, not cut
        answers = [read_from_portal(link.recv(timeout=5)) for _ in range(2)]

    assert [type(answer) for answer in answers] == [Welcome, Welcome]


def test_the_stations_socket_refuses_a_wrong_key(shared):
    address = shared.url.replace("http", "ws") + "/api/station/link"

    answer = httpx.get(
        address.replace("ws", "http", 1),
        headers={"Authorization": "Bearer sms_wrong", "Connection": "Upgrade", "Upgrade": "websocket",
                 "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version": "13"},
    )  # fmt: skip

    assert answer.status_code == 401
    assert answer.json()["code"] == "UNAUTHORIZED"


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/live/fleet", {}, 401),
        ("/live/fleet", {"Origin": "https://elsewhere.example"}, 403),
        ("/live/stations/no-such-station", {}, 404),
    ],
)
def test_a_feed_is_refused_before_it_opens(shared, path, headers, status):
    upgrade = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Version": "13",
        "Origin": shared.url,
    }
    with httpx.Client(base_url=shared.url) as browser:
        if status == 404:
            shared.command("user", "add", "a@example.com", "--role", "viewer", "--password-stdin", stdin=PASSWORD)
            form = {"email": "a@example.com", "password": PASSWORD}
            assert browser.post("/sign-in", data=form, headers={"Origin": shared.url}).status_code == 303
        answer = browser.get(path, headers={**upgrade, **headers})

    assert answer.status_code == status
