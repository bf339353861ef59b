from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from station.home import Home
from station.outbox import Outbox
from station.record import RunRecord
from tests.agent.cast import record
from tests.agent.conftest import StationCommand
from tests.agent.fake_portal import STATION_ID


@pytest.fixture
def outbox(home: Home) -> Iterator[Outbox]:
    home.prepare()
    with closing(Outbox(home.outbox_file)) as outbox:
        yield outbox


def parked(outbox: Outbox, home: Home, why: str = "No such procedure.") -> RunRecord:
    """A record with one file that the portal refused."""
    file = home.runs / "curve.csv"
    file.write_text("1;2")
    made = record(files=(file,))
    (home.runs / made.execution_id).mkdir()
    outbox.put(made, STATION_ID)
    outbox.claim(made.execution_id, 1.0)
    outbox.park(made.execution_id, why)
    return made


def test_ls_shows_what_the_portal_does_not_have(outbox: Outbox, home: Home, station_command: StationCommand) -> None:
    assert "The queue is empty" in station_command("queue", "ls").stdout
    made = parked(outbox, home)
    done = record()
    outbox.put(done, STATION_ID)
    outbox.claim(done.execution_id, 1.0)
    outbox.finish(done.execution_id, 2.0)

    listed = station_command("queue", "ls").stdout
    as_json = [json.loads(line) for line in station_command("queue", "ls", "--json").stdout.splitlines()]
    everything = station_command("queue", "ls", "--all", "--json").stdout.splitlines()

    assert len(listed.splitlines()) == 1
    assert "parked" in listed
    assert "No such procedure." in listed
    assert [(row["execution_id"], row["serial_number"]) for row in as_json] == [(made.execution_id, "SN-1")]
    assert len(everything) == 2


def test_show_takes_the_beginning_of_an_id(outbox: Outbox, home: Home, station_command: StationCommand) -> None:
    made = parked(outbox, home)

    shown = station_command("queue", "show", made.execution_id[:8])
    as_json = json.loads(station_command("queue", "show", made.execution_id, "--json").stdout)

    assert made.execution_id in shown.stdout
    assert "curve.csv" in shown.stdout
    assert as_json["attachments"][0]["name"] == "curve.csv"
    assert as_json["why"] == "No such procedure."


def test_retry_queues_it_again(outbox: Outbox, home: Home, station_command: StationCommand) -> None:
    made = parked(outbox, home)

    first = station_command("queue", "retry", made.execution_id)
    second = station_command("queue", "retry", made.execution_id)

    assert first.exit_code == 0
    assert second.exit_code == 1
    assert "nothing to retry" in second.stderr
    stored = outbox.find(made.execution_id)
    assert stored is not None
    assert stored.state == "queued"


def test_drop_deletes_it_with_its_files(outbox: Outbox, home: Home, station_command: StationCommand) -> None:
    made = parked(outbox, home)

    dropped = station_command("queue", "drop", made.execution_id, "--json")

    assert json.loads(dropped.stdout) == {"execution_id": made.execution_id, "done": "dropped"}
    assert outbox.find(made.execution_id) is None
    assert not (home.runs / made.execution_id).exists()


def test_drop_leaves_what_is_being_uploaded(outbox: Outbox, station_command: StationCommand) -> None:
    made = record()
    outbox.put(made, STATION_ID)
    outbox.claim(made.execution_id, 1.0)

    refused = station_command("queue", "drop", made.execution_id)

    assert refused.exit_code == 1
    assert "being uploaded" in refused.stderr


def test_export_writes_a_file_or_an_archive(
    outbox: Outbox, home: Home, tmp_path: Path, station_command: StationCommand
) -> None:
    made = parked(outbox, home)

    station_command("queue", "export", made.execution_id, str(tmp_path / "one.json"))
    station_command("queue", "export", made.execution_id, str(tmp_path / "one.zip"))
    refused = station_command("queue", "export", made.execution_id, str(tmp_path / "none" / "one.json"))

    assert json.loads((tmp_path / "one.json").read_text())["run"] == made.body
    with zipfile.ZipFile(tmp_path / "one.zip") as archive:
        assert json.loads(archive.read("record.json"))["run"] == made.body
        assert archive.read("attachments/0-curve.csv") == b"1;2"
    assert refused.exit_code == 1
    assert len(refused.stderr.splitlines()) == 1


@pytest.mark.parametrize("verb", ["show", "retry", "drop"])
def test_an_unknown_record_is_said(outbox: Outbox, station_command: StationCommand, verb: str) -> None:
    result = station_command("queue", verb, "nothing")

    assert result.exit_code == 1
    assert "There is no record nothing" in result.stderr


def test_an_ambiguous_beginning_is_said(outbox: Outbox, home: Home, station_command: StationCommand) -> None:
    for n in range(2):
        outbox.put(RunRecord(f"same-{n}", {}, []), STATION_ID)

    result = station_command("queue", "show", "same")

    assert result.exit_code == 1
    assert "2 records begin with same" in result.stderr


def test_a_home_without_an_outbox_is_said(station_command: StationCommand) -> None:
    result = station_command("queue", "ls")

    assert result.exit_code == 1
    assert "choose it with --home" in result.stderr


def test_a_damaged_outbox_is_said_and_left(home: Home, station_command: StationCommand) -> None:
    home.prepare()
    home.outbox_file.write_text("not a database at all" * 100)

    result = station_command("queue", "ls")

    assert result.exit_code == 1
    assert "is damaged" in result.stderr
    assert home.outbox_file.read_text().startswith("not a database")
