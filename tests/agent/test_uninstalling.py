"""Taking the program from a machine: no run is lost by it, the portal knows, and nothing of ours is left."""

from __future__ import annotations

from contextlib import closing

from station.credentials import load_credentials
from station.home import Home
from station.outbox import Outbox
from tests.agent.cast import journal, record
from tests.agent.conftest import StationCommand
from tests.agent.fake_portal import FakePortal


def test_nothing_of_ours_is_left_and_nothing_else_is_touched(
    portal: FakePortal, enrolled: Home, station_command: StationCommand
) -> None:
    (enrolled.root / "notes.txt").write_text("mine")

    done = station_command("uninstall")

    assert done.exit_code == 0, done.output
    assert [path.name for path in enrolled.root.iterdir()] == ["notes.txt"]
    assert portal.has_left
    assert 'is station "Bench 7" no more' in done.output


def test_runs_that_only_this_machine_has_are_not_given_up(
    portal: FakePortal, enrolled: Home, station_command: StationCommand
) -> None:
    with closing(Outbox(enrolled.outbox_file)) as outbox:
        outbox.put(record(), "1")
        parked = record()
        outbox.put(parked, "1")
        outbox.park(parked.execution_id, "refused")
    journal(enrolled.journals, lines=2)  # cut off by a power cut, and not in the queue yet

    refused = station_command("uninstall")

    assert refused.exit_code == 1
    assert "3 runs have not been sent to the portal yet. Nothing was removed" in refused.output
    assert load_credentials(enrolled) is not None
    assert not portal.has_left

    kept = station_command("uninstall", "--keep-data")
    assert kept.exit_code == 0, kept.output
    assert load_credentials(enrolled) is None
    assert enrolled.outbox_file.exists()

    given_up = station_command("uninstall", "--force")
    assert given_up.exit_code == 0, given_up.output
    assert not enrolled.root.exists()


def test_a_portal_that_cannot_be_told_is_named_and_does_not_stop_it(
    portal: FakePortal, enrolled: Home, station_command: StationCommand
) -> None:
    portal.stop()

    done = station_command("uninstall")

    assert done.exit_code == 0
    assert "revoke the machine on the station's page" in done.output
    assert not enrolled.root.exists()
