"""The kiosk's door: who gets through, on real sockets and with real requests, and who does not."""

from __future__ import annotations

import http.client
import socket
import stat
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from click.testing import CliRunner
from websockets.exceptions import InvalidStatus
from websockets.sync.client import ClientConnection, connect

from station.cli import station
from station.home import Home
from station.journal import Journal
from station.kiosk.access import LINK_LIVES_S, Door, entrance, load_key, renew_key
from station.kiosk.kiosk import KioskProgram
from station.kiosk.operator import BenchOperator
from station.kiosk.screen import BenchFacts
from station.kiosk.server import MOST_CONNECTIONS
from station.kiosk.web import MOST_BROWSERS, cookie_name
from station.operator_view import Kiosk, ProcedureChoice
from station.outbox import Outbox
from station.protocol import AnyCommand, CommandResult, RunCommand, Stop
from station.record import RunRecord
from stationmaster.cli_errors import Refusal
from tests.agent.conftest import StationCommand
from tests.waiting import eventually

FORM = {"Content-Type": "application/x-www-form-urlencoded", "HX-Request-Type": "partial"}


@dataclass
class Bench:
    """A station program, as far as its kiosk knows it."""

    person: BenchOperator
    obeyed: list[AnyCommand] = field(default_factory=list)

    def journal(self) -> Journal | None:
        return None

    def bench_facts(self) -> BenchFacts:
        return BenchFacts("s1", "Bench 7", (ProcedureChoice("p1", "PCBA"),), Kiosk(operator=self.person.name))

    def obey(self, command: AnyCommand) -> CommandResult:
        self.obeyed.append(command)
        return CommandResult(command_id=command.command_id, is_accepted=True)


@dataclass
class Served:
    """A kiosk that serves, and how to ask it anything."""

    program: KioskProgram
    home: Home
    bench: Bench
    outbox: Outbox

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.program.port}"

    def ask(self, method: str, path: str, body: str | None = None, **headers: str) -> http.client.HTTPResponse:
        asked = {name.replace("_", "-"): text for name, text in headers.items()}
        with closing(http.client.HTTPConnection("127.0.0.1", self.program.port, timeout=10)) as connection:
            connection.request(method, path, body, {**(FORM if body is not None else {}), **asked})
            answer = connection.getresponse()
            answer.text = answer.read().decode()  # type: ignore[attr-defined]
            return answer

    def cookie(self) -> str:
        key = load_key(self.home)
        assert key is not None
        given = self.ask("GET", f"/enter/{entrance(key)}").getheader("Set-Cookie")
        assert given is not None
        return given.partition(";")[0]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    home = Home(tmp_path_factory.mktemp("home"))
    home.prepare()
    person = BenchOperator(home)
    person.change("Maria")
    bench = Bench(person)
    with closing(Outbox(home.outbox_file)) as outbox:
        program = KioskProgram(home, 0, bench, outbox, person, lambda: None)
        program.start()
        yield Served(program, home, bench, outbox)
        program.stop()


@pytest.fixture
def obeyed(served: Served) -> list[AnyCommand]:
    served.bench.obeyed.clear()
    return served.bench.obeyed


def test_a_browser_is_let_in_by_a_link_that_works_once(served: Served) -> None:
    key = load_key(served.home)
    assert key is not None
    link = f"/enter/{entrance(key)}"
    assert served.ask("GET", "/").status == 403

    first, second = served.ask("GET", link), served.ask("GET", link)

    cookie = first.getheader("Set-Cookie") or ""
    assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= {part.strip() for part in cookie.split(";")}
    assert (second.status, second.getheader("Set-Cookie")) == (403, None)
    page = served.ask("GET", "/", Cookie=cookie.partition(";")[0])
    assert page.status == 200
    assert "frame-ancestors 'none'" in (page.getheader("Content-Security-Policy") or "")
    assert key.decode() not in cookie + page.text  # type: ignore[attr-defined]
    assert stat.S_IMODE(served.home.kiosk_key_file.stat().st_mode) == 0o600


