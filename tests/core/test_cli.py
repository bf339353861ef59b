"""``stationmaster portal …``, as an administrator types it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from flask import Flask

from portal.cli import portal
from portal.database import Database
from portal.services.api_keys import authenticate_key
from portal.services.setup_tokens import MachineFacts, redeem_setup_token
from portal.services.sign_ins import sign_in
from portal.services.stations import list_stations
from portal.services.users import actor_of
from portal.settings import load_settings


class Portal:
    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir

    def run(self, *words: str, stdin: str | None = None) -> Result:
        return CliRunner().invoke(portal, [*words, "--data-dir", str(self.data_dir)], input=stdin)

    def say(self, *words: str, stdin: str | None = None) -> str:
        result = self.run(*words, stdin=stdin)
        assert result.exit_code == 0, result.output
        assert result.stderr == ""
        return result.stdout.removesuffix("\n")

    def open(self) -> Database:
        return Database(Flask("test"), load_settings(data_dir=self.data_dir))


@pytest.fixture
def command(tmp_path: Path) -> Portal:
    return Portal(tmp_path / "data")


def test_a_portal_is_set_up_from_nothing_by_commands(command: Portal) -> None:
    assert (
        command.say("user", "add", "ada@example.com", "--role", "owner", "--password-stdin", stdin="long enough!\n")
        == ""
    )
    made = command.say("user", "add", "vera@example.com", "--role", "viewer", "--name", "Vera")
    procedure = command.say("procedure", "create", "PCBA functional test", "--identifier", "pcba_functional")
    other = command.say("procedure", "create", "Final inspection")
    station = command.say("station", "create", "Bench 7", "--procedure", procedure)
    command.say("station", "link", "bench 7", "--procedure", other)
    token = command.say("token", "create", "--station", "Bench 7")
    user_key = command.say("key", "create", "--user", "ada@example.com")
    station_key = command.say("key", "create", "--station", "Bench 7", "--name", "script")

    database = command.open()
    with database.open() as db:
        ada = sign_in(db, "ada@example.com", "long enough!", "local", None).user
        assert sign_in(db, "vera@example.com", made, "local", None).user.name == "Vera"
        [row] = list_stations(db, actor_of(ada))
        assert (row.id, [p.identifier for p in row.procedures]) == (station, ["final_inspection", "pcba_functional"])
        assert authenticate_key(db, user_key).email == "ada@example.com"
        assert authenticate_key(db, station_key).id == station
        facts = MachineFacts("pc", "Debian", "linux", "0.1.0")
        assert redeem_setup_token(db, token, facts).station.id == station
    database.engine.dispose()
    assert re.fullmatch(r"[A-Za-z0-9]{64}", token)
    assert command.data_dir.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize(
    ("words", "stdin", "says"),
    [
        (("station", "create", ""), None, "The station's name is empty"),
        (("station", "create", "x" * 61), None, "too long"),
        (("station", "create", "\u200b"), None, "nothing that can be seen"),
        (("station", "create", "\u202eevil"), None, "direction of reading"),
        (("station", "create", "Bench", "--procedure", "nonsense"), None, "no such procedure"),
        (("token", "create", "--station", "nowhere"), None, "no such station"),
        (("key", "create"), None, "either --user EMAIL or --station NAME"),
        (("key", "create", "--user", "who@example.com"), None, "there is no user"),
        (("user", "add", "a@example.com", "--role", "viewer", "--password-stdin"), "short\n", "at least 10 characters"),
        (("user", "add", "b@example.com", "--role", "viewer", "--password-stdin"), " " * 12 + "\n", "only blanks"),
        (("user", "add", "nobody", "--role", "viewer"), None, "e-mail address"),
        (("procedure", "create", "Test", "--identifier", "a b"), None, "identifier"),
    ],
)
def test_a_refusal_is_one_line_on_stderr(command: Portal, words: tuple[str, ...], stdin: str | None, says: str) -> None:
    command.say("procedure", "create", "What is there")

    result = command.run(*words, stdin=stdin)

    assert result.exit_code != 0
    assert result.stdout == ""
    assert len(result.stderr.splitlines()) == 1
    assert says in result.stderr


def test_a_folder_that_cannot_be_used_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    result = Portal(tmp_path / "file" / "data").run("station", "create", "Bench")

    assert result.exit_code == 1
    assert len(result.stderr.splitlines()) == 1


def test_a_relative_folder_is_one_from_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    here = Portal(Path("data"))
    here.say("user", "add", "ada@example.com", "--role", "owner")

    assert here.say("key", "create", "--user", "ada@example.com").startswith("smu_")
    assert (tmp_path / "data" / "portal.db").is_file()


@pytest.mark.parametrize("words", [("key", "create", "--user", "a@b.c"), ("token", "create", "--station", "Bench 7")])
def test_a_command_that_needs_a_portal_begins_none(tmp_path: Path, words: tuple[str, ...]) -> None:
    result = Portal(tmp_path / "nowhere").run(*words)

    assert "there is no portal in" in result.stderr
    assert not (tmp_path / "nowhere" / "portal.db").exists()
