from __future__ import annotations

import json
import socket
import stat
import threading
from pathlib import Path

import pytest
from werkzeug.serving import make_ssl_devcert

from station.credentials import load_credentials
from station.home import Home, InstanceLock
from station.settings import load_settings
from tests.agent.conftest import TOKEN, StationCommand
from tests.agent.fake_portal import KEY, FakePortal
from tests.agent.program import Program


def test_a_token_becomes_credentials_that_only_the_owner_can_read(
    portal: FakePortal, home: Home, station_command: StationCommand
) -> None:
    result = station_command("enrol", "--portal", portal.url + "/", "--token", TOKEN)

    assert result.exit_code == 0
    assert 'station "Bench 7"' in result.stdout
    assert f"stationmaster station run --home {home.root}" in result.stdout
    assert stat.S_IMODE(home.root.stat().st_mode) == 0o700
    assert stat.S_IMODE(home.credentials_folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(home.credentials_file.stat().st_mode) == 0o600
    stored = json.loads(home.credentials_file.read_text())
    assert stored["api_key"] == KEY
    assert stored["portal_url"] == portal.url
    assert stored["station_name"] == "Bench 7"
    assert portal.enrolments[0]["hostname"] == socket.gethostname()


def test_the_key_is_never_printed(portal: FakePortal, home: Home, station_command: StationCommand) -> None:
    result = station_command("enrol", "--portal", portal.url, "--token", TOKEN)

    assert KEY not in result.output
    assert KEY not in repr(load_credentials(home))


@pytest.mark.parametrize(
    "message",
    [
        "This setup token was already used: they are single-use. Create a new one on the station's page.",
        "This setup token expired after one hour. Create a new one on the station's page.",
        "This setup token is not known.",
    ],
)
def test_the_portals_refusal_is_one_line_and_nothing_is_stored(
    portal: FakePortal, home: Home, station_command: StationCommand, message: str
) -> None:
    portal.refusals_by_token[TOKEN] = message

    result = station_command("enrol", "--portal", portal.url, "--token", TOKEN)

    assert result.exit_code == 1
    assert message in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert not home.credentials_file.exists()
    assert list(home.credentials_folder.iterdir()) == []


def test_a_second_enrolment_needs_replace(portal: FakePortal, enrolled: Home, station_command: StationCommand) -> None:
    portal.refusals_by_token["U" * 64] = None

    refused = station_command("enrol", "--portal", portal.url, "--token", "U" * 64)
    portal.station_name, portal.replaced_installations = "Bench 8", 1
    replaced = station_command("enrol", "--portal", portal.url, "--token", "U" * 64, "--replace")

    assert refused.exit_code == 1
    assert "--replace" in refused.stderr
    assert len(refused.stderr.splitlines()) == 1
    assert replaced.exit_code == 0
    assert "1 earlier installation" in replaced.stderr
    stored = load_credentials(enrolled)
    assert stored is not None
    assert stored.station_name == "Bench 8"


def _refused(station_command: StationCommand, url: str) -> str:
    result = station_command("enrol", "--portal", url, "--token", TOKEN)
    assert result.exit_code == 1
    assert len(result.stderr.splitlines()) == 1
    return result.stderr


def test_nothing_listens_there(home: Home, station_command: StationCommand) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: refuses connections

        line = _refused(station_command, f"http://127.0.0.1:{taken.getsockname()[1]}")

    assert "nothing listens" in line
    assert not home.credentials_file.exists()


def test_the_name_is_not_known(station_command: StationCommand) -> None:
    assert "portal.invalid is not known" in _refused(station_command, "http://portal.invalid:8000")


def test_no_tls_there(portal: FakePortal, station_command: StationCommand) -> None:
    assert "TLS" in _refused(station_command, portal.url.replace("http:", "https:"))


def test_the_connection_breaks_off(station_command: StationCommand) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=lambda: server.accept()[0].close(), daemon=True).start()

        line = _refused(station_command, f"http://127.0.0.1:{server.getsockname()[1]}")

    assert "broke off" in line


def test_a_page_that_is_not_ours(portal: FakePortal, station_command: StationCommand) -> None:
    portal.intercept = lambda: ("<html>Router</html>", 404)

    assert "not a Stationmaster portal" in _refused(station_command, portal.url)