def test_a_link_is_worth_nothing_after_a_minute_or_with_another_key(home: Home) -> None:
    home.prepare()
    key, now_s = renew_key(home), [1_000_000.0]
    door = Door(lambda: load_key(home), lambda: now_s[0])
    old, good = entrance(key, now_s[0] - LINK_LIVES_S - 1), entrance(key, now_s[0])

    assert door.enter(old) is None
    for odd in ("", ".", "x", "9.9.9", f"{good}x", f"9{good}"):
        assert door.enter(odd) is None
    cookie = door.enter(good)
    assert door.knows(cookie)
    assert not door.knows(None)
    assert not door.knows(good)
    renew_key(home)
    assert not door.knows(cookie)
    assert door.enter(entrance(key, now_s[0])) is None


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Origin": "https://127.0.0.1:{port}"},
        {"Origin": "{origin}", "Sec_Fetch_Site": "cross-site"},
        {"Origin": "{origin}", "Sec_Fetch_Site": "same-site"},
        {"Sec_Fetch_Site": "none"},
        {"Origin": "http://kiosk.evil.example:{port}", "Host": "kiosk.evil.example:{port}"},
        {"Origin": "{origin}", "Host": "127.0.0.1"},
    ],
)
def test_no_other_page_or_program_starts_or_stops_a_run(
    served: Served, obeyed: list[AnyCommand], headers: dict[str, str]
) -> None:
    sent = {name: text.format(port=served.program.port, origin=served.origin) for name, text in headers.items()}
    cookie = served.cookie()

    for path in ("/run", "/stop", "/kill", "/answer", "/operator", "/retry"):
        assert served.ask("POST", path, "procedure_id=p1", Cookie=cookie, **sent).status == 403
    named = {name.replace("_", "-"): text for name, text in sent.items() if name not in ("Host", "Origin")}
    assert refused_feed(served, {**named, "Cookie": cookie}, sent.get("Origin"), sent.get("Host")) == 403

    assert obeyed == []


def test_a_program_without_the_cookie_does_nothing(served: Served, obeyed: list[AnyCommand]) -> None:
    forged = f"{cookie_name(served.program.port)}=abc.{'0' * 64}"

    for cookie in ("", forged):
        for path in ("/run", "/stop", "/kill", "/answer", "/operator", "/retry"):
            assert served.ask("POST", path, "", Origin=served.origin, Cookie=cookie).status == 403
        assert served.ask("GET", "/", Cookie=cookie).status == 403
        assert refused_feed(served, {"Cookie": cookie}, served.origin) == 403

    assert obeyed == []


def refused_feed(served: Served, headers: dict[str, str], origin: str | None, host: str | None = None) -> int:
    """The status that the feed's handshake is refused with. ``host``: as the browser would have looked it up."""
    address = f"ws://{host or f'127.0.0.1:{served.program.port}'}/live"
    with socket.create_connection(("127.0.0.1", served.program.port)) as raw, pytest.raises(InvalidStatus) as refused:
        connect(address, sock=raw, origin=origin, additional_headers=headers, legacy=True)  # type: ignore[arg-type]
    return refused.value.response.status_code


def test_its_own_page_starts_and_stops(served: Served, obeyed: list[AnyCommand]) -> None:
    own = {"Cookie": served.cookie(), "Origin": served.origin, "Sec_Fetch_Site": "same-origin"}

    assert served.ask("POST", "/run", "procedure_id=p1&serial_number=SN-1", **own).status == 204
    assert served.ask("POST", "/stop", "", **own).status == 204
    assert served.ask("POST", "/operator", "operator=", **own).status == 204
    assert served.ask("POST", "/run", "procedure_id=p1", **own).status == 422  # nobody has said to be here
    assert served.ask("POST", "/stop", "", **own).status == 204  # which never waits for a name
    assert served.ask("POST", "/operator", "operator=%20Maria%0D%0A", **own).status == 204
    assert served.ask("POST", "/retry", "execution_id=unknown", **own).status == 422
    assert served.ask("POST", "/run", "x=" + "a" * 70_000, **own).status == 413

    started, stopped, stopped_by_somebody = obeyed
    assert isinstance(started, RunCommand)
    assert (started.asked_by, started.procedure_id, started.serial_number) == ("Maria", "p1", "SN-1")
    assert isinstance(stopped, Stop)
    assert stopped_by_somebody.asked_by == "somebody at the bench"
    assert BenchOperator(served.home).name == "Maria"


def test_a_parked_record_is_listed_with_why_and_sent_again(served: Served) -> None:
    own = {"Cookie": served.cookie(), "Origin": served.origin}
    served.outbox.put(RunRecord("e1", {"serial_number": "SN-4711", "outcome": "FAIL"}, ()), "s1")
    served.outbox.claim("e1", 1.0)
    served.outbox.park("e1", "The procedure is not linked.")

    page = eventually(lambda: "SN-4711" in shown(served, own) and shown(served, own))
    answer = served.ask("POST", "/retry", "execution_id=e1", **own)

    assert "The procedure is not linked." in page
    assert answer.status == 204
    record = served.outbox.find("e1")
    assert record is not None
    assert record.state == "queued"
    eventually(lambda: "Next in line" in shown(served, own))


def shown(served: Served, own: dict[str, str]) -> str:
    return str(served.ask("GET", "/", **own).text)  # type: ignore[attr-defined]


def test_it_listens_on_this_machine_only(served: Served) -> None:
    address = next((name for name in addresses() if not name.startswith("127.")), None)

    with socket.socket() as listening:  # the port is free on every other address of this machine
        listening.bind((address or "127.0.0.2", served.program.port))


def addresses() -> list[str]:
    try:
        return [str(found[4][0]) for found in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)]
    except OSError:
        return []


def test_pages_and_connections_are_bounded_and_a_stalled_one_holds_up_nobody(served: Served) -> None:
    cookie, address = served.cookie(), ("127.0.0.1", served.program.port)
    feed = f"{served.origin.replace('http', 'ws')}/live"

    def watch() -> ClientConnection:
        return connect(feed, origin=served.origin, additional_headers={"Cookie": cookie}, legacy=True)  # type: ignore[arg-type]

    watching = [watch() for _ in range(MOST_BROWSERS)]
    assert all('"#bench"' in str(page.recv(timeout=5)) for page in watching)
    assert refused_feed(served, {"Cookie": cookie}, served.origin) == 503
    idle = [socket.create_connection(address) for _ in range(MOST_CONNECTIONS)]
    assert idle[-1].recv(1) == b""  # shut at once, not kept
    for page in idle:
        page.close()
    for page in watching[1:]:
        page.close()
    eventually(lambda: can_be_asked(served, cookie))
    served.ask("POST", "/operator", "operator=Jo", Cookie=cookie, Origin=served.origin)
    while "Jo" not in str(watching[0].recv(timeout=5)):
        pass
    watching[0].close()


def can_be_asked(served: Served, cookie: str) -> bool:
    try:
        return served.ask("GET", "/", Cookie=cookie).status == 200
    except (OSError, http.client.HTTPException):
        return False


def test_a_port_that_is_taken_is_said_in_one_sentence(served: Served, tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    home.prepare()

    with closing(Outbox(home.outbox_file)) as outbox, pytest.raises(Refusal) as refused:
        KioskProgram(home, served.program.port, served.bench, outbox, BenchOperator(home), lambda: None)

    assert f"port {served.program.port} on this computer is used by another program" in str(refused.value)


def test_the_command_opens_a_browser_full_screen_with_a_good_link(served: Served, tmp_path: Path) -> None:
    served.home.settings_file.write_text(f'{{"kiosk_port": {served.program.port}}}')
    browser, told = tmp_path / "chromium", tmp_path / "told"
    browser.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" > {told}.new && /bin/mv {told}.new {told}\n')
    browser.chmod(0o700)

    surroundings = {"PATH": str(tmp_path), "DISPLAY": ":9"}
    done = CliRunner().invoke(station, ["kiosk", "--home", str(served.home.root)], env=surroundings)

    assert done.exit_code == 0, done.stderr
    words = eventually(lambda: told.exists() and told.read_text().split())
    assert "--kiosk" in words
    assert served.ask("GET", words[-1].removeprefix(served.origin)).status == 200


def test_the_command_says_how_to_get_a_kiosk_where_there_is_none(home: Home, station_command: StationCommand) -> None:
    home.prepare()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = int(taken.getsockname()[1])
    home.settings_file.write_text(f'{{"kiosk_port": {port}}}')

    done = station_command("kiosk", "--print", "--wait", "0")

    assert done.exit_code == 1
    assert "station run --kiosk" in done.stderr