def test_a_page_that_is_not_ours_but_well(portal: FakePortal, station_command: StationCommand) -> None:
    portal.intercept = lambda: ("<html>Welcome</html>", 200)

    assert "not a Stationmaster portal" in _refused(station_command, portal.url)


@pytest.mark.parametrize(
    "url", ["portal.example:8000", "ftp://portal.example", "http://", "http://a:b@c", "http://x:99999", "http://[::1"]
)
def test_an_address_that_is_none(station_command: StationCommand, url: str) -> None:
    assert "is not a portal's address" in _refused(station_command, url)


def test_a_home_that_cannot_be_written(portal: FakePortal, tmp_path: Path, station_command: StationCommand) -> None:
    (tmp_path / "home").write_text("a file")

    assert "cannot be written" in _refused(station_command, portal.url)
    assert portal.refusals_by_token[TOKEN] is None  # the token is not spent


def test_while_the_station_runs_it_is_not_enrolled_anew(
    portal: FakePortal, enrolled: Home, station_command: StationCommand
) -> None:
    with InstanceLock(enrolled):
        line = _refused(station_command, portal.url)

    assert "already runs in this home" in line


def test_bench_and_autopilot_are_kept_and_checked_before_the_token_is_spent(
    portal: FakePortal, home: Home, tmp_path: Path, station_command: StationCommand
) -> None:
    plan = tmp_path / "autopilot.json"
    plan.write_text('{"procedure": "pcba_functional", "serials": "SN-{m}"}')
    words = ("enrol", "--portal", portal.url, "--token", TOKEN, "--bench", "pcba", "--autopilot", str(plan))

    refused = station_command(*words)
    plan.write_text('{"procedure": "pcba_functional", "serials": "SN-{n:03d}", "pause_s": 0.5}')
    accepted = station_command(*words)

    assert refused.exit_code == 1
    assert "serials" in refused.stderr
    assert accepted.exit_code == 0
    settings = load_settings(home)
    assert settings.visa_library == "pcba@bench"
    assert settings.is_simulated
    assert settings.autopilot is not None
    assert settings.autopilot.serial_number(7) == "SN-007"


@pytest.mark.parametrize("name", ["nosuch", "nosuch@bench", "nosuch@nothing", "broken.yaml"])
def test_a_bench_that_cannot_be_opened_is_refused_before_the_token_is_spent(
    portal: FakePortal, home: Home, tmp_path: Path, station_command: StationCommand, name: str
) -> None:
    (tmp_path / "broken.yaml").write_text("bench: {name: broken}\n")
    bench = str(tmp_path / name) if name.endswith(".yaml") else name

    result = station_command("enrol", "--portal", portal.url, "--token", TOKEN, "--bench", bench)

    assert result.exit_code == 1
    assert len(result.stderr.splitlines()) == 1
    assert name.partition("@")[0] in result.stderr
    assert portal.enrolments == []
    assert not home.credentials_file.exists()


@pytest.mark.parametrize("name", ["pcba", "@bench", "pcba@bench"])
def test_every_way_to_name_a_bench_is_accepted(
    portal: FakePortal, home: Home, station_command: StationCommand, name: str
) -> None:
    result = station_command("enrol", "--portal", portal.url, "--token", TOKEN, "--bench", name)

    assert result.exit_code == 0
    assert load_settings(home).visa_library == (name if name.endswith("@bench") else f"{name}@bench")


def test_a_certificate_that_is_none(
    portal: FakePortal, home: Home, tmp_path: Path, station_command: StationCommand
) -> None:
    pem = tmp_path / "ca.pem"
    pem.write_text("not a certificate")

    result = station_command("enrol", "--portal", portal.url, "--token", TOKEN, "--ca-cert", str(pem))

    assert result.exit_code == 1
    assert "not a PEM certificate" in result.stderr


def test_a_private_ca_is_trusted_when_asked_for_also_by_the_link(
    home: Home, tmp_path: Path, station_command: StationCommand
) -> None:
    certificate, key = make_ssl_devcert(str(tmp_path / "portal"), host="localhost")
    with FakePortal(tls=(certificate, key)) as portal:
        portal.refusals_by_token[TOKEN] = None

        refused = _refused(station_command, portal.url)
        accepted = station_command("enrol", "--portal", portal.url, "--token", TOKEN, "--ca-cert", certificate)

        assert "its certificate is not trusted" in refused
        assert accepted.exit_code == 0
        with Program(home) as program:
            program.says(f"is connected to {portal.url}")
